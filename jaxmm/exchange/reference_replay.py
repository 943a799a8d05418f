"""A quoter against the plain Python venue, in real time stamps: requests travel, reports travel back.

The quote manager's rules (the engine's too, and the live order manager's later):

- A side with an unanswered request waits: at most one request, or one cancel and its replacement, is under way a side.
- The same price and the same total keeps the order; a smaller total amends it down and keeps its place; anything else
  cancels it and places a new order by the same message.
- An order counts as open, and a fill as ours, once the report of it has reached us.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import NamedTuple

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.reference import ASK, BID, Event, Outcome, Report, Venue
from jaxmm.exchange.types import FillModel


class Wanted(NamedTuple):
    """What a quoter wants at one decision: lots of 0 are no quote; `flatten` cancels and closes by a market order."""

    bid: int = 0
    bid_lots: int = 0
    ask: int = 0
    ask_lots: int = 0
    flatten: bool = False


class Known(NamedTuple):
    """What the quoter knows at one decision; open lots are 0 while a request of that side is unanswered."""

    decision: int
    position: int
    open_lots: tuple[int, int]
    open_price: tuple[int, int]


class KnownFill(NamedTuple):
    """A fill as we learned of it."""

    decision: int
    event: int  # exchange event that caused it; -1 for taking on arrival
    side: int
    price: int
    qty: int
    maker: bool


@dataclass
class _Own:
    """What we believe of one side."""

    order_id: int = -1
    price: int = 0
    total: int = 0
    filled: int = 0
    busy_until: int = -(2**62)

    @property
    def open_lots(self) -> int:
        return max(self.total - self.filled, 0)


@dataclass
class ReferenceReplay:
    """One run over `events` (time-sorted `(exch_ts, Event)`) with decisions at `ts_ns`.

    Attributes:
        fills: every fill that became known, in the order of events.
        positions: signed lots known at each decision, before deciding.
    """

    events: Sequence[tuple[int, Event]]
    ts_ns: Sequence[int]
    latency: Latency
    model: FillModel
    post_only: bool = True
    fills: list[KnownFill] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rejects: int = 0

    def run(self, decide: Callable[[Known], Wanted]) -> "ReferenceReplay":
        """Replays the whole tape with the quotes that `decide` wants."""
        self._venue = Venue(self.model)
        self._own = (_Own(), _Own())
        self._ids = count()
        self._position = 0
        self._requests: deque[tuple[int, Callable[[], list[Report]]]] = deque()
        self._reports: deque[tuple[int, int, Report]] = deque()
        feed = iter(enumerate(self.events))
        self._next = next(feed, None)
        for k, now in enumerate(self.ts_ns):
            self._venue_until(now, feed)
            self._deliver(now, k)
            self.positions.append(self._position)
            self._send(now, decide(self._known(k, now)))
        return self

    # --- the venue's clock --------------------------------------------------------------------------------------

    def _venue_until(self, now: int, feed: Iterator[tuple[int, tuple[int, Event]]]) -> None:
        """Events and arrivals up to `now` in time order; on a tie the market goes first."""
        while True:
            event_ts = self._next[1][0] if self._next else None
            arrival_ts = self._requests[0][0] if self._requests else None
            if event_ts is not None and event_ts <= now and (arrival_ts is None or event_ts <= arrival_ts):
                index, (ts, event) = self._next  # type: ignore[misc]
                self._answer(ts, index, self._venue.on_event(event))
                self._next = next(feed, None)
            elif arrival_ts is not None and arrival_ts <= now:
                ts, request = self._requests.popleft()
                self._answer(ts, -1, request())
            else:
                return

    def _answer(self, ts: int, index: int, reports: list[Report]) -> None:
        self._reports.extend((ts + self.latency.response_ns, index, report) for report in reports)

    # --- our clock ----------------------------------------------------------------------------------------------

    def _deliver(self, now: int, k: int) -> None:
        while self._reports and self._reports[0][0] <= now:
            _, index, report = self._reports.popleft()
            own = self._own[report.side]
            mine = report.order_id == own.order_id
            if report.outcome is Outcome.FILLED:
                self._position += report.qty if report.side == BID else -report.qty
                self.fills.append(KnownFill(k, index, report.side, report.price, report.qty, report.maker))
                if mine and report.maker:
                    own.filled += report.qty
                elif mine:  # what was taken on arrival never rested
                    own.total -= report.qty
            elif report.outcome is Outcome.REJECTED:
                self.rejects += 1
                own.total = 0 if mine else own.total
            elif report.outcome is Outcome.CANCELED and mine:
                own.total = 0

    def _known(self, k: int, now: int) -> Known:
        lots = tuple(0 if now < own.busy_until else own.open_lots for own in self._own)
        return Known(k, self._position, lots, tuple(own.price for own in self._own))  # type: ignore[arg-type]

    def _send(self, now: int, wanted: Wanted) -> None:
        free = [now >= own.busy_until for own in self._own]
        if wanted.flatten:
            for side in (BID, ASK):
                if free[side]:
                    self._cancel(now, side)
            side = ASK if self._position > 0 else BID
            if self._position and free[side]:
                order = partial(self._venue.place, next(self._ids), side, None, abs(self._position), post_only=False)
                self._request(now, side, order)
            return
        for side, price, lots in ((BID, wanted.bid, wanted.bid_lots), (ASK, wanted.ask, wanted.ask_lots)):
            if free[side]:
                self._quote(now, side, price, lots)

    def _quote(self, now: int, side: int, price: int, lots: int) -> None:
        own = self._own[side]
        if own.open_lots and lots and price == own.price and lots <= own.total:
            if lots < own.total:
                self._request(now, side, partial(self._venue.amend, own.order_id, lots))
                own.total = lots
            return
        self._cancel(now, side)
        if lots:
            order_id = next(self._ids)
            order = partial(self._venue.place, order_id, side, price, lots, post_only=self.post_only)
            self._request(now, side, order)
            own.order_id, own.price, own.total, own.filled = order_id, price, lots, 0

    def _cancel(self, now: int, side: int) -> None:
        own = self._own[side]
        if own.open_lots:
            self._request(now, side, partial(self._venue.cancel, own.order_id))
        own.total, own.order_id = 0, -1

    def _request(self, now: int, side: int, call: Callable[[], list[Report]]) -> None:
        arrival = now + self.latency.entry_ns
        self._own[side].busy_until = arrival + self.latency.response_ns
        self._requests.append((arrival, call))
