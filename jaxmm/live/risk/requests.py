"""Checks of requests before they are sent: one draft at a time, against the orders that may already be at the venue.

What is being cancelled, or of unknown outcome, may still fill: it counts in full, so that no limit can be exceeded on
the venue's side by a cancel that loses its race. Cancels and queries pass, but for the minimum quote life. Amends are
the order manager's: they only make an order smaller.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from jaxmm.exchange.types import OrderType
from jaxmm.instrument import Instrument
from jaxmm.live.messages import BID, Amend, Cancel, Place
from jaxmm.live.orders.drafts import Draft
from jaxmm.live.risk.facts import Facts, OwnOrder
from jaxmm.live.risk.limits import MS, RiskLimits
from jaxmm.live.risk.reasons import Quoting, Reason

Finding = tuple[Reason, str]


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests sent so far."""

    last_second: int
    today: int


class Size:
    """What orders of an instrument are worth, in quote currency, exactly."""

    def __init__(self, instrument: Instrument) -> None:
        self._inverse = instrument.kind == "inverse"
        lot, contract = Decimal(repr(instrument.lot_size)), Decimal(repr(instrument.contract_size))
        self._unit = lot * contract if self._inverse else lot * contract * Decimal(repr(instrument.tick_size))

    def notional(self, price_ticks: int, lots: int) -> Decimal:
        """Price · quantity."""
        return self._unit * (lots if self._inverse else lots * price_ticks)


