"""A tape on the device, and one step of our orders and our ledger over it: what environments and backtests share.

D decisions · N events · K levels · F features; M orders a side. Money is an increment a step; see `ledger`.
"""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.exchange.engine import (
    MOST_LOTS,
    MOST_TICKS,
    Filled,
    Orders,
    Reading,
    SideFills,
    apply_events,
    event_rows,
    no_orders,
    open_lots,
)
from jaxmm.exchange.funding import funding_due
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.ledger import Money, Step, book, money_of
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.requests import Account, Arrival, Counter, Group, LimitNumbers, amend, cancel, group_of, place
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.timeline import Timeline, request_windows, timeline
from jaxmm.exchange.types import INFINITE
from jaxmm.instrument import INT32_MAX
from jaxmm.policy.types import Quotes, View
from jaxmm.tape.tape import Tape

Array = Any


ONE = Reading(block=1, tells=True)
"""For one run whose fills are reported."""
BATCH = Reading(block=8, tells=False)
"""For many runs at once, of which only money and position count."""


class Pending(NamedTuple):
    """A side's last group of requests, where answers may come later than the next decision."""

    group: Group
    sent: Array  # int32, decision at which it was sent
    waits: Array  # bool: its new orders have not arrived
    busy_until: Array  # int32, decision at which it is answered
    taking: Filled  # [M], what it took, which we do not know yet


class BookSide(NamedTuple):
    """All that is ours on one side of the book."""

    orders: Orders
    pending: Pending | None  # None where every group is answered by the next decision


class Venue(NamedTuple):
    """Both sides, and what the venue counts: 24 bytes with one order a side and prompt answers."""

    bid: BookSide
    ask: BookSide
    counter: Counter | None


class _Progress(NamedTuple):
    """A step under way."""

    orders: tuple[Orders, ...]
    before: tuple[Filled, ...]  # fills of orders that stood before a group's new orders arrived
    after: tuple[Filled, ...]
    taking: tuple[Filled, ...]
    placed: tuple[Array, ...]  # bool
    outside: Array
    counter: Counter | None


