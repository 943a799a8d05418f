"""The event engine: every market event applied in order to our orders, under jit and vmap (DESIGN §5).

The engine runs behind the strategy's clock by the response latency. At decision k it has processed exactly the events
whose effects are known by then (`Timeline.known`), so its state holds no fill that the strategy may not know; a request
sent at k arrives at an event index (`Timeline.place`) that is never earlier.

In the min-plus models (`risk_averse`, `penetration`, `touch`) a queue is one signed integer z: lots ahead of us where
z >= 0, and what came past them, negated, where z < 0. Each event acts as z ↦ min(z − a, b) (DESIGN §6), and a and b
follow from the event and our price alone. In the probabilistic models our place is a float, in float64 under x64.
Prices enter as keys (bid ticks, or minus ask ticks), so that on both sides a larger key is the more aggressive one and
one code serves both. N orders a side; all arrays of one environment; callers vmap.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.exchange.queues import after_depth
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import INFINITE
from jaxmm.exchange.uneven import uneven_loop

Array = Any
NOTHING = -(2**31)
"""The word of no order; that of no event is one more."""
MOST_BLOCK = 64
"""Rows that stand behind the last event, so that every block is whole."""
MOST_LOTS = 2**27
"""Quantities of events are below it: a block of them fits an int32 queue."""
MOST_TICKS = 2**29
"""Prices are below it: a price and a code fit one int32."""


@dataclass(frozen=True)
class Reading:
    """How the loop over events is compiled.

    Attributes:
        block: events a turn. A batch reads several in one piece; one run is faster without the masks that the end of a
            block needs. On a GPU each turn costs a trip to the host.
        tells: whether fills say which event filled them, as a report wants to know.
    """

    block: int = 8
    tells: bool = True


class Orders(NamedTuple):
    """N orders of one side; one with all of its lots filled, or none, is no order."""

    key: Array  # int32 [N], price ticks, negated for asks
    lots: Array  # int32 [N], total, filled part included
    ahead: Array  # int32 [N], z; in the probabilistic models float, the lots ahead
    filled: Array = None  # int32 [N]; only in the probabilistic models: else z tells
    traded: Array = None  # int32 [N], traded at the price since its displayed quantity last changed; likewise
    sent: Array = None  # int32 [N], decision at which it was sent; only where orders share a trade's volume


class Filled(NamedTuple):
    """Fills that became known over one step, of one order or of N."""

    key: Array  # int32
    lots: Array  # int32
    extra: Array  # int32, lot·ticks beyond `key`; 0 for resting orders
    event: Array  # int32, the last event that filled it, -1: none; of a taking: the decision at which it was sent


class SideFills(NamedTuple):
    """One side's fills over one step."""

    leaving: Filled  # of the orders before our requests arrived
    working: Filled  # of the orders after
    taking: Filled  # on arrival


def no_orders(n: int, rules: Rules) -> Orders:
    """N places without an order."""
    none = jnp.zeros(n, jnp.int32)
    sent = none if rules.shares else None
    if not rules.model.probabilistic:
        return Orders(none, none, none, sent=sent)
    return Orders(none, none, none.astype(jnp.result_type(float)), none, none, sent)


def filled_lots(orders: Orders) -> Array:
    """Lots filled so far, int32 [N]."""
    return jnp.clip(-orders.ahead, 0, orders.lots) if orders.filled is None else orders.filled


def open_lots(orders: Orders) -> Array:
    """Lots open, int32 [N]."""
    return orders.lots - filled_lots(orders)


# --- the market's events ----------------------------------------------------------------------------------------


def event_rows(event: np.ndarray) -> np.ndarray:
    """A tape's events int32 [N, 4] as the engine reads them, int32 [N, 6], and a block more that does nothing.

    Columns: word (4·price + code), quantity, quantity shown before, volume that came (of a trade, or newly displayed),
    and the least keys of bids and of asks that the event goes through.
    """
    code, price, qty, prev = event.T
    hits_bids = (code == 0) | (code == 3)
    price_key = np.where(hits_bids, price, -price)
    through = np.where(code < 2, price_key + 1, np.where(qty > 0, price_key, INFINITE))
    volume = np.where(code < 2, qty, np.maximum(qty - prev, 0))
    bids, asks = np.where(hits_bids, through, INFINITE), np.where(hits_bids, INFINITE, through)
    rows = np.stack([4 * price + code, qty, prev, volume, bids, asks], axis=1).astype(np.int32)
    none = np.array([NOTHING + 1, 0, 0, 0, INFINITE, INFINITE], np.int32)
    return np.concatenate([rows, np.broadcast_to(none, (MOST_BLOCK, len(none)))])


