"""The plain venue behind a delay: requests travel to it, what it says travels back, all on the venue's clock.

It keeps to `exchange/reference_replay.py`: what is sent at once is one group, whose cancels, amends and places arrive
in this order, each kind no sooner than that of the group before; on a tie the market goes first. An event is reported
once its own delay and the reports before it have passed; a group is answered as a whole, as late as the last event
before its places and not before that event's report. Queries arrive with the places, after them.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count

import numpy as np

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits, Reject
from jaxmm.exchange.reference import BID, Outcome, Report, Taken, Venue
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.live.messages import (
    Account,
    Amend,
    Answered,
    Book,
    Cancel,
    CancelAll,
    Fill,
    Message,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Request,
    Trade,
)
from jaxmm.live.paper.account import PaperAccount
from jaxmm.live.paper.market_queue import LONG_AGO, NEVER, MarketQueue
from jaxmm.tape.delays import REQUEST, RESPONSE, Constant, Delay

REFUSALS = {
    Reject.RATE: Refusal.RATE,
    Reject.TICK: Refusal.FILTER,
    Reject.LOT: Refusal.FILTER,
    Reject.NOTIONAL: Refusal.FILTER,
    Reject.POSITION: Refusal.BALANCE,
    Reject.POST_ONLY: Refusal.POST_ONLY,
}
REMEMBERED = 4096
"""Orders that are done and may still be asked for."""
_STEPS = {Cancel: 0, CancelAll: 0, Amend: 1, Place: 2, Query: 2}


@dataclass
class _Group:
    """What was sent at once, and the answers as far as they stand."""

    steps: tuple[list[Request], list[Request], list[Request]]
    admitted: set[int]  # request ids that are not one too many
    again_ns: int  # when the venue takes requests again
    taken: Taken = field(default_factory=dict)
    answers: list[Message] = field(default_factory=list)


@dataclass
class _Order:
    """An order that the venue took, resting or done; `number` is its id there."""

    number: int
    state: OrderState


class PaperVenue:
    """One instrument's venue in virtual time: `push` and `send` what is on its way, let it live, take its mail.

    Attributes:
        account: our money there.
        fills: every execution, oldest first.
        told: those whose report has reached us.
        lag_ns: how late the feed is now; recorded latency is as late.
    """

    def __init__(
        self,
        account: PaperAccount,
        latency: Latency,
        model: FillModel,
        limits: Limits | None = None,
        *,
        history: Sequence[Fill] = (),
    ) -> None:
        """`history` are executions of the same account before, which a restart brings back."""
        self.account = account
        self.account.restore(history)
        self.fills = list(history)
        self.told = list(history)
        self.lag_ns = 0
        self.market = MarketQueue()
        self._latency = latency
        self._limits = limits or Limits()
        self._venue = Venue(model, self._limits, account.instrument.lot_size, position=account.position_lots)
        self._orders: dict[str, _Order] = {}
        self._clients: dict[int, str] = {}
        self._done: deque[_Order] = deque()
        self._numbers, self._groups, self._posted = count(1), count(), count()
        self._trades = count(1 + max((int(fill.trade_id) for fill in history), default=0))
        self._steps: list[tuple[int, int, int, _Group]] = []  # (arrival, group, step, group)
        self._mail: list[tuple[int, int, Message]] = []  # (arrival, order of posting, message)
        self._arrived = [LONG_AGO] * 3  # the latest arrival of a cancel, an amend, a place
        self._window = [LONG_AGO, 0]  # the latest window of the venue's clock that has requests, and how many
        self._delay: int | None = None  # of the report of the last event
        self._told = LONG_AGO  # when that report reaches us
        self._now = LONG_AGO

    # --- what is on its way -------------------------------------------------------------------------------------

    def push(self, message: Book | Trade) -> None:
        """A market message, in the order of reception, before the clock has reached its exchange time."""
        self.market.push(message)

    def send(self, now_ns: int, requests: Sequence[Request]) -> None:
        """One group of requests sets out."""
        steps: tuple[list[Request], list[Request], list[Request]] = ([], [], [])
        for request in requests:
            steps[_STEPS[type(request)]].append(request)
        floor = LONG_AGO
        for kind, delay in enumerate((self._latency.cancel, self._latency.amend, self._latency.place)):
            arrival = now_ns + self._late(delay, now_ns, REQUEST)
            floor = self._arrived[kind] = max(self._arrived[kind], floor, arrival)
        window = self._arrived[2] // self._limits.window_ns
        admitted = {request.request_id for request in steps[1] + steps[2] if self._admit(window, request)}
        group, number = _Group(steps, admitted, (window + 1) * self._limits.window_ns), next(self._groups)
        for kind, arrival in enumerate(self._arrived):
            heappush(self._steps, (arrival, number, kind, group))

    @property
    def next_ns(self) -> int:
        """When something happens next at the venue, as far as it is known; `NEVER` where nothing is on its way."""
        event, arrival = self.market.next_ns, self._steps[0][0] if self._steps else None
        return min((ts for ts in (event, arrival) if ts is not None), default=NEVER)

    @property
    def mail_ns(self) -> int:
        """When the next message of ours reaches us, of what has happened so far; `NEVER` where there is none."""
        return self._mail[0][0] if self._mail else NEVER

    def live_until(self, until_ns: int) -> None:
        """Everything up to then happens."""
        while self.next_ns <= until_ns:
            self._live()

    def live_to_mail(self, until_ns: int) -> bool:
        """The same, but no further than to the next message of ours; whether there is one up to `until_ns`."""
        while self.next_ns <= until_ns and self.next_ns < self.mail_ns:
            self._live()
        return self.mail_ns <= until_ns

    def take_mail(self) -> Message:
        """The next message of ours, received at `mail_ns`."""
        at, _, message = heappop(self._mail)
        message = received(message, at)
        if isinstance(message, Fill):
            self.told.append(message)
        return message

    # --- questions ----------------------------------------------------------------------------------------------

    def open_orders(self) -> list[OrderState]:
        """Our open orders as they are now."""
        return [self._orders[self._clients[number]].state for number in self._venue.orders]

    def balances(self, recv_ts: int) -> Account:
        """Our money as it is now."""
        position = None if self.account.spot else self.account.position_lots
        return Account(dict(self.account.balances), position, recv_ts)

    # --- the venue's clock --------------------------------------------------------------------------------------

    def _live(self) -> None:
        """The next thing happens; on a tie the market's."""
        event_ts = self.market.next_ns
        if event_ts is not None and (not self._steps or event_ts <= self._steps[0][0]):
            self._now = max(self._now, event_ts)
            self._delay = self._late(self._latency.response, event_ts, RESPONSE)
            self._told = max(self._told, self._now + self._delay)
            for event in self.market.pop(self._venue.book):
                for report in self._venue.on_event(event):
                    self._post(self._told, self._filled(report))
        else:
            self._arrive(*heappop(self._steps))

    def _arrive(self, ts: int, number: int, step: int, group: _Group) -> None:
        self._now = max(self._now, ts)
        for request in group.steps[step]:
            group.answers += self._carry_out(request, group)
        if step == 2:
            delay = self._late(self._latency.response, ts, RESPONSE) if self._delay is None else self._delay
            self._post(max(self._now + delay, self._told), group.answers)

    def _late(self, delay: Delay, ts: int, stream: int) -> int:
        if isinstance(delay, Constant):
            return delay.ns
        return int(delay.at(np.array([ts]), np.array([self.lag_ns]), stream)[0])

    def _post(self, at: int, messages: Sequence[Message]) -> None:
        for message in messages:
            heappush(self._mail, (at, next(self._posted), message))

    # --- arrivals -----------------------------------------------------------------------------------------------

    def _carry_out(self, request: Request, group: _Group) -> list[Message]:
        if isinstance(request, Place):
            return self._place(request, group)
        if isinstance(request, CancelAll):
            gone = [self._orders[state.client_id] for state in self.open_orders()]
            return [*(self._cancel(order) for order in gone), Answered(request.request_id, 0, None)]
        order = self._orders.get(request.client_id)
        if isinstance(request, Query):
            return [Answered(request.request_id, 0, order.state if order else None)]
        if order is None or order.state.status is not OrderStatus.OPEN:
            return [Refused(request.request_id, 0, Refusal.UNKNOWN_ORDER, "no such open order")]
        if isinstance(request, Cancel):
            return [Answered(request.request_id, 0, self._cancel(order))]
        return self._amend(order, request, group)

    def _place(self, request: Place, group: _Group) -> list[Message]:
        number, side, price = next(self._numbers), request.side, request.price_ticks
        if request.client_id in self._orders:
            return [Refused(request.request_id, 0, Refusal.DUPLICATE, f"client id {request.client_id} is taken")]
        lots = min(request.qty_lots, self._closing(side)) if request.reduce_only else request.qty_lots
        if lots <= 0:
            return [Refused(request.request_id, 0, Refusal.OTHER, "reduce only, and there is nothing to reduce")]
        resting = [(o.price, o.open_lots) for o in self._venue.orders.values() if o.side == side]
        limit = self._worst(side) if request.order_type is OrderType.MARKET else price
        if not self.account.covers(side, limit, lots, resting):
            return [Refused(request.request_id, 0, Refusal.BALANCE, "the balance does not cover it")]
        reports = self._venue.place(
            number,
            side,
            price,
            lots,
            request.order_type,
            admitted=request.request_id in group.admitted,
            taken=group.taken,
        )
        if (reason := reports[0].reason) is not None:
            until = group.again_ns if reason is Reject.RATE else 0
            return [Refused(request.request_id, 0, REFUSALS[reason], f"refused: {reason.name.lower()}", until)]
        state = OrderState(request.client_id, str(number), side, price, lots, 0, OrderStatus.OPEN, self._now, 0)
        self._clients[number] = request.client_id
        self._orders[request.client_id] = _Order(number, state)
        answers: list[Message] = [Answered(request.request_id, 0, state)]
        for report in reports[1:]:
            if report.outcome is Outcome.FILLED:
                answers += self._filled(report)
            else:
                answers.append(self._change(self._orders[request.client_id], status=OrderStatus.EXPIRED))
        return answers

    def _amend(self, order: _Order, request: Amend, group: _Group) -> list[Message]:
        if request.price_ticks != order.state.price_ticks:
            return [Refused(request.request_id, 0, Refusal.FILTER, "an amend keeps the order's price")]
        admitted = request.request_id in group.admitted
        report = self._venue.amend(order.number, request.qty_lots, admitted=admitted)[0]
        if report.reason is not None:
            return [Refused(request.request_id, 0, Refusal.RATE, "refused: rate", group.again_ns)]
        canceled = report.outcome is Outcome.CANCELED
        status = OrderStatus.CANCELED if canceled else OrderStatus.OPEN
        lots = min(max(request.qty_lots, order.state.filled_lots), order.state.qty_lots)
        return [Answered(request.request_id, 0, self._change(order, qty_lots=lots, status=status))]

    def _cancel(self, order: _Order) -> OrderState:
        self._venue.cancel(order.number)
        return self._change(order, status=OrderStatus.CANCELED)

    def _change(self, order: _Order, **changes: object) -> OrderState:
        order.state = replace(order.state, exch_ts=self._now, **changes)  # type: ignore[arg-type]
        if order.state.status.final:
            self._done.append(order)
            if len(self._done) > REMEMBERED:
                oldest = self._done.popleft()
                del self._orders[oldest.state.client_id], self._clients[oldest.number]
        return order.state

    def _filled(self, report: Report) -> list[Message]:
        """Books one execution; the fill, and the order after it."""
        order = self._orders[self._clients[report.order_id]]
        booked = self.account.trade(report.side, report.price, report.qty, maker=report.maker)
        filled = order.state.filled_lots + report.qty
        done = filled >= order.state.qty_lots
        state = self._change(order, filled_lots=filled, status=OrderStatus.FILLED if done else OrderStatus.OPEN)
        fill = Fill(
            trade_id=str(next(self._trades)),
            client_id=state.client_id,
            venue_id=state.venue_id,
            side=report.side,
            price_ticks=report.price,
            qty_lots=report.qty,
            fee=booked.fee,
            fee_currency=booked.fee_currency,
            realized=booked.realized,
            maker=report.maker,
            exch_ts=self._now,
            recv_ts=0,
        )
        self.fills.append(fill)
        return [fill, state]

    def _admit(self, window: int, request: Request) -> bool:
        """Counts an amend or a place in the window in which the places of its group arrive."""
        if isinstance(request, Query):
            return True
        self._window = [window, self._window[1] + 1 if self._window[0] == window else 1]
        return self._window[1] <= self._limits.max_requests

    def _closing(self, side: int) -> int:
        """Lots of `side` that close the position."""
        return -self.account.position_lots if side == BID else self.account.position_lots

    def _worst(self, side: int) -> int:
        """The furthest displayed price that an order of `side` can take at; 1 tick where there is none."""
        levels = self._venue.book[1 - side]
        return (max(levels) if side == BID else min(levels)) if levels else 1


def received(message: Message, recv_ts: int) -> Message:
    """The message with the time at which it reached us, an order in it likewise."""
    if isinstance(message, Answered) and message.order is not None:
        return replace(message, recv_ts=recv_ts, order=replace(message.order, recv_ts=recv_ts))
    return replace(message, recv_ts=recv_ts)