class RequestChecks:
    """The checks of one group of drafts, which are sent together."""

    def __init__(self, limits: RiskLimits, size: Size, facts: Facts, quoting: Quoting) -> None:
        self._limits = limits
        self._size_of = size
        self._facts = facts
        self._quoting = quoting
        self._orders = list(facts.orders)
        self._withheld = [0, 0]  # cancels of too young orders, by side: their places are not free

    def check(self, draft: Draft, budget: Budget) -> Finding | None:
        """Why the draft may not be sent; None where it may, and then it counts for the next ones."""
        if isinstance(draft, Cancel):
            return self._check_cancel(draft)
        if isinstance(draft, Amend):
            return self._not_quoting(draft) or self._budget(budget)
        if isinstance(draft, Place):
            return self._check_place(draft, budget)
        return None

    def _check_cancel(self, draft: Cancel) -> Finding | None:
        index = next((i for i, order in enumerate(self._orders) if order.client_id == draft.client_id), None)
        if index is None:
            return None
        order = self._orders[index]
        age_ns, least_ns = self._facts.now_ns - order.sent_ns, self._limits.min_quote_life_ms * MS
        if self._quoting is Quoting.BOTH and age_ns < least_ns:
            self._withheld[order.side] += 1
            return Reason.QUOTE_LIFE, f"order {order.client_id} is {age_ns / MS:.0f} ms old, at least {least_ns / MS:g}"
        self._orders[index] = replace(order, canceling=True)
        return None

    def _check_place(self, draft: Place, budget: Budget) -> Finding | None:
        closes = draft.reduce_only and draft.order_type is OrderType.MARKET
        finding = self._beyond_closing(draft) if closes else self._opening(draft, budget)
        if finding is None:
            facts = self._facts
            self._orders.append(OwnOrder(draft.client_id, draft.side, draft.price_ticks, draft.qty_lots, facts.now_ns))
        return finding

    def _opening(self, draft: Place, budget: Budget) -> Finding | None:
        return (
            self._not_quoting(draft)
            or self._replaces_a_young_one(draft)
            or self._size(draft)
            or self._price(draft)
            or self._self_trade(draft)
            or self._exposure(draft)
            or self._open_orders()
            or self._budget(budget)
        )

    def _beyond_closing(self, draft: Place) -> Finding | None:
        """A market order that does no more than close the position is held back by nothing, in no state."""
        staying = sum(order.open_lots for order in self._orders if order.side == draft.side and not order.canceling)
        against = self._against(draft.side)
        if draft.qty_lots + staying <= against:
            return None
        return Reason.EXPOSURE, f"{draft.qty_lots + staying} lots would close a position of {max(against, 0)}"

    def _reduces(self, draft: Place | Amend) -> bool:
        """Whether it cannot turn the position round, even if all open orders of its side fill."""
        others = self._open_lots(draft.side)
        if isinstance(draft, Amend):
            others -= sum(order.open_lots for order in self._orders if order.client_id == draft.client_id)
        return draft.qty_lots + others <= self._against(draft.side)

    def _against(self, side: int) -> int:
        """Lots of this side that close the position; negative where it would only grow."""
        return -self._facts.position_lots if side == BID else self._facts.position_lots

    def _open_lots(self, side: int) -> int:
        return sum(order.open_lots for order in self._orders if order.side == side)

    def _not_quoting(self, draft: Place | Amend) -> Finding | None:
        if self._quoting is Quoting.BOTH or (self._quoting is Quoting.REDUCE_ONLY and self._reduces(draft)):
            return None
        return Reason.NOT_QUOTING, f"quoting is {self._quoting}"

    def _replaces_a_young_one(self, draft: Place) -> Finding | None:
        if not self._withheld[draft.side]:
            return None
        self._withheld[draft.side] -= 1
        return Reason.QUOTE_LIFE, "the order in its place is too young to go"

    def _size(self, draft: Place) -> Finding | None:
        limits = self._limits
        if draft.qty_lots > limits.max_order_lots:
            return Reason.ORDER_SIZE, f"{draft.qty_lots} lots, at most {limits.max_order_lots}"
        price = self._expected_price(draft)
        if price is None:
            return Reason.PRICE_BAND, "neither mid nor mark is known"
        notional = self._size_of.notional(price, draft.qty_lots)
        if notional > limits.max_order_notional:
            return Reason.ORDER_NOTIONAL, f"{notional:f}, at most {limits.max_order_notional:f}"
        return None

    def _expected_price(self, draft: Place) -> int | None:
        """Ticks; of a market order, that of the touch it takes from."""
        if draft.order_type is not OrderType.MARKET:
            return draft.price_ticks
        return self._facts.ask_ticks if draft.side == BID else self._facts.bid_ticks

    def _price(self, draft: Place) -> Finding | None:
        if draft.order_type is OrderType.MARKET:
            return None
        facts, band = self._facts, self._limits.price_band
        mid = None if facts.bid_ticks is None or facts.ask_ticks is None else (facts.bid_ticks + facts.ask_ticks) / 2
        known = [(name, price) for name, price in (("mid", mid), ("mark", facts.mark_ticks)) if price is not None]
        for name, price in known:
            if abs(draft.price_ticks - price) > band * price:
                return Reason.PRICE_BAND, f"{draft.price_ticks} ticks, more than {band:g} of it from {name} {price:g}"
        return None if known else (Reason.PRICE_BAND, "neither mid nor mark is known")

    def _self_trade(self, draft: Place) -> Finding | None:
        """Whether it meets an order of ours; one on its way out can only be met by an order that takes."""
        takes = draft.order_type is not OrderType.POST_ONLY
        for order in self._orders:
            if order.side == draft.side or (order.canceling and not takes):
                continue
            bid, ask = (draft, order) if draft.side == BID else (order, draft)
            if draft.order_type is OrderType.MARKET or bid.price_ticks >= ask.price_ticks:
                return Reason.SELF_TRADE, f"it would meet our own order {order.client_id}"
        return None

    def _exposure(self, draft: Place) -> Finding | None:
        facts, most = self._facts, self._limits.max_position_lots
        towards = facts.position_lots if draft.side == BID else -facts.position_lots
        worst = towards + self._open_lots(draft.side) + draft.qty_lots
        if worst <= most:
            return None
        return Reason.EXPOSURE, f"position could become {worst if draft.side == BID else -worst} lots, at most {most}"

    def _open_orders(self) -> Finding | None:
        if len(self._orders) < self._limits.max_open_orders:
            return None
        return Reason.OPEN_ORDERS, f"{len(self._orders)} orders may be open, at most {self._limits.max_open_orders}"

    def _budget(self, budget: Budget) -> Finding | None:
        limits = self._limits
        if budget.last_second >= limits.max_messages_per_s:
            return (
                Reason.MESSAGE_RATE,
                f"{budget.last_second} requests in a second, at most {limits.max_messages_per_s}",
            )
        if budget.today >= limits.max_messages_per_day:
            return Reason.MESSAGE_BUDGET, f"{budget.today} requests today, at most {limits.max_messages_per_day}"
        return None


def new_risk(draft: Draft) -> bool:
    """Whether the request puts something at risk, so that it is held back where another of its group is at fault."""
    return isinstance(draft, Place | Amend)
