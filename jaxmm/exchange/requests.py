"""Requests under jit: from the quotes a strategy wants to orders that arrive, rest, are rejected or take (DESIGN §5).

The quote manager's and the venue's rules are written once in words, in `reference_replay.py` and `reference.py`.
N orders a side · K levels; keys as in `engine.py`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.exchange.engine import Filled, Orders, filled_lots, open_lots
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import INFINITE, OrderType

Array = Any


class Group(NamedTuple):
    """What is sent for one side at one decision."""

    keeps: Array  # bool [N]: the slot's order stays
    lots: Array  # int32 [N], of a kept order its total from now on; else of a new order, 0: none
    key: Array  # int32 [N], price of a new order
    market: Array  # bool: the new order, in the first slot, is a market order
    some: Array  # bool: anything is sent at all


class Counter(NamedTuple):
    """Requests that the venue has counted in its current window."""

    window: Array  # int32
    count: Array  # int32


class LimitNumbers(NamedTuple):
    """`limits.Limits` on the device, int32."""

    tick_step: Array
    lot_step: Array
    min_lots: Array
    min_notional: Array
    max_position_lots: Array
    max_requests: Array

    @classmethod
    def of(cls, limits: Limits) -> "LimitNumbers":
        """From the settings."""
        return cls(*(jnp.int32(getattr(limits, name)) for name in cls._fields))


class Arrival(NamedTuple):
    """The exchange's book when a group arrives."""

    price: Array  # int32 [2, K]
    qty: Array  # int32 [2, K]
    total: Array  # int32 [2, K], of the quantities up to each level
    window: Array  # int32, the venue's window for counting requests


class Account(NamedTuple):
    """What the venue checks orders against."""

    position: Array  # int32 lots, fills that we do not know yet included
    counter: Counter | None


class Placed(NamedTuple):
    """What became of a side's group on arrival."""

    orders: Orders
    taking: Filled  # [N]
    outside: Array  # int32, new orders beyond the K levels: their queue is unknown


def group_of(orders: Orders, s: int, price: Array, lots: Array, market_lots: Array, flatten: Array) -> Group:
    """The requests that make quotes at `price` int32 [N] for `lots` the only orders of side `s`.

    An order at a wanted price and not smaller than wanted keeps its place; the other wanted ones go to free slots.
    """
    key = -price if s else price
    slot = jnp.arange(key.shape[0], dtype=jnp.int32)
    wanted = ~flatten & (lots > 0)
    earlier = slot[:, None] > slot[None, :]
    repeats = jnp.any(earlier & wanted[None, :] & (key[:, None] == key[None, :]), axis=1)
    wanted = wanted & ~repeats
    stands = open_lots(orders) > 0
    fits = (key[None, :] == orders.key[:, None]) & (lots[None, :] <= orders.lots[:, None])
    same = stands[:, None] & wanted[None, :] & fits  # [slot, wanted]
    keeps = jnp.any(same, axis=1)
    new = wanted & ~jnp.any(same, axis=0)
    rank_of_slot, rank_of_new = _rank(~keeps), _rank(new)
    goes = ~keeps[:, None] & new[None, :] & (rank_of_slot[:, None] == rank_of_new[None, :])
    chosen = same | goes
    lots_then = jnp.sum(jnp.where(chosen, lots[None, :], 0), axis=1, dtype=jnp.int32)
    key_then = jnp.sum(jnp.where(goes, key[None, :], 0), axis=1, dtype=jnp.int32)
    market = flatten & (market_lots > 0)
    lots_then = jnp.where(market & (slot == 0), market_lots, lots_then)
    sends = jnp.where(keeps, lots_then < orders.lots, stands | (lots_then > 0))
    return Group(keeps, lots_then, key_then, market, jnp.any(sends))


def _rank(chosen: Array) -> Array:
    return jnp.cumsum(chosen, dtype=jnp.int32) - 1


