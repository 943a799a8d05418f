"""The local pass: rows in the order they were received, cut at decisions into book rows and window sums.

K levels a side · D decisions of one block · S sums a window.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np

from jaxmm.data.book import Book, best, clear, new_book, set_level
from jaxmm.data.clock import venue_stamped
from jaxmm.features.clock import Clock
from jaxmm.features.window import ASK_LOTS, ASK_PRICE, BID_LOTS, BID_PRICE, SUMS, add_touch, add_trade
from jaxmm.tape.growth import grown
from jaxmm.tape.rows import CLEAR, TOP, TRADE, Rows

BLOCK_DECISIONS = 4096
_NEVER = np.iinfo(np.int64).max

_EXCH_TS, _RECV_TS, _ID, _OPEN = range(4)  # entries of `Local.message`
_NOW, _NEXT, _COUNTED, _STARTED, _LAG = range(5)  # entries of `Local.clock`


class Local(NamedTuple):
    """All that the pass carries from row to row; changed in place."""

    book: Book
    touch: np.ndarray  # int64 [4], after the last whole message; see jaxmm.features.window
    window: np.ndarray  # int64 [S], since the last decision
    message: np.ndarray  # int64 [4]: exch_ts, recv_ts and id of the last book row; 1 while its message may go on
    clock: np.ndarray  # int64 [5]: local time, next decision, rows counted, 1 once a decision was made, feed's lag


class Decisions(NamedTuple):
    """A block of decisions, as the pass writes them."""

    ts_ns: np.ndarray  # int64 [D]
    price: np.ndarray  # int32 [D, 2, K]
    qty: np.ndarray  # int32 [D, 2, K]
    windows: np.ndarray  # int64 [D, S]
    lag_ns: np.ndarray  # int64 [D]


class LocalPass:
    """Feeds rows to the compiled pass and hands out blocks of decisions."""

    def __init__(self, clock: Clock, levels: int) -> None:
        self.lag_ns = 0
        """Longest time so far between a row at the exchange and the moment it was visible."""
        self._clock = clock
        self._local: Local | None = None
        self._block = _new_block(levels)

    def feed(self, rows: Rows) -> Iterator[Decisions]:
        """The decisions that fall due before the last of these rows. Blocks are copies."""
        if len(rows.recv_ts) == 0:
            return
        if self._local is None:
            self._local = _start(self._clock, int(rows.recv_ts[0]))
        local = self._local = self._local._replace(book=grown(self._local.book, len(rows.recv_ts)))
        seen = np.maximum(np.maximum.accumulate(rows.recv_ts), local.clock[_NOW])
        self.lag_ns = max(self.lag_ns, int((seen - rows.exch_ts).max()))
        stamped = venue_stamped(rows.exch_ts, rows.recv_ts, rows.kind)
        at = 0
        while at < len(rows.recv_ts):
            at, written = _run(rows, stamped, at, self._clock.interval_ns, self._clock.rows, local, self._block)
            yield _first(self._block, written)

    def finish(self) -> Iterator[Decisions]:
        """The decisions up to and including the time of the last row."""
        if self._local is None:
            return
        written = 1
        while written:
            end = self._local.clock[_NOW] + 1
            _, written = _due(end, self._clock.interval_ns, self._local, self._block, 0)
            yield _first(self._block, written)


def _start(clock: Clock, first_ts: int) -> Local:
    local = Local(new_book(), *(np.zeros(n, np.int64) for n in (4, SUMS, 4, 5)))
    local.clock[_NOW] = first_ts
    local.clock[_NEXT] = -(-first_ts // clock.interval_ns) * clock.interval_ns if clock.interval_ns else _NEVER
    return local


def _new_block(levels: int) -> Decisions:
    d = BLOCK_DECISIONS
    shape = (d, 2, levels)
    return Decisions(
        np.zeros(d, np.int64),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
        np.zeros((d, SUMS), np.int64),
        np.zeros(d, np.int64),
    )


def _first(block: Decisions, count: int) -> Decisions:
    return Decisions(*(array[:count].copy() for array in block))


@numba.njit(cache=True)
def _run(
    rows: Rows, stamped: np.ndarray, start: int, interval_ns: int, every: int, local: Local, out: Decisions
) -> tuple[int, int]:
    """Applies rows from `start`; returns (the first row not applied, decisions written).

    `stamped` bool: rows that carry the times of both clocks, and so show how late the feed is.
    """
    clock = local.clock
    written = 0
    for i in range(start, len(rows.recv_ts)):
        clock[_NOW] = max(clock[_NOW], rows.recv_ts[i])
        whole, written = _due(clock[_NOW], interval_ns, local, out, written)
        if not whole:
            return i, written
        if stamped[i]:
            clock[_LAG] = rows.recv_ts[i] - rows.exch_ts[i]
        if rows.kind[i] == TRADE:
            add_trade(local.window, rows.side[i], rows.qty[i])
        else:
            _apply_book_row(rows, i, local)
        if rows.kind[i] != CLEAR:
            clock[_COUNTED] += 1
            if every > 0 and clock[_COUNTED] % every == 0:
                clock[_NEXT] = clock[_NOW]
    return len(rows.recv_ts), written


@numba.njit(cache=True)
def _due(now: int, interval_ns: int, local: Local, out: Decisions, written: int) -> tuple[bool, int]:
    """Makes the decisions before `now`; returns (False where `out` is full before the last, decisions in `out`)."""
    clock = local.clock
    while clock[_NEXT] < now:
        if written == len(out.ts_ns):
            return False, written
        _end_message(local)
        if clock[_STARTED] == 0 and local.book.n[0] > 0 and local.book.n[1] > 0:
            clock[_STARTED] = 1
            local.window[:] = 0
        if clock[_STARTED] == 1:
            _write(local, clock[_NEXT], out, written)
            written += 1
        clock[_NEXT] = clock[_NEXT] + interval_ns if interval_ns > 0 else _NEVER
    return True, written


@numba.njit(cache=True)
def _apply_book_row(rows: Rows, i: int, local: Local) -> None:
    message = local.message
    if message[_EXCH_TS] != rows.exch_ts[i] or message[_RECV_TS] != rows.recv_ts[i] or message[_ID] != rows.id[i]:
        _end_message(local)
    message[_EXCH_TS], message[_RECV_TS], message[_ID], message[_OPEN] = (
        rows.exch_ts[i],
        rows.recv_ts[i],
        rows.id[i],
        1,
    )
    if rows.kind[i] == CLEAR or rows.kind[i] == TOP:
        clear(local.book, rows.side[i])
    if rows.kind[i] != CLEAR:
        set_level(local.book, rows.side[i], rows.price[i], rows.qty[i])


@numba.njit(cache=True)
def _end_message(local: Local) -> None:
    """Compares the touch with the one before the message: states inside a message were never the market's."""
    if local.message[_OPEN] == 0:
        return
    local.message[_OPEN] = 0
    after = local.touch.copy()
    price, lots = best(local.book, 0)
    after[BID_LOTS] = lots
    if lots > 0:
        after[BID_PRICE] = price
    price, lots = best(local.book, 1)
    after[ASK_LOTS] = lots
    if lots > 0:
        after[ASK_PRICE] = price
    add_touch(local.window, local.touch, after)
    local.touch[:] = after


@numba.njit(cache=True)
def _write(local: Local, ts_ns: int, out: Decisions, row: int) -> None:
    out.ts_ns[row] = ts_ns
    out.lag_ns[row] = local.clock[_LAG]
    out.windows[row] = local.window
    local.window[:] = 0
    levels = out.price.shape[2]
    for side in range(2):
        n = local.book.n[side]
        price = local.touch[BID_PRICE if side == 0 else ASK_PRICE]
        for level in range(levels):
            lots = 0
            if level < n:
                key = local.book.keys[side, n - 1 - level]
                price = key if side == 0 else -key
                lots = local.book.qtys[side, n - 1 - level]
            out.price[row, side, level] = price
            out.qty[row, side, level] = lots
