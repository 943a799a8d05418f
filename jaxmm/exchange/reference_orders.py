"""The quote manager in plain Python: from the quotes that are wanted to the requests that bring them about.

Its rules, which the engine and the live order manager share, for N orders a side:

- A side with an unanswered group of requests waits: what is wanted of it is ignored, and it has no known open orders.
- A known open order whose price is wanted, of no more lots than its total, stays; if fewer are wanted it is amended
  down and keeps its place. All others are cancelled. What is wanted beyond that is placed, in the order of the entries,
  into the free slots in ascending order. All this is one group: cancels, then amends, then places.
- Of entries with one price the first counts. `flatten` cancels all and closes the known position by a market order.
- An order counts as open, and a fill as ours, once the report of it has reached us. A total includes what is filled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from jaxmm.exchange.reference import ASK, BID, Outcome, Report
from jaxmm.exchange.types import OrderType

Lots = int | Sequence[int]


class Wanted(NamedTuple):
    """What a quoter wants at one decision: N prices and lots a side, or one; lots of 0 are no quote."""

    bid: Lots = 0
    bid_lots: Lots = 0
    ask: Lots = 0
    ask_lots: Lots = 0
    flatten: bool = False

    def entries(self, side: int) -> list[tuple[int, int]]:
        """(price, lots) of one side, in order, without those of 0 lots and those whose price came before."""
        prices, lots = (self.bid, self.bid_lots) if side == BID else (self.ask, self.ask_lots)
        first: dict[int, int] = {}
        for price, qty in zip(_many(prices), _many(lots), strict=True):
            if qty > 0:
                first.setdefault(price, qty)
        return list(first.items())


class Amend(NamedTuple):
    """Order `order_id` shall have `total` lots, filled part included."""

    slot: int
    order_id: int
    total: int


class Placement(NamedTuple):
    """A new order; slot −1 is a market order that closes the position."""

    slot: int
    order_id: int
    side: int
    price: int
    lots: int
    order_type: OrderType


@dataclass
class Requests:
    """What is sent for one side at one decision."""

    cancels: list[int] = field(default_factory=list)
    amends: list[Amend] = field(default_factory=list)
    places: list[Placement] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.cancels or self.amends or self.places)


@dataclass
class Slot:
    """What we believe of one order."""

    order_id: int = -1
    price: int = 0
    total: int = 0
    filled: int = 0
    amended: int | None = None  # the total that an amend under way asks for

    @property
    def open_lots(self) -> int:
        """Lots that we know to be open, unless a request is under way."""
        return max(self.total - self.filled, 0)


class SideOrders:
    """Our N orders of one side as far as we know, and whether the side waits."""

    def __init__(self, side: int, count: int, order_type: OrderType, ids: Iterator[int]) -> None:
        self.side = side
        self.slots = [Slot() for _ in range(count)]
        self.waiting = False
        self._order_type = order_type
        self._ids = ids

    def open_lots(self) -> tuple[int, ...]:
        """Known open lots by slot."""
        return tuple(0 if self.waiting else slot.open_lots for slot in self.slots)

    def want(self, entries: Sequence[tuple[int, int]]) -> Requests:
        """The requests that make `entries` our only orders; none while the side waits."""
        requests = Requests()
        if self.waiting:
            return requests
        if len(entries) > len(self.slots):
            raise ValueError(f"{len(entries)} quotes of one side are wanted, {len(self.slots)} is the most")
        wanted, free = dict(entries), []
        for index, slot in enumerate(self.slots):
            if slot.open_lots and slot.total >= wanted.get(slot.price, slot.total + 1):
                lots = wanted.pop(slot.price)
                if lots < slot.total:
                    slot.amended = lots
                    requests.amends.append(Amend(index, slot.order_id, lots))
                continue
            if slot.open_lots:
                requests.cancels.append(slot.order_id)
            self.slots[index] = Slot()
            free.append(index)
        for (price, lots), index in zip(wanted.items(), free, strict=False):
            order_id = next(self._ids)
            self.slots[index] = Slot(order_id, price, lots)
            requests.places.append(Placement(index, order_id, self.side, price, lots, self._order_type))
        self.waiting = bool(requests)
        return requests

    def flatten(self, lots: int) -> Requests:
        """Cancels all, and buys or sells `lots` at once where they are above 0."""
        if self.waiting:
            return Requests()
        requests = self.want(())
        if lots > 0:
            requests.places.append(Placement(-1, next(self._ids), self.side, 0, lots, OrderType.MARKET))
        self.waiting = bool(requests)
        return requests

    def on_report(self, report: Report) -> None:
        """A report has reached us."""
        slot = next((slot for slot in self.slots if slot.order_id == report.order_id), None)
        if slot is None:  # an order that we have left behind
            return
        if report.outcome is Outcome.FILLED and report.maker:
            slot.filled += report.qty
        elif report.outcome is Outcome.FILLED:  # what was taken on arrival never rested
            slot.total -= report.qty
        elif report.outcome is Outcome.AMENDED:
            slot.total = slot.amended if slot.amended is not None else slot.total
        elif report.outcome is Outcome.CANCELED or (report.outcome is Outcome.REJECTED and slot.amended is None):
            slot.total = 0

    def answered(self) -> None:
        """The answer to the group under way has reached us."""
        self.waiting = False
        for slot in self.slots:
            slot.amended = None


def closing(position: int) -> dict[int, int]:
    """Lots to sell or buy that close a position, by side."""
    return {BID: max(-position, 0), ASK: max(position, 0)}


def _many(value: Lots) -> Sequence[int]:
    return (value,) if isinstance(value, int) else value
