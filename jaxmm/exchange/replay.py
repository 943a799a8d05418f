"""A tape on the device, and one step of our orders and our ledger over it: what environments and backtests share.

D decisions · N events · K levels · F features. Money is an increment a step; see `ledger`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.exchange.engine import (
    BookSide,
    Rules,
    Venue,
    advance,
    empty_venue,
    filled_lots,
    open_lots,
)
from jaxmm.exchange.funding import funding_due
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.ledger import Money, Step, book, money_of
from jaxmm.exchange.requests import Arrival, submit
from jaxmm.exchange.timeline import Timeline, timeline
from jaxmm.exchange.types import INFINITE
from jaxmm.instrument import INT32_MAX
from jaxmm.policy.types import Quotes, View
from jaxmm.tape.tape import Tape

Array = Any


class Replay(NamedTuple):
    """What the device reads; shared by every environment of a batch."""

    book_price: Array  # int32 [D, 2, K], locally visible, ticks
    book_qty: Array  # int32 [D, 2, K], lots
    features: Array  # float32 [D, F]
    events: Array  # int32 [N, 4]
    time: Timeline
    money: Money
    first_event: Array  # int32, place on the tape of events[0], from which `time` counts

    @property
    def decisions(self) -> int:
        """D."""
        return int(self.book_price.shape[0])

    def mid(self, k: Array) -> Array:
        """Local mid at decision k, int32 half-ticks."""
        return self.book_price[k, 0, 0] + self.book_price[k, 1, 0]

    def empty_venue(self) -> Venue:
        """No orders."""
        return empty_venue()

    def view(self, venue: Venue, position: Array, k: Array, time_left: Array) -> View:
        """The view at decision k: the locally seen touch, the features, and our orders as far as they were answered."""
        bid, ask = venue.bid, venue.ask
        return View(
            self.book_price[k, 0, 0],
            self.book_price[k, 1, 0],
            position,
            self.features[k],
            bid.working.key,
            open_lots(bid, k),
            -ask.working.key,
            open_lots(ask, k),
            time_left,
        )

    def step(self, venue: Venue, position: Array, quotes: Quotes, k: Array, rules: Rules) -> tuple[Venue, Step]:
        """From decision k to k + 1: sends `quotes`, applies the events that become known, books fills."""
        time = self.time
        at = Arrival(k, time.arrive[k], time.answered[k], time.book_price[k], time.book_qty[k])
        venue, outside = submit(venue, quotes, position, at, rules)
        bid_quote, ask_quote = _quoted(venue.bid), -_quoted(venue.ask)
        venue, bid, ask = advance(venue, self.events, time.known[k], time.known[k + 1], k + 1, rules)
        step = book(
            self.money,
            k,
            position,
            self.mid(k),
            self.mid(k + 1),
            bid,
            ask,
            bid_quote=bid_quote,
            ask_quote=ask_quote,
            outside=outside,
        )
        return venue, step


def check_money(tape: Tape, max_position_lots: int) -> None:
    """Raises `InputError` where a step's P&L could leave int32: too many lots for how far this market moves."""
    touch = np.asarray(tape.book_price[:, :, 0], np.int64)
    move = int(np.abs(np.diff(touch.sum(axis=1))).max(initial=0))
    spread = int((touch[:, 1] - touch[:, 0]).max(initial=0))
    most = INT32_MAX // (4 * (move + spread) + 1)
    if max_position_lots > most:
        raise InputError(
            f"max_position_lots is {max_position_lots}; this market moves {move} half-ticks in a decision, so a step's "
            f"P&L fits the engine's integers up to {most} lots: quote less, or use a coarser lot_size"
        )


def replay_of(tape: Tape, latency: Latency, levels: int | None = None) -> Replay:
    """Prepares a tape for the device, with `levels` of the exchange's book a side on arrival (the tape's if not given).

    Raises `InputError` where prices do not fit the engine's integers.
    """
    if tape.decisions < 2:
        raise InputError(
            f"tape: {tape.decisions} decisions; a replay needs at least 2 (a longer recording, or a faster clock)"
        )
    if np.abs(tape.event[:, 1]).max(initial=0) >= INFINITE:
        raise InputError("tape: a price is 2^30 ticks or more; use a coarser tick_size")
    time = timeline(tape.ts_ns, tape.exch_ts, tape.event, latency, levels or tape.levels, tape.lag_ns)
    first, stop = int(time.known[0]), max(int(time.known[-1]), int(time.known[0]) + 1)
    rebased = time._replace(known=time.known - np.int32(first), arrive=time.arrive - np.int32(first))
    arrays = Replay(
        tape.book_price,
        tape.book_qty,
        tape.features,
        tape.event[first:stop],
        rebased,
        money_of(tape.instrument, funding_due(tape, latency)),
        np.int32(first),
    )
    return jax.tree.map(jnp.asarray, arrays)


def _quoted(side: BookSide) -> Array:
    return jnp.where(side.working.lots > filled_lots(side.working), side.working.key, 0)
