"""The jitted engine against the plain Python venue: every fill, in every mode, on random streams."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxmm.exchange import replay
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.reference import ASK, BID
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType, QueueModel
from tests.exchange.streams import LEVELS, prepare, random_table, random_tape, run_engine, run_reference, stack

QUEUES = [queue for queue in QueueModel if not queue.probabilistic]
MODES = [
    (FillModel(queue, partial), post_only)
    for queue, partial, post_only in itertools.product(QUEUES, (False, True), (True, False))
]
EVENTS, DECISIONS = 1200, 120
LATENCIES = (0, 3, 20, 60, 200)


def case(seed: int):
    """One random market, one table of quotes and one mode."""
    rng = np.random.default_rng(seed)
    tape = random_tape(rng, EVENTS, int(rng.choice([5, 25, 40])), DECISIONS)
    latency = Latency(*(int(value) for value in rng.choice(LATENCIES, 2)))
    modes = MODES[seed // 36 % 2 :: 2]  # a batch has one order type
    model, post_only = modes[seed % len(modes)]
    return tape, random_table(rng, tape), latency, model, post_only


def reference_sums(run, side: int, maker: bool | None = None) -> np.ndarray:
    """Lots of one side by decision at which they became known, int [D]."""
    lots = np.zeros(DECISIONS, int)
    for fill in run.fills:
        if fill.side == side and maker in (None, fill.maker):
            lots[fill.decision] += fill.qty
    return lots


@pytest.mark.parametrize("batch", range(4))
def test_the_engine_fills_what_the_plain_venue_fills(batch):
    cases = [case(seed) for seed in range(36 * batch, 36 * (batch + 1))]
    prepared = stack([prepare(tape, latency) for tape, _, latency, _, _ in cases])
    rules = stack([Rules.of(model, OrderType(post_only)) for _, _, _, model, post_only in cases])
    steps = jax.tree.map(np.asarray, run_engine(prepared, stack([table for _, table, *_ in cases]), rules))
    makers = takers = 0
    for i, (tape, table, latency, model, post_only) in enumerate(cases):
        run = run_reference(tape, table, latency, model, post_only)
        step = jax.tree.map(lambda leaf, i=i: leaf[i], steps)
        name = f"seed {36 * batch + i}: {model.name}, post_only {post_only}, {latency}"
        assert step.outside.sum() == 0, name
        np.testing.assert_array_equal(step.position, run.positions[1:], err_msg=name)
        np.testing.assert_array_equal(step.bought, reference_sums(run, BID)[1:], err_msg=name)
        np.testing.assert_array_equal(step.sold, reference_sums(run, ASK)[1:], err_msg=name)
        taken = (step.bid.taking.lots + step.ask.taking.lots).sum(axis=-1)
        np.testing.assert_array_equal(taken, sum(reference_sums(run, s, maker=False) for s in (BID, ASK))[1:])
        assert cash(step, tape) == sum((-1 if f.side == BID else 1) * f.qty * f.price for f in run.fills), name
        if not model.partial:
            first = int(prepared.first_event[i])
            expected = sorted((f.event, f.side, f.price, f.qty) for f in run.fills if f.maker)
            assert resting_fills(step, first) == expected, name
        makers += sum(f.maker for f in run.fills)
        takers += sum(not f.maker for f in run.fills)
    assert makers > 800
    assert takers > (10 if batch % 2 == 0 else 100)


def resting_fills(step, first: int) -> list[tuple[int, int, int, int]]:
    """(event, side, price, lots) of every resting fill, sorted; `first` is the event that the engine counts as 0."""
    rows = []
    for side, fills in ((BID, step.bid), (ASK, step.ask)):
        for one in (fills.working, fills.leaving):
            for at in zip(*np.nonzero(one.lots), strict=True):
                rows.append((first + int(one.event[at]), side, abs(int(one.key[at])), int(one.lots[at])))
    return sorted(rows)


def cash(step, tape) -> int:
    """Tick·lots received over a run, from the increments: Σ pnl = cash + position · mid."""
    mid = tape.book_price[:, 0, 0].astype(np.int64) + tape.book_price[:, 1, 0]
    total = step.pnl.astype(np.int64).sum() - step.position[-1].astype(np.int64) * mid[-1]
    assert total % 2 == 0
    return int(total // 2)


@pytest.mark.parametrize("seed", range(3))
def test_the_last_events_of_a_tape_are_applied_once(seed):
    rng = np.random.default_rng(seed)
    tape = random_tape(rng, 61 + seed, 40, 12)
    table, model = random_table(rng, tape), FillModel(QueueModel.TOUCH, partial=True)
    table = table._replace(bid_lots=np.full(12, 99, np.int32), ask_lots=np.full(12, 99, np.int32))
    last = tape.event[-3:].copy()
    last[:, 0], last[:, 1], last[:, 2] = 0, 900, (1, 2, 3)  # sells through any bid, of few lots
    tape = replace(tape, event=np.concatenate([tape.event[:-3], last]))
    prepared = replay.replay_of(tape, Latency(), levels=LEVELS)
    assert int(prepared.first_event + prepared.time.known[-1]) == tape.events
    rules = Rules.of(model)
    steps = jax.tree.map(np.asarray, run_engine(stack([prepared]), stack([table]), stack([rules])))
    run = run_reference(tape, table, Latency(), model, True)
    np.testing.assert_array_equal(steps.position[0], run.positions[1:])
    assert any(fill.event >= tape.events - 3 for fill in run.fills)
