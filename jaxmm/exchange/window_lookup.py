"""Looking up the window table on the device: scalars in, scalars out; callers vmap.

D decisions · L levels a side · W words a level · T offers a side. Keys as in `engine.py`.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.errors import NotExact
from jaxmm.exchange.engine import Filled
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import INFINITE, OrderType, QueueModel
from jaxmm.exchange.window_fold import BEFORE, WHOLE
from jaxmm.exchange.window_table import WindowTable
from jaxmm.policy.types import View

Array = Any
THROUGH = -INFINITE // 2
"""A b below this: the market ran through the level."""


class Order(NamedTuple):
    """One of our orders; `lots` 0 is none."""

    key: Array  # int32, price ticks, negated for asks
    lots: Array  # int32, total, filled part included
    queue: Array  # int32, z as far as known


class Move(NamedTuple):
    """What a run of events does to a queue position: z ↦ min(z − a, b)."""

    a: Array  # int32
    b: Array  # int32


class Table(NamedTuple):
    """A `WindowTable` on the device."""

    head: Array  # int32 [D, 4 or 6]
    rows: Array  # int32 [D, 2, L, W]
    offers: Array  # int32 [D, 2, T, 2]
    inside: Array  # int32
    partial: Array  # bool, made for partial fills
    counts: Array  # bool, made for a model in which trades at our price count

    @classmethod
    def of(cls, table: WindowTable) -> "Table":
        """The arrays, moved."""
        head, rows, offers = (jnp.asarray(array) for array in (table.head, table.rows, table.offers))
        counts = table.model.queue is not QueueModel.PENETRATION
        partial = table.model.partial
        return cls(head, rows, offers, jnp.int32(table.inside), jnp.asarray(partial), jnp.asarray(counts))

    @property
    def decisions(self) -> int:
        """D."""
        return int(self.head.shape[0])

    def mid(self, k: Array) -> Array:
        """Local mid at decision k, int32 half-ticks."""
        return self.head[k, 0] + self.head[k, 1]

    def view(
        self,
        features: Array,
        orders: tuple[Order, Order],
        known: tuple[Array, Array],
        position: Array,
        k: Array,
        time_left: Array,
    ) -> View:
        """The view at decision k: touch, features [D, F], and our bid and ask with the lots `known` to be open."""
        touch, (bid, ask) = self.head[k], orders
        return View(touch[0], touch[1], position, features[k], bid.key, known[0], -ask.key, known[1], time_left)

    @property
    def waits(self) -> bool:
        """Whether answers come later than the next decision."""
        return bool(self.rows.shape[3] > WHOLE)

    def level(self, k: Array, s: int, key: Array) -> Array:
        """Level of a key of side `s` in row k; below 0 or from L on where it is outside."""
        best = -self.head[k, 1] if s else self.head[k, 0]
        return best - key + self.inside

    def outside(self, level: Array) -> Array:
        """Whether there is no such level."""
        return (level < 0) | (level >= self.rows.shape[2])

    def words(self, k: Array, s: int, level: Array, place: Array) -> Array:
        """One word of a level; of the nearest where it is outside."""
        level = jnp.clip(level, 0, self.rows.shape[2] - 1)
        return self.rows.at[k, s, level, place].get(mode="promise_in_bounds")

    def move(self, k: Array, s: int, level: Array, place: Array) -> Move:
        """The (a, b) of a level."""
        return Move(self.words(k, s, level, place), self.words(k, s, level, place + 1))

    def leaving(self, k: Array, s: int, key: Array, before: Array, rules: Rules) -> tuple[Move, Array]:
        """What a part of row k does to a leaving order: that `before` the arrival, or the whole window.

        Such an order is not named again, so it may be outside. There it was run through or not even reached, as the
        part's threshold tells; where neither is sure, the second answer is true.
        """
        level = self.level(k, s, key)
        at = self.move(k, s, level, jnp.where(before, BEFORE, WHOLE) if self.waits else BEFORE)
        threshold = self.head[k, 2 + s + (jnp.where(before, 0, 2) if self.waits else 0)]
        through = ~rules.partial & (key >= threshold)
        away = Move(jnp.int32(0), jnp.where(through, -INFINITE, INFINITE))
        outside = self.outside(level)
        move = Move(*(jnp.where(outside, there, here) for there, here in zip(away, at, strict=True)))
        return move, outside & ~through & (key >= threshold - 1)

    def wrong_for(self, rules: Rules) -> Array:
        """1 where this table was made for fill models of another kind, else 0."""
        wrong = (self.partial != rules.partial) | (rules.partial & (self.counts != rules.queue_counts))
        return wrong.astype(jnp.int32)


def check_rules(rules: Rules, orders: int, limits: Limits | None = None) -> None:
    """Raises `NotExact` on what windows cannot do exactly."""
    if rules.model.probabilistic:
        raise NotExact(f"window engine: queue model {rules.model.name.lower()} does not compose; use the event engine")
    if limits is not None:
        raise NotExact("window engine: it rejects no order by a venue's limits; use the event engine")
    if orders != 1:
        raise NotExact(f"window engine: it holds one order a side, not {orders}; use the event engine")


def filled_lots(queue: Array, lots: Array) -> Array:
    """Lots filled so far."""
    return jnp.clip(-queue, 0, lots)


def open_lots(order: Order) -> Array:
    """Lots open."""
    return order.lots - filled_lots(order.queue, order.lots)


def moved(queue: Array, by: Move, total: Array, rules: Rules) -> Array:
    """The queue position of a live order of `total` lots after a run of events."""
    counted = jnp.minimum(queue - by.a, by.b)
    passed = jnp.where(by.b <= THROUGH, by.b, queue)
    after = jnp.where(rules.queue_counts | rules.partial, counted, passed)
    return jnp.where(~rules.partial & (after < 0), -total, jnp.maximum(after, -total))


def crossing(shown: Array) -> Array:
    """Whether an order at this level would take on arrival."""
    return shown < 0


def queue_on_arrival(shown: Array, rules: Rules) -> Array:
    """Lots ahead of a new order at a level."""
    displayed = shown ^ (shown >> 31)
    return jnp.where(rules.no_queue, 0, jnp.where(rules.queue_counts, displayed, INFINITE))


class Arrived(NamedTuple):
    """What became of a new order."""

    took: Filled
    rests: Array  # int32 lots
    short: Array  # bool: the offers of the table do not tell what it took


def arrive(
    table: Table, k: Array, s: int, key: Array, lots: Array, market: Array, shown: Array, rules: Rules
) -> Arrived:
    """A new order of `lots` (0: none) at `key`, or at any price where it is a `market` order, sent at decision k."""
    kind = jnp.where(market, jnp.int32(OrderType.MARKET), rules.order_type)
    free = kind == OrderType.MARKET
    crosses = free | crossing(shown)
    wanted = jnp.where(crosses & (kind != OrderType.POST_ONLY), lots, 0)
    took, goes_on = _take(table.offers, k, s, jnp.where(free, INFINITE, key), wanted)
    fails = (kind == OrderType.FOK) & (took.lots < lots)
    short = goes_on & (took.lots < wanted)
    took = took._replace(lots=jnp.where(fails, 0, took.lots), extra=jnp.where(fails, 0, took.extra))
    rests_too = (kind == OrderType.GTC) | ((kind == OrderType.POST_ONLY) & ~crosses)
    return Arrived(took, jnp.where(rests_too, lots - took.lots, 0), short)


def _take(offers: Array, k: Array, s: int, limit: Array, wanted: Array) -> tuple[Filled, Array]:
    """`wanted` lots level by level up to key `limit`; and whether there may be more beyond the T levels."""
    if offers.shape[2] == 0:
        return Filled(jnp.int32(0), jnp.int32(0), jnp.int32(0), k), jnp.asarray(True)
    left, extra, best = wanted, jnp.int32(0), offers[k, s, 0, 0]
    goes_on = jnp.asarray(True)
    for level in range(offers.shape[2]):
        key, size = offers[k, s, level, 0], offers[k, s, level, 1]
        lots = jnp.where(key <= limit, jnp.minimum(size, left), 0)
        left, extra = left - lots, extra + lots * (key - best)
        goes_on = (key <= limit) & (key < INFINITE)
    return Filled(best, wanted - left, extra, k), goes_on
