"""The venue in plain Python integers: the definition of a fill that anyone can read, and the judge of the fast engine.

It knows nothing of decisions, windows or JAX. `Venue` takes the exchange's events and our requests in the order in
which they reach the venue and answers with reports; when they reach us is `reference_replay.py`'s business. The rules
are those of DESIGN §5, by number; `reference_queue.py` holds the queue models. Prices are ticks, quantities lots.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from jaxmm.exchange.limits import Limits, Reject
from jaxmm.exchange.reference_queue import Place, place_on_arrival
from jaxmm.exchange.types import FillModel, OrderType

BID, ASK = 0, 1
SELL_TRADE, BUY_TRADE, BID_DEPTH, ASK_DEPTH = 0, 1, 2, 3


class Event(NamedTuple):
    """One market event in exchange order; see `jaxmm.tape.tape.Code`."""

    code: int
    price: int
    qty: int
    prev: int


class Outcome(Enum):
    """What a report says."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELED = "canceled"
    AMENDED = "amended"
    FILLED = "filled"


class Report(NamedTuple):
    """What the venue tells us about one of our orders; `price` and `qty` are those of the fill."""

    order_id: int
    outcome: Outcome
    side: int
    price: int = 0
    qty: int = 0
    maker: bool = True
    reason: Reject | None = None


@dataclass
class RestingOrder:
    """Our order as the venue holds it."""

    order_id: int
    side: int
    price: int
    open_lots: int
    total_lots: int
    place: Place

    @property
    def filled_lots(self) -> int:
        """Lots filled so far."""
        return self.total_lots - self.open_lots

    @property
    def queue_ahead(self) -> float:
        """Lots before us."""
        return self.place.ahead


Taken = dict[tuple[int, int], int]
"""Lots that the orders of one group took, by (side of the book, price)."""


