"""Market orders out of the prints of a tape: what arrives, when, how large, and how far it reaches into the book.

N events · O orders.
"""

from typing import NamedTuple, Protocol

import numpy as np

from jaxmm.errors import InputError
from jaxmm.tape.tape import Code


class Recorded(Protocol):
    """The arrays of a `jaxmm.tape.tape.Tape` that calibration reads."""

    @property
    def ts_ns(self) -> np.ndarray:
        """Decision times, int64 [D]."""

    @property
    def book_price(self) -> np.ndarray:
        """Book prices in ticks, int32 [D, 2, K]."""

    @property
    def exch_ts(self) -> np.ndarray:
        """Exchange times, int64 [N]."""

    @property
    def event(self) -> np.ndarray:
        """Events, int32 [N, 4]: code, price in ticks, …."""

    @property
    def best(self) -> np.ndarray:
        """Best bid and ask in ticks after each event, int32 [N, 2]; 0 where empty."""


class Orders(NamedTuple):
    """Market orders in the exchange's order."""

    ts_ns: np.ndarray  # int64 [O]
    sign: np.ndarray  # int64 [O], +1 where a buyer took
    reach: np.ndarray  # float64 [O], farthest print from the mid before it, ticks
    lots: np.ndarray  # int64 [O], of all prints


def market_orders(exch_ts: np.ndarray, event: np.ndarray, best: np.ndarray) -> Orders:
    """The orders of a stretch of events; prints of one time and aggressor are one order.

    Prints before both sides of the book are known are left out. Raises `InputError` where no print remains.
    """
    before = np.concatenate([np.zeros((1, 2), best.dtype), best[:-1]])
    is_trade = (event[:, 0] <= Code.BUY_TRADE) & (before > 0).all(axis=1)
    if not is_trade.any():
        raise InputError("calibration: the span holds no trade; A and k need some")
    side = np.where(event[is_trade, 0] == Code.BUY_TRADE, 1, -1)
    reach = side * (event[is_trade, 1] - before[is_trade].sum(axis=1) / 2)
    ts = exch_ts[is_trade]
    starts = np.flatnonzero(np.append(True, (np.diff(ts) != 0) | (np.diff(side) != 0)))
    lots = np.add.reduceat(event[is_trade, 2].astype(np.int64), starts)
    return Orders(ts[starts], side[starts], np.maximum.reduceat(reach, starts), lots)


def untied_seconds(ts_ns: np.ndarray, start_ns: int, seed: int = 0) -> tuple[np.ndarray, float]:
    """Seconds since `start_ns` in which no two of the orders stand, ascending, and the clock's step in seconds.

    A clock of whole milliseconds puts orders on one time that came one after another, and a point process has no
    ties: each is moved forward within its step by a seeded uniform draw, the order kept.
    """
    steps = np.diff(np.unique(ts_ns))
    step = int(np.gcd.reduce(steps)) if len(steps) else 1
    drawn = np.random.default_rng(seed).random(len(ts_ns)) * step
    return np.sort((ts_ns - start_ns) + drawn) / 1e9, step / 1e9
