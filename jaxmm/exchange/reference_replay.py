"""A quoter against the plain Python venue, in real time stamps: requests travel, reports travel back.

What is sent at a decision is one group. Its cancels, amends and places arrive in this order, each kind no sooner than
that of the decision before; on a tie the market's events go first. An event is reported once its own delay and the
reports before it have passed; a group is answered as a whole, as late as the last event before its places, and not
before that event's report. What is wanted is `reference_orders.py`'s business, what happens `reference.py`'s.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

import numpy as np

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits, Reject
from jaxmm.exchange.reference import ASK, BID, Event, Outcome, Report, Taken, Venue
from jaxmm.exchange.reference_orders import Requests, SideOrders, Wanted, closing
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.tape.delays import REQUEST, RESPONSE, Delay

__all__ = ["Known", "KnownFill", "KnownReject", "ReferenceReplay", "Wanted"]


class Known(NamedTuple):
    """What the quoter knows at one decision, by side and slot; open lots are 0 while a side waits for its answer."""

    decision: int
    position: int
    open_lots: tuple[tuple[int, ...], tuple[int, ...]]
    open_price: tuple[tuple[int, ...], tuple[int, ...]]


class KnownFill(NamedTuple):
    """A fill as we learned of it."""

    decision: int
    event: int  # exchange event that caused it; -1 for taking on arrival
    side: int
    price: int
    qty: int
    maker: bool


class KnownReject(NamedTuple):
    """A request that the venue refused, as we learned of it."""

    decision: int
    side: int
    reason: Reject


@dataclass
class _Group:
    """What was sent at one decision: steps by arrival, and the venue's answer as far as it stands."""

    sides: list[SideOrders]
    cancels: list[Callable[[], list[Report]]] = field(default_factory=list)
    amends: list[Callable[[], list[Report]]] = field(default_factory=list)
    places: list[Callable[[], list[Report]]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)