@dataclass
class Venue:
    """One instrument's book and our orders in it. The replayed market does not react to us.

    Attributes:
        model: what counts as a fill.
        limits: what is accepted.
        lot: size of a lot in the instrument's quantity, which two of the queue models take logarithms of.
        book: displayed lots by price, of bids and of asks.
        orders: our resting orders by id, in the order of their arrival.
        position: signed lots, with fills that we do not know of yet.
    """

    model: FillModel
    limits: Limits = field(default_factory=Limits)
    lot: float = 1.0
    book: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    orders: dict[int, RestingOrder] = field(default_factory=dict)
    position: int = 0

    # --- requests -----------------------------------------------------------------------------------------------

    def place(
        self,
        order_id: int,
        side: int,
        price: int,
        qty: int,
        order_type: OrderType = OrderType.POST_ONLY,
        *,
        admitted: bool = True,
        taken: Taken | None = None,
    ) -> list[Report]:
        """Rule 5. A market order's price means nothing.

        `admitted` False says that the request is one too many. Orders of one group share `taken`: what one took of
        the displayed quantity is gone for the next. The market is replayed, so it is there again for the next group.
        """
        taken = {} if taken is None else taken
        limit = None if order_type is OrderType.MARKET else price
        refusal = self._refusal(side, limit, qty, order_type, admitted)
        if refusal is not None:
            return [Report(order_id, Outcome.REJECTED, side, reason=refusal)]
        offered = self._offered(side, limit, taken)
        if order_type is OrderType.FOK and sum(lots for _, lots in offered) < qty:
            offered = []
        reports = [Report(order_id, Outcome.ACCEPTED, side)]
        left = qty
        for level, lots in offered:
            lots = min(lots, left)
            if lots:
                left -= lots
                taken[1 - side, level] = taken.get((1 - side, level), 0) + lots
                reports.append(self._filled(order_id, side, level, lots, maker=False))
        if left and order_type in (OrderType.POST_ONLY, OrderType.GTC):
            place = place_on_arrival(self.model, self.book[side].get(price, 0), self.lot)
            self.orders[order_id] = RestingOrder(order_id, side, price, left, left, place)
        elif left:
            reports.append(Report(order_id, Outcome.CANCELED, side))
        return reports

    def cancel(self, order_id: int) -> list[Report]:
        """Takes an order out of the book; nothing is left to do where a fill came first (rule 6)."""
        order = self.orders.pop(order_id, None)
        return [Report(order_id, Outcome.CANCELED, order.side)] if order else []

    def amend(self, order_id: int, total_lots: int, *, admitted: bool = True) -> list[Report]:
        """Rule 6, the part that keeps its place: the same price, and a total (filled part included) not larger."""
        order = self.orders.get(order_id)
        if order is None:
            return []
        if not admitted:
            return [Report(order_id, Outcome.REJECTED, order.side, reason=Reject.RATE)]
        filled = order.filled_lots
        order.total_lots = max(min(order.total_lots, total_lots), filled)
        order.open_lots = order.total_lots - filled
        if order.open_lots == 0:
            return self.cancel(order_id)
        return [Report(order_id, Outcome.AMENDED, order.side)]

    # --- the market ---------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> list[Report]:
        """Applies one market event; returns the fills of our orders that it caused."""
        volume = event.qty if event.code in (SELL_TRADE, BUY_TRADE) else max(event.qty - event.prev, 0)
        reports: list[Report] = []
        for side in (BID, ASK):
            spent = 0  # rule 7: the best price first, then who came first
            for order in sorted(self._of(side), key=lambda order: order.price, reverse=side == BID):
                offered = max(volume - spent, 0) if self.model.partial else volume
                lots = min(self._fillable(order, event, offered), order.open_lots)
                if lots > 0:
                    spent += lots
                    order.open_lots -= lots
                    reports.append(self._filled(order.order_id, side, order.price, lots, maker=True))
                    if order.open_lots == 0:
                        del self.orders[order.order_id]
        if event.code in (BID_DEPTH, ASK_DEPTH):
            levels = self.book[BID if event.code == BID_DEPTH else ASK]
            levels.pop(event.price, None)
            if event.qty:
                levels[event.price] = event.qty
        return reports

    def _fillable(self, order: RestingOrder, event: Event, offered: int) -> int:
        """Lots that `offered` ones of this event let us fill, before the cap by what is open. Moves us in the queue."""
        takes_us = event.code == (SELL_TRADE if order.side == BID else BUY_TRADE)
        crosses_us = event.code == (ASK_DEPTH if order.side == BID else BID_DEPTH)
        own_level = event.code == (BID_DEPTH if order.side == BID else ASK_DEPTH)
        beyond = event.price < order.price if order.side == BID else event.price > order.price
        at = event.price == order.price

        # rule 1: the other side now rests at or through our price; rule 2: a trade printed through us
        if (crosses_us and event.qty and (beyond or at)) or (takes_us and beyond):
            order.place.stand_first()
            return offered if self.model.partial else order.open_lots
        if takes_us and at:  # rule 3: a trade printed at us
            lots = order.place.on_trade(offered, event.qty)
            return lots if self.model.partial or lots == 0 else order.open_lots
        if own_level and at:  # rule 4
            order.place.on_depth(event.prev, event.qty)
        return 0

    # --- arrivals -----------------------------------------------------------------------------------------------

    def _refusal(self, side: int, limit: int | None, qty: int, order_type: OrderType, admitted: bool) -> Reject | None:
        """The first reason not to take an order; `limit` is None for a market order, which has no price to check."""
        limits = self.limits
        committed = (self.position if side == BID else -self.position) + sum(o.open_lots for o in self._of(side))
        reasons = {
            Reject.RATE: not admitted,
            Reject.TICK: limit is not None and limit % limits.tick_step != 0,
            Reject.LOT: qty % limits.lot_step != 0 or qty < limits.min_lots,
            Reject.NOTIONAL: limit is not None and limit * qty < limits.min_notional,
            Reject.POSITION: committed + qty > limits.max_position_lots,
            Reject.POST_ONLY: order_type is OrderType.POST_ONLY and bool(self._offered(side, limit, {})),
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def _offered(self, side: int, limit: int | None, taken: Taken) -> list[tuple[int, int]]:
        """(price, lots) that an order of `side` can take, best first, as far as its limit allows."""
        levels = self.book[1 - side]
        within = [p for p in levels if limit is None or (p <= limit if side == BID else p >= limit)]
        return [(p, levels[p] - taken.get((1 - side, p), 0)) for p in sorted(within, reverse=side == ASK)]

    def _of(self, side: int) -> list[RestingOrder]:
        return [order for order in self.orders.values() if order.side == side]

    def _filled(self, order_id: int, side: int, price: int, lots: int, *, maker: bool) -> Report:
        self.position += lots if side == BID else -lots
        return Report(order_id, Outcome.FILLED, side, price, lots, maker)
