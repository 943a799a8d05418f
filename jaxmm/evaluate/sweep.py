"""Thousands of parameter sets of one strategy over a tape, in lockstep: what each earned, exactly as its own backtest.

The window engine runs them where it can, the event engine where it cannot; a set that quoted where the window table or
the held book does not reach is run again with more of it. Positions, fills and, of linear contracts, money are the
integers of a backtest; drawdown and mean inventory are float32 sums, and fees are those of one tier throughout.
B sets · D decisions · C stretches (see `lockstep`).
"""

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.evaluate import lockstep
from jaxmm.evaluate.backtest import touch_range
from jaxmm.evaluate.lockstep import Sets, Standing, Stretch
from jaxmm.evaluate.metrics import bar_of, bar_seconds
from jaxmm.evaluate.result import Backtest
from jaxmm.evaluate.sweep_stages import Span, Stage, Venue, stages
from jaxmm.evaluate.sweep_sums import Scores, Sums
from jaxmm.exchange.account import LOWEST_TIER, Terms, at_volume
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.replay import check_money
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.instrument import Instrument
from jaxmm.policy.types import Quoter, orders_of
from jaxmm.stopping import StopRequest, stop_requests
from jaxmm.tape.tape import Tape

Progress = Callable[[int, int], None]  # (decisions of sets done, all of them)

MOST_SETS = 100_000
BATCH = {"cpu": 4096}
"""Sets side by side, by platform: more and their state leaves a core's cache."""
BATCH_ELSEWHERE = 65_536
FEWEST = 128
"""Sets that are worth a thread of their own."""
CALL = 1 << 21
"""Decisions of sets in one call of the device: Ctrl-C waits for it."""


@dataclass(frozen=True)
class Sweep:
    """What each of B parameter sets did on one tape. Rows are the sets in the order given."""

    instrument: Instrument
    fills_model: str
    latency: str  # as `Latency.parse` reads it
    decisions: int
    bar_s: int  # length of the bars that the Sharpe ratio counts
    strategies: Any  # a strategy whose fields are numpy arrays [B]
    scores: Scores  # [B]
    windows: np.ndarray  # bool [B], run on the window engine; the others on the event engine
    refusal: str | None  # why the window engine was not used, where it was not

    def __len__(self) -> int:
        return len(self.windows)

    def strategy(self, index: int) -> Any:
        """One set, of plain numbers."""
        return type(self.strategies)(*(column[index].item() for column in self.strategies))

    def ranked(self) -> np.ndarray:
        """Indices of the sets whose fills are all known, best net P&L first; of equal ones, in the order given."""
        order = np.argsort(-self.scores.net_pnl, kind="stable")
        return order[self.scores.outside[order] == 0]

    def columns(self) -> dict[str, np.ndarray]:
        """Parameters, scores and engine of every set, by name, arrays [B]; the setting `lots` is `set_lots`."""
        engine = np.where(self.windows, "window", "event")
        settings = {f"set_{n}" if n in Scores._fields else n: column for n, column in self.strategies._asdict().items()}
        return {**settings, **self.scores._asdict(), "engine": engine}


class Difference(NamedTuple):
    """What an exact backtest of a set has more than its row; all 0 where they agree."""

    net_pnl: float  # settlement currency
    maker_fills: int
    lots: int
    max_inventory: int


def difference(sweep: Sweep, index: int, exact: Backtest) -> Difference:
    """Compares a row with the backtest of its set; fees that differ by the rounding of float64 sums are equal."""
    row: Any = Scores(*(column[index].item() for column in sweep.scores))
    position, fills = np.abs(exact.position), exact.fills
    gross = int(exact.pnl.sum()) * exact.unit
    paid, own = exact.fee.sum() + exact.funding.sum(), row.maker_fees + row.taker_fees + row.funding
    scale = np.abs(fills.fee).sum() + np.abs(exact.fundings.paid).sum()
    more_paid = 0.0 if abs(paid - own) <= 1e-12 * scale else float(paid - own)
    more = gross - row.pnl * exact.unit if exact.instrument.kind == "linear" else float(gross) - row.gross_pnl
    return Difference(
        net_pnl=float(more) - more_paid,
        maker_fills=int(fills.maker.sum()) - row.maker_fills,
        lots=int(fills.qty.sum()) - row.lots,
        max_inventory=int(position.max()) - row.max_inventory,
    )


