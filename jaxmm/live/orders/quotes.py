"""Which of our orders are our quotes, and the least set of requests that makes them what is wanted."""

from collections.abc import Iterator

from jaxmm.exchange.types import OrderType
from jaxmm.live.messages import Amend, Cancel, Place
from jaxmm.live.orders.drafts import Draft
from jaxmm.live.orders.memory import OrderBook
from jaxmm.live.orders.order import Order


class Quotes:
    """N slots a side, each with the client id of an order of `book`; an order that leaves its slot is to be gone."""

    def __init__(self, book: OrderBook, count: int, order_type: OrderType, *, can_amend: bool) -> None:
        self.slots: tuple[list[str], list[str]] = ([""] * count, [""] * count)
        self._book = book
        self._order_type = order_type
        self._can_amend = can_amend

    def of(self, side: int) -> list[Order | None]:
        """The orders of a side by slot."""
        return [self._book.get(name) for name in self.slots[side]]

    def seat(self, order: Order) -> None:
        """Gives a new order the first free slot of its side; one that finds none is no quote and will be cancelled."""
        for index, before in enumerate(self.of(order.side)):
            if before is None or not before.open_lots:
                self.slots[order.side][index], order.kept = order.client_id, True
                return

    def leave(self, order: Order) -> None:
        """The order is no quote any more."""
        slots = self.slots[order.side]
        if order.client_id in slots:
            slots[slots.index(order.client_id)] = ""
        order.kept = False

    def adjusted(self, side: int, wanted: dict[int, int]) -> Iterator[Draft]:
        """What makes lots by price our only quotes of a side whose orders are all certain."""
        if len(wanted) > len(self.slots[side]):
            raise ValueError(f"{len(wanted)} quotes of one side are wanted, {len(self.slots[side])} is the most")
        rest = dict(wanted)
        for order in self.of(side):
            if order is None or not order.open_lots:
                continue
            lots = rest.get(order.price_ticks, order.total_lots + 1)
            if lots == order.total_lots or (lots < order.total_lots and self._can_amend):
                del rest[order.price_ticks]
                if lots < order.total_lots:
                    yield Amend(0, order.client_id, side, order.price_ticks, lots + order.taken_lots)
            else:
                yield Cancel(0, order.client_id)
        for price, lots in rest.items():
            yield Place(0, "", side, price, lots, self._order_type)