class _Constant(NamedTuple):
    """What events do not change on one side."""

    key: Array  # int32 [N]
    lots: Array  # int32 [N]
    at: Array  # int32 [N], word of a trade at our price; NOTHING where it does not count
    own: Array  # int32 [N], word of a depth change at our price
    least: Array  # int32 [N], z at which there is nothing left to fill


class _Moving(NamedTuple):
    """What events change on one side."""

    ahead: Array  # [N]
    filled: Array  # int32 [N], or None
    traded: Array  # int32 [N], or None
    event: Array  # int32 [N], the last event that filled; -1: none; or None


def apply_events(
    sides: tuple[Orders, ...], events: Array, first: Array, stop: Array, rules: Rules, lot: Array, how: Reading
) -> tuple[tuple[Orders, ...], tuple[Filled, ...]]:
    """The orders of both sides after `events` (of `event_rows`) [first, stop), and what was filled.

    `lot` is the size of a lot, which some of the queue models ask for. Without `how.tells`, a fill's event is −1.
    """
    sorting = [_by_priority(orders) if rules.shares else None for orders in sides]
    ordered = [orders if by is None else _taken(orders, by) for orders, by in zip(sides, sorting, strict=True)]
    constants = tuple(_constant(s, ordered[s], rules) for s in range(2))
    none = jnp.full_like(sides[0].key, -1)
    start = tuple(_Moving(o.ahead, o.filled, o.traded, none if how.tells else None) for o in ordered)
    blocks = (jnp.maximum(stop - first, 0) + how.block - 1) // how.block
    moved = uneven_loop(partial(_apply_block, how.block), blocks, start, (constants, first, stop, rules, lot), events)
    after, fills = [], []
    for orders, by, moving in zip(sides, sorting, moved, strict=True):
        if by is not None:
            moving = _taken(moving, jnp.argsort(by))
        now = _settled(orders._replace(ahead=moving.ahead, filled=moving.filled, traded=moving.traded), rules)
        lots = filled_lots(now) - filled_lots(orders)
        after.append(now)
        fills.append(Filled(orders.key, lots, jnp.zeros_like(lots), moving.event if how.tells else none))
    return tuple(after), tuple(fills)


def _constant(s: int, orders: Orders, rules: Rules) -> _Constant:
    word = (-4 if s else 4) * orders.key
    at = jnp.where(rules.queue_counts, word + s, NOTHING)
    own = jnp.where(rules.queue_counts, word + 2 + s, NOTHING)
    return _Constant(orders.key, orders.lots, at, own, jnp.where(rules.partial, -orders.lots, -1))


def _settled(orders: Orders, rules: Rules) -> Orders:
    """The orders with z no lower than what they could fill."""
    if rules.model.probabilistic:
        return orders
    whole = jnp.where(orders.ahead < 0, -orders.lots, orders.ahead)
    return orders._replace(ahead=jnp.where(rules.partial, jnp.maximum(orders.ahead, -orders.lots), whole))


def _apply_block(
    size: int, block: Array, moving: tuple[_Moving, ...], own: tuple, events: Array
) -> tuple[_Moving, ...]:
    """The `block`-th `size` events from `first` on. They are read in one piece."""
    constants, first, stop, rules, lot = own
    start = first + block * size
    rows = jax.lax.dynamic_slice(events, (start, jnp.int32(0)), (size, events.shape[1]))
    move: Move = _probable if rules.model.probabilistic else _min_plus
    if rules.shares:
        move = _sharing(move)
    for j in range(size):
        row = rows[j] if size == 1 else _within(rows[j], start + j < stop)
        moving = tuple(
            move(constant, moving[s], start + j, _seen(s, row), row[3], rules, lot)
            for s, constant in enumerate(constants)
        )
    if not rules.model.probabilistic:
        moving = tuple(m._replace(ahead=jnp.maximum(m.ahead, -INFINITE)) for m in moving)
    return moving


