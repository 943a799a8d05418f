"""The event engine: every market event applied in order to our orders, in int32, under jit and vmap (DESIGN §5).

The engine runs behind the strategy's clock by the response latency. At decision k it has processed exactly the events
whose effects are known by then (`Timeline.known`), so its state holds no fill that the strategy may not know; a request
sent at k carries the event index at which it reaches the venue (`Timeline.arrive`), which is never earlier.

A queue is one signed integer z: lots ahead of us where z >= 0, and what we have been filled, negated, where z < 0. Each
event acts as z ↦ min(z − a, b) (DESIGN §6). Prices enter as keys (bid ticks, or minus ask ticks), so that on both sides
a larger key is the more aggressive one and one code serves both.

Everything is for one environment and made of scalars; callers vmap.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.exchange.types import INFINITE, FillModel, QueueModel
from jaxmm.exchange.uneven import uneven_loop

Array = Any
BLOCK = 8
"""Events a turn of the loop. Its bound varies, so on a GPU each turn costs a trip to the host."""


class Rules(NamedTuple):
    """A fill model as traced data: each environment of a batch may have its own."""

    queue_counts: Array  # bool: trades at our price and the displayed quantity move us (not in `penetration`)
    no_queue: Array  # bool: nobody is ahead on arrival (`touch`)
    partial: Array  # bool: fill no more than the volume that came
    post_only: Array  # bool: reject what would take on arrival

    @classmethod
    def of(cls, model: FillModel, post_only: bool = True) -> "Rules":
        """The rules of a fill model."""
        flags = (model.queue != QueueModel.PENETRATION, model.queue == QueueModel.TOUCH, model.partial, post_only)
        return cls(*(jnp.asarray(flag) for flag in flags))


class Working(NamedTuple):
    """Our order of one side; `lots` 0 is none."""

    key: Array  # int32, price ticks, negated for asks
    lots: Array  # int32, total, filled part included
    queue: Array  # int32, z
    arrive: Array  # int32, takes part from this event on; INFINITE: rejected, and we may not know it yet
    amend: Array  # int32, from this event on the total is `amend_lots`; INFINITE: not amended
    amend_lots: Array  # int32


class Leaving(NamedTuple):
    """The order before, until its cancel has arrived; it may still be filled."""

    key: Array  # int32
    lots: Array  # int32
    queue: Array  # int32, z
    cancel: Array  # int32, takes part in events before this one


class Taking(NamedTuple):
    """What an arriving order took, until we know it: `lots` at `key` and worse, `extra` lot·ticks beyond `key`."""

    lots: Array  # int32
    key: Array  # int32, best opposite price on arrival, as a key of our side
    extra: Array  # int32
    sent: Array  # int32, the decision at which it was sent


class BookSide(NamedTuple):
    """All that is ours on one side of the book."""

    working: Working
    leaving: Leaving
    taking: Taking
    busy_until: Array  # int32, the decision at which the request under way is answered


class Venue(NamedTuple):
    """Both sides: 30 int32, 120 bytes an environment."""

    bid: BookSide
    ask: BookSide


class Moving(NamedTuple):
    """What events change on one side."""

    leaving: Array  # int32, z
    working: Array  # int32, z
    leaving_event: Array  # int32, the last event that filled it; -1: none
    working_event: Array  # int32


class Filled(NamedTuple):
    """One order's fills that became known over one step."""

    key: Array  # int32
    lots: Array  # int32
    extra: Array  # int32, lot·ticks beyond `key`; 0 for resting orders
    event: Array  # int32, the last event that filled it, -1: none; of a taking: the decision at which it was sent


class SideFills(NamedTuple):
    """One side's fills over one step."""

    leaving: Filled
    working: Filled
    taking: Filled


def empty_venue() -> Venue:
    """No orders."""
    zero, never = jnp.int32(0), jnp.int32(INFINITE)
    side = BookSide(
        Working(zero, zero, zero, zero, never, zero),
        Leaving(zero, zero, zero, zero),
        Taking(zero, zero, zero, zero),
        zero,
    )
    return Venue(side, side)


def filled_lots(order: Working | Leaving) -> Array:
    """Lots filled so far."""
    return jnp.clip(-order.queue, 0, order.lots)


def open_lots(side: BookSide, k: Array) -> Array:
    """Lots known to be open at decision k: none while a request is unanswered."""
    return jnp.where(k < side.busy_until, 0, side.working.lots - filled_lots(side.working))


# --- the market's events ----------------------------------------------------------------------------------------


