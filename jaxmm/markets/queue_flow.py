"""Order flow that reads the book it meets: each event is one lot, sent as a message to the matching engine.

Every level of a side sends limit orders and cancels, and the best level is hit by market orders, at rates that depend
on how many lots stand at the level. Constant rates make the Poisson models (Smith, Farmer, Gillemot & Krishnamurthy,
Quantitative Finance 3(6), 2003; Cont, Stoikov & Talreja, Operations Research 58(3), 2010: a lot leaves at a rate of its
own, and levels count from the opposite best); any other table is the queue-reactive model (Huang, Lehalle & Rosenbaum,
JASA 110(509), 2015: levels count from a reference price that may follow the mid). Whoever else has orders in the book
is seen by the rates as part of its queues, and served by the same engine.

K levels a side, level 0 nearest · Q largest queue size told apart · S slots a side · ... batch axes, last.
Rates are per second; the clock is the sum of exponential waiting times. The last level's queue is everything at it or
beyond, so that orders which the price left behind still get cancelled.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.book_reference import Kind, What
from jaxmm.markets.matching import BID, NO_KEY, Book, Message, Report, at_slot, best_keys, by_side, empty_book, match

Array = Any
UNIFORMS = 4
"""Random numbers of one event: its waiting time, which it is, which lot it takes out, whether the reference follows."""


class Flow(NamedTuple):
    """Rates of the events by level and by the lots there; the same for both sides. Traced data."""

    limit: Array  # float32 [K, Q+1], arrivals of a lot
    cancel: Array  # float32 [K, Q+1], departures of a lot, each of the level's lots alike
    market: Array  # float32 [K, Q+1], market orders of a lot against the side whose best level and its size these are
    follow: Array  # float32 [], probability that the reference price follows the mid by a tick
    from_opposite: Array  # bool []: levels count from the opposite best price instead of from the reference

    @property
    def levels(self) -> int:
        """K."""
        return self.limit.shape[0]


class Market(NamedTuple):
    """One market between two events."""

    book: Book
    touch: Array  # int32 [2, ...], ticks: best bid and ask, as last seen where a side is empty
    reference: Array  # int32 [...], ticks: level 0 of the bids stands here, that of the asks one tick above
    next_id: Array  # int32 [...]
    refused: Array  # int32 [...], limit orders that found a side of the book full


class Event(NamedTuple):
    """One event: what was sent, and what came of it."""

    wait: Array  # float32 [...], seconds since the event before
    message: Message
    report: Report


def queue_reactive(
    limit: Any, cancel: Any, market: Any, *, follow: float = 0.0, from_opposite: bool = False, where: str = "flow"
) -> Flow:
    """Rates by level and size, each [K, Q+1]. Raises `InputError` where a table cannot be used."""
    tables = [np.asarray(table, np.float64) for table in (limit, cancel, market)]
    for name, table in zip(("limit", "cancel", "market"), tables, strict=True):
        if table.ndim != 2 or table.shape != tables[0].shape or table.shape[1] < 2:
            raise InputError(
                f"{where}: {name} has shape {table.shape}; limit, cancel and market must share one shape "
                "[levels, sizes], sizes from 0 to 1 at least"
            )
        if not np.isfinite(table).all() or (table < 0).any():
            raise InputError(f"{where}: {name} has a rate of {table.min():g}; rates must be finite, zero or more")
    if not 0 <= follow <= 1:
        raise InputError(f"{where}: follow is {follow:g}; it is a probability, 0 to 1")
    for name, table in (("cancel", tables[1]), ("market", tables[2])):
        if (table[:, 0] != 0).any():
            raise InputError(f"{where}: {name} has a rate above 0 at a queue of no lots; it must be 0 there")
    limit, cancel, market = (jnp.asarray(table, jnp.float32) for table in tables)
    return Flow(limit, cancel, market, jnp.float32(follow), jnp.asarray(from_opposite))


def poisson(
    limit: tuple[float, ...],
    cancel: tuple[float, ...],
    market: float,
    *,
    per_lot: bool = True,
    largest: int = 200,
    follow: float = 0.0,
    from_opposite: bool = True,
) -> Flow:
    """Constant rates: `limit` and `cancel` by level, one for market orders.

    Args:
        limit: arrivals at each level.
        cancel: at each level, of every lot (`per_lot`) or of the whole queue.
        market: market orders against each side.
        per_lot: Cont, Stoikov & Talreja's cancellations; False for Cont & de Larrard's.
        largest: queue size beyond which the rate of cancellation stays.
        follow: as in `Flow`.
        from_opposite: as in `Flow`.
    """
    size = np.arange(largest + 1)
    arrivals = np.repeat(np.asarray(limit, float)[:, None], largest + 1, axis=1)
    departures = np.asarray(cancel, float)[:, None] * (size if per_lot else size > 0)
    taken = np.repeat(market * (size > 0)[None], len(limit), axis=0)
    return queue_reactive(arrivals, departures, taken, follow=follow, from_opposite=from_opposite)


def open_market(slots: int, bids: Array, asks: Array, reference: int) -> Market:
    """A market with queues of one-lot orders around a reference price; unbatched.

    Args:
        slots: S.
        bids: lots at each level from the best, int [K]; level 0 stands at `reference`.
        asks: the same, level 0 one tick above.
        reference: ticks.
    """
    bids, asks = (np.repeat(np.arange(len(queue)), queue) for queue in (bids, asks))
    if max(len(bids), len(asks)) > slots:
        raise InputError(f"open_market: {len(bids)} bids and {len(asks)} asks; a side has room for {slots} orders")
    empty = empty_book(slots)
    key, lots, id = (np.array(column) for column in empty)
    for first, side in ((0, -reference + bids), (slots, reference + 1 + asks)):
        here = slice(first, first + len(side))
        key[here], lots[here], id[here] = side, 1, np.arange(len(side)) * 2 + (first > 0)
    next_id = 2 * max(len(bids), len(asks))
    book = Book(*(jnp.asarray(column) for column in (key, lots, id)))
    ticks = jnp.int32(reference)
    touch = _touch(book, jnp.stack([ticks, ticks + 1]))
    return Market(book, touch, ticks, jnp.int32(next_id), jnp.int32(0))


def random_event(market: Market, flow: Flow, own: Array, uniforms: Array) -> tuple[Market, Event]:
    """The next event of the flow, and the market after it.

    Args:
        market: as it stands.
        flow: the rates.
        own: int32 [O, ...], ids that the flow never cancels; a cancel that picks a lot of theirs does nothing.
        uniforms: float32 [UNIFORMS, ...] in [0, 1).
    """
    levels = level_of(market, flow)
    depth = _depths(market.book, levels, flow.levels)
    wait, which = _next_of(_rates(flow, depth), uniforms)
    message = _message(market, flow, levels, depth, which, uniforms[2])
    mine = (own == message.id).any(axis=0) & (message.kind != Kind.LIMIT) & (message.kind != Kind.MARKET)
    message = message._replace(kind=jnp.where(mine, Kind.NONE, message.kind))
    market, report = send(market, message, flow, uniforms[3])
    return market, Event(wait, message, report)


def send(market: Market, message: Message, flow: Flow, uniform: Array) -> tuple[Market, Report]:
    """A message that one round finishes, and the reference price that may follow it; `uniform` float32 [...]."""
    book, _, report = match(market.book, message)
    touch = _touch(book, market.touch)
    moved = touch.sum(axis=0, dtype=jnp.int32) - market.touch.sum(axis=0, dtype=jnp.int32)
    follows = uniform < flow.follow
    up = follows & (moved > 0) & (touch[1] > market.reference + 1)
    down = follows & (moved < 0) & (touch[0] < market.reference)
    reference = market.reference + up.astype(jnp.int32) - down.astype(jnp.int32)
    used = (message.kind == Kind.LIMIT).astype(jnp.int32)
    refused = market.refused + (report.what == What.FULL).astype(jnp.int32)
    return Market(book, touch, reference, market.next_id + used, refused), report


def level_of(market: Market, flow: Flow) -> Array:
    """The level of each slot's order, int32 [2, S, ...], 0 … K − 1; K where nobody rests."""
    key = by_side(market.book.key)
    level = jnp.clip(key - _first_keys(market, flow)[:, None], 0, flow.levels - 1)
    return jnp.where(key == NO_KEY, flow.levels, level)