@dataclass
class ReferenceReplay:
    """One run over `events` (time-sorted `(exch_ts, Event)`) with decisions at `ts_ns`.

    `lag_ns` is the feed's lag at decisions, which recorded latency replays; `lot` the size of a lot; `orders` how many
    quotes a side has at most.

    Attributes:
        fills: every fill that became known, in the order of knowing.
        rejected: every refusal that became known.
        views: what was known at each decision, before deciding.
    """

    events: Sequence[tuple[int, Event]]
    ts_ns: Sequence[int]
    latency: Latency
    model: FillModel
    order_type: OrderType = OrderType.POST_ONLY
    limits: Limits = field(default_factory=Limits)
    orders: int = 1
    lag_ns: Sequence[int] | None = None
    lot: float = 1.0
    fills: list[KnownFill] = field(default_factory=list)
    rejected: list[KnownReject] = field(default_factory=list)
    views: list[Known] = field(default_factory=list)

    @property
    def positions(self) -> list[int]:
        """Signed lots known at each decision, before deciding."""
        return [known.position for known in self.views]

    @property
    def rejects(self) -> int:
        """Orders and amends that the venue refused, as far as we know."""
        return len(self.rejected)

    def run(self, decide: Callable[[Known], Wanted]) -> "ReferenceReplay":
        """Replays the whole tape with the quotes that `decide` wants."""
        ids = count()
        self.fills, self.rejected, self.views = [], [], []
        self._venue = Venue(self.model, self.limits, self.lot)
        self._sides = [SideOrders(side, self.orders, self.order_type, ids) for side in (BID, ASK)]
        self._position = 0
        self._draw_delays()
        self._arrived = [-(2**62)] * 3  # the latest arrival of a cancel, an amend, a place
        self._told = -(2**62)  # when the report of the last event reaches us
        self._windows: Counter[int] = Counter()  # requests by window of the venue's clock
        self._steps: list[tuple[int, int, int, _Group]] = []  # (arrival, decision, kind, group)
        self._mail: list[tuple[int, int, Callable[[int], None]]] = []  # (arrival, order of sending, what it does)
        self._sent = count()
        feed = iter(enumerate(self.events))
        self._next = next(feed, None)
        for k, now in enumerate(self.ts_ns):
            self._venue_until(now, feed)
            while self._mail and self._mail[0][0] <= now:
                heappop(self._mail)[2](k)
            self.views.append(self._known(k))
            self._send(now, k, decide(self.views[-1]))
        return self

    def _draw_delays(self) -> None:
        ts, exch = (np.array(times, np.int64) for times in (self.ts_ns, [ts for ts, _ in self.events]))
        lag = np.array([0] * len(ts) if self.lag_ns is None else self.lag_ns, np.int64)
        latest = [max(bisect_right(self.ts_ns, t) - 1, 0) for t in exch.tolist()]
        self._response = self.latency.response.at(exch, lag[latest] if latest else exch, RESPONSE).tolist()
        kinds: tuple[Delay, ...] = (self.latency.cancel, self.latency.amend, self.latency.place)
        self._travel = list(zip(*(kind.at(ts, lag, REQUEST).tolist() for kind in kinds), strict=True))
        self._lag = lag.tolist()

    def _quiet_delay(self, ts: int, decision: int) -> int:
        """How late an answer is where the market has no event at all."""
        return int(self.latency.response.at(np.array([ts]), np.array([self._lag[decision]]), RESPONSE)[0])

    # --- the venue's clock --------------------------------------------------------------------------------------

    def _venue_until(self, now: int, feed: Iterator[tuple[int, tuple[int, Event]]]) -> None:
        """Events and arrivals up to `now` in time order; on a tie the market goes first."""
        while True:
            event_ts = self._next[1][0] if self._next else None
            arrival_ts = self._steps[0][0] if self._steps else None
            if event_ts is not None and event_ts <= now and (arrival_ts is None or event_ts <= arrival_ts):
                index, (ts, event) = self._next  # type: ignore[misc]
                self._told = max(self._told, ts + self._response[index])
                for report in self._venue.on_event(event):
                    self._post(self._told, partial(self._learn, index, report))
                self._next = next(feed, None)
            elif arrival_ts is not None and arrival_ts <= now:
                self._arrive(*heappop(self._steps))
            else:
                return

    def _arrive(self, ts: int, decision: int, kind: int, group: _Group) -> None:
        for request in (group.cancels, group.amends, group.places)[kind]:
            group.reports += request()
        if kind == 2:
            passed = self._next[0] if self._next else len(self.events)
            delay = self._response[max(passed - 1, 0)] if self._response else self._quiet_delay(ts, decision)
            self._post(max(ts + delay, self._told), partial(self._answer, group))

    def _post(self, at: int, deliver: Callable[[int], None]) -> None:
        heappush(self._mail, (at, next(self._sent), deliver))

    # --- our clock ----------------------------------------------------------------------------------------------

    def _answer(self, group: _Group, k: int) -> None:
        for report in group.reports:
            self._learn(-1, report, k)
        for side in group.sides:
            side.answered()

    def _learn(self, event: int, report: Report, k: int) -> None:
        if report.outcome is Outcome.FILLED:
            self._position += report.qty if report.side == BID else -report.qty
            self.fills.append(KnownFill(k, event, report.side, report.price, report.qty, report.maker))
        if report.reason is not None:
            self.rejected.append(KnownReject(k, report.side, report.reason))
        self._sides[report.side].on_report(report)

    def _known(self, k: int) -> Known:
        bid, ask = self._sides
        prices = [tuple(slot.price for slot in side.slots) for side in (bid, ask)]
        return Known(k, self._position, (bid.open_lots(), ask.open_lots()), (prices[BID], prices[ASK]))

    def _send(self, now: int, k: int, wanted: Wanted) -> None:
        close = closing(self._position)
        asked = [
            side.flatten(close[side.side]) if wanted.flatten else side.want(wanted.entries(side.side))
            for side in self._sides
        ]
        floor = 0
        for kind, delay in enumerate(self._travel[k]):
            floor = self._arrived[kind] = max(self._arrived[kind], floor, now + delay)
        if any(asked):
            group = self._group(asked, window=self._arrived[2] // self.limits.window_ns)
            for kind, arrival in enumerate(self._arrived):
                heappush(self._steps, (arrival, k, kind, group))

    def _group(self, asked: list[Requests], window: int) -> _Group:
        """The group's calls at the venue. It counts in the window in which its places arrive, as a whole."""
        venue, taken = self._venue, Taken()
        group = _Group([side for side, requests in zip(self._sides, asked, strict=True) if requests])
        for requests in asked:
            group.cancels += [partial(venue.cancel, order_id) for order_id in requests.cancels]
        for amend in (amend for requests in asked for amend in requests.amends):
            admitted = self._admit(window)
            group.amends.append(partial(venue.amend, amend.order_id, amend.total, admitted=admitted))
        for _, order_id, side, price, lots, order_type in (place for requests in asked for place in requests.places):
            admitted = self._admit(window)
            order = partial(venue.place, order_id, side, price, lots, order_type, admitted=admitted, taken=taken)
            group.places.append(order)
        return group

    def _admit(self, window: int) -> bool:
        self._windows[window] += 1
        return self._windows[window] <= self.limits.max_requests