@partial(
    jax.tree_util.register_dataclass,
    data_fields=(
        "touch", "total", "features", "events", "time", "money", "lot", "limits", "windows",
        "first_event",
    ),
    meta_fields=("reading", "prompt", "one_arrival"),
)  # fmt: skip
@dataclass(frozen=True)
class Replay:
    """What the device reads; shared by every environment of a batch."""

    touch: Array  # int32 [D, 2], best bid and ask as seen locally, ticks
    total: Array  # int32 [D, 2, K], of the exchange's quantities on arrival, up to each level
    features: Array  # float32 [D, F]
    events: Array  # int32 [N + MOST_BLOCK, 6], of `engine.event_rows`
    time: Timeline
    money: Money
    lot: Array  # float32, size of a lot
    limits: LimitNumbers | None  # None: the venue accepts every order
    windows: Array | None  # int32 [D], of `timeline.request_windows`; None without limits
    first_event: Array  # int32, place on the tape of events[0], from which `time` counts
    reading: Reading
    prompt: bool  # every group arrives at once, and is answered by the next decision
    one_arrival: bool  # cancels, amends and new orders arrive together

    @property
    def decisions(self) -> int:
        """D."""
        return int(self.touch.shape[0])

    def replace(self, **changes: Any) -> "Replay":
        """With some of the arrays changed."""
        return dataclasses.replace(self, **changes)

    def mid(self, k: Array) -> Array:
        """Local mid at decision k, int32 half-ticks."""
        return self.touch[k, 0] + self.touch[k, 1]

    def empty_venue(self, rules: Rules, orders: int = 1) -> Venue:
        """No orders, with room for `orders` a side."""
        zero = jnp.int32(0)
        side = BookSide(no_orders(orders, rules), None if self.prompt else _no_pending(orders))
        counts = self.limits is not None
        return Venue(side, side, Counter(zero, zero) if counts else None)

    def view(self, venue: Venue, position: Array, k: Array, time_left: Array) -> View:
        """The view at decision k: the locally seen touch, the features, and our orders as far as they were answered.

        Own prices and lots are scalars with one order a side, and int32 [M] with more.
        """
        bid, ask = venue.bid, venue.ask
        one = bid.orders.key.shape[0] == 1
        prices = (bid.orders.key, -ask.orders.key)
        lots = tuple(jnp.where(_is_free(side, k), open_lots(side.orders), 0) for side in (bid, ask))
        if one:
            prices, lots = jax.tree.map(lambda leaf: leaf[0], (prices, lots))
        return View(
            self.touch[k, 0],
            self.touch[k, 1],
            position,
            self.features[k],
            prices[0],
            lots[0],
            prices[1],
            lots[1],
            time_left,
        )

    def step(self, venue: Venue, position: Array, quotes: Quotes, k: Array, rules: Rules) -> tuple[Venue, Step]:
        """From decision k to k + 1: sends `quotes`, applies the events that become known, books fills.

        The fields of `quotes` are scalars, or int32 [M].
        """
        sides = tuple(self._send(side, s, quotes, position, k) for s, side in enumerate((venue.bid, venue.ask)))
        pending = tuple(p for _, p in sides)
        orders = tuple(o for o, _ in sides)
        bid_quote, ask_quote = _quoted(orders[0], pending[0], k), -_quoted(orders[1], pending[1], k)
        none = tuple(_nothing(o) for o in orders)
        now = _Progress(orders, none, none, none, (jnp.asarray(False),) * 2, jnp.int32(0), venue.counter)
        now = self._through(now, pending, position, k, rules)
        after, fills = [], []
        for s in range(2):
            side, taking = self._know(now, pending[s], s, k + 1)
            after.append(side)
            fills.append(SideFills(now.before[s], now.after[s], taking))
        step = book(
            self.money,
            k,
            position,
            self.mid(k),
            self.mid(k + 1),
            fills[0],
            fills[1],
            bid_quote=bid_quote,
            ask_quote=ask_quote,
            outside=now.outside,
        )
        return Venue(after[0], after[1], now.counter), step

    def _send(self, side: BookSide, s: int, quotes: Quotes, position: Array, k: Array) -> tuple[Orders, Pending]:
        price, lots = (quotes.ask_ticks, quotes.ask_lots) if s else (quotes.bid_ticks, quotes.bid_lots)
        price, lots = jnp.atleast_1d(price), jnp.atleast_1d(lots)
        group = group_of(side.orders, s, price, lots, position if s else -position, quotes.flatten)
        new = Pending(group, k, jnp.asarray(True), self.time.answered[k], _nothing(side.orders))
        if side.pending is None:
            return side.orders, new
        return side.orders, _select(_is_free(side, k) & group.some, new, side.pending)

    def _through(
        self, now: _Progress, pending: tuple[Pending, ...], position: Array, k: Array, rules: Rules
    ) -> _Progress:
        """The step after all that happens at the venue until decision k + 1: events, and requests that arrive."""
        first, stop = self.time.known[k], self.time.known[k + 1]
        if self.prompt:
            cut = self.time.place[k]
            now = self._arrive(self._apply(now, first, cut, rules), pending, position, cut, rules)
            return self._apply(now, cut, stop, rules)
        kinds = ("place",) if self.one_arrival else ("cancel", "amend", "place")
        cuts = [jnp.where(p.waits, getattr(self.time, kind)[p.sent], stop) for p in pending for kind in kinds]
        until = jnp.sort(jnp.minimum(jnp.stack([*cuts, stop]), stop))

        def part(now: _Progress, span: tuple[Array, Array]) -> tuple[_Progress, None]:
            now = self._apply(now, span[0], span[1], rules)
            return self._arrive(now, pending, position, span[1], rules), None

        start = jnp.concatenate([first[None], until[:-1]])
        return jax.lax.scan(part, now, (start, until))[0]

    def _apply(self, now: _Progress, first: Array, stop: Array, rules: Rules) -> _Progress:
        """The step after the market's events [first, stop)."""
        orders, fills = apply_events(now.orders, self.events, first, stop, rules, self.lot, self.reading)
        before, after = [], []
        for s in range(2):
            before.append(_added(now.before[s], fills[s], ~now.placed[s]))
            after.append(_added(now.after[s], fills[s], now.placed[s]))
        return now._replace(orders=orders, before=tuple(before), after=tuple(after))

    def _arrive(
        self, now: _Progress, pending: tuple[Pending, ...], position: Array, cut: Array, rules: Rules
    ) -> _Progress:
        """The step after the requests that arrive up to event `cut`: cancels and amends, then new bids and new asks."""
        orders, taking, placed = list(now.orders), list(now.taking), list(now.placed)
        outside, counter = now.outside, now.counter

        def due(s: int, kind: str) -> Array:
            if self.prompt:
                return jnp.asarray(True)
            return pending[s].waits & ~now.placed[s] & (getattr(self.time, kind)[pending[s].sent] <= cut)

        for s in range(2):
            group, sent = pending[s].group, pending[s].sent
            orders[s] = cancel(orders[s], group, due(s, "cancel"))
            orders[s], counter = amend(orders[s], group, due(s, "amend"), self._window(sent), counter, self.limits)
        for s in range(2):
            group, sent, arrives = pending[s].group, pending[s].sent, due(s, "place")
            book = (self.time.book_price[sent], self.time.book_qty[sent], self.total[sent])
            filled = _total(now.before[0], now.after[0], taking[0]) - _total(now.before[1], now.after[1], taking[1])
            if not self.prompt:
                filled += _total(pending[0].taking) - _total(pending[1].taking)
            result, counter = place(
                s,
                orders[s],
                group,
                arrives,
                sent,
                Arrival(*book, self._window(sent)),
                Account(position + filled, counter),
                rules,
                self.limits,
            )
            orders[s], outside = result.orders, outside + result.outside
            taking[s] = _added(taking[s], result.taking, arrives)
            placed[s] = placed[s] | arrives
        arrived = now._replace(
            orders=tuple(orders), taking=tuple(taking), placed=tuple(placed), outside=outside, counter=counter
        )
        # a compiler that fuses across this point works out the arrival once for each of its many results
        return jax.lax.optimization_barrier(arrived)

    def _window(self, sent: Array) -> Array:
        return jnp.int32(0) if self.windows is None else self.windows[sent]

    def _know(self, now: _Progress, pending: Pending, s: int, k: Array) -> tuple[BookSide, Filled]:
        """The side at decision k, and the takings that we know of by then."""
        if self.prompt:
            return BookSide(now.orders[s], None), now.taking[s]
        took = _select(now.placed[s], now.taking[s], pending.taking)
        answered = k >= pending.busy_until
        nothing = _nothing(now.orders[s])
        held = _select(answered, nothing, took)
        still = pending._replace(waits=pending.waits & ~now.placed[s], taking=held)
        return BookSide(now.orders[s], still), _select(answered, took, nothing)


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


