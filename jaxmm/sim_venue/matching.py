"""Orders of the one account: checked as the venue checks them, matched by the reference venue, told as updates."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count

from jaxmm.exchange.limits import Reject
from jaxmm.exchange.reference import (
    ASK,
    ASK_DEPTH,
    BID,
    BID_DEPTH,
    BUY_TRADE,
    SELL_TRADE,
    Event,
    Outcome,
    Report,
    Venue,
)
from jaxmm.exchange.types import OrderType
from jaxmm.sim_venue import errors
from jaxmm.sim_venue.account import Account, FuturesAccount, SpotAccount
from jaxmm.sim_venue.config import SimConfig
from jaxmm.sim_venue.recording import Level, Message
from jaxmm.sim_venue.truth import Truth

OPEN = ("NEW", "PARTIALLY_FILLED")


@dataclass(frozen=True)
class NewOrder:
    """An order as it arrives."""

    client_id: str
    side: int
    kind: OrderType
    price_ticks: int  # 0 for a market order
    lots: int
    reduce_only: bool = False


@dataclass(frozen=True)
class Order:
    """An order as the venue holds it now; every change makes a new one."""

    order_id: int
    client_id: str
    side: int
    kind: OrderType
    price_ticks: int
    lots: int
    reduce_only: bool
    created_ms: int
    updated_ms: int
    filled: int = 0
    quote_filled: Decimal = Decimal(0)
    status: str = "NEW"

    @property
    def open_lots(self) -> int:
        """Lots that can still fill."""
        return self.lots - self.filled if self.status in OPEN else 0


@dataclass(frozen=True)
class Execution:
    """One fill of ours."""

    trade_id: int
    order_id: int
    client_id: str
    side: int
    price_ticks: int
    lots: int
    fee: Decimal
    fee_asset: str
    realized: Decimal
    maker: bool
    time_ms: int


@dataclass(frozen=True)
class Update:
    """What the user stream tells: NEW, TRADE, CANCELED, EXPIRED, REPLACED (amended)."""

    what: str
    order: Order
    execution: Execution | None = None


@dataclass
class Exchange:
    """The book, the account and its orders. Without any I/O: `now_ms` is the venue's clock, `tell` hears of changes."""

    config: SimConfig
    now_ms: Callable[[], int]
    tell: Callable[[Update], None]
    orders: dict[int, Order] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    truth: Truth = field(default_factory=Truth)

    def __post_init__(self) -> None:
        units = self.units = self.config.units
        balances = self.config.start_balances()
        self.account: Account = (
            SpotAccount(units, balances)
            if units.spot
            else FuturesAccount(units, balances[units.instrument.quote], self.config.leverage)
        )
        self.venue = Venue(self.config.model, lot=units.instrument.lot_size)
        self._order_ids = count(1_000_001)
        self._trade_ids = count(5_000_001)
        self._by_client: dict[str, int] = {}

    # --- the market -----------------------------------------------------------------------------------------------

    def best(self, side: int) -> int | None:
        """Best price in ticks; None where the side is empty."""
        levels = self.venue.book[side]
        return (max if side == BID else min)(levels, default=None)

    @property
    def mid_ticks(self) -> float:
        """Mid price; of the one side that there is, or 0."""
        touch = [price for price in (self.best(BID), self.best(ASK)) if price is not None]
        return sum(touch) / len(touch) if touch else 0.0

    def trade(self, side: int, ticks: int, lots: int) -> None:
        """A print of the market; `side` is the aggressor's."""
        self._learn(self.venue.on_event(Event(SELL_TRADE if side == ASK else BUY_TRADE, ticks, lots, 0)))

    def depth(self, levels: Iterable[Level]) -> None:
        """Displayed quantities that have changed, in order."""
        for side, ticks, lots in levels:
            before = self.venue.book[side].get(ticks, 0)
            self._learn(self.venue.on_event(Event(BID_DEPTH if side == BID else ASK_DEPTH, ticks, lots, before)))

    def changes(self, message: Message) -> list[Level]:
        """The levels of a book message that bring the book where it says; of a snapshot, what differs from it."""
        if not message.snapshot:
            return message.levels
        whole = {(side, ticks): lots for side, ticks, lots in message.levels}
        gone = [
            (side, ticks, 0) for side in (BID, ASK) for ticks in self.venue.book[side] if (side, ticks) not in whole
        ]
        new = [(*at, lots) for at, lots in whole.items() if self.venue.book[at[0]].get(at[1]) != lots]
        return gone + new

    # --- requests -------------------------------------------------------------------------------------------------

    def open_orders(self) -> list[Order]:
        """In the order in which they came."""
        return [self.orders[order_id] for order_id in sorted(self.venue.orders)]

    def find(self, order_id: int | None, client_id: str | None) -> Order | None:
        """An order by either id, open or not."""
        if order_id is None:
            order_id = self._by_client.get(client_id or "")
        return self.orders.get(order_id) if order_id is not None else None

    def place(self, new: NewOrder) -> Order:
        """Takes an order in. Raises `VenueError` where it is refused."""
        self._check(new)
        lots = self._reducible(new)
        self._expire_own(new)
        order_id = next(self._order_ids)
        reports = self.venue.place(order_id, new.side, new.price_ticks, lots, new.kind)
        if reports[0].outcome is Outcome.REJECTED:
            raise self._refusal(reports[0].reason)
        now = self.now_ms()
        order = Order(order_id, new.client_id, new.side, new.kind, new.price_ticks, lots, new.reduce_only, now, now)
        self._by_client[new.client_id] = order_id
        self._lock(order, order.lots)
        self._change("NEW", order)
        self._learn(reports[1:])
        self.truth.see_orders(len(self.venue.orders))
        return self.orders[order_id]

    def cancel(self, order: Order | None) -> Order:
        """Takes an order out. Raises `VenueError` where it is not open."""
        if order is None or not self.venue.cancel(order.order_id):
            raise errors.unknown_order()
        return self._end(order, "CANCELED")

    def cancel_all(self) -> list[Order]:
        """Takes all out."""
        return [self.cancel(order) for order in self.open_orders()]

    def reduce(self, order: Order | None, lots: int) -> Order:
        """Fewer lots in all, filled ones included; the order keeps its place."""
        if order is None or order.order_id not in self.venue.orders:
            raise errors.unknown_order()
        if not order.filled < lots < order.lots:
            raise errors.VenueError(-2038, "Invalid order amendment: the new quantity is not less than the old one.")
        resting = self.venue.orders[order.order_id]
        self.venue.amend(order.order_id, resting.filled_lots + lots - order.filled)
        self._lock(order, lots - order.lots)
        return self._change("REPLACED", replace(order, lots=lots, updated_ms=self.now_ms()))

    def modify(self, order: Order | None, price_ticks: int, lots: int) -> Order:
        """Another price or quantity; the order goes to the back of the queue."""
        if order is None or order.order_id not in self.venue.orders:
            raise errors.unknown_order()
        if (price_ticks, lots) == (order.price_ticks, order.lots):
            raise errors.VenueError(-5027, "No need to modify the order.")
        if lots <= order.filled:
            return self.cancel(order)
        if order.kind is OrderType.POST_ONLY and self._crosses(order.side, price_ticks):
            raise errors.post_only(self.units.spot)
        self.venue.cancel(order.order_id)
        self._lock(order, order.filled - order.lots)
        order = replace(order, price_ticks=price_ticks, lots=lots, updated_ms=self.now_ms())
        reports = self.venue.place(order.order_id, order.side, price_ticks, lots - order.filled, order.kind)
        self._lock(order, order.open_lots)
        self._change("REPLACED", order)
        self._learn(reports[1:])
        return self.orders[order.order_id]

    # --- checks ---------------------------------------------------------------------------------------------------

    def _check(self, new: NewOrder) -> None:
        spot, market = self.units.spot, new.kind is OrderType.MARKET
        known = self._by_client.get(new.client_id)
        mid = self.mid_ticks
        price = round(mid) if market else new.price_ticks
        band = mid * float(self.config.price_band)
        if known in self.venue.orders:
            raise errors.duplicate(spot)
        if new.lots < 1:
            raise errors.off_lot(spot)
        if not market and abs(price - mid) > band:
            raise errors.beyond_band(spot, high=price > mid)
        if self.units.notional(price, new.lots) < self.config.min_notional and not new.reduce_only:
            raise errors.too_small(spot, f"{self.config.min_notional:f}")
        if len(self.venue.orders) >= self.config.max_open_orders:
            raise errors.too_many_open(spot)
        if new.kind is OrderType.POST_ONLY and self._crosses(new.side, price):
            raise errors.post_only(spot)
        open_lots = (self._resting(BID), self._resting(ASK))
        if not new.reduce_only and not self.account.affords(new.side, price, new.lots, mid, open_lots):
            raise errors.no_balance(spot)

    def _crosses(self, side: int, ticks: int) -> bool:
        touch = self.best(1 - side)
        return bool(self._meets_own(side, ticks)) or (touch is not None and _reaches(side, ticks, touch))

    def _meets_own(self, side: int, ticks: int) -> list[Order]:
        others = [order for order in self.open_orders() if order.side != side]
        return [order for order in others if _reaches(side, ticks, order.price_ticks)]

    def _expire_own(self, new: NewOrder) -> None:
        """Self-trade prevention: a taking order expires what it would meet of our own."""
        if new.kind is OrderType.POST_ONLY:
            return
        reach = self.best(1 - new.side) if new.kind is OrderType.MARKET else new.price_ticks
        for order in self._meets_own(new.side, reach) if reach is not None else []:
            self.venue.cancel(order.order_id)
            self._end(order, "EXPIRED_IN_MATCH" if self.units.spot else "EXPIRED")

    def _resting(self, side: int) -> int:
        return sum(order.open_lots for order in self.venue.orders.values() if order.side == side)

    def _reducible(self, new: NewOrder) -> int:
        if not new.reduce_only:
            return new.lots
        reducible = max(self.venue.position if new.side == ASK else -self.venue.position, 0)
        if not reducible:
            raise errors.reduce_only()
        return min(new.lots, reducible)

    def _refusal(self, reason: Reject | None) -> errors.VenueError:
        return errors.post_only(self.units.spot) if reason is Reject.POST_ONLY else errors.too_large_position()

    # --- what happens to orders -----------------------------------------------------------------------------------

    def _learn(self, reports: Iterable[Report]) -> None:
        for report in reports:
            order = self.orders[report.order_id]
            if report.outcome is Outcome.FILLED:
                self._fill(order, report)
            elif report.outcome is Outcome.CANCELED:
                self._end(order, "EXPIRED")

    def _fill(self, order: Order, report: Report) -> None:
        self._lock(order, -report.qty)
        booking = self.account.fill(order.side, report.price, report.qty, report.maker)
        now = self.now_ms()
        execution = Execution(
            next(self._trade_ids),
            order.order_id,
            order.client_id,
            order.side,
            report.price,
            report.qty,
            *booking,
            report.maker,
            now,
        )
        self.executions.append(execution)
        filled = order.filled + report.qty
        order = replace(
            order,
            filled=filled,
            quote_filled=order.quote_filled + self.units.notional(report.price, report.qty),
            status="FILLED" if filled == order.lots else "PARTIALLY_FILLED",
            updated_ms=now,
        )
        self.truth.see_position(self.venue.position)
        self._change("TRADE", order, execution)

    def _end(self, order: Order, status: str) -> Order:
        self._lock(order, -order.open_lots)
        return self._change(status, replace(order, status=status, updated_ms=self.now_ms()))

    def _lock(self, order: Order, lots: int) -> None:
        price = order.price_ticks
        if order.kind is not OrderType.MARKET:
            self.account.lock(order.side, price, lots)

    def _change(self, what: str, order: Order, execution: Execution | None = None) -> Order:
        self.orders[order.order_id] = order
        self.tell(Update(what, order, execution))
        return order


def _reaches(side: int, ticks: int, other: int) -> bool:
    return ticks >= other if side == BID else ticks <= other
