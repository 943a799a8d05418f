"""Time stamps become event indices: what is known, what arrives when, and the venue's book on arrival.

Absolute time stays here, on the host, in int64 ns; the engine compares int32 event indices only and is exact to the ns.
D decisions · N events · K levels · S = 2 sides (bid, ask).
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from jaxmm.data.book import Book, new_book, set_level
from jaxmm.errors import InputError
from jaxmm.exchange.types import INFINITE, Latency

Array = Any


class Timeline(NamedTuple):
    """What latency makes of a tape, for each decision k at t_k."""

    known: Array  # int32 [D], events with exch_ts + response <= t_k: their effects on us are known
    arrive: Array  # int32 [D], events with exch_ts <= t_k + entry: they come before a request sent at t_k
    answered: Array  # int32 [D], first decision at which the outcome of a request sent at t_k is known; INFINITE: never
    book_price: Array  # int32 [D, 2, K], the exchange's book when a request sent at t_k arrives, best level first
    book_qty: Array  # int32 [D, 2, K], lots; 0 where there are fewer levels


def timeline(ts_ns: np.ndarray, exch_ts: np.ndarray, event: np.ndarray, latency: Latency, levels: int) -> Timeline:
    """The timeline of decisions `ts_ns` int64 [D] over events `exch_ts` int64 [N], `event` int32 [N, 4].

    The events must begin with an empty book. One pass over the events, about 10 M events/s.
    """
    arrival_ns = ts_ns + latency.entry_ns
    answer_ns = arrival_ns + latency.response_ns
    known = np.searchsorted(exch_ts, ts_ns - latency.response_ns, side="right")
    arrive = np.searchsorted(exch_ts, arrival_ns, side="right")
    answered = np.searchsorted(ts_ns, answer_ns, side="left")
    answered = np.where(answered == len(ts_ns), INFINITE, answered)
    price, qty, full = _books_at(event, arrive, new_book(), levels)
    if full:
        raise InputError(
            "tape: more than 65536 price levels stand on one side of the book; the recording lacks removals"
        )
    return Timeline(known.astype(np.int32), arrive.astype(np.int32), answered.astype(np.int32), price, qty)


@numba.njit(cache=True)
def _books_at(event: np.ndarray, at: np.ndarray, book: Book, levels: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """The best `levels` levels of the book after `at[k]` events, for ascending `at`."""
    price = np.zeros((len(at), 2, levels), np.int32)
    qty = np.zeros((len(at), 2, levels), np.int32)
    i = 0
    for k in range(len(at)):
        while i < at[k]:
            code = event[i, 0]
            if code >= 2 and set_level(book, code - 2, event[i, 1], event[i, 2]) < 0:
                return price, qty, True
            i += 1
        for side in range(2):
            n = book.n[side]
            for level in range(min(levels, n)):
                key = book.keys[side, n - 1 - level]
                price[k, side, level] = key if side == 0 else -key
                qty[k, side, level] = book.qtys[side, n - 1 - level]
    return price, qty, False
