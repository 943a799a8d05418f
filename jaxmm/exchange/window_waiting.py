"""The window engine where answers take longer than a decision: a side waits while its request is under way.

A request sent at decision s arrives in the window before the decision that knows its answer. There row s says what
happened before and after the arrival; in every other window an order lives through the whole of it. The rest is as in
`window.py`.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.exchange.engine import Filled, SideFills
from jaxmm.exchange.ledger import Money, Step, book
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.window_fold import AFTER, BEFORE, SIZE, WHOLE
from jaxmm.exchange.window_lookup import (
    Move,
    Order,
    Table,
    arrive,
    check_rules,
    filled_lots,
    moved,
    open_lots,
    queue_on_arrival,
)
from jaxmm.policy.types import Quotes, View

Array = Any
KEPT, NEW = -1, -2
"""Values of `WaitingSide.amend` that are no total: the order stands as it is, or has not arrived."""


class WaitingSide(NamedTuple):
    """All that is ours on one side."""

    working: Order
    leaving: Order  # the order before, while its cancel is under way
    took: Filled  # what the request under way took on arrival
    sent: Array  # int32, decision at which the request under way was sent
    busy_until: Array  # int32, decision at which it is answered
    amend: Array  # int32, total that the working order has from the arrival on, or one of the above


class WaitingVenue(NamedTuple):
    """Both sides: 26 int32, 104 bytes an environment."""

    bid: WaitingSide
    ask: WaitingSide


class WaitingReplay(NamedTuple):
    """What the device reads; shared by a batch."""

    table: Table
    features: Array  # float32 [D, F]
    money: Money
    answered: Array  # int32 [D]

    @property
    def decisions(self) -> int:
        """D."""
        return self.table.decisions

    def mid(self, k: Array) -> Array:
        """Local mid at decision k, int32 half-ticks."""
        return self.table.mid(k)

    def empty_venue(self, rules: Rules, orders: int = 1) -> WaitingVenue:
        """No orders. Raises `InputError` on rules that windows cannot follow."""
        check_rules(rules, orders)
        none, zero = Order(*(jnp.int32(0) for _ in Order._fields)), jnp.int32(0)
        side = WaitingSide(none, none, Filled(zero, zero, zero, zero), zero, zero, jnp.int32(KEPT))
        return WaitingVenue(side, side)

    def view(self, venue: WaitingVenue, position: Array, k: Array, time_left: Array) -> View:
        """The view at decision k: the locally seen touch, the features, and our orders as far as they were answered."""
        bid, ask = (jnp.where(k < side.busy_until, 0, open_lots(side.working)) for side in venue)
        orders = (venue.bid.working, venue.ask.working)
        return self.table.view(self.features, orders, (bid, ask), position, k, time_left)

    def step(
        self, venue: WaitingVenue, position: Array, quotes: Quotes, k: Array, rules: Rules
    ) -> tuple[WaitingVenue, Step]:
        """From decision k to k + 1: sends `quotes`, moves the queues over the window, books fills."""
        sides, fills, quoted, outside = [], [], [], self.table.wrong_for(rules)
        for s, old in enumerate(venue):
            sent, unknown = self._submit(s, old, quotes, position if s else -position, k, rules)
            side, filled, blind = self._advance(s, sent, k, rules)
            sides.append(side)
            fills.append(filled)
            asked = (open_lots(sent.working) > 0) | (sent.amend == NEW)
            quoted.append(jnp.where(asked, sent.working.key, 0))
            outside = outside + unknown.astype(jnp.int32) + blind.astype(jnp.int32)
        step = book(
            self.money,
            k,
            position,
            self.mid(k),
            self.mid(k + 1),
            *fills,
            bid_quote=quoted[0],
            ask_quote=-quoted[1],
            outside=outside,
        )
        return WaitingVenue(*sides), step

    def _submit(
        self, s: int, side: WaitingSide, quotes: Quotes, to_close: Array, k: Array, rules: Rules
    ) -> tuple[WaitingSide, Array]:
        """What is sent at decision k where nothing is under way; and whether it left the levels."""
        old, table = side.working, self.table
        free = k >= side.busy_until
        key, lots = (-quotes.ask_ticks, quotes.ask_lots) if s else (quotes.bid_ticks, quotes.bid_lots)
        lots = jnp.where(quotes.flatten, 0, lots)
        stands = open_lots(old) > 0
        keeps = stands & (lots > 0) & (key == old.key) & (lots <= old.lots)
        amends = free & keeps & (lots < old.lots)
        leaves, comes = free & stands & ~keeps, free & ~keeps & (lots > 0)

        level = table.level(k, s, key)
        shown = table.words(k, s, level, SIZE)
        market = free & quotes.flatten & (to_close > 0)
        asked = jnp.where(market, to_close, jnp.where(comes, lots, 0))
        arrived = arrive(table, k, s, key, asked, market, shown, rules)
        new = Order(key, arrived.rests, queue_on_arrival(shown, rules))
        kept = old._replace(lots=jnp.where(leaves, 0, old.lots))
        requests = amends | leaves | comes | market
        after = WaitingSide(
            _select(comes, new, kept),
            _select(leaves, old, side.leaving),
            _select(requests, arrived.took, side.took),
            jnp.where(requests, k, side.sent),
            jnp.where(requests, jnp.maximum(self.answered[k], k + 1), side.busy_until),
            jnp.where(comes, NEW, jnp.where(amends, lots, side.amend)),
        )
        return after, (free & (lots > 0) & table.outside(level)) | arrived.short

    def _advance(self, s: int, side: WaitingSide, k: Array, rules: Rules) -> tuple[WaitingSide, SideFills, Array]:
        """The side at decision k + 1, its fills by then, and whether a lookup left the levels."""
        table, working, leaving = self.table, side.working, side.leaving
        due = side.busy_until == k + 1
        amended, arrives = side.amend >= 0, side.amend == NEW

        away, blind = table.leaving(jnp.where(due, side.sent, k), s, leaving.key, due, rules)
        left = leaving._replace(queue=_if_live(leaving, away, leaving.lots, rules))
        blind &= open_lots(leaving) > 0

        cut = due & (amended | arrives)
        row = jnp.where(cut, side.sent, k)
        level = table.level(row, s, working.key)
        first = _if_live(working, table.move(row, s, level, jnp.where(cut, BEFORE, WHOLE)), working.lots, rules)
        first = jnp.where(arrives, working.queue, first)
        total = jnp.where(due & amended, side.amend, working.lots)
        second = moved(first, table.move(row, s, level, AFTER), total, rules)
        queue = jnp.where(cut & (first > -total), second, first)
        total = jnp.maximum(total, jnp.where(due & amended, filled_lots(first, working.lots), 0))
        blind |= (open_lots(working) > 0) & (~arrives | due) & table.outside(level)

        zero, none = jnp.int32(0), jnp.int32(-1)
        went = filled_lots(left.queue, left.lots) - filled_lots(leaving.queue, leaving.lots)
        worked = filled_lots(queue, total) - filled_lots(working.queue, working.lots)
        fills = SideFills(
            Filled(leaving.key, went, zero, none),
            Filled(working.key, worked, zero, none),
            side.took._replace(lots=jnp.where(due, side.took.lots, 0), extra=jnp.where(due, side.took.extra, 0)),
        )
        after = side._replace(
            working=Order(working.key, total, queue),
            leaving=left._replace(lots=jnp.where(due, 0, left.lots)),
            amend=jnp.where(due, KEPT, side.amend),
        )
        return after, fills, blind


def _if_live(order: Order, by: Move, total: Array, rules: Rules) -> Array:
    return jnp.where(open_lots(order) > 0, moved(order.queue, by, total, rules), order.queue)


def _select(condition: Array, new: Any, old: Any) -> Any:
    return type(new)(*(jnp.where(condition, n, o) for n, o in zip(new, old, strict=True)))