def _first_keys(market: Market, flow: Flow) -> Array:
    """The key of level 0 of each side, int32 [2, ...]."""
    bid = jnp.where(flow.from_opposite, market.touch[1] - 1, market.reference)
    ask = jnp.where(flow.from_opposite, market.touch[0] + 1, market.reference + 1)
    return jnp.stack([-bid, ask])


def _touch(book: Book, before: Array) -> Array:
    """Best bid and ask, int32 [2, ...]; of an empty side the last one, kept apart from the other side's."""
    best = best_keys(book)
    empty = best == NO_KEY
    bid = jnp.where(empty[0], before[0], -best[0])
    ask = jnp.where(empty[1], before[1], best[1])
    ask = jnp.where(empty[1], jnp.maximum(ask, bid + 1), ask)
    return jnp.stack([jnp.where(empty[0], jnp.minimum(bid, ask - 1), bid), ask])


def _depths(book: Book, levels: Array, count: int) -> Array:
    """Lots at each level, int32 [2, K, ...]."""
    lots = by_side(book.lots)
    at = [jnp.where(levels == level, lots, 0).sum(axis=1, dtype=jnp.int32) for level in range(count)]
    return jnp.stack(at, axis=1)


def _rates(flow: Flow, depth: Array) -> Array:
    """Rate of every kind of event, float32 [2·K + 2·K + 2, ...]: limits, cancels (bids first), market orders."""
    levels, sizes = flow.limit.shape
    row = jnp.arange(levels, dtype=jnp.int32).reshape(levels, *(1,) * (depth.ndim - 2)) * sizes
    at = row + jnp.minimum(depth, sizes - 1)
    limit, cancel = (table.reshape(-1)[at].reshape(2 * levels, *depth.shape[2:]) for table in (flow.limit, flow.cancel))
    taken = flow.market.reshape(-1)[at]
    hit = jnp.zeros_like(taken[:, 0])
    for level in reversed(range(levels)):
        hit = jnp.where(depth[:, level] > 0, taken[:, level], hit)
    return jnp.concatenate([limit, cancel, hit])


