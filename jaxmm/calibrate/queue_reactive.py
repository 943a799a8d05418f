"""Queue-reactive intensities: how often orders come, are cancelled and are taken, by level and by the queue they find.

Huang, Lehalle & Rosenbaum (2015): around a reference price that moves less than the mid, the queue of level i on either
side sees limit orders, cancellations and market orders at rates that depend on its own size only, counted in average
event sizes. A rate is a number of events over the time that queues of the level spent at that size. Both sides count
alike. N events · K levels · B sizes, 0 (empty) … B − 1 (at least as many).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np

from jaxmm.calibrate.orders import Recorded
from jaxmm.errors import InputError
from jaxmm.tape.tape import Code

KINDS = ("limit", "cancel", "market")
FEWEST_EVENTS = 100
_LIMIT, _CANCEL, _MARKET = 0, 1, 2
_BID_DEPTH = int(Code.BID_DEPTH)


class Tally(NamedTuple):
    """What the compiled pass counts; changed in place."""

    events: np.ndarray  # int64 [3, K, B]
    lots: np.ndarray  # int64 [3, K], of these events
    seconds: np.ndarray  # float64 [K, B], over both sides


@dataclass(frozen=True)
class QueueReactive:
    """Intensities of one side with standard errors √events/seconds; NaN where no time was spent."""

    unit_lots: np.ndarray  # float64 [K], average event size of a level: the unit of queue sizes
    events: np.ndarray  # int64 [3, K, B], in the order of KINDS
    seconds: np.ndarray  # float64 [K, B]

    @property
    def rates(self) -> np.ndarray:
        """1/s a side, float64 [3, K, B]."""
        return self._per_second(self.events)

    @property
    def rates_se(self) -> np.ndarray:
        """Standard errors of `rates`, of Poisson counts, float64 [3, K, B]."""
        return self._per_second(np.sqrt(self.events))

    @property
    def shares(self) -> np.ndarray:
        """Share of time that a queue of each level spent at each size, float64 [K, B]."""
        return self.seconds / self.seconds.sum(axis=1, keepdims=True)

    def invariant_shares(self) -> np.ndarray:
        """The same shares as the rates imply if each event is of one unit, float64 [K, B].

        A birth and death chain up to the largest size: π(n + 1)/π(n) = λ_limit(n)/(λ_cancel + λ_market)(n + 1). How
        near they are to `shares` says how much of the queues' law the intensities hold.
        """
        rates = np.nan_to_num(self.rates)
        births, deaths = rates[_LIMIT, :, :-1], rates[_CANCEL, :, 1:] + rates[_MARKET, :, 1:]
        ratio = np.divide(births, deaths, out=np.zeros_like(births), where=deaths > 0)
        weights = np.cumprod(np.concatenate([np.ones((len(ratio), 1)), ratio], axis=1), axis=1)
        return weights / weights.sum(axis=1, keepdims=True)

    def rates_filled(self) -> np.ndarray:
        """`rates` that a simulator can use, float64 [3, K, B].

        A size at which no time was spent has the rates of the next smaller one; an empty queue loses nothing.
        """
        rates = self.rates
        for size in range(1, rates.shape[2]):
            unknown = np.isnan(rates[:, :, size])
            rates[:, :, size] = np.where(unknown, rates[:, :, size - 1], rates[:, :, size])
        rates[_CANCEL:, :, 0] = 0.0
        return np.nan_to_num(rates)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the settings without gaps, the errors None where no time was spent."""
        rates, errors = self.rates_filled(), self.rates_se
        return {
            "settings": {"unit_lots": self.unit_lots.tolist()}
            | {kind: rates[i].tolist() for i, kind in enumerate(KINDS)},
            "standard_errors": {kind: _plain(errors[i]) for i, kind in enumerate(KINDS)},
            "events": {kind: self.events[i].tolist() for i, kind in enumerate(KINDS)},
            "seconds": self.seconds.tolist(),
        }

    def _per_second(self, counts: np.ndarray) -> np.ndarray:
        spent = np.broadcast_to(self.seconds, counts.shape)
        return np.divide(counts, spent, out=np.full(counts.shape, np.nan), where=spent > 0)


def queue_reactive(tape: Recorded, levels: int = 3, sizes: int = 21) -> QueueReactive:
    """The intensities of a tape's events.

    A displayed size that shrinks by more than was traded there since the message before was cancelled, one that shrinks
    by less was also added to. Messages that join several events (a feed of 100 ms) hide what cancels out within them.
    Raises `InputError` where a level sees too few events.
    """
    if levels < 1 or sizes < 2:
        raise InputError(f"queue-reactive: levels is {levels}, sizes {sizes}; at least 1 and 2 are needed")
    exch_ts, event, best = (np.ascontiguousarray(array) for array in (tape.exch_ts, tape.event, tape.best))
    raw = _tally(exch_ts, event, best, np.ones(levels), 2)
    counts = raw.events.sum(axis=(0, 2))
    if counts.min() < FEWEST_EVENTS:
        raise InputError(
            f"queue-reactive: level {int(counts.argmin()) + 1} sees {counts.min()} events in this span; "
            f"{FEWEST_EVENTS} are needed: take fewer levels or a longer span"
        )
    unit_lots = raw.lots.sum(axis=0) / counts
    tally = _tally(exch_ts, event, best, unit_lots, sizes)
    return QueueReactive(unit_lots, tally.events, tally.seconds)