def sweep(
    tape: Tape,
    strategies: Any,
    *,
    latency: Latency,
    model: FillModel,
    order_type: OrderType = OrderType.POST_ONLY,
    limits: Limits | None = None,
    terms: Terms = LOWEST_TIER,
    engine: str | None = None,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Runs every set over the whole tape.

    A process that calls `lockstep.fuse_outputs` before it compiles anything is more than twice as fast on a CPU.

    Args:
        tape: the recording.
        strategies: a strategy (a NamedTuple with `max_position_lots`) whose fields are arrays [B] or numbers.
        latency: when requests and reports arrive.
        model: what counts as a fill; the probabilistic ones run in float64.
        order_type: what every order may do on arrival.
        limits: what the venue accepts; None where it accepts all.
        terms: the fee tier, which stays the same throughout; a backtest moves through the tiers day by day.
        engine: `window` or `event`; None takes windows where they are exact, and events elsewhere.
        batch: sets side by side.
        progress: told about the decisions that are done.

    Raises:
        InputError: no set or too many, money that leaves the engine's integers, an engine that there is not, or
            `window` where windows cannot be exact.
        KeyboardInterrupt: on SIGINT or SIGTERM, after the stretch in hand.
    """
    strategies, positions = _sets_of(strategies)
    check_money(tape, int(positions.max()))
    terms.check(tape.instrument, touch_range(tape), int(positions.max()))
    venue = Venue(
        tape.priced(at_volume(tape.instrument, terms.volume_30d)),
        latency,
        model,
        order_type,
        limits,
        orders_of(strategies),
    )
    runner = _Runner(venue, strategies, positions, batch, progress)
    pending, windows = np.arange(len(positions)), np.zeros(len(positions), bool)
    scores = Scores.empty(len(positions), tape.instrument)
    with stop_requests() as runner.stop, tempfile.TemporaryDirectory(prefix="jaxmm-sweep-") as work:
        ways, refusal = stages(venue, engine, Path(work))
        for stage in ways:
            found = runner.run(stage, pending)
            for column, values in zip(scores, found, strict=True):
                column[pending] = values
            windows[pending] = stage.windows
            pending = pending[found.outside > 0]
            if not len(pending):
                break
    return Sweep(
        instrument=tape.instrument,
        fills_model=model.name,
        latency=latency.name,
        decisions=tape.decisions,
        bar_s=runner.bar_s,
        strategies=strategies,
        scores=scores,
        windows=windows,
        refusal=refusal,
    )


def _sets_of(strategies: Any) -> tuple[Any, np.ndarray]:
    """The strategy with fields [B], float64 or int64, and the position limits, int32 [B]."""
    columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(field)) for field in strategies))
    size = len(columns[0])
    if not 0 < size <= MOST_SETS:
        raise InputError(f"sweep: {size} sets of parameters; it runs 1 to {MOST_SETS}")
    whole = type(strategies)(*columns)
    limits = np.asarray(whole.max_position_lots, np.int64)
    if limits.min() < 1 or limits.max() >= 2**31:
        raise InputError(f"sweep: max_position_lots goes from {limits.min()} to {limits.max()}; it is 1 lot or more")
    return whole, limits.astype(np.int32)


# --- running ------------------------------------------------------------------------------------------------------


class _Batch(NamedTuple):
    """Sets that share a program, and what they did so far."""

    sets: Sets
    standing: Standing
    sums: Sums


class _Job(NamedTuple):
    """What all batches do over one span."""

    replay: Any
    seconds: Any  # float32, from each of its decisions to the next
    start: int  # decision of its row 0
    calls: np.ndarray  # int32 [calls, C, 2], stretches
    failed: Event  # in one of its threads


class _Runner:
    """One tape, one strategy, many sets."""

    def __init__(
        self,
        venue: Venue,
        strategies: Any,
        positions: np.ndarray,
        batch: int | None,
        progress: Progress | None,
    ) -> None:
        self.venue, self.progress, tape = venue, progress, venue.tape
        self.strategies, self.positions, self.rules = strategies, positions, venue.rules
        platform = jax.default_backend()
        self.batch = batch or BATCH.get(platform, BATCH_ELSEWHERE)
        self.workers = _cores() if platform == "cpu" else 1
        self.bar_s = bar_seconds(tape.ts_ns)
        self.bar = bar_of(tape.ts_ns, self.bar_s)
        self.seconds = (np.diff(tape.ts_ns) / 1e9).astype(np.float32)
        self.stop = StopRequest()
        self.longest = lockstep.longest_stretch(int(positions.max()), touch_range(tape)[1])

    def run(self, stage: Stage, chosen: np.ndarray) -> Scores:
        """The scores of some of the sets."""
        parts = self._parts(len(chosen))
        batches: list[_Batch] = []
        self.done, self.total = 0, sum(map(len, parts)) * (self.venue.tape.decisions - 1)
        for span in stage.spans:
            with self.venue.precision():
                replay = span.load()
                batches = batches or [self._batch(replay, chosen[part]) for part in parts]
            seconds = jnp.asarray(self.seconds[span.start : span.start + replay.decisions - 1])
            job = _Job(replay, seconds, span.start, self._calls(span, stage.spans[0], len(parts[0])), Event())
            jax.block_until_ready(self._call(job, batches[0], job.calls[0] * 0))  # compiles, once for all threads
            self.stop.check()
            with ThreadPoolExecutor(self.workers) as pool:
                futures = [pool.submit(self._pass, job, batch) for batch in batches]
                try:
                    batches = [future.result() for future in futures]
                finally:
                    job.failed.set()
            self.stop.check()
        merged = [
            np.concatenate(c) for c in zip(*(b.sums.scores(self.venue.tape.span_s) for b in batches), strict=True)
        ]
        return Scores(*(column[: len(chosen)] for column in merged))

    def _pass(self, job: _Job, batch: _Batch) -> _Batch:
        """The batch after a span, or as far as it came."""
        for cuts in job.calls:
            if job.failed.is_set() or self.stop.signal:
                break
            standing, stretches = self._call(job, batch, cuts - job.start)
            batch.sums.add(jax.tree.map(np.asarray, stretches), cuts)
            batch = batch._replace(standing=standing)
            self.done += int((cuts[:, 1] - cuts[:, 0]).sum()) * len(batch.sets.limits)
            if self.progress is not None:
                self.progress(self.done, self.total)
        return batch

    def _parts(self, size: int) -> list[np.ndarray]:
        """Indices of batches of equal width; the last set stands in for those that are missing in the last batch."""
        count = -(-size // self.batch)
        if size >= FEWEST * self.workers:
            count = -(-count // self.workers) * self.workers
        width = -(-size // count)
        return [np.minimum(np.arange(i * width, (i + 1) * width), size - 1) for i in range(count)]

    def _batch(self, replay: Any, chosen: np.ndarray) -> _Batch:
        fields = (np.asarray(column)[chosen] for column in self.strategies)
        quoters: Quoter = type(self.strategies)(*(jnp.asarray(_narrow(field)) for field in fields))
        sets = Sets(quoters, jnp.asarray(self.positions[chosen]))
        sums = Sums(self.venue.tape.instrument, self.bar, len(chosen))
        return _Batch(sets, lockstep.start(replay, self.rules, self.venue.orders, len(chosen)), sums)

    def _call(self, job: _Job, batch: _Batch, cuts: np.ndarray) -> tuple[Standing, Stretch]:
        with self.venue.precision():
            return lockstep.run(job.replay, self.rules, job.seconds, batch.sets, batch.standing, jnp.asarray(cuts))

    def _calls(self, span: Span, longest: Span, width: int) -> np.ndarray:
        """Stretches int32 [calls, C, 2] of a span; the last are empty. C is the same for all spans."""
        cuts, most = self._stretches(span), len(self._stretches(longest))
        together = min(most, max(1, CALL * most // (width * (longest.stop - longest.first))))
        calls = -(-len(cuts) // together)
        cuts += [(span.stop, span.stop)] * (calls * together - len(cuts))
        return np.array(cuts, np.int32).reshape(calls, together, 2)

    def _stretches(self, span: Span) -> list[tuple[int, int]]:
        """First decision and end of each stretch of a span: each lies within one bar."""
        bar = self.bar[1:]
        starts = np.flatnonzero(np.diff(bar[span.first : span.stop], prepend=-1)) + span.first
        ends = np.append(starts[1:], span.stop)
        return [
            (first, min(first + self.longest, end))
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            for first in range(start, end, self.longest)
        ]


def _narrow(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int32 if np.issubdtype(values.dtype, np.integer) else np.float32)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