def _next_of(rates: Array, uniforms: Array) -> tuple[Array, Array]:
    """(seconds until the next event, float32 [...]; which of the rates it is of, int32 [...])."""
    upto = _running_sum(rates)
    total = upto[-1]
    wait = -jnp.log1p(-uniforms[0]) / total
    which = (upto <= uniforms[1] * total).sum(axis=0, dtype=jnp.int32)
    return wait, jnp.minimum(which, rates.shape[0] - 1)


def _message(market: Market, flow: Flow, levels: Array, depth: Array, which: Array, uniform: Array) -> Message:
    """Event number `which` of `_rates` as a message."""
    count = flow.levels
    is_limit, is_cancel = which < 2 * count, (which >= 2 * count) & (which < 4 * count)
    place = which % (2 * count)
    side = jnp.where(is_limit | is_cancel, place // count, which - 4 * count)
    level = jnp.where(is_limit | is_cancel, place % count, 0)
    first = _of_side(side, _first_keys(market, flow))
    price = jnp.where(side == BID, -first - level, first + level)
    id, lots = _any_lot(market.book, levels, depth, side, level, uniform)
    limits, takes, amends, cancels = (jnp.int32(kind) for kind in (Kind.LIMIT, Kind.MARKET, Kind.AMEND, Kind.CANCEL))
    leaves = jnp.where(lots > 1, amends, cancels)
    return Message(
        kind=jnp.where(is_limit, limits, jnp.where(is_cancel, leaves, takes)),
        side=jnp.where(is_limit | is_cancel, side, 1 - side),  # a market order comes from the other side
        id=jnp.where(is_cancel, id, market.next_id),
        price=price,
        lots=jnp.where(is_cancel, lots - 1, 1),
    )


def _any_lot(book: Book, levels: Array, depth: Array, side: Array, level: Array, uniform: Array) -> tuple[Array, Array]:
    """The order that one lot of a level belongs to, each lot equally likely: its id and its lots."""
    here = _of_side(side, levels) == level
    lots = _of_side(side, by_side(book.lots))
    upto = _running_sum(jnp.where(here, lots, 0))
    total = upto[-1]
    ahead = jnp.minimum((uniform * total.astype(jnp.float32)).astype(jnp.int32), total - 1)
    slot = jnp.minimum((upto <= ahead).sum(axis=0, dtype=jnp.int32), book.slots - 1)
    slot = slot + jnp.where(side == BID, 0, book.slots)
    return at_slot(book.id, slot), at_slot(book.lots, slot)


def _of_side(side: Array, pair: Array) -> Array:
    """Each book's own of [2, ...]."""
    return jnp.where(side == BID, pair[0], pair[1])


def _running_sum(values: Array) -> Array:
    """Along the first axis."""
    return jax.lax.associative_scan(jnp.add, values)
