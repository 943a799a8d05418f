"""The venue in plain Python integers: the definition of a fill that anyone can read, and the judge of the fast engine.

It knows nothing of decisions, windows or JAX. `Venue` takes the exchange's events and our requests in the order in
which they reach the venue and answers with reports; when they reach us is `reference_replay.py`'s business.
The rules are those of DESIGN §5, by number. Prices are ticks, quantities lots.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from jaxmm.exchange.types import FillModel, QueueModel

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


@dataclass
class RestingOrder:
    """Our order as the venue holds it; `queue_ahead` counts the lots before us."""

    order_id: int
    side: int
    price: int
    open_lots: int
    total_lots: int
    queue_ahead: int

    @property
    def filled_lots(self) -> int:
        """Lots filled so far."""
        return self.total_lots - self.open_lots


@dataclass
class Venue:
    """One instrument's book and our orders in it. The replayed market does not react to us."""

    model: FillModel
    book: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    orders: dict[int, RestingOrder] = field(default_factory=dict)

    def best_bid(self) -> int | None:
        """The highest displayed bid."""
        return max(self.book[BID], default=None)

    def best_ask(self) -> int | None:
        """The lowest displayed ask."""
        return min(self.book[ASK], default=None)

    # --- requests -----------------------------------------------------------------------------------------------

    def place(
        self, order_id: int, side: int, price: int | None, qty: int, *, post_only: bool = True, resting: bool = True
    ) -> list[Report]:
        """Rule 5. `price` None is a market order; `resting` False cancels what was not taken on arrival (IOC)."""
        crosses = self._crosses(side, price)
        if crosses and post_only:
            return [Report(order_id, Outcome.REJECTED, side)]
        reports = [Report(order_id, Outcome.ACCEPTED, side)]
        taken = self._take(order_id, side, price, qty) if crosses else []
        left = qty - sum(report.qty for report in taken)
        reports += taken
        if left and resting and price is not None:
            queue_ahead = self._queue_on_arrival(side, price)
            self.orders[order_id] = RestingOrder(order_id, side, price, left, left, queue_ahead)
        elif left:
            reports.append(Report(order_id, Outcome.CANCELED, side))
        return reports

    def cancel(self, order_id: int) -> list[Report]:
        """Takes an order out of the book; nothing is left to do where a fill came first (rule 6)."""
        order = self.orders.pop(order_id, None)
        return [Report(order_id, Outcome.CANCELED, order.side)] if order else []

    def amend(self, order_id: int, total_lots: int) -> list[Report]:
        """Rule 6, the part that keeps its place: the same price, and a total (filled part included) not larger."""
        order = self.orders.get(order_id)
        if order is None:
            return []
        filled = order.filled_lots
        order.total_lots = min(order.total_lots, max(total_lots, filled))
        order.open_lots = order.total_lots - filled
        if order.open_lots == 0:
            return self.cancel(order_id)
        return [Report(order_id, Outcome.AMENDED, order.side)]

    # --- the market ---------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> list[Report]:
        """Applies one market event; returns the fills of our orders that it caused."""
        reports = []
        for order in list(self.orders.values()):
            lots = min(self._fillable(order, event), order.open_lots)
            if lots > 0:
                order.open_lots -= lots
                reports.append(Report(order.order_id, Outcome.FILLED, order.side, order.price, lots))
                if order.open_lots == 0:
                    del self.orders[order.order_id]
        if event.code in (BID_DEPTH, ASK_DEPTH):
            levels = self.book[BID if event.code == BID_DEPTH else ASK]
            levels.pop(event.price, None)
            if event.qty:
                levels[event.price] = event.qty
        return reports

    def _fillable(self, order: RestingOrder, event: Event) -> int:
        """Lots that this event lets us fill, before the cap by what is open. Moves us in the queue."""
        takes_us = event.code == (SELL_TRADE if order.side == BID else BUY_TRADE)
        crosses_us = event.code == (ASK_DEPTH if order.side == BID else BID_DEPTH)
        own_level = event.code == (BID_DEPTH if order.side == BID else ASK_DEPTH)
        beyond = event.price < order.price if order.side == BID else event.price > order.price
        at = event.price == order.price

        if crosses_us and event.qty and (beyond or at):  # rule 1: the other side now rests at or through our price
            return self._sized(order, max(event.qty - event.prev, 0))
        if takes_us and beyond:  # rule 2: a trade printed through us
            return self._sized(order, event.qty)
        if takes_us and at and self.model.queue is not QueueModel.PENETRATION:  # rule 3: a trade printed at us
            ahead = order.queue_ahead
            order.queue_ahead = max(ahead - event.qty, 0)
            came = event.qty - ahead
            return self._sized(order, came) if came > 0 else 0
        if own_level and at and self.model.queue is QueueModel.RISK_AVERSE:  # rule 4: nobody ahead beyond what is shown
            order.queue_ahead = min(order.queue_ahead, event.qty)
        return 0

    def _sized(self, order: RestingOrder, came: int) -> int:
        """All that is open in `full`; the volume that came through in `partial`, after which nobody is ahead."""
        if not self.model.partial:
            return order.open_lots
        order.queue_ahead = 0
        return came

    # --- arrivals -----------------------------------------------------------------------------------------------

    def _crosses(self, side: int, price: int | None) -> bool:
        if side == BID:
            ask = self.best_ask()
            return ask is not None and (price is None or price >= ask)
        bid = self.best_bid()
        return bid is not None and (price is None or price <= bid)

    def _take(self, order_id: int, side: int, price: int | None, qty: int) -> list[Report]:
        """Displayed quantity level by level, best first, as far as the limit allows."""
        levels = self.book[ASK if side == BID else BID]
        fills = []
        for level in sorted(levels, reverse=side == ASK):
            within = price is None or (level <= price if side == BID else level >= price)
            lots = min(levels[level], qty)
            if not within or lots == 0:
                break
            qty -= lots
            fills.append(Report(order_id, Outcome.FILLED, side, level, lots, maker=False))
        return fills

    def _queue_on_arrival(self, side: int, price: int) -> int:
        return 0 if self.model.queue is QueueModel.TOUCH else self.book[side].get(price, 0)