def replay_of(
    tape: Tape, latency: Latency, levels: int | None = None, reading: Reading = ONE, limits: Limits | None = None
) -> Replay:
    """Prepares a tape for the device, with `levels` of the exchange's book a side on arrival (the tape's if not given).

    `reading` is `ONE` for a backtest and `BATCH` for many environments at once. Without `limits` the venue accepts
    every order, and what it would count costs nothing.

    Raises `InputError` where prices or quantities do not fit the engine's integers.
    """
    if tape.decisions < 2:
        raise InputError(
            f"tape: {tape.decisions} decisions; a replay needs at least 2 (a longer recording, or a faster clock)"
        )
    if np.abs(tape.event[:, 1]).max(initial=0) >= MOST_TICKS:
        raise InputError("tape: a price is 2^29 ticks or more; use a coarser tick_size")
    if tape.event[:, 2].max(initial=0) >= MOST_LOTS:
        raise InputError("tape: a quantity is 2^27 lots or more; use a coarser lot_size")
    time = timeline(tape.ts_ns, tape.exch_ts, tape.event, latency, levels or tape.levels, tape.lag_ns)
    first, stop = int(time.known[0]), max(int(time.known[-1]), int(time.known[0]) + 1)
    indices = {name: getattr(time, name) - np.int32(first) for name in ("known", "cancel", "amend", "place")}
    arrays = Replay(
        touch=tape.book_price[:, :, 0],
        total=_totals(time.book_qty),
        features=tape.features,
        events=event_rows(tape.event[first:stop]),
        time=time._replace(**indices),
        money=money_of(tape.instrument, funding_due(tape, latency)),
        lot=np.asarray(tape.instrument.lot_size, jnp.result_type(float)),
        limits=None if limits is None else LimitNumbers.of(limits),
        windows=None if limits is None else request_windows(tape.ts_ns, tape.lag_ns, latency, limits.window_ns),
        first_event=np.int32(first),
        reading=reading,
        prompt=time.prompt and time.one_arrival,
        one_arrival=time.one_arrival,
    )
    return jax.tree.map(jnp.asarray, arrays)


def _totals(qty: np.ndarray) -> np.ndarray:
    total = np.cumsum(qty, axis=-1, dtype=np.int64)
    if total.max(initial=0) >= INFINITE:
        raise InputError("tape: the book shows 2^30 lots or more on a side; use a coarser lot_size")
    return total.astype(np.int32)


def _no_pending(orders: int) -> Pending:
    none = jnp.zeros(orders, jnp.int32)
    zero, no = jnp.int32(0), jnp.asarray(False)
    group = Group(jnp.zeros(orders, bool), none, none, no, no)
    return Pending(group, zero, no, zero, Filled(none, none, none, none - 1))


def _is_free(side: BookSide, k: Array) -> Array:
    return jnp.asarray(True) if side.pending is None else k >= side.pending.busy_until


def _nothing(orders: Orders) -> Filled:
    none = jnp.zeros_like(orders.key)
    return Filled(none, none, none, none - 1)


def _added(filled: Filled, more: Filled, counts: Array) -> Filled:
    some = counts & (more.lots > 0)
    return Filled(
        jnp.where(some, more.key, filled.key),
        jnp.where(some, filled.lots + more.lots, filled.lots),
        jnp.where(some, filled.extra + more.extra, filled.extra),
        jnp.where(some, more.event, filled.event),
    )


def _total(*fills: Filled) -> Array:
    return sum((jnp.sum(f.lots, dtype=jnp.int32) for f in fills), jnp.int32(0))


def _quoted(orders: Orders, pending: Pending, k: Array) -> Array:
    """The best price at which an order is open, or asked for without an answer yet, as a key; 0 where there is none."""
    group = pending.group
    asked = (pending.waits | (k < pending.busy_until)) & ~group.keeps
    stands = jnp.where(asked, (group.lots > 0) & ~group.market, open_lots(orders) > 0)
    key = jnp.where(asked, group.key, orders.key)
    best = jnp.max(jnp.where(stands, key, -INFINITE))
    return jnp.where(best == -INFINITE, 0, best)


def _select(condition: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)