def cancel(orders: Orders, group: Group, now: Array) -> Orders:
    """The orders once the group's cancels have arrived, if they have `now`: nothing of those that leave is open."""
    return orders._replace(lots=jnp.where(now & ~group.keeps, filled_lots(orders), orders.lots))


def amend(
    orders: Orders, group: Group, now: Array, window: Array, counter: Counter | None, limits: LimitNumbers | None
) -> tuple[Orders, Counter | None]:
    """The orders once the group's amends have arrived, if they do `now`: totals shrink as far as fills allow."""
    amends = now & group.keeps & (group.lots < orders.lots)
    if limits is not None and counter is not None:
        before = _in_window(counter, window)
        amends_now = jnp.cumsum(amends, dtype=jnp.int32)
        allowed = before + amends_now <= limits.max_requests
        asked = amends_now[-1]
        counter = Counter(
            jnp.where(asked > 0, window, counter.window), jnp.where(asked > 0, before + asked, counter.count)
        )
        amends = amends & allowed
    smaller = jnp.maximum(jnp.minimum(orders.lots, group.lots), filled_lots(orders))
    return orders._replace(lots=jnp.where(amends, smaller, orders.lots)), counter


def _in_window(counter: Counter, window: Array) -> Array:
    return jnp.where(counter.window == window, counter.count, 0)


# --- new orders -------------------------------------------------------------------------------------------------


class _Standing(NamedTuple):
    """What earlier orders of the same group have left."""

    used: Array  # int32, lots taken of the other side
    committed: Array  # int32, position (signed by the side) and open lots of the side
    counter: Counter | None


class _New(NamedTuple):
    """One new order, or none."""

    key: Array  # int32
    lots: Array  # int32
    comes: Array  # bool
    market: Array  # bool


class _Result(NamedTuple):
    """What became of it."""

    rests: Array  # int32 lots
    queue: Array  # int32
    taken: Array  # int32 lots
    best: Array  # int32, key of the first level taken
    extra: Array  # int32, lot·ticks beyond it
    outside: Array  # bool


def place(
    s: int,
    orders: Orders,
    group: Group,
    now: Array,
    sent: Array,
    at: Arrival,
    account: Account,
    rules: Rules,
    limits: LimitNumbers | None,
) -> tuple[Placed, Counter | None]:
    """The orders of side `s` once the group's new orders, sent at decision `sent`, have arrived, if they do `now`."""
    first = jnp.arange(group.key.shape[0], dtype=jnp.int32) == 0
    comes = now & ~group.keeps & (group.lots > 0)
    new = _New(group.key, group.lots, comes, first & group.market)
    position = -account.position if s else account.position
    committed = position + jnp.sum(open_lots(orders), dtype=jnp.int32)
    start = _Standing(jnp.int32(0), committed, account.counter)

    def one(standing: _Standing, order: _New) -> tuple[_Standing, _Result]:
        return _arrive(s, standing, order, at, rules, limits)

    if group.key.shape[0] == 1:
        end, single = one(start, jax.tree.map(lambda leaf: leaf[0], new))
        result = jax.tree.map(lambda leaf: leaf[None], single)
    elif rules.in_turn or limits is not None:
        end, result = jax.lax.scan(one, start, new)
    else:
        result = jax.vmap(lambda order: one(start, order)[1])(new)
        end = start
    taken = jnp.where(comes, result.taken, 0)
    taking = Filled(result.best, taken, jnp.where(comes, result.extra, 0), jnp.broadcast_to(sent, taken.shape))
    outside = jnp.sum(comes & result.outside, dtype=jnp.int32)
    return Placed(_seated(orders, group, comes, now, result, sent), taking, outside), end.counter


def _seated(orders: Orders, group: Group, comes: Array, now: Array, result: _Result, sent: Array) -> Orders:
    """New orders in their slots; the other slots that nobody keeps are empty."""
    leaves = now & ~group.keeps
    zero = jnp.int32(0)
    queue = result.queue.astype(orders.ahead.dtype)
    return Orders(
        jnp.where(comes, group.key, orders.key),
        jnp.where(leaves, jnp.where(comes, result.rests, zero), orders.lots),
        jnp.where(leaves, jnp.where(comes, queue, jnp.zeros_like(queue)), orders.ahead),
        None if orders.filled is None else jnp.where(leaves, zero, orders.filled),
        None if orders.traded is None else jnp.where(leaves, zero, orders.traded),
        None if orders.sent is None else jnp.where(comes, sent, orders.sent),
    )


