"""A venue in memory whose network loses, repeats, delays and mixes up: what the order manager must survive."""

from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from random import Random

from jaxmm.live.gateway import Inbox, Unreachable
from jaxmm.live.messages import (
    BID,
    Account,
    Amend,
    Answered,
    Cancel,
    CancelAll,
    Fill,
    Lost,
    Message,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Request,
    Transfer,
)
from tests.live.orders.venue import MS

LATEST_NS = 900 * MS  # of any message or request


@dataclass
class Resting:
    """The venue's own knowledge of an order."""

    place: Place
    total: int
    filled: int = 0
    status: OrderStatus = OrderStatus.OPEN

    @property
    def open_lots(self) -> int:
        return 0 if self.status.final else self.total - self.filled


@dataclass
class RoughVenue:
    """Time is `now`; `until` moves it. While `rough`, requests, answers and stream messages meet every fault."""

    random: Random
    rough: bool = True
    now: int = 0
    position: int = 0
    balance: Decimal = Decimal(1000)
    orders: dict[str, Resting] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    inbox: Inbox | None = None

    def __post_init__(self) -> None:
        self._ids = count(1)
        self._events: list[tuple[int, int, str, object]] = []

    # --- as a gateway -------------------------------------------------------------------------------------------------

    def submit(self, request: Request) -> None:
        if self.rough and self.random.random() < 0.1:  # it never arrives
            self._later("answer", Lost(request.request_id, 0, "timed out"))
        else:
            self._later("request", request)

    async def open_orders(self) -> list[OrderState]:
        self._may_be_unreachable()
        return [self._state(order) for order in self.orders.values() if not order.status.final]

    async def fills_since(self, exch_ts: int, after_trade_id: str | None = None) -> list[Fill]:
        self._may_be_unreachable()
        return [fill for fill in self.fills if fill.exch_ts >= exch_ts]

    async def transfers_since(self, exch_ts: int) -> list[Transfer]:
        self._may_be_unreachable()
        return [transfer for transfer in self.transfers if transfer.exch_ts >= exch_ts]

    async def account(self) -> Account:
        self._may_be_unreachable()
        return Account({"USDT": self.balance}, self.position, self.now)

    def _may_be_unreachable(self) -> None:
        if self.rough and self.random.random() < 0.3:
            raise Unreachable

    # --- the world ----------------------------------------------------------------------------------------------------

    def until(self, now: int) -> None:
        """Lets everything happen that is due by then."""
        while self._events and self._events[0][0] <= now:
            self.now, _, what, about = heappop(self._events)
            if what == "request":
                self._carry_out(about)
            elif self.inbox is not None:
                self.inbox(about)
        self.now = now

    def pay(self, amount: Decimal, reason: str = "funding_fee") -> None:
        """Money comes or goes."""
        self.balance += amount
        self.transfers.append(Transfer(f"p{next(self._ids)}", reason, amount, "USDT", self.now, self.now))

    def trade(self, lots: int) -> None:
        """Some order of ours is hit."""
        open_ones = [order for order in self.orders.values() if order.open_lots]
        if open_ones:
            self._fill(self.random.choice(open_ones), lots)

    def open_lots(self, side: int) -> int:
        """What is truly open."""
        return sum(order.open_lots for order in self.orders.values() if order.place.side == side)

    def _fill(self, order: Resting, lots: int) -> None:
        lots = min(lots, order.open_lots)
        place = order.place
        order.filled += lots
        order.status = OrderStatus.FILLED if order.filled == order.total else order.status
        self.position += lots if place.side == BID else -lots
        fee, realized = Decimal(lots) / 1000, Decimal(self.random.randrange(-50, 50)) / 10
        self.balance += realized - fee
        known_by = "" if self.random.random() < 0.3 else place.client_id
        numbers = (place.side, place.price_ticks, lots, fee, "USDT", realized, True, self.now, self.now)
        self.fills.append(Fill(f"t{next(self._ids)}", known_by, f"v{place.request_id}", *numbers))
        self._tell(self.fills[-1])
        self._tell(self._state(order))

    def _carry_out(self, request: Request) -> None:
        outcome = self._outcome(request)
        if self.rough and self.random.random() < 0.15:  # done, but nobody tells
            outcome = Lost(request.request_id, self.now, "timed out")
        self._later("answer", outcome)

    def _outcome(self, request: Request) -> Message:
        if isinstance(request, CancelAll):
            for order in self.orders.values():
                self._cancel(order)
            return Answered(request.request_id, self.now, None)
        order = self.orders.get(request.client_id)
        if isinstance(request, Query):
            return Answered(request.request_id, self.now, order and self._state(order))
        if self.rough and self.random.random() < 0.1:
            return Refused(request.request_id, self.now, Refusal.RATE, "too many", self.now + 300 * MS)
        if isinstance(request, Place):
            if order is not None:
                return Refused(request.request_id, self.now, Refusal.DUPLICATE, "there already")
            if self.random.random() < 0.1:
                return Refused(request.request_id, self.now, Refusal.POST_ONLY, "would take")
            order = self.orders[request.client_id] = Resting(request, request.qty_lots)
        elif order is None or order.status.final:
            return Refused(request.request_id, self.now, Refusal.UNKNOWN_ORDER, "unknown order")
        elif isinstance(request, Cancel):
            self._cancel(order)
        elif isinstance(request, Amend):
            order.total = max(min(order.total, request.qty_lots), order.filled)
            order.status = OrderStatus.CANCELED if order.total == order.filled else order.status
        self._tell(self._state(order))
        return Answered(request.request_id, self.now, self._state(order))

    def _cancel(self, order: Resting) -> None:
        if not order.status.final:
            order.status = OrderStatus.CANCELED
            self._tell(self._state(order))

    def _state(self, order: Resting) -> OrderState:
        place = order.place
        numbers = (place.side, place.price_ticks, order.total, order.filled)
        return OrderState(place.client_id, f"v{place.request_id}", *numbers, order.status, self.now, self.now)

    def _tell(self, message: Message) -> None:
        """By the user stream: perhaps never, perhaps twice."""
        chance = self.random.random() if self.rough else 1.0
        for _ in range(0 if chance < 0.15 else 2 if chance < 0.35 else 1):
            self._later("stream", message)

    def _later(self, what: str, about: object) -> None:
        delay = self.random.randrange(LATEST_NS) if self.rough and self.random.random() < 0.3 else 5 * MS
        heappush(self._events, (self.now + delay, next(self._ids), what, about))