class _Event(NamedTuple):
    """One event as the orders of one side see it."""

    word: Array  # int32
    qty: Array  # int32, displayed now
    prev: Array  # int32, displayed before
    through: Array  # int32, orders of this key and larger ones are gone through
    volume: Array  # int32, that came


def _seen(s: int, row: Array) -> _Event:
    return _Event(row[0], row[1], row[2], row[4 + s], row[3])


def _within(row: Array, counts: Array) -> Array:
    """The event, or one that does nothing."""
    none = np.array([NOTHING + 1, 0, 0, 0, INFINITE, INFINITE], np.int32)
    return jnp.stack([jnp.where(counts, row[c], none[c]) for c in range(len(none))])


Move = Callable[[_Constant, _Moving, Array, _Event, Array, Rules, Array], _Moving]


def _min_plus(
    mine: _Constant, moving: _Moving, i: Array, event: _Event, offered: Array, rules: Rules, lot: Array
) -> _Moving:
    """Rules 1–4 of DESIGN §5 as z ↦ min(z − a, b), for `offered` of the event's volume."""
    del lot
    through = mine.key >= event.through
    a = jnp.where(event.word == mine.at, offered, 0)
    b = jnp.where(event.word == mine.own, event.qty, INFINITE)
    a = jnp.where(through & rules.partial, offered, a)
    b = jnp.where(through, jnp.where(rules.partial, -offered, -INFINITE), b)
    ahead = jnp.minimum(moving.ahead - a, b)
    fills = (moving.ahead > mine.least) & (ahead < jnp.minimum(moving.ahead, 0))
    return moving._replace(ahead=ahead, event=None if moving.event is None else jnp.where(fills, i, moving.event))


def _probable(
    mine: _Constant, moving: _Moving, i: Array, event: _Event, offered: Array, rules: Rules, lot: Array
) -> _Moving:
    """The same rules with a probabilistic queue model."""
    number = moving.ahead.dtype
    left = mine.lots - moving.filled
    through = mine.key >= event.through
    at = event.word == mine.at
    own = event.word == mine.own
    ahead = jnp.where(at, moving.ahead - offered.astype(number), moving.ahead)
    passed = jnp.where(at, jnp.floor(0.5 - ahead), 0).astype(jnp.int32)
    came = jnp.where(through, offered, jnp.maximum(passed, 0))
    fills = (left > 0) & (through | (passed > 0))
    lots = jnp.where(fills, jnp.where(rules.partial, jnp.minimum(came, left), left), 0)
    traded, before, now = (v.astype(number) for v in (moving.traded, event.prev, event.qty))
    estimate = after_depth(rules.model, rules.n, ahead, traded, before, now, lot.astype(number), jnp)
    ahead = jnp.where(through | (passed > 0), 0, jnp.where(own, estimate, ahead))
    return _Moving(
        ahead,
        moving.filled + lots,
        jnp.where(own, 0, moving.traded + jnp.where(at, event.volume, 0)),
        None if moving.event is None else jnp.where(lots > 0, i, moving.event),
    )


# --- rule 7: one trade is spent once ----------------------------------------------------------------------------


def _by_priority(orders: Orders) -> Array:
    """Slots with the best price first, of equal ones the earlier sent, then the lower slot: int32 [N]."""
    return jnp.lexsort((orders.sent, -orders.key))


def _taken(tree: Any, places: Array) -> Any:
    return jax.tree.map(lambda leaf: leaf[places], tree)


def _sharing(move: Move) -> Move:
    """`move` for orders in priority, of which each is offered what those before it left of the event's volume."""

    def shared(
        mine: _Constant, moving: _Moving, i: Array, event: _Event, offered: Array, rules: Rules, lot: Array
    ) -> _Moving:
        def offer(left: Array, order: tuple[_Constant, _Moving]) -> tuple[Array, _Moving]:
            constant, before = order
            after = move(constant, before, i, event, left, rules, lot)
            return left - (_filled(after, constant) - _filled(before, constant)), after

        return jax.lax.scan(offer, offered, (mine, moving))[1]

    return shared


def _filled(moving: _Moving, mine: _Constant) -> Array:
    return jnp.clip(-moving.ahead, 0, mine.lots) if moving.filled is None else moving.filled