def _arrive(
    s: int, standing: _Standing, order: _New, at: Arrival, rules: Rules, limits: LimitNumbers | None
) -> tuple[_Standing, _Result]:
    """One order against the venue's checks, the displayed quantity, and the queue at its price."""
    free = order.market | (rules.order_type == OrderType.MARKET)
    takes_some = order.market | (not rules.post_only)
    takes_all = ~order.market & (rules.order_type == OrderType.FOK)
    accepted, counter = _accepted(s, standing, order, free, at, limits)
    keys = at.price[1] if s == 0 else -at.price[0]
    qty, total = at.qty[1 - s], at.total[1 - s]
    within = (qty > 0) & (free | (keys <= order.key))
    first, last = standing.used, standing.used + order.lots
    lots = jnp.minimum(total, last) - jnp.maximum(total - qty, first)
    lots = jnp.where(within, jnp.maximum(lots, 0), 0)
    could = jnp.sum(lots, dtype=jnp.int32)
    takes = accepted & takes_some & (~takes_all | (could == order.lots))
    lots = jnp.where(takes, lots, 0)
    taken = jnp.where(takes, could, 0)
    rests_too = ~within[0] if rules.post_only else jnp.asarray(rules.order_type == OrderType.GTC)
    rests = jnp.where(accepted & rests_too & ~order.market, order.lots - taken, 0)
    queue, unknown = _queue_on_arrival(s, order.key, at, rules)
    extra = jnp.sum(lots * (keys - keys[0]), dtype=jnp.int32)
    short = within[-1] & (could < order.lots) & accepted & takes_some
    result = _Result(rests, queue, taken, keys[0], extra, ((rests > 0) & unknown) | short)
    used = standing.used + jnp.where(order.comes, taken, 0)
    committed = standing.committed + jnp.where(order.comes, taken + rests, 0)
    return _Standing(used, committed, counter), result


def _accepted(
    s: int, standing: _Standing, order: _New, free: Array, at: Arrival, limits: LimitNumbers | None
) -> tuple[Array, Counter | None]:
    """Whether the venue takes the order at all, and the requests it has counted then."""
    if limits is None:
        return jnp.asarray(True), standing.counter
    price = jnp.maximum(-order.key if s else order.key, 1)
    least = jnp.maximum(limits.min_lots, jnp.where(free, 0, (limits.min_notional + price - 1) // price))
    good = free | (price % limits.tick_step == 0)
    good &= (order.lots % limits.lot_step == 0) & (order.lots >= least)
    good &= standing.committed + order.lots <= limits.max_position_lots
    if standing.counter is None:
        return good, None
    count = _in_window(standing.counter, at.window) + 1
    counted = Counter(at.window, count)
    counter = jax.tree.map(lambda new, old: jnp.where(order.comes, new, old), counted, standing.counter)
    return good & (count <= limits.max_requests), counter


def _queue_on_arrival(s: int, key: Array, at: Arrival, rules: Rules) -> tuple[Array, Array]:
    """The displayed quantity at the price, and whether the price lies beyond the K levels, where it is unknown."""
    price = -key if s else key
    prices, qtys = at.price[s], at.qty[s]
    beyond = (price > prices[-1]) if s else (price < prices[-1])
    unknown = beyond & (qtys[-1] > 0) & rules.queue_counts & ~rules.no_queue
    displayed = jnp.sum(jnp.where(prices == price, qtys, 0), dtype=jnp.int32)
    queue = jnp.where(rules.no_queue, 0, jnp.where(rules.queue_counts & ~unknown, displayed, INFINITE))
    return queue, unknown