def _tally(exch_ts: np.ndarray, event: np.ndarray, best: np.ndarray, unit_lots: np.ndarray, sizes: int) -> Tally:
    levels = len(unit_lots)
    tally = Tally(
        np.zeros((3, levels, sizes), np.int64), np.zeros((3, levels), np.int64), np.zeros((levels, sizes), np.float64)
    )
    quoted = best[(best > 0).all(axis=1)]
    if len(quoted):
        lowest, highest = int(quoted[:, 0].min()) - levels - 2, int(quoted[:, 1].max()) + levels + 2
        _run(exch_ts, event, best, unit_lots, lowest, highest - lowest + 1, tally)
    return tally


def _plain(values: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]


@numba.njit(cache=True)
def _run(
    exch_ts: np.ndarray,
    event: np.ndarray,
    best: np.ndarray,
    unit_lots: np.ndarray,
    lowest: int,
    prices: int,
    tally: Tally,
) -> None:
    """Walks the events; only prices lowest … lowest + prices − 1, which the best ones keep to, are looked at."""
    size = np.zeros((2, prices), np.int64)  # displayed now
    taken = np.zeros((2, prices), np.int64)  # traded before the message of the book that will show it …
    shown_by = np.zeros((2, prices), np.int64)  # … which is this one
    reference, messages = 0, 0  # twice the reference price, odd, 0 while unknown; messages of the book begun
    message_ts = began = exch_ts[0] - 1
    for k in range(len(event)):
        now, code, price, lots = exch_ts[k], event[k, 0], event[k, 1], event[k, 2]
        if reference != 0 and now > exch_ts[k - 1]:
            _spend(tally, (now - exch_ts[k - 1]) / 1e9, reference, size, lowest, unit_lots)
        level_of = reference if now > began else 0
        if code >= _BID_DEPTH and now > message_ts:
            messages, message_ts = messages + 1, now
        place = price - lowest
        if 0 <= place < prices:
            side = code if code < _BID_DEPTH else code - _BID_DEPTH  # a seller takes bids
            before = size[side, place]
            if code < _BID_DEPTH:
                if shown_by[side, place] != messages + 1:
                    shown_by[side, place], taken[side, place] = messages + 1, 0
                taken[side, place] += lots
                one_order = k > 0 and exch_ts[k - 1] == now and event[k - 1, 0] == code and event[k - 1, 1] == price
                _count(tally, _MARKET, level_of, side, price, lots, not one_order, before, unit_lots)
            else:
                net = lots - before + (taken[side, place] if shown_by[side, place] == messages else 0)
                if net != 0:
                    kind = _LIMIT if net > 0 else _CANCEL
                    _count(tally, kind, level_of, side, price, abs(net), True, before, unit_lots)
                size[side, place], taken[side, place] = lots, 0
        if best[k, 0] > 0 and best[k, 1] > 0:
            if reference == 0:
                began = now  # the first book comes level by level, which is no arrival
            reference = _moved(reference, best[k, 0] + best[k, 1])


@numba.njit(cache=True)
def _moved(reference: int, total: int) -> int:
    """Twice the reference price after best bid + best ask is `total`: the mid, or half a tick nearer to before."""
    if total % 2 == 1:
        return total
    return total + 1 if reference > total else total - 1


@numba.njit(cache=True)
def _bucket(lots: int, unit: float, last: int) -> int:
    return min(int(np.ceil(lots / unit)), last)


@numba.njit(cache=True)
def _spend(tally: Tally, seconds: float, reference: int, size: np.ndarray, lowest: int, unit_lots: np.ndarray) -> None:
    """Adds time at the sizes that all levels of both sides have."""
    last = tally.seconds.shape[1] - 1
    for level in range(len(unit_lots)):
        bid = size[0, (reference - 1) // 2 - level - lowest]
        ask = size[1, (reference + 1) // 2 + level - lowest]
        tally.seconds[level, _bucket(bid, unit_lots[level], last)] += seconds
        tally.seconds[level, _bucket(ask, unit_lots[level], last)] += seconds


@numba.njit(cache=True)
def _count(
    tally: Tally,
    kind: int,
    reference: int,
    side: int,
    price: int,
    lots: int,
    is_new: bool,
    before: int,
    unit_lots: np.ndarray,
) -> None:
    """Counts an event at a level that found `before` lots there; a further print of an order adds lots only."""
    level = (reference - 1) // 2 - price if side == 0 else price - (reference + 1) // 2
    if reference == 0 or level < 0 or level >= len(unit_lots):
        return
    tally.lots[kind, level] += lots
    if is_new:
        tally.events[kind, level, _bucket(before, unit_lots[level], tally.seconds.shape[1] - 1)] += 1
