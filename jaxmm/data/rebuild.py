"""The book rebuilt from book messages, held against the venue's own best bid and ask."""

import numba
import numpy as np

from jaxmm.data.book import Book, best, clear, new_book, set_level
from jaxmm.data.messages import Rows
from jaxmm.data.quotes import NO_QUOTES, Quotes, crossed_and_locked
from jaxmm.data.schema import Kind

DEPTH, SNAPSHOT, CLEAR = int(Kind.DEPTH), int(Kind.SNAPSHOT), int(Kind.CLEAR)
KEPT = 1 << 18  # quotes and diffs that wait for their counterpart


@numba.njit(cache=True)
def _apply_messages(
    book: Book,
    recv_ts: np.ndarray,
    kind: np.ndarray,
    side: np.ndarray,
    ticks: np.ndarray,
    lots: np.ndarray,
    id: np.ndarray,
    tops: np.ndarray,
) -> int:
    """Applies book rows, writes (id, bid, qty, ask, qty, is a diff) after every message into `tops`, counts them."""
    n = 0
    for i in range(len(kind)):
        if kind[i] == CLEAR:
            clear(book, side[i])
        else:
            set_level(book, side[i], ticks[i], lots[i])
        last = i + 1 == len(kind)
        if last or recv_ts[i + 1] != recv_ts[i] or id[i + 1] != id[i]:
            tops[n, 0] = id[i]
            tops[n, 1], tops[n, 2] = best(book, 0)
            tops[n, 3], tops[n, 4] = best(book, 1)
            tops[n, 5] = kind[i] == DEPTH
            n += 1
    return n


class BookAccount:
    """Replays whole messages and counts books that are crossed, locked, or not what the venue's quotes say.

    After a diff that brings the book to update u, the best bid and ask must be those of the last quote with an id of at
    most u. That quote is known once a later one has come, whichever channel is first. Each side is one comparison:
    a venue that conflates its quotes (Binance spot does) hides changes of one side between two of them.
    """

    def __init__(self) -> None:
        self.book = new_book()
        self.messages = 0
        self.crossed = self.locked = 0
        self.compared = self.matched = self.mismatched_diffs = 0
        self.diffs = np.empty((0, 5), dtype=np.int64)  # id, bid, qty, ask, qty: waiting for their quote
        self.quote_ids, self.quotes = np.empty(0, np.int64), NO_QUOTES

    def add(self, rows: Rows, quotes: Quotes) -> None:
        """Takes in the next stretch of whole messages and the quotes among them."""
        rows = rows.pick(((rows.kind == DEPTH) | (rows.kind == SNAPSHOT) | (rows.kind == CLEAR)) & ~rows.bad)
        self._grow(len(rows.kind))
        tops = np.empty((len(rows.kind), 6), dtype=np.int64)
        columns = (rows.recv_ts, rows.kind, rows.side, rows.ticks, rows.lots, rows.id)
        tops = tops[: _apply_messages(self.book, *columns, tops)]
        crossed, locked = crossed_and_locked(tops[:, 1:5])
        self.messages += len(tops)
        self.crossed += crossed
        self.locked += locked
        with_id = quotes.id >= 0
        self.quote_ids = np.concatenate([self.quote_ids, quotes.id[with_id]])
        self.quotes = np.concatenate([self.quotes, quotes.top[with_id]])
        self.diffs = np.concatenate([self.diffs, tops[(tops[:, 5] == 1) & (tops[:, 0] >= 0), :5]])
        self._compare()

    @property
    def top_match(self) -> float | None:
        """Share of the best bids and asks after diffs whose price and size were the quote's; None without any."""
        return self.matched / self.compared if self.compared else None

    def _compare(self) -> None:
        if not self.quote_ids.size:
            self.diffs = self.diffs[-KEPT:]
            return
        order = np.argsort(self.quote_ids, kind="stable")
        self.quote_ids, self.quotes = self.quote_ids[order], self.quotes[order]
        ready = self.diffs[:, 0] < self.quote_ids[-1]
        diffs = self.diffs[ready]
        at = np.searchsorted(self.quote_ids, diffs[:, 0], side="right") - 1
        known = at >= 0
        equal = (self.quotes[at[known]] == diffs[known, 1:]).reshape(-1, 2, 2).all(axis=2)  # [diffs, sides]
        self.compared += equal.size
        self.matched += int(np.count_nonzero(equal))
        self.mismatched_diffs += int(np.count_nonzero(~equal.all(axis=1)))
        self.diffs = self.diffs[~ready][-KEPT:]
        self.quote_ids, self.quotes = self.quote_ids[-KEPT:], self.quotes[-KEPT:]

    def _grow(self, rows: int) -> None:
        """Makes room for as many new levels as there are rows."""
        needed = int(self.book.n.max()) + rows
        if needed > self.book.keys.shape[1]:
            larger = new_book(2 * needed)
            larger.keys[:, : self.book.keys.shape[1]] = self.book.keys
            larger.qtys[:, : self.book.qtys.shape[1]] = self.book.qtys
            larger.n[:] = self.book.n
            self.book = larger
