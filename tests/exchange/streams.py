"""Random market event streams with a real book behind them, and one run of a table of quotes on either engine."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.exchange import replay
from jaxmm.exchange.engine import MOST_BLOCK
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.reference import ASK, BID, Event
from jaxmm.exchange.reference_replay import Known, ReferenceReplay, Wanted
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.timeline import timeline
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.instrument import Instrument
from jaxmm.policy.types import Quotes
from jaxmm.tape.tape import Tape

INSTRUMENT = Instrument("test", "X", tick_size=1.0, lot_size=1.0, maker_fee=-0.0001, taker_fee=0.0005)
LEVELS = 40
CENTRE = 1000


def random_stream(rng: np.random.Generator, n: int, step_ns: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """`exch_ts` int64 [n] and `event` int32 [n, 4] of a market that drifts, trades, sweeps and empties levels.

    Many events share a time stamp, and books stay uncrossed.
    """
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    centre, events = CENTRE, []
    for price in range(centre - 4, centre):
        events.append((2, price, 5, 0))
        book[BID][price] = 5
    for price in range(centre + 1, centre + 5):
        events.append((3, price, 5, 0))
        book[ASK][price] = 5
    while len(events) < n:
        roll = rng.random()
        if roll < 0.1:
            centre += int(rng.choice([-3, -1, 1, 3], p=[0.1, 0.4, 0.4, 0.1]))
            for side, wrong in (
                (BID, [p for p in book[BID] if p >= centre]),
                (ASK, [p for p in book[ASK] if p <= centre]),
            ):
                for price in wrong:
                    events.append((2 + side, price, 0, book[side].pop(price)))
        elif roll < 0.35:
            side = int(rng.integers(2))
            price = centre + (-1 if side == 0 else 1) * int(rng.integers(-1, 4))
            events.append((side, price, int(rng.integers(1, 9)), 0))
        else:
            side = int(rng.integers(2))
            price = centre + (-1 if side == BID else 1) * int(rng.integers(1, 9))
            qty = int(rng.choice([0, 0, 1, 2, 4, 8]))
            before = book[side].get(price, 0)
            if qty != before:
                events.append((2 + side, price, qty, before))
                book[side].pop(price, None)
                if qty:
                    book[side][price] = qty
    exch_ts = np.cumsum(rng.choice([0, 0, 1, 3, step_ns], size=n)).astype(np.int64)
    return exch_ts, np.array(events[:n], np.int32)


def random_tape(rng: np.random.Generator, n: int, interval_ns: int, decisions: int) -> Tape:
    """A tape over a random stream; the local book shown is the exchange's of the same time."""
    exch_ts, event = random_stream(rng, n)
    ts_ns = exch_ts[8] + np.arange(decisions, dtype=np.int64) * interval_ns
    now = timeline(ts_ns, exch_ts, event, Latency(), LEVELS)
    return Tape.from_arrays(
        INSTRUMENT,
        ts_ns=ts_ns,
        book_price=now.book_price,
        book_qty=now.book_qty,
        exch_ts=exch_ts,
        event=event,
        best=np.zeros((n, 2)),
    )


class Table(NamedTuple):
    """Quotes by decision, all int32 [D] but flatten."""

    bid: np.ndarray
    bid_lots: np.ndarray
    ask: np.ndarray
    ask_lots: np.ndarray
    flatten: np.ndarray


def random_table(rng: np.random.Generator, tape: Tape) -> Table:
    """Quotes around the touch that often stay, sometimes cross, shrink, grow, vanish or flatten."""
    d = tape.decisions
    stay = rng.random(d) < 0.6
    mid = (tape.book_price[:, 0, 0] + tape.book_price[:, 1, 0]) // 2
    columns = [mid - rng.integers(-1, 4, d), rng.integers(0, 7, d), mid + rng.integers(-1, 4, d), rng.integers(0, 7, d)]
    for k in range(1, d):
        if stay[k]:
            for column in columns:
                column[k] = column[k - 1]
            if rng.random() < 0.3:
                columns[1][k] = max(columns[1][k] - 1, 0)
                columns[3][k] = max(columns[3][k] - 1, 0)
    return Table(*(c.astype(np.int32) for c in columns), rng.random(d) < 0.03)


def run_reference(tape: Tape, table: Table, latency: Latency, model: FillModel, post_only: bool) -> ReferenceReplay:
    """The plain Python venue under the table's quotes."""

    def decide(known: Known) -> Wanted:
        k = known.decision
        return Wanted(*(int(c[k]) for c in table[:4]), bool(table.flatten[k]))

    return reference_of(tape, latency, model, OrderType(post_only)).run(decide)


def reference_of(tape: Tape, latency: Latency, model: FillModel, order_type: OrderType, **more: Any) -> ReferenceReplay:
    """The plain Python venue over a tape, ready to run."""
    events = [(int(ts), Event(*map(int, row))) for ts, row in zip(tape.exch_ts, tape.event, strict=True)]
    times = {"lag_ns": tape.lag_ns.tolist(), "lot": tape.instrument.lot_size}
    return ReferenceReplay(events, tape.ts_ns.tolist(), latency, model, order_type, **times, **more)


def prepare(tape: Tape, latency: Latency) -> replay.Replay:
    """The tape for the engine, its events padded to their full number so that every tape has one shape."""
    return padded(replay.replay_of(tape, latency), tape).replace(prompt=False, one_arrival=False)


def padded(prepared: replay.Replay, tape: Tape) -> replay.Replay:
    """With as many rows as the tape has events, by numpy: jax would compile the padding for every length."""
    events = np.asarray(prepared.events)
    missing = tape.events + MOST_BLOCK - len(events)
    return prepared.replace(events=jnp.asarray(np.concatenate([events, np.repeat(events[-1:], missing, axis=0)])))


def run(prepared: replay.Replay, table: Table, rules: Rules) -> replay.Step:
    """The engine under a table of quotes: `Step` of arrays [D − 1], entry k − 1 known at decision k."""

    def body(carry, k):
        venue, position = carry
        quotes = Quotes(*(column[k] for column in table))
        venue, stepped = prepared.step(venue, position, quotes, k, rules)
        return (venue, stepped.position), stepped

    start = (prepared.empty_venue(rules), jnp.int32(0))
    return jax.lax.scan(body, start, jnp.arange(table.bid.shape[0] - 1, dtype=jnp.int32))[1]


run_engine = jax.jit(jax.vmap(run))
"""A batch of markets, each with its own table and rules."""
run_rules = jax.jit(jax.vmap(run, in_axes=(None, None, 0)))
"""One market and one table under a batch of rules: its events are read once for all of them."""


def stack(trees: list) -> Any:
    """A list of pytrees as one with a leading batch axis, by numpy: jax would compile the stacking of each shape."""
    return jax.tree.map(lambda *leaves: jnp.asarray(np.stack([np.asarray(leaf) for leaf in leaves])), *trees)
