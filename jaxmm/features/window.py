"""What happened between two decisions, as exact integers, and its sums over longer horizons.

Integers make the order of summation irrelevant: the live quoter, event by event, and the tape, in bulk, agree to the
last bit. D decisions · H horizons · S sums a window.
"""

import numba
import numpy as np

from jaxmm.features.sums import HORIZONS, Sums

BUY, SELL, OFI, SQUARED_MOVES = range(4)
"""Index of each sum in a window, int64 [S]."""
SUMS = 4

BID_PRICE, BID_LOTS, ASK_PRICE, ASK_LOTS = range(4)
"""Index of each number in a touch, int64 [4]. An empty side keeps its last price and has 0 lots."""


@numba.njit(cache=True)
def add_trade(window: np.ndarray, side: int, lots: int) -> None:
    """Adds one print to a window; `side` is the aggressor's, 0 for a buyer."""
    window[BUY if side == 0 else SELL] += lots


@numba.njit(cache=True)
def add_touch(window: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Adds one change of the touch, both int64 [4], to a window.

    Order-flow imbalance eₙ as in Cont, Kukanov, Stoikov, "The price impact of order book events" (2014), eq. 4; the
    squared move is that of the mid in half-ticks.
    """
    flow = 0
    if after[BID_PRICE] >= before[BID_PRICE]:
        flow += after[BID_LOTS]
    if after[BID_PRICE] <= before[BID_PRICE]:
        flow -= before[BID_LOTS]
    if after[ASK_PRICE] <= before[ASK_PRICE]:
        flow -= after[ASK_LOTS]
    if after[ASK_PRICE] >= before[ASK_PRICE]:
        flow += before[ASK_LOTS]
    move = after[BID_PRICE] + after[ASK_PRICE] - before[BID_PRICE] - before[ASK_PRICE]
    window[OFI] += flow
    window[SQUARED_MOVES] += move * move


class RollingWindows:
    """Rolling sums over all horizons, fed one decision at a time or thousands.

    The first decision has nothing before it: its window must be all zeros.
    """

    def __init__(self) -> None:
        self._totals = np.zeros((0, SUMS), np.int64)  # running totals of the last decisions

    def extend(self, windows: np.ndarray) -> Sums:
        """Sums [D, H] after each of the next D windows, int64 [D, S]."""
        kept = len(self._totals)
        base = self._totals[-1] if kept else np.zeros(SUMS, np.int64)
        totals = np.concatenate([self._totals, base + np.cumsum(windows, axis=0)])
        here = np.arange(kept, len(totals))[:, None]
        start = np.maximum(here - np.array(HORIZONS), 0)  # [D, H]
        sums = totals[here] - totals[start]  # [D, H, S]
        self._totals = totals[-max(HORIZONS) :]
        return Sums(sums[..., BUY], sums[..., SELL], sums[..., OFI], sums[..., SQUARED_MOVES], here - start)
