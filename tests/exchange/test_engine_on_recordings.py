"""Engine = plain venue on every fill of real recordings, whole and sliced; a backtest adds up to the last half-tick."""

import jax
import numpy as np
import pytest

from jaxmm.evaluate.backtest import backtest
from jaxmm.exchange import replay
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.reference import ASK, BID
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType, QueueModel
from jaxmm.strategies.skewed import SkewedSpread
from jaxmm.tape.tape import Tape
from tests.exchange.streams import Table, run_reference, run_rules, stack

MODELS = [FillModel(queue, partial) for queue in QueueModel if not queue.probabilistic for partial in (False, True)]
LATENCY = Latency(10_000_000, 10_000_000)


def quotes_near(tape: Tape, seed: int) -> Table:
    """Quotes that sit at, inside and behind the touch, stay for a while, and now and then cross or flatten."""
    rng = np.random.default_rng(seed)
    d = tape.decisions
    steps = np.arange(d) - np.arange(d) % 3
    bid = tape.book_price[steps, 0, 0] - rng.integers(-2, 6, d)[steps]
    ask = tape.book_price[steps, 1, 0] + rng.integers(-2, 6, d)[steps]
    lots = rng.integers(0, 30, (2, d))[:, steps]
    columns = (bid, lots[0], ask, lots[1])
    return Table(*(column.astype(np.int32) for column in columns), rng.random(d) < 0.01)


@pytest.mark.parametrize("kind", [OrderType.POST_ONLY, OrderType.GTC])
def test_the_engine_fills_what_the_plain_venue_fills_on_a_recording(recorded, kind):
    tape = recorded.slice(300, 1500)
    table = quotes_near(tape, 1)
    prepared = replay.replay_of(tape, LATENCY, levels=500)
    rules = stack([Rules.of(model, kind) for model in MODELS])
    steps = jax.tree.map(np.asarray, run_rules(prepared, table, rules))
    for i, model in enumerate(MODELS):
        run = run_reference(tape, table, LATENCY, model, kind is OrderType.POST_ONLY)
        assert steps.outside[i].sum() == 0
        np.testing.assert_array_equal(steps.position[i], run.positions[1:], err_msg=model.name)
        for side, lots in ((BID, steps.bought[i]), (ASK, steps.sold[i])):
            known = np.zeros(tape.decisions, int)
            for fill in run.fills:
                if fill.side == side:
                    known[fill.decision] += fill.qty
            np.testing.assert_array_equal(lots, known[1:], err_msg=model.name)
        assert len(run.fills) > 10, model.name


def test_a_slice_replays_as_that_part_of_the_whole_tape(recorded):
    start, stop = 400, 900
    whole, part = replay.replay_of(recorded, LATENCY), replay.replay_of(recorded.slice(start, stop), LATENCY)
    np.testing.assert_array_equal(whole.time.book_price[start:stop], part.time.book_price)
    np.testing.assert_array_equal(whole.time.book_qty[start:stop], part.time.book_qty)
    first, offset = int(whole.time.known[start]), int(part.time.known[0])
    np.testing.assert_array_equal(whole.time.known[start:stop] - first, part.time.known - offset)
    span = int(whole.time.known[stop - 1]) - first
    begin = offset + max(int(part.time.place[0]) - int(part.time.known[0]), 0)
    np.testing.assert_array_equal(whole.events[first:][begin - offset : span], part.events[begin : offset + span])


def test_a_backtest_on_a_recording_adds_up_to_the_last_half_tick(recorded):
    tape = recorded.slice(300, 900)
    quoter = SkewedSpread(half_spread_ticks=2.0, skew_ticks=0.2, lots=3, max_position_lots=30)
    result = backtest(
        tape, quoter, name="skewed", latency=LATENCY, model=FillModel(QueueModel.TOUCH, True), max_position_lots=30
    )
    fills = result.fills
    assert len(fills.qty) > 20
    cash = -(fills.side.astype(np.int64) * fills.qty * 2 * fills.price).sum()
    assert result.pnl.sum() == cash + result.position[-1] * result.mid[-1]
    assert result.position[-1] == (fills.side.astype(np.int64) * fills.qty).sum()
    assert np.abs(result.position).max() <= 33


def test_a_quote_is_shown_as_open_until_its_fill_is_known(recorded):
    tape = recorded.slice(300, 900)
    quoter = SkewedSpread(half_spread_ticks=2.0, skew_ticks=0.2, lots=3, max_position_lots=6)
    result = backtest(
        tape, quoter, name="skewed", latency=LATENCY, model=FillModel(QueueModel.TOUCH), max_position_lots=6
    )
    at_limit = np.abs(result.position) >= 6
    assert at_limit[:-1].any()
    assert (result.bid[:-1][result.position[:-1] >= 6] == 0).all()
    assert (result.ask[:-1][result.position[:-1] <= -6] == 0).all()
    for price, side in ((result.bid, 1), (result.ask, -1)):
        mine = result.fills.side == side
        known, filled = result.fills.decision[mine], result.fills.price[mine]
        working, leaving = price[known - 1] == filled, price[known - 2] == filled
        assert (working | leaving).all()  # a cancel can lose the race
        assert working.mean() > 0.5


def test_a_quoter_that_nothing_fills_has_a_backtest_too(recorded):
    far = SkewedSpread(half_spread_ticks=5000.0, skew_ticks=0.0, lots=3, max_position_lots=6)
    result = backtest(
        recorded.slice(300, 400),
        far,
        name="far",
        latency=LATENCY,
        model=FillModel(QueueModel.PENETRATION),
        max_position_lots=6,
    )
    assert len(result.fills.qty) == 0
    assert not result.pnl.any()
    assert not result.fee.any()
