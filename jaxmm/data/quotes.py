"""Quotes (TOP rows, two a message) as pairs, and what the trades say about them."""

from typing import NamedTuple

import numpy as np

from jaxmm.data.messages import Rows
from jaxmm.data.schema import Kind, Side

TOUCH_WAIT_NS = 10 * 10**9  # a quote that arrives this much later than the trades after it is not seen
STALE_NS = 60 * 10**9  # a quote older than this says nothing about a trade
NO_QUOTES = np.empty((0, 4), dtype=np.int64)


class Quotes(NamedTuple):
    """Quotes in received order."""

    exch_ts: np.ndarray  # int64 [Q] ns
    recv_ts: np.ndarray  # int64 [Q] ns
    id: np.ndarray  # int64 [Q]
    top: np.ndarray  # int64 [Q, 4]: bid ticks, bid lots, ask ticks, ask lots; 0 where a side is missing


def quotes_of(rows: Rows) -> Quotes:
    """The quotes among whole messages: a BID row and the ASK row after it are one quote, and so is a lone row."""
    top = rows.pick(rows.kind == Kind.TOP)
    bid = top.side == Side.BID
    same = (
        (np.diff(top.recv_ts, prepend=0) == 0)
        & (np.diff(top.exch_ts, prepend=0) == 0)
        & (np.diff(top.id, prepend=0) == 0)
    )
    second = ~bid & np.append(False, bid[:-1]) & same
    first = np.flatnonzero(~second)
    values = np.zeros((len(first), 4), dtype=np.int64)
    for rows_of_side, at in ((bid, 0), (~bid, 2)):
        quote = np.cumsum(~second)[rows_of_side] - 1
        values[quote, at] = top.ticks[rows_of_side]
        values[quote, at + 1] = top.lots[rows_of_side]
    return Quotes(top.exch_ts[first], top.recv_ts[first], top.id[first], values)


def crossed_and_locked(top: np.ndarray) -> tuple[int, int]:
    """How many of [n, 4] tops have a bid above, and at, their ask; one-sided tops are neither."""
    bid, ask = top[:, 0], top[:, 2]
    both = (bid > 0) & (ask > 0)
    return int(np.count_nonzero(both & (bid > ask))), int(np.count_nonzero(both & (bid == ask)))


class TouchAccount:
    """Whether trades print at the quote strictly before them; channels may arrive out of step by `TOUCH_WAIT_NS`.

    Only the first print of each exchange time is asked: the later ones are deeper levels of the same sweep.
    """

    def __init__(self) -> None:
        self.compared = 0
        self.away = 0
        self.quote_ts, self.quotes = np.empty(0, np.int64), NO_QUOTES
        self.trades = np.empty((0, 3), dtype=np.int64)  # time, aggressor's side, ticks
        self.last_burst = np.iinfo(np.int64).min
        self.newest = np.iinfo(np.int64).min

    def add(self, quote_ts: np.ndarray, quotes: np.ndarray, trade_ts: np.ndarray, trades: Rows) -> None:
        """Takes in the next stretch in received order; quotes are [Q, 4], and both times are of one clock."""
        self.quote_ts = np.concatenate([self.quote_ts, quote_ts])
        self.quotes = np.concatenate([self.quotes, quotes])
        if trades.kind.size:
            opens = np.diff(trades.exch_ts, prepend=self.last_burst) != 0
            self.last_burst = int(trades.exch_ts[-1])
            openers = np.stack([trade_ts, trades.side, trades.ticks], axis=1)[opens]
            self.trades = np.concatenate([self.trades, openers])
        times = np.concatenate([quote_ts, trade_ts])
        if times.size:
            self.newest = max(self.newest, int(times.max()))
            self._settle(self.newest - TOUCH_WAIT_NS)

    def finish(self) -> None:
        """Says that no more rows come."""
        self._settle(np.iinfo(np.int64).max)

    def _settle(self, until: int) -> None:
        order = np.argsort(self.quote_ts, kind="stable")
        quote_ts, quotes = self.quote_ts[order], self.quotes[order]
        ready = self.trades[:, 0] < until
        time, side, ticks = self.trades[ready].T
        before = np.searchsorted(quote_ts, time) - 1
        known = (before >= 0) & (time - quote_ts[before] <= STALE_NS) if quote_ts.size else before >= 0
        touch = np.where(side[known] == Side.BID, quotes[before[known], 2], quotes[before[known], 0])
        self.compared += len(touch)
        self.away += int(np.count_nonzero(touch != ticks[known]))
        self.trades = self.trades[~ready]
        keep = max(int(np.searchsorted(quote_ts, until)) - 1, 0)
        self.quote_ts, self.quotes = quote_ts[keep:], quotes[keep:]
