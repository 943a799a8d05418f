"""What the journal costs the quoter's loop: market data at 2,000 messages/s, decisions at 100/s.

Example: python scripts/bench_journal.py store
"""

import sys
import tempfile
import time
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from jaxmm.data.store import open_store
from jaxmm.live.journal import Journal
from jaxmm.live.journal.verify import verify
from jaxmm.live.paper.feed import StoreFeed

SECONDS = 30
MESSAGES_A_SECOND = 2000
MESSAGES_A_DECISION = 20
DECISION = {
    "bid": 617200,
    "ask": 617201,
    "position": -3,
    "wanted": [617199, 5, 617202, 5, False],
    "level": "policy",
    "quoting": "both",
    "took_ns": 40_000,
}


def main(store: str) -> None:
    """Prints microseconds a call, bytes a second and what proving costs."""
    messages = list(StoreFeed(open_store(store)))
    observation = np.random.default_rng(0).random(48).astype(np.float32).tobytes()
    took: dict[str, list[int]] = {"record_market": [], "append": [], "commit": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        journal = Journal.open(path, quoter="bench", facts={}, now_ns=0)
        for i, message in enumerate(islice(cycle(messages), SECONDS * MESSAGES_A_SECOND)):
            now_ns = i * 1_000_000_000 // MESSAGES_A_SECOND
            message = replace(message, recv_ts=now_ns)
            began = time.perf_counter_ns()
            journal.record_market(message)
            took["record_market"].append(time.perf_counter_ns() - began)
            if i % MESSAGES_A_DECISION == 0:
                began = time.perf_counter_ns()
                journal.append("decision", now_ns, DECISION, observation)
                appended = time.perf_counter_ns()
                journal.commit()
                took["append"].append(appended - began)
                took["commit"].append(time.perf_counter_ns() - appended)
        journal.close()
        for name, ns in took.items():
            quantiles = zip(("p50", "p99", "p99.9"), np.percentile(ns, [50, 99, 99.9]) / 1e3, strict=True)
            told = ", ".join(f"{label} {us:.1f}" for label, us in quantiles)
            print(f"{name:14} {len(ns):6} calls: mean {np.mean(ns) / 1e3:.1f}, {told} µs")
        began = time.perf_counter()
        rows = verify(path).rows
        took_s, megabytes = time.perf_counter() - began, path.stat().st_size / 1e6
        print(f"{megabytes / SECONDS:.2f} MB/s; {rows} rows of {megabytes:.1f} MB proven in {took_s:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1])
