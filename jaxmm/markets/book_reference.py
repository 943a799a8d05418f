"""A price-time priority book in plain Python: the definition anyone can read, and the judge of `matching`.

A message is (kind, side, id, price, lots); what it causes is a list of outcomes, oldest first, each
(what, id, price, lots): every fill with its maker, then how the message ended. Prices in ticks, quantities in lots.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from jaxmm.data.schema import Side

BID, ASK = int(Side.BID), int(Side.ASK)


class Kind(IntEnum):
    """What a message asks for."""

    NONE = 0
    """Nothing: a pause."""
    LIMIT = 1
    """Takes what it can at `price` or better; the rest joins the queue at `price` under `id`."""
    MARKET = 2
    """Takes what there is; what is left after the last order of the other side is dropped."""
    CANCEL = 3
    """Takes the order `id` out."""
    AMEND = 4
    """Leaves `lots` of the order `id`, fewer than remain; it keeps its place."""


class What(IntEnum):
    """An outcome. A message causes any number of PART and then exactly one of the others."""

    NOTHING = 0
    """There was no message."""
    PART = 1
    """A fill against the maker `id` at its `price`; the taker has lots left."""
    FILLED = 2
    """The same; the taker has none left."""
    RESTS = 3
    """`lots` joined the queue at `price`."""
    CANCELLED = 4
    """`lots` left the queue at `price`."""
    AMENDED = 5
    """`lots` remain in the queue at `price`."""
    UNFILLED = 6
    """`lots` of a market order found nobody."""
    UNKNOWN = 7
    """No order `id` rests."""
    NOT_FEWER = 8
    """An amendment to no lots, or to no fewer than remain, was refused."""
    NO_LOTS = 9
    """An order of no lots was refused."""
    FULL = 10
    """`lots` were refused: the side has no room for another order."""


class Outcome(NamedTuple):
    """One thing that happened; price is 0 where nothing rests or trades."""

    what: int
    id: int
    price: int
    lots: int


class Resting(NamedTuple):
    """One order in a queue."""

    side: int
    id: int
    price: int
    lots: int


class PlainBook:
    """One instrument's resting orders, at most `capacity` a side."""

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.queues: tuple[dict[int, dict[int, int]], ...] = ({}, {})  # side → price → id → lots, oldest first
        self.prices: tuple[list[int], ...] = ([], [])  # side → prices that have a queue, ascending
        self.where: dict[int, tuple[int, int]] = {}  # id → side, price
        self.orders = [0, 0]  # a side

    def send(self, kind: int, side: int, id: int, price: int, lots: int) -> list[Outcome]:
        """What one message causes."""
        if kind == Kind.NONE:
            return [Outcome(What.NOTHING, id, 0, 0)]
        if kind == Kind.CANCEL:
            return [self._cancel(id)]
        if kind == Kind.AMEND:
            return [self._amend(id, lots)]
        if lots <= 0:
            return [Outcome(What.NO_LOTS, id, 0, lots)]
        outcomes, left = self._take(side, price if kind == Kind.LIMIT else None, lots)
        if left == 0:
            return outcomes
        if kind == Kind.MARKET:
            return [*outcomes, Outcome(What.UNFILLED, id, 0, left)]
        return [*outcomes, self._rest(side, id, price, left)]

    def resting(self) -> Iterator[Resting]:
        """Every order: bids from the best, then asks from the best, each price oldest first."""
        for side in (BID, ASK):
            for price in reversed(self.prices[side]) if side == BID else self.prices[side]:
                for id, lots in self.queues[side][price].items():
                    yield Resting(side, id, price, lots)

    def _best(self, side: int) -> int | None:
        prices = self.prices[side]
        return (prices[-1] if side == BID else prices[0]) if prices else None

    def _take(self, side: int, limit: int | None, lots: int) -> tuple[list[Outcome], int]:
        """Fills of an order that came from `side`, and what is left of it."""
        outcomes = []
        other = ASK if side == BID else BID
        while lots and (price := self._best(other)) is not None:
            if limit is not None and (price > limit if side == BID else price < limit):
                break
            id, there = next(iter(self.queues[other][price].items()))
            fill = min(lots, there)
            lots -= fill
            self._leave(id, there - fill)
            outcomes.append(Outcome(What.PART if lots else What.FILLED, id, price, fill))
        return outcomes, lots

    def _rest(self, side: int, id: int, price: int, lots: int) -> Outcome:
        if self.orders[side] == self.capacity:
            return Outcome(What.FULL, id, 0, lots)
        if price not in self.queues[side]:
            self.queues[side][price] = {}
            insort(self.prices[side], price)
        self.queues[side][price][id] = lots
        self.where[id] = side, price
        self.orders[side] += 1
        return Outcome(What.RESTS, id, price, lots)

    def _cancel(self, id: int) -> Outcome:
        if id not in self.where:
            return Outcome(What.UNKNOWN, id, 0, 0)
        side, price = self.where[id]
        lots = self.queues[side][price][id]
        self._leave(id, 0)
        return Outcome(What.CANCELLED, id, price, lots)

    def _amend(self, id: int, lots: int) -> Outcome:
        if id not in self.where:
            return Outcome(What.UNKNOWN, id, 0, 0)
        side, price = self.where[id]
        if not 0 < lots < self.queues[side][price][id]:
            return Outcome(What.NOT_FEWER, id, 0, lots)
        self._leave(id, lots)
        return Outcome(What.AMENDED, id, price, lots)

    def _leave(self, id: int, lots: int) -> None:
        """`lots` remain of an order; none: it is gone, and its price with it if it was the last there."""
        side, price = self.where[id]
        queue = self.queues[side][price]
        if lots:
            queue[id] = lots
            return
        del queue[id], self.where[id]
        self.orders[side] -= 1
        if not queue:
            del self.queues[side][price]
            del self.prices[side][bisect_left(self.prices[side], price)]
