"""Makes the goldens of tests/exchange/test_peer_goldens.py: hftbacktest's answers on short markets made from seeds.

Needs ./scripts/peer-setup. Run it when a market's generator has changed: the answers change with the market alone.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from peer_client import ROOT, Peer, two_quotes
from peer_feed import local_events, write_feed

sys.path.insert(0, str(ROOT))
from tests.exchange.peer_cases import CASES, GOLDENS, LATENCY, Case, digest
from tests.exchange.two_quotes import MODELS, peers_run


def answers(peer: Peer, name: str, case: Case, work: Path) -> dict[str, np.ndarray]:
    """What the peer says of one case under every queue model, in the smallest types that hold it."""
    tape = case.tape(work)
    feed = write_feed(tape, local_events(case.store), work / "feed")
    found = {f"{name}/digest": np.array(digest(tape))}
    for model in MODELS:
        run = peers_run(tape, *peer.records(**two_quotes(feed, model, LATENCY, [case.params])))
        print(f"{name}, {model}: {tape.decisions} decisions, {run.trades[-1]} trades")
        for field, values in run._asdict().items():
            small = values.astype(np.int32 if values.dtype == np.int64 else np.float64)
            found[f"{name}/{model}/{field}"] = small if np.array_equal(small, values) else values
    return found


def main() -> None:
    """Writes the file that the test reads."""
    found = {}
    with Peer() as peer:
        for name, case in CASES.items():
            with tempfile.TemporaryDirectory() as work:
                found |= answers(peer, name, case, Path(work))
    np.savez_compressed(GOLDENS, **found)
    print(f"wrote {GOLDENS.relative_to(ROOT)}: {GOLDENS.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
