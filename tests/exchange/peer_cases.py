"""The short markets of the goldens, made again from their seeds wherever they are needed."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxmm.exchange.latency import Latency
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape
from tests.exchange.two_quotes import Params

GOLDENS = Path(__file__).parent / "peer_goldens.npz"
"""What hftbacktest answered, `case/model/field`, and on which market, `case/digest`."""


class Case(NamedTuple):
    """A market, how it is cut and stamped, and who quotes there."""

    store: SyntheticStore
    clock: str
    params: Params
    stamps_ns: int  # the exchange stamps its events in multiples of this

    def tape(self, work: Path) -> Tape:
        """The market cut at decisions; `work` is a folder for it."""
        return stamped(build_tape(self.store, work / "tape", self.clock, 20), self.stamps_ns)


def stamped(tape: Tape, stamps_ns: int) -> Tape:
    """The tape as of an exchange with a coarse clock: orders then arrive at the very time of events."""
    return replace(tape, exch_ts=tape.exch_ts // stamps_ns * stamps_ns)


def _busy(seed: int, seconds: float) -> SyntheticStore:
    return SyntheticStore(SyntheticMarket.benchmark(), seed, seconds)


CASES = {
    "every 100 ms": Case(_busy(5, 100.0), "100ms", Params(1, 1, 5, 50), 1),
    "every 10 ms": Case(_busy(6, 25.0), "10ms", Params(0, 1, 5, 25), 1_000_000),
}
LATENCY = Latency(10_000_000, 10_000_000)


def digest(tape: Tape) -> str:
    """sha256 of all that either engine reads."""
    arrays = (tape.ts_ns, tape.book_price[:, :, 0], tape.exch_ts, tape.event)
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()
