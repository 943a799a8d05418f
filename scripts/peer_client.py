"""A running hftbacktest to which jobs are sent; `peer_hftbacktest.py` answers them, in an environment of its own."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxmm.exchange.latency import Latency

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-peers/bin/python"
COMMAND = (str(PYTHON), str(ROOT / "scripts/peer_hftbacktest.py"))


class Peer:
    """One process of the peer: it compiles once and answers job after job."""

    def __init__(self) -> None:
        if not PYTHON.exists():
            raise FileNotFoundError("hftbacktest is not installed here: run ./scripts/peer-setup")
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def send(self, **job: Any) -> None:
        """Sends a job without waiting for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the oldest job that has none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with code {self._process.wait()}; its message stands above")
        return json.loads(line)

    def run(self, **job: Any) -> dict[str, Any]:
        """Sends a job and waits for its answer."""
        self.send(**job)
        return self.answer()

    def records(self, **job: Any) -> tuple[np.ndarray, np.ndarray]:
        """What the last run of a job wrote at each decision: int64 [D, 6] and float64 [D, 3]."""
        with tempfile.TemporaryDirectory() as work:
            out = str(Path(work) / "run.npz")
            self.run(**job, out=out)
            with np.load(out) as records:
                return records["ints"], records["floats"]


def two_quotes(feed: Path, model: str, latency: Latency, params: Sequence[NamedTuple], **more: Any) -> dict[str, Any]:
    """A job of the two-sided quoter; `params` are `tests.exchange.two_quotes.Params`."""
    return {
        "feed": str(feed),
        "strategy": "two_quotes",
        "queue": model,
        "entry_ns": latency.entry_ns,
        "response_ns": latency.response_ns,
        "params": [one._asdict() for one in params],
        **more,
    }
