"""Time stamps become event indices: what is known, what arrives when, and the venue's book on arrival.

Absolute time stays here, on the host, in int64 ns; the engine compares int32 event indices only and is exact to the ns.
D decisions · N events · K levels · S = 2 sides (bid, ask).
"""

from typing import Any, NamedTuple

import numba
import numpy as np

from jaxmm.data.book import Book, new_book, set_level
from jaxmm.errors import InputError
from jaxmm.exchange.latency import Latency, Recorded, requests_arrive, response_delays
from jaxmm.exchange.types import INFINITE
from jaxmm.tape.delays import RESPONSE

Array = Any
_BLOCK = 1 << 20


class Timeline(NamedTuple):
    """What latency makes of a tape, for each decision k at t_k.

    Events that are before an arrival are those with an exchange time up to it. The report of event i reaches us at
    R_i = max over j <= i of (exch_ts_j + its delay).
    """

    known: Array  # int32 [D], events with R_i <= t_k: their effects on us are known
    cancel: Array  # int32 [D], events before the cancels sent at t_k
    amend: Array  # int32 [D], events before the amends; cancel <= amend <= place
    place: Array  # int32 [D], events before the places; none of the three ever decreases
    answered: Array  # int32 [D], first decision at which the outcome of what is sent at t_k is known; INFINITE: never
    book_price: Array  # int32 [D, 2, K], the exchange's book when places sent at t_k arrive, best level first
    book_qty: Array  # int32 [D, 2, K], lots; 0 where there are fewer levels

    @property
    def prompt(self) -> bool:
        """Whether every request is answered by the next decision; of arrays on the host."""
        return bool((self.answered[:-1] <= np.arange(1, len(self.answered))).all())

    @property
    def one_arrival(self) -> bool:
        """Whether no event ever comes between a decision's cancels, amends and places; of arrays on the host."""
        return bool((self.cancel == self.place).all() and (self.amend == self.place).all())


def timeline(
    ts_ns: np.ndarray,
    exch_ts: np.ndarray,
    event: np.ndarray,
    latency: Latency,
    levels: int,
    lag_ns: np.ndarray | None = None,
) -> Timeline:
    """The timeline of decisions `ts_ns` int64 [D] over events `exch_ts` int64 [N], `event` int32 [N, 4].

    The events must begin with an empty book. `lag_ns` int64 [D] is the feed's lag (`Tape.lag_ns`), which recorded
    latency needs. One pass over the events, about 10 M events/s; with 0 levels no books, and none is needed.
    """
    lag_ns = _lag_of(ts_ns, latency, lag_ns)
    requests = requests_arrive(ts_ns, lag_ns, latency)
    cancel, amend, place = (np.searchsorted(exch_ts, at, side="right").astype(np.int32) for at in requests)
    known, answer_ns = _reports(ts_ns, exch_ts, lag_ns, latency, requests.place, place)
    answered = np.searchsorted(ts_ns, answer_ns, side="left")
    answered = np.where(answered == len(ts_ns), INFINITE, answered).astype(np.int32)
    if levels == 0:
        none = np.zeros((len(ts_ns), 2, 0), np.int32)
        return Timeline(known, cancel, amend, place, answered, none, none)
    price, qty, full = _books_at(event, place, new_book(), levels)
    if full:
        raise InputError(
            "tape: more than 65536 price levels stand on one side of the book; the recording lacks removals"
        )
    return Timeline(known, cancel, amend, place, answered, price, qty)


def request_windows(ts_ns: np.ndarray, lag_ns: np.ndarray, latency: Latency, window_ns: int) -> np.ndarray:
    """The message-rate window, counted from the first one, in which the places of each decision arrive, int32 [D]."""
    window = requests_arrive(ts_ns, _lag_of(ts_ns, latency, lag_ns), latency).place // window_ns
    window = window - window[0]
    if window[-1] >= INFINITE:
        raise InputError(f"limits: the tape has {window[-1]} windows of {window_ns} ns; use longer ones")
    return np.asarray(window, np.int32)


def _lag_of(ts_ns: np.ndarray, latency: Latency, lag_ns: np.ndarray | None) -> np.ndarray:
    if lag_ns is not None:
        return np.asarray(lag_ns)
    if any(isinstance(d, Recorded) for d in (latency.place, latency.amend, latency.cancel, latency.response)):
        raise InputError(f"latency {latency.name}: there is no lag of a feed here that could be replayed")
    return np.zeros(len(ts_ns), np.int64)


def _reports(
    ts_ns: np.ndarray,
    exch_ts: np.ndarray,
    lag_ns: np.ndarray,
    latency: Latency,
    place_ns: np.ndarray,
    place: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """`Timeline.known` int32 [D], and when the answer to what is sent at each decision reaches us, int64 [D] ns.

    An answer is as late as the report of the last event before it (of the first event where there is none), and does
    not overtake it. Memory holds one block of events.
    """
    known = np.zeros(len(ts_ns), np.int32)
    delay = latency.response.at(place_ns, lag_ns, RESPONSE)  # of a tape without events
    report_ns = np.full(len(ts_ns), np.iinfo(np.int64).min)
    latest = report_ns.min(initial=0)
    for start in range(0, len(exch_ts), _BLOCK):
        stamps = np.asarray(exch_ts[start : start + _BLOCK])
        stop = start + len(stamps)
        delays = response_delays(stamps, ts_ns, lag_ns, latency)
        reports = np.maximum(np.maximum.accumulate(stamps + delays), latest)
        latest = reports[-1]
        first, later = np.searchsorted(ts_ns, [reports[0], latest], side="left")
        known[first:later] = start + np.searchsorted(reports, ts_ns[first:later], side="right")
        known[later:] = stop
        before, last = np.searchsorted(place, [start, stop], side="right")
        if start == 0:
            delay[:before] = delays[0]
        of = place[before:last] - 1 - start
        delay[before:last], report_ns[before:last] = delays[of], reports[of]
    return known, np.maximum(place_ns + delay, report_ns)


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