def advance(
    venue: Venue, events: Array, first: Array, stop: Array, k: Array, rules: Rules
) -> tuple[Venue, SideFills, SideFills]:
    """Applies events [first, stop) of `events` int32 [N, 4] and moves to decision k, where their effects are known.

    Returns the venue at k and the fills of the bid and of the ask side that became known.
    """
    none = jnp.int32(-1)
    start = tuple(Moving(side.leaving.queue, side.working.queue, none, none) for side in venue)
    size = min(BLOCK, events.shape[0])
    blocks = (jnp.maximum(stop - first, 0) + size - 1) // size
    bid, ask = uneven_loop(_apply_block, blocks, start, (venue, first, stop, rules), events)
    bid_side, bid_fills = _know(venue.bid, bid, k)
    ask_side, ask_fills = _know(venue.ask, ask, k)
    return Venue(bid_side, ask_side), bid_fills, ask_fills


def _apply_block(
    block: Array, moving: tuple[Moving, ...], own: tuple[Venue, Array, Array, Rules], events: Array
) -> tuple[Moving, ...]:
    """The `block`-th `BLOCK` events from `first` on, those from `stop` on left out. They are read in one piece."""
    venue, first, stop, rules = own
    size = min(BLOCK, events.shape[0])
    start = first + block * size
    read = jnp.minimum(start, events.shape[0] - size)
    rows = jax.lax.dynamic_slice(events, (read, jnp.int32(0)), (size, events.shape[1]))
    for j in range(size):
        i = read + j
        within = (i >= start) & (i < stop)
        moving = tuple(_apply(s, side, moving[s], i, within, rows[j], rules) for s, side in enumerate(venue))
    return moving


def _apply(s: int, side: BookSide, moving: Moving, i: Array, within: Array, row: Array, rules: Rules) -> Moving:
    """One event on the orders of side `s`: the leaving one takes part before its cancel, then the working one.

    Each is computed from itself alone. A CPU compiles a loop for each array that it carries, and repeats in it whatever
    that array depends on.
    """
    is_leaving = i < side.leaving.cancel
    works = ~is_leaving & (i >= side.working.arrive)
    total = jnp.where(i >= side.working.amend, side.working.amend_lots, side.working.lots)
    leaving = _moved(s, side.leaving.key, side.leaving.lots, moving.leaving, within & is_leaving, row, rules)
    working = _moved(s, side.working.key, total, moving.working, within & works, row, rules)
    return Moving(
        leaving,
        working,
        leaving_event=jnp.where(leaving < jnp.minimum(moving.leaving, 0), i, moving.leaving_event),
        working_event=jnp.where(working < jnp.minimum(moving.working, 0), i, moving.working_event),
    )


def _moved(s: int, key: Array, total: Array, queue: Array, takes_part: Array, row: Array, rules: Rules) -> Array:
    """An order's z after one event in which it may take part."""
    live = takes_part & (queue > -total)
    return jnp.where(live, _move(s, key, total, queue, row, rules), queue)


def _move(s: int, order_key: Array, total: Array, queue: Array, row: Array, rules: Rules) -> Array:
    """Rules 1–4 of DESIGN §5 as z ↦ min(z − a, b), for a live order of side `s`; `row` is (code, price, qty, prev)."""
    code, price, qty, prev = row[0], row[1], row[2], row[3]
    key = -price if s else price
    trade, own, other = code == s, code == 2 + s, code == 3 - s
    at, beyond = key == order_key, key < order_key
    moved = jnp.where(trade & at & rules.queue_counts, queue - qty, queue)
    moved = jnp.where(own & at & rules.queue_counts, jnp.minimum(queue, qty), moved)
    through = (trade & beyond) | (other & (qty > 0) & (at | beyond))
    came = jnp.where(trade, qty, jnp.maximum(qty - prev, 0))
    moved = jnp.where(through, jnp.minimum(queue, 0) - came, moved)
    whole = ~rules.partial & (through | (moved < 0))
    return jnp.where(whole, -total, jnp.maximum(moved, -total))


def _know(side: BookSide, moving: Moving, k: Array) -> tuple[BookSide, SideFills]:
    """The side with its queues moved and, once the request under way is answered, its outcome; and what was filled."""
    zero = jnp.int32(0)
    leaving = side.leaving._replace(queue=moving.leaving)
    working = side.working._replace(queue=moving.working)
    answered = k >= side.busy_until
    took = Taking(*(jnp.where(answered, value, 0) for value in side.taking))
    fills = SideFills(
        Filled(leaving.key, filled_lots(leaving) - filled_lots(side.leaving), zero, moving.leaving_event),
        Filled(working.key, filled_lots(working) - filled_lots(side.working), zero, moving.working_event),
        Filled(took.key, took.lots, took.extra, took.sent),
    )
    amended = jnp.maximum(working.amend_lots, filled_lots(working))
    lots = jnp.where(working.amend < INFINITE, amended, working.lots)
    lots = jnp.where(working.arrive == INFINITE, 0, lots)
    settled = working._replace(
        lots=jnp.where(answered, lots, working.lots), amend=jnp.where(answered, INFINITE, working.amend)
    )
    taking = Taking(*(jnp.where(answered, 0, value) for value in side.taking))
    return BookSide(settled, leaving, taking, side.busy_until), fills
