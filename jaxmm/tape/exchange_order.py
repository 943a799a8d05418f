"""The exchange pass: rows sorted as the exchange lived them, turned into trades and changes of displayed quantity.

N events. Where the book comes from tops alone, a change of the best price looks like the old level leaving and the new
one coming: what rests away from the touch is unknown there, and a queue position there means little.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numba
import numpy as np

from jaxmm.data.book import Book, best, clear, new_book, set_level
from jaxmm.tape.growth import grown
from jaxmm.tape.rows import CLEAR, SNAPSHOT, TOP, TRADE, Rows, no_rows

_EXCH_TS, _RECV_TS, _ID, _OPEN, _CROSSED = range(5)  # entries of `Venue.message`


class Events(NamedTuple):
    """Events as the pass writes them."""

    exch_ts: np.ndarray  # int64 [N]
    event: np.ndarray  # int32 [N, 4]: Code, price, quantity, displayed before
    best: np.ndarray  # int32 [N, 2]


class Venue(NamedTuple):
    """All that the pass carries from row to row; changed in place."""

    book: Book
    fresh: Book  # the snapshot being read
    replaced: np.ndarray  # int64 [2]: 1 where `fresh` will replace that side when the message ends
    message: np.ndarray  # int64 [5]: exch_ts, recv_ts, id of the last book row; 1 while its message may go on; crossed


class ExchangeOrder:
    """Sorts rows by exchange time, trades before book rows, then as received.

    Book rows keep their order among themselves, because only in that order do they make a right book: where their
    exchange time runs back (a snapshot stamped by the receiver), the row takes the latest time before it.
    """

    def __init__(self, disorder_ns: int) -> None:
        self.restamped = 0
        """Book rows so far whose exchange time ran back."""
        self._disorder_ns = disorder_ns  # how far exchange time runs back at most
        self._latest = self._latest_book = np.iinfo(np.int64).min
        self._held = no_rows()

    def sort(self, batches: Iterable[Rows]) -> Iterator[Rows]:
        """The rows of all batches, which come in received order; memory holds a batch and the longest disorder."""
        for batch in batches:
            if len(batch.exch_ts) == 0:
                continue
            rows = Rows(*(np.concatenate(pair) for pair in zip(self._held, self._in_book_order(batch), strict=True)))
            self._latest = max(self._latest, int(rows.exch_ts.max()))
            settled = rows.exch_ts < self._latest - self._disorder_ns
            yield _sorted(rows.take(settled))
            self._held = rows.take(~settled)
        yield _sorted(self._held)

    def _in_book_order(self, rows: Rows) -> Rows:
        of_book = rows.kind != TRADE
        stamps = rows.exch_ts[of_book]
        if len(stamps) == 0:
            return rows
        in_order = np.maximum(np.maximum.accumulate(stamps), self._latest_book)
        self._latest_book = in_order[-1]
        self.restamped += int(np.count_nonzero(in_order != stamps))
        exch_ts = rows.exch_ts.copy()
        exch_ts[of_book] = in_order
        return rows._replace(exch_ts=exch_ts)


def _sorted(rows: Rows) -> Rows:
    return rows.take(np.lexsort((rows.kind != TRADE, rows.exch_ts)))


class ExchangePass:
    """Feeds sorted rows to the compiled pass and hands out events."""

    def __init__(self) -> None:
        self._venue = Venue(new_book(), new_book(), np.zeros(2, np.int64), np.zeros(5, np.int64))

    @property
    def crossed(self) -> int:
        """Whole messages so far after which the best bid was at or above the best ask."""
        return int(self._venue.message[_CROSSED])

    def feed(self, rows: Rows) -> Events:
        """The events of these rows; those of an unfinished snapshot come with the next ones."""
        return self._run(rows, last=False)

    def finish(self) -> Events:
        """The events of a snapshot that ends the recording."""
        return self._run(no_rows(), last=True)

    def _run(self, rows: Rows, last: bool) -> Events:
        book, fresh = self._venue.book, self._venue.fresh
        count, staged = len(rows.exch_ts), int(fresh.n.sum())
        # a row changes its own level, and removes others that an earlier row has set, each of them once
        capacity = 2 * (count + staged) + int(book.n.sum())
        venue = self._venue = self._venue._replace(book=grown(book, count + staged), fresh=grown(fresh, count))
        out = Events(np.zeros(capacity, np.int64), np.zeros((capacity, 4), np.int32), np.zeros((capacity, 2), np.int32))
        written = _run(rows, last, venue, out)
        return Events(*(array[:written] for array in out))


@numba.njit(cache=True)
def _run(rows: Rows, last: bool, venue: Venue, out: Events) -> int:
    """Applies all rows, and ends the open message where they are the last; returns the number of events written."""
    written = 0
    message = venue.message
    for i in range(len(rows.exch_ts)):
        if message[_EXCH_TS] != rows.exch_ts[i] or message[_RECV_TS] != rows.recv_ts[i] or message[_ID] != rows.id[i]:
            written = _end_message(venue, out, written)
        if rows.kind[i] == TRADE:
            if rows.qty[i] > 0:
                code = 1 if rows.side[i] == 0 else 0
                written = _write(venue, out, written, rows.exch_ts[i], code, rows.price[i], rows.qty[i], 0)
            continue
        message[_EXCH_TS], message[_RECV_TS], message[_ID] = rows.exch_ts[i], rows.recv_ts[i], rows.id[i]
        message[_OPEN] = 1
        written = _apply_book_row(rows, i, venue, out, written)
    if last:
        written = _end_message(venue, out, written)
    return written


@numba.njit(cache=True)
def _apply_book_row(rows: Rows, i: int, venue: Venue, out: Events, written: int) -> int:
    kind, side, price, qty = rows.kind[i], rows.side[i], rows.price[i], rows.qty[i]
    if kind == CLEAR:
        clear(venue.fresh, side)
        for s in range(2):
            if side in (s, 2):
                venue.replaced[s] = 1
        return written
    if kind == SNAPSHOT and venue.replaced[side] == 1:
        set_level(venue.fresh, side, price, qty)
        return written
    written = _replace_sides(venue, out, written)
    written = _set(venue, out, written, side, price, qty)
    if kind == TOP:
        written = _remove_others(venue, out, written, side, price)
    return written


@numba.njit(cache=True)
def _end_message(venue: Venue, out: Events, written: int) -> int:
    if venue.message[_OPEN] == 1:
        venue.message[_OPEN] = 0
        written = _replace_sides(venue, out, written)
        if venue.book.n[0] > 0 and venue.book.n[1] > 0 and best(venue.book, 0)[0] >= best(venue.book, 1)[0]:
            venue.message[_CROSSED] += 1
    return written


@numba.njit(cache=True)
def _replace_sides(venue: Venue, out: Events, written: int) -> int:
    """Turns the sides that a snapshot replaces into changes: first what it sets, then what it no longer has."""
    for side in range(2):
        if venue.replaced[side] == 0:
            continue
        venue.replaced[side] = 0
        fresh, book = venue.fresh, venue.book
        sign = 1 if side == 0 else -1
        for j in range(fresh.n[side] - 1, -1, -1):
            written = _set(venue, out, written, side, sign * fresh.keys[side, j], fresh.qtys[side, j])
        j = fresh.n[side] - 1
        for i in range(book.n[side] - 1, -1, -1):  # both from the best level on
            while j >= 0 and fresh.keys[side, j] > book.keys[side, i]:
                j -= 1
            if j < 0 or fresh.keys[side, j] != book.keys[side, i]:
                written = _set(venue, out, written, side, sign * book.keys[side, i], 0)
        fresh.n[side] = 0
    return written


@numba.njit(cache=True)
def _remove_others(venue: Venue, out: Events, written: int, side: int, price: int) -> int:
    sign = 1 if side == 0 else -1
    for i in range(venue.book.n[side] - 1, -1, -1):
        if venue.book.keys[side, i] != sign * price:
            written = _set(venue, out, written, side, sign * venue.book.keys[side, i], 0)
    return written


@numba.njit(cache=True)
def _set(venue: Venue, out: Events, written: int, side: int, price: int, qty: int) -> int:
    before = set_level(venue.book, side, price, qty)
    if before == qty:
        return written
    return _write(venue, out, written, venue.message[_EXCH_TS], 2 + side, price, qty, before)


@numba.njit(cache=True)
def _write(venue: Venue, out: Events, row: int, exch_ts: int, code: int, price: int, qty: int, before: int) -> int:
    out.exch_ts[row] = exch_ts
    out.event[row, 0], out.event[row, 1], out.event[row, 2], out.event[row, 3] = code, price, qty, before
    out.best[row, 0], out.best[row, 1] = best(venue.book, 0)[0], best(venue.book, 1)[0]
    return row + 1
