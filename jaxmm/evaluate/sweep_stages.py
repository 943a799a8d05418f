"""The ways to run a sweep, the fastest first: windows of ever wider tables, then events with ever more of the book.

A way's markets may come in spans of decisions, where a table is larger than the memory it may take.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.errors import InputError, NotExact
from jaxmm.evaluate.backtest import MOST_LEVELS
from jaxmm.exchange.funding import funding_due
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.ledger import money_of
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.replay import BATCH, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.exchange.window import WindowReplay, on_device
from jaxmm.exchange.window_fold import WHOLE
from jaxmm.exchange.window_lookup import Table, check_rules
from jaxmm.exchange.window_table import Levels, WindowTable, build_table, check_model
from jaxmm.tape.tape import Tape

REACH = (Levels(24, 10), Levels(96, 32), Levels(384, 96))
"""Prices that the window table names, one after the other until no quote is outside."""
OFFERS = 16
"""Levels of the opposite side in the table, where orders may take."""
MOST_BYTES = 1 << 30
"""Of a window table in memory; a larger one lies on disk and is read span by span."""
MOST_DISK_BYTES = 16 << 30
"""Of a window table that is made to reach farther than the first."""


class Venue(NamedTuple):
    """What is the same for all sets."""

    tape: Tape
    latency: Latency
    model: FillModel
    order_type: OrderType
    limits: Limits | None
    orders: int  # a side

    @property
    def rules(self) -> Rules:
        """Arrays of the precision in which the model runs."""
        with self.precision():
            return Rules.of(self.model, self.order_type, self.orders)

    def precision(self) -> Any:
        """The context in which all that is jitted runs, in every thread."""
        return jax.enable_x64(self.model.queue.probabilistic)

    def on_events(self, levels: int) -> Any:
        """The replay for the event engine, with `levels` of the exchange's book a side on arrival."""
        return replay_of(self.tape, self.latency, levels, BATCH, self.limits)

    def table(self, levels: Levels, work: Path) -> WindowTable:
        """The table of windows, in memory, or in a folder below `work` where it is large."""
        if 8 * levels.total * (WHOLE + 2) * self.tape.decisions <= MOST_BYTES:
            return build_table(self.tape, self.latency, self.model, levels)
        folder = work / f"levels-{levels.total}"
        folder.mkdir()
        return build_table(self.tape, self.latency, self.model, levels, folder)

    def check_windows(self) -> None:
        """Raises `NotExact` on what windows cannot do, as far as it is known before their table."""
        check_model(self.model)
        check_rules(self.rules, self.orders, self.limits)


class Span(NamedTuple):
    """Decisions [first, stop) that are on the device at once."""

    first: int
    stop: int
    start: int  # decision of the replay's row 0
    load: Callable[[], Any]


class Stage(NamedTuple):
    """A way to run sets."""

    windows: bool
    spans: list[Span]


def stages(venue: Venue, engine: str | None, work: Path) -> tuple[Iterator[Stage], str | None]:
    """From the fastest to the one that reaches farthest; and why windows are not among them."""
    if engine not in (None, "window", "event"):
        raise InputError(f"engine {engine!r}: there are 'window' and 'event'")
    if engine == "event":
        return _event_stages(venue), None
    try:
        venue.check_windows()
        nearest = venue.table(_reach(venue)[0], work)
    except NotExact as error:
        if engine == "window":
            raise
        return _event_stages(venue), str(error)
    windows = _window_stages(nearest, venue, work)
    return windows if engine == "window" else chain(windows, _event_stages(venue)), None


def _reach(venue: Venue) -> list[Levels]:
    offers = 0 if venue.order_type == OrderType.POST_ONLY else OFFERS
    return [levels._replace(offers=offers) for levels in REACH]


def _window_stages(nearest: WindowTable, venue: Venue, work: Path) -> Iterator[Stage]:
    yield _window_stage(nearest, venue)
    near, *farther = _reach(venue)
    for levels in farther:
        if levels.total * nearest.bytes_per_decision // near.total * venue.tape.decisions <= MOST_DISK_BYTES:
            yield _window_stage(venue.table(levels, work), venue)


def _window_stage(table: WindowTable, venue: Venue) -> Stage:
    """The table in one span, or, where it is large and no state names a decision, in several of equal length."""
    tape, steps = venue.tape, venue.tape.decisions - 1
    count = -(-table.bytes_per_decision * steps // MOST_BYTES) if table.answered is None else 1
    if count == 1:
        return Stage(True, [Span(0, steps, 0, partial(on_device, table, tape, venue.latency))])
    length = -(-steps // count)
    funding = funding_due(tape, venue.latency)

    def load(start: int) -> Any:
        rows = slice(start, start + length + 1)
        part = table._replace(head=table.head[rows], rows=table.rows[rows], offers=table.offers[rows])
        money = money_of(tape.instrument, None if funding is None else jnp.asarray(funding[rows]))
        return WindowReplay(Table.of(part), jnp.asarray(tape.features[rows]), money)

    spans = []
    for first in range(0, steps, length):
        start = min(first, steps - length)
        spans.append(Span(first, min(first + length, steps), start, partial(load, start)))
    return Stage(True, spans)


def _event_stages(venue: Venue) -> Iterator[Stage]:
    levels = venue.tape.levels
    while True:
        yield Stage(False, [Span(0, venue.tape.decisions - 1, 0, partial(venue.on_events, levels))])
        if levels >= MOST_LEVELS:
            return
        levels = min(8 * levels, MOST_LEVELS)
