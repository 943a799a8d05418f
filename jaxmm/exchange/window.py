"""The window engine: what became of our orders by the next decision, looked up instead of replayed (DESIGN §6).

It means what the event engine means, lot for lot, and costs the same however many events a window holds. A side's queue
position z is carried from decision to decision; the row of decision k says by which (a, b) it moves before a request
sent at k arrives and after. Prices enter as keys, as in `engine.py`. Everything is for one environment and made of
scalars; callers vmap. D decisions · L levels a side · W words a level · T offers a side · F features.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.exchange.engine import Filled, SideFills
from jaxmm.exchange.funding import funding_due
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.ledger import Money, Step, book, money_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel
from jaxmm.exchange.window_fold import AFTER, SIZE
from jaxmm.exchange.window_lookup import (
    Order,
    Table,
    arrive,
    check_rules,
    filled_lots,
    moved,
    open_lots,
    queue_on_arrival,
)
from jaxmm.exchange.window_table import Levels, WindowTable, build_table
from jaxmm.policy.types import Quotes, View
from jaxmm.tape.tape import Tape

Array = Any


class WindowVenue(NamedTuple):
    """Both sides: 6 int32, 24 bytes an environment."""

    bid: Order
    ask: Order


class WindowReplay(NamedTuple):
    """What the device reads, where every request is answered by the next decision; shared by a batch."""

    table: Table
    features: Array  # float32 [D, F]
    money: Money

    @property
    def decisions(self) -> int:
        """D."""
        return self.table.decisions

    def mid(self, k: Array) -> Array:
        """Local mid at decision k, int32 half-ticks."""
        return self.table.mid(k)

    def empty_venue(self, rules: Rules, orders: int = 1) -> WindowVenue:
        """No orders. Raises `InputError` on rules that windows cannot follow."""
        check_rules(rules, orders)
        none = Order(*(jnp.int32(0) for _ in Order._fields))
        return WindowVenue(none, none)

    def view(self, venue: WindowVenue, position: Array, k: Array, time_left: Array) -> View:
        """The view at decision k: the locally seen touch, the features, and our orders as far as they were answered."""
        known = (open_lots(venue.bid), open_lots(venue.ask))
        return self.table.view(self.features, venue, known, position, k, time_left)

    def step(
        self, venue: WindowVenue, position: Array, quotes: Quotes, k: Array, rules: Rules
    ) -> tuple[WindowVenue, Step]:
        """From decision k to k + 1: sends `quotes`, moves their queues over the window, books fills."""
        bid, bid_fills, bid_quote, bid_outside = self._side(0, venue.bid, quotes, -position, k, rules)
        ask, ask_fills, ask_quote, ask_outside = self._side(1, venue.ask, quotes, position, k, rules)
        step = book(
            self.money,
            k,
            position,
            self.mid(k),
            self.mid(k + 1),
            bid_fills,
            ask_fills,
            bid_quote=bid_quote,
            ask_quote=-ask_quote,
            outside=bid_outside + ask_outside + self.table.wrong_for(rules),
        )
        return WindowVenue(bid, ask), step

    def _side(
        self, s: int, old: Order, quotes: Quotes, to_close: Array, k: Array, rules: Rules
    ) -> tuple[Order, SideFills, Array, Array]:
        """One side over window k: the side, its fills, its quoted key, and how many lookups left the levels.

        The order before takes part until the request arrives. It keeps its place where it is named again, its total
        perhaps reduced on arrival; else it leaves. `to_close` lots are bought or sold at any price on `flatten`.
        """
        table = self.table
        key, lots = (-quotes.ask_ticks, quotes.ask_lots) if s else (quotes.bid_ticks, quotes.bid_lots)
        lots = jnp.where(quotes.flatten, 0, lots)
        known = filled_lots(old.queue, old.lots)
        stands = old.lots > known
        keeps = stands & (lots > 0) & (key == old.key) & (lots <= old.lots)
        leaves, comes = stands & ~keeps, ~keeps & (lots > 0)

        first, blind = table.leaving(k, s, old.key, jnp.asarray(True), rules)
        before = jnp.where(stands, moved(old.queue, first, old.lots, rules), old.queue)

        level = table.level(k, s, key)
        shown = table.words(k, s, level, SIZE)
        market = quotes.flatten & (to_close > 0)
        asked = jnp.where(market, to_close, jnp.where(comes, lots, 0))
        arrived = arrive(table, k, s, key, asked, market, shown, rules)

        live = jnp.where(keeps, lots, arrived.rests)
        queue = jnp.where(comes, queue_on_arrival(shown, rules), before)
        last = table.move(k, s, level, AFTER)
        queue = jnp.where((keeps | comes) & (queue > -live), moved(queue, last, live, rules), queue)

        done = filled_lots(before, old.lots)
        total = jnp.where(keeps, jnp.maximum(lots, done), live)
        after = Order(jnp.where(comes, key, old.key), total, queue)
        left = jnp.where(leaves, done - known, 0)
        worked = filled_lots(queue, total) - jnp.where(keeps, known, 0)
        none, zero = jnp.int32(-1), jnp.int32(0)
        fills = SideFills(Filled(old.key, left, zero, none), Filled(after.key, worked, zero, none), arrived.took)
        outside = ((lots > 0) & table.outside(level)) | (leaves & blind) | arrived.short
        return after, fills, jnp.where(keeps | comes, after.key, 0), outside.astype(jnp.int32)


def window_replay_of(tape: Tape, latency: Latency, model: FillModel, levels: Levels | None = None) -> Any:
    """Folds a tape and prepares it for the device. Raises `InputError` where windows cannot be exact."""
    return on_device(build_table(tape, latency, model, levels), tape, latency)


def on_device(table: WindowTable, tape: Tape, latency: Latency) -> Any:
    """The replay of a folded tape: a `WindowReplay`, or a `WaitingReplay` where answers take longer than a decision."""
    from jaxmm.exchange.window_waiting import WaitingReplay

    features, money = jnp.asarray(tape.features), money_of(tape.instrument, funding_due(tape, latency))
    if table.answered is None:
        return WindowReplay(Table.of(table), features, money)
    return WaitingReplay(Table.of(table), features, money, jnp.asarray(table.answered))
