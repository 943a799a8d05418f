"""A quoter of the plainest parts on the paper venue, and the same quoter on the reference replay."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.reference import ASK, BID, Event, Outcome, Report
from jaxmm.exchange.reference_orders import Requests, SideOrders, Wanted, closing
from jaxmm.exchange.reference_replay import Known, ReferenceReplay
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.features.clock import DecisionClock, parse_clock
from jaxmm.features.live import Seen
from jaxmm.live.market import MarketState
from jaxmm.live.messages import (
    Amend,
    Answered,
    Book,
    Cancel,
    Fill,
    Gap,
    Mark,
    Message,
    OrderState,
    OrderStatus,
    Place,
    Refused,
    Request,
    Stream,
    Trade,
)
from jaxmm.policy.types import Quotes, View
from jaxmm.tape.tape import Tape

Lots = tuple[tuple[int, ...], tuple[int, ...]]
Decide = Callable[[Seen, int, Lots, Lots], Wanted]
"""(what is seen, position, own open lots, own prices) → quotes."""


def wanted(quotes: Quotes) -> Wanted:
    """A strategy's quotes as the quote manager takes them."""
    prices_and_lots = (np.atleast_1d(values).tolist() for values in quotes[:4])
    return Wanted(*prices_and_lots, flatten=bool(quotes.flatten))


def decide_by(strategy: Any) -> Decide:
    """The strategy's quotes, from what the quoter of either replay knows."""

    def decide(seen: Seen, position: int, lots: Lots, prices: Lots) -> Wanted:
        own = [values[0] if len(values) == 1 else np.array(values) for values in (*prices, *lots)]
        view = View(
            np.int32(seen.book_price[0, 0]),
            np.int32(seen.book_price[1, 0]),
            np.int32(position),
            seen.features,
            own[0],
            own[2],
            own[1],
            own[3],
            np.float32(1),
        )
        return wanted(strategy.quote(view, np))

    return decide


class PlainQuoter:
    """Market, clock and quote manager, driven by a shell as the core is."""

    def __init__(self, clock: str, levels: int, orders: int, decide: Decide, submit: Callable[[Request], None]) -> None:
        ids = count()
        self.market = MarketState(levels)
        self.position = 0
        self.seen: list[Seen] = []
        self.wanted: list[Wanted] = []
        self.fills: list[tuple[int, int, int, int, bool]] = []  # decisions before, side, price, lots, maker
        self.heard: list[Fill] = []
        self.refused = 0
        self._clock = DecisionClock(parse_clock(clock))
        self._sides = [SideOrders(side, orders, OrderType.POST_ONLY, ids) for side in (BID, ASK)]
        self._decide, self._submit = decide, submit
        self._requests = count()
        self._side_of: dict[int, tuple[int, int]] = {}  # request → side, order
        self._open = [0, 0]  # unanswered requests by side

    @property
    def next_decision_ns(self) -> int | None:
        return self._clock.next_ns

    def tick(self, now_ns: int) -> None:
        for ts_ns in self._clock.due(now_ns):
            seen = self.market.decide(ts_ns)
            if seen is not None:
                self.seen.append(seen)
                self._quote(seen)

    def handle(self, message: Message) -> None:
        if isinstance(message, Book | Trade | Mark | Gap):
            self.tick(message.recv_ts)
            for _ in range(self.market.apply(message)):
                self._clock.on_row()
        elif isinstance(message, Fill):
            self._learn_fill(message)
        elif isinstance(message, Answered | Refused):
            self._learn_answer(message)
        elif isinstance(message, OrderState):
            assert message.status is not OrderStatus.REJECTED
        else:
            assert isinstance(message, Stream)

    def _quote(self, seen: Seen) -> None:
        bid, ask = self._sides
        prices = tuple(tuple(slot.price for slot in side.slots) for side in (bid, ask))
        want = self._decide(seen, self.position, (bid.open_lots(), ask.open_lots()), prices)
        self.wanted.append(want)
        close = closing(self.position)
        asked = [
            side.flatten(close[side.side]) if want.flatten else side.want(want.entries(side.side))
            for side in self._sides
        ]
        for side, requests in enumerate(asked):
            self._send(side, requests)

    def _send(self, side: int, requests: Requests) -> None:
        for order in requests.cancels:
            self._submit(Cancel(self._request(side, order), str(order)))
        for _, order, total in requests.amends:
            price = next(slot.price for slot in self._sides[side].slots if slot.order_id == order)
            self._submit(Amend(self._request(side, order), str(order), side, price, total))
        for _, order, _, price, lots, kind in requests.places:
            self._submit(Place(self._request(side, order), str(order), side, price, lots, kind))

    def _request(self, side: int, order: int) -> int:
        request = next(self._requests)
        self._side_of[request] = side, order
        self._open[side] += 1
        return request

    def _learn_fill(self, fill: Fill) -> None:
        self.position += fill.qty_lots if fill.side == BID else -fill.qty_lots
        self.heard.append(fill)
        self.fills.append((len(self.seen), fill.side, fill.price_ticks, fill.qty_lots, fill.maker))
        report = Report(int(fill.client_id), Outcome.FILLED, fill.side, fill.price_ticks, fill.qty_lots, fill.maker)
        self._sides[fill.side].on_report(report)

    def _learn_answer(self, answer: Answered | Refused) -> None:
        side, order = self._side_of.pop(answer.request_id)
        if isinstance(answer, Refused) and answer.reason.value != "unknown_order":
            self.refused += 1
            self._sides[side].on_report(Report(order, Outcome.REJECTED, side))
        elif isinstance(answer, Answered) and answer.order is not None:
            final = answer.order.status is OrderStatus.CANCELED
            self._sides[side].on_report(Report(order, Outcome.CANCELED if final else Outcome.AMENDED, side))
        self._open[side] -= 1
        if not self._open[side]:
            self._sides[side].answered()


def by_reference(
    tape: Tape, decide: Decide, latency: Latency, model: FillModel, limits: Limits, orders: int
) -> ReferenceReplay:
    """The same decisions over the tape, by the definition."""
    replay = ReferenceReplay(
        events=[(ts, Event(*event)) for ts, event in zip(tape.exch_ts.tolist(), tape.event.tolist(), strict=True)],
        ts_ns=tape.ts_ns.tolist(),
        latency=latency,
        model=model,
        limits=limits,
        orders=orders,
        lag_ns=tape.lag_ns.tolist(),
        lot=tape.instrument.lot_size,
    )

    def known(what: Known) -> Wanted:
        k = what.decision
        seen = Seen(int(tape.ts_ns[k]), tape.book_price[k], tape.book_qty[k], tape.features[k])
        return decide(seen, what.position, what.open_lots, what.open_price)

    return replay.run(known)
