"""The window engine alone: how fast a tape folds, and how many decisions a second the table answers.

The strategy quotes both sides around the mid in whole ticks and leans against its inventory by clips. In lockstep all
environments stand at one decision, as in a sweep; with random starts each stands at its own, as in training. Seconds
are the process's own, on one thread pinned to one core, so that other work on the machine counts less.
B environments · T decisions of a run · D decisions · L levels.

  .venv/bin/python scripts/bench_window.py TAPE [--json FILE] [--batches 256,1024,4096]
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from bench_measure import Figure, single, spread

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import INFINITE, FillModel
from jaxmm.exchange.window import WindowReplay, WindowVenue, on_device
from jaxmm.exchange.window_table import Levels, WindowTable, build_table
from jaxmm.policy.types import Quotes, View
from jaxmm.tape.tape import Tape

Array = Any
LATENCY = Latency(10_000_000, 10_000_000)
LEVELS = Levels(behind=20, inside=4)
DECISIONS = 8_000_000
"""Of one timed run, about."""
REPEATS = 5
SCANNED_EVENTS = 1 << 16


class Quoting(NamedTuple):
    """One environment's parameters, int32."""

    half_spread: Array  # ticks
    skew: Array  # ticks a clip
    lots: Array  # of a clip
    most: Array  # lots held

    def quote(self, view: View) -> Quotes:
        """Both sides, in integers."""
        twice_mid = view.bid_ticks + view.ask_ticks - 2 * self.skew * (view.position_lots // self.lots)
        bid = jnp.minimum((twice_mid - 2 * self.half_spread) // 2, view.ask_ticks - 1)
        ask = jnp.maximum(-((-twice_mid - 2 * self.half_spread) // 2), view.bid_ticks + 1)
        bid_lots = jnp.where(view.position_lots + self.lots <= self.most, self.lots, 0)
        ask_lots = jnp.where(view.position_lots - self.lots >= -self.most, self.lots, 0)
        return Quotes(bid, bid_lots, ask, ask_lots, jnp.asarray(False))


class Totals(NamedTuple):
    """What a run adds up, int32 [B]."""

    pnl: Array
    lots: Array
    outside: Array


@partial(jax.jit, static_argnames="steps")
def quoted(replay: WindowReplay, quoting: Quoting, start: Array, rules: Rules, *, steps: int) -> Totals:
    """`steps` decisions from `start`, int32 [] for all environments or [B] for each its own."""
    size, each = quoting.lots.shape[0], None if start.ndim == 0 else 0

    def one(venue: WindowVenue, position: Array, k: Array, quoting: Quoting) -> tuple[WindowVenue, Any]:
        quotes = quoting.quote(replay.view(venue, position, k, jnp.float32(1)))
        return replay.step(venue, position, quotes, k, rules)

    def body(carry: tuple, i: Array) -> tuple[tuple, None]:
        venue, position, sums = carry
        venue, step = jax.vmap(one, (0, 0, each, 0))(venue, position, start + i, quoting)
        more = Totals(step.pnl, step.bought + step.sold, step.outside)
        return (venue, step.position, jax.tree.map(jnp.add, sums, more)), None

    zero = jnp.zeros(size, jnp.int32)
    venue = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size,)), replay.empty_venue(rules))
    return jax.lax.scan(body, (venue, zero, Totals(zero, zero, zero)), jnp.arange(steps, dtype=jnp.int32))[0][2]


def window_figures(tape: Tape, batches: tuple[int, ...]) -> list[Figure]:
    """All of it."""
    table = build_table(tape, LATENCY, FillModel(), LEVELS)  # compiles
    found = [
        _rate("table", "events folded", "events/s", tape.events, _fold, tape),
        _rate("table", "the same by associative_scan", "events/s", SCANNED_EVENTS, _scan_of(tape)),
        single("table", "bytes a window", "bytes", table.bytes_per_decision),
    ]
    bandwidth = _rate("memory", "read in order", "bytes/s", 1 << 28, np.sum, np.ones(1 << 26, np.int32))
    found.append(bandwidth)
    replay = on_device(table, tape, LATENCY)
    for size in batches:
        for name in ("lockstep", "random starts"):
            found += _decisions(replay, table, size, name, bandwidth.median)
    return found


def _decisions(replay: WindowReplay, table: WindowTable, size: int, name: str, bandwidth: float) -> list[Figure]:
    rng, rules = np.random.default_rng(size), Rules.of(FillModel())
    steps = min(max(DECISIONS // size, 500), replay.decisions - 2)
    columns = (rng.integers(1, 5, size), rng.integers(0, 2, size), np.full(size, 5), np.full(size, 50))
    quoting = Quoting(*(jnp.asarray(column, jnp.int32) for column in columns))
    anywhere = rng.integers(0, replay.decisions - steps - 1, size)
    start = jnp.int32(0) if name == "lockstep" else jnp.asarray(anywhere, jnp.int32)
    began = time.perf_counter()
    run = quoted.lower(replay, quoting, start, rules, steps=steps).compile()
    compiled = time.perf_counter() - began
    totals = jax.tree.map(np.asarray, run(replay, quoting, start, rules))
    section = f"window engine, {name}, batch {size}"
    rate = _rate(section, "decisions", "decisions/s", size * steps, lambda: jax.block_until_ready(
        run(replay, quoting, start, rules)
    ))  # fmt: skip
    read = table.bytes_per_decision / size if name == "lockstep" else 2 * 64 * 2 + 64
    return [
        rate,
        single(section, "lots a decision", "", totals.lots.sum() / (size * steps)),
        single(section, "lookups outside the levels", "", int(totals.outside.sum())),
        single(section, "table read a decision, at most", "bytes", read),
        single(section, "of the bandwidth in order", "", rate.median * read / bandwidth),
        single(section, "compile", "s", compiled),
    ]


def _fold(tape: Tape) -> None:
    build_table(tape, LATENCY, FillModel(), LEVELS)


def _rate(section: str, name: str, unit: str, count: float, run: Callable[..., Any], *arguments: Any) -> Figure:
    """`count` a second of processor time, after one run that is not counted."""
    rates = []
    for _ in range(REPEATS + 1):
        began = time.process_time()
        run(*arguments)
        rates.append(count / (time.process_time() - began))
    return spread(section, name, unit, rates[1:])


def _scan_of(tape: Tape) -> Callable[[], Any]:
    """The products of `SCANNED_EVENTS` events by a scan on the device that begins anew at each decision."""
    event = np.asarray(tape.event[: SCANNED_EVENTS + 1024][-SCANNED_EVENTS:])
    at = np.searchsorted(tape.cursor, np.arange(1024, 1024 + SCANNED_EVENTS), side="right") - 1
    touch = np.asarray(tape.book_price[np.maximum(at, 0), :, 0])
    side = event[:, 0] & 1
    level = (
        np.where(side == 0, touch[:, 0] - event[:, 1], event[:, 1] - touch[:, 1]) + LEVELS.inside + side * LEVELS.total
    )
    begins = np.append(True, np.diff(at) > 0)

    @jax.jit
    def scan(code: Array, qty: Array, level: Array, begins: Array) -> Array:
        here = level[:, None] == jnp.arange(2 * LEVELS.total, dtype=jnp.int32)
        a = jnp.where(here & (code < 2)[:, None], qty[:, None], 0)
        b = jnp.where(here & (code >= 2)[:, None], qty[:, None], INFINITE)

        def then(one: tuple, two: tuple) -> tuple:
            (begun, a1, b1), (begins, a2, b2) = one, two
            return begun | begins, jnp.where(begins, a2, a1 + a2), jnp.where(begins, b2, jnp.minimum(b1 - a2, b2))

        flags = jnp.broadcast_to(begins[:, None], here.shape)
        return jnp.stack(jax.lax.associative_scan(then, (flags, a, b))[1:])

    columns = [jnp.asarray(column, jnp.int32) for column in (event[:, 0], event[:, 2], level)]
    return lambda: jax.block_until_ready(scan(*columns, jnp.asarray(begins)))


def main() -> None:
    """Prints the figures; writes them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tape", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--batches", default="256,1024,4096")
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    figures = window_figures(Tape.open(asked.tape), tuple(map(int, asked.batches.split(","))))
    for figure in figures:
        print(f"{figure.section:44}{figure.name:34}{figure.median:>18,.4g} {figure.unit}")
    if asked.json:
        asked.json.write_text(json.dumps([figure._asdict() for figure in figures], indent=1) + "\n")


if __name__ == "__main__":
    main()
