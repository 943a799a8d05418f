"""Requests under jit: from the quotes a strategy wants to orders that arrive, rest, are rejected or take (DESIGN §5).

The quote manager's rules are written once in words, in `reference_replay.py`. K levels; keys as in `engine.py`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.exchange.engine import BookSide, Leaving, Rules, Taking, Venue, Working, filled_lots
from jaxmm.exchange.types import INFINITE
from jaxmm.policy.types import Quotes

Array = Any


class Arrival(NamedTuple):
    """The exchange's book and clock when a request sent at decision k arrives: row k of the `Timeline`."""

    k: Array  # int32
    arrive: Array  # int32, event index of the arrival
    answered: Array  # int32, decision at which the outcome is known
    price: Array  # int32 [2, K]
    qty: Array  # int32 [2, K]


def submit(venue: Venue, quotes: Quotes, position_lots: Array, arrival: Arrival, rules: Rules) -> tuple[Venue, Array]:
    """Sends at decision k what makes `quotes` our only orders; returns the venue and how many left the K levels.

    Beyond them the queue ahead is unknown and taken as infinite, and nothing is there to take; a caller that needs
    exact fills checks for 0.
    """
    flatten = quotes.flatten
    bid, bid_outside = _submit_side(
        venue.bid, 0, quotes.bid_ticks, quotes.bid_lots, jnp.where(flatten, -position_lots, 0), flatten, arrival, rules
    )
    ask, ask_outside = _submit_side(
        venue.ask, 1, quotes.ask_ticks, quotes.ask_lots, jnp.where(flatten, position_lots, 0), flatten, arrival, rules
    )
    return Venue(bid, ask), bid_outside.astype(jnp.int32) + ask_outside.astype(jnp.int32)


def _submit_side(
    side: BookSide, s: int, price: Array, lots: Array, market_lots: Array, flatten: Array, at: Arrival, rules: Rules
) -> tuple[BookSide, Array]:
    free = at.k >= side.busy_until
    market = flatten & (market_lots > 0)
    lots = jnp.where(flatten, 0, lots)
    old = side.working
    key = -price if s else price
    stands = old.lots > filled_lots(old)
    keeps = stands & (lots > 0) & (key == old.key) & (lots <= old.lots)
    amends = free & keeps & (lots < old.lots)
    leaves = free & stands & ~keeps
    comes = free & ~keeps & (lots > 0)
    takes = free & market

    crosses, taken, exhausted = _take(s, jnp.where(market, INFINITE, key), jnp.where(market, market_lots, lots), at)
    taken = _select(takes | (comes & ~rules.post_only), taken, side.taking)
    rejected = crosses & rules.post_only
    rests = lots - jnp.where(crosses & ~rules.post_only, taken.lots, 0)
    queue, outside = _queue_on_arrival(s, price, at, rules)
    never = jnp.int32(INFINITE)
    new = Working(key, rests, queue, jnp.where(rejected, never, at.arrive), never, jnp.int32(0))
    kept = old._replace(
        lots=jnp.where(leaves, 0, old.lots),
        amend=jnp.where(amends, at.arrive, old.amend),
        amend_lots=jnp.where(amends, lots, old.amend_lots),
    )
    leaving = _select(leaves, Leaving(old.key, old.lots, old.queue, at.arrive), side.leaving)
    busy_until = jnp.where(amends | leaves | comes | takes, at.answered, side.busy_until)
    unknown = (comes & outside & ~rejected) | ((takes | (comes & ~rules.post_only)) & exhausted)
    return BookSide(_select(comes, new, kept), leaving, taken, busy_until), unknown


def _take(s: int, limit: Array, wanted: Array, at: Arrival) -> tuple[Array, Taking, Array]:
    """Whether an order with key `limit` crosses on arrival, what it takes, and whether K levels do not suffice."""
    keys = at.price[1] if s == 0 else -at.price[0]
    within = (at.qty[1 - s] > 0) & (keys <= limit)
    offered = jnp.where(within, at.qty[1 - s], 0)
    before = jnp.minimum(jnp.cumsum(offered, dtype=jnp.int32) - offered, wanted)
    lots = jnp.minimum(offered, wanted - before)
    extra = jnp.sum(jnp.where(within, lots * (keys - keys[0]), 0), dtype=jnp.int32)
    taken = jnp.sum(lots, dtype=jnp.int32)
    return within[0], Taking(taken, keys[0], extra, at.k), within[-1] & (taken < wanted)


def _queue_on_arrival(s: int, price: Array, at: Arrival, rules: Rules) -> tuple[Array, Array]:
    """The displayed quantity at `price`, and whether the price lies beyond the K levels, where it is unknown."""
    prices, qtys = at.price[s], at.qty[s]
    beyond = (price > prices[-1]) if s else (price < prices[-1])
    outside = beyond & (qtys[-1] > 0) & rules.queue_counts & ~rules.no_queue
    displayed = jnp.sum(jnp.where(prices == price, qtys, 0), dtype=jnp.int32)
    queue = jnp.where(rules.no_queue, 0, jnp.where(rules.queue_counts & ~outside, displayed, INFINITE))
    return queue, outside


def _select(condition: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)
