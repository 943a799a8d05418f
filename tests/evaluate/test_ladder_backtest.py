"""Backtests of more than one order a side, of probabilistic queues, and at a venue that rejects."""

import numpy as np
import pytest

from jaxmm.evaluate.backtest import backtest
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.strategies.registry import strategy_from
from jaxmm.tape.build import build_tape

LATENCY = Latency(10_000_000, 10_000_000)
NUMBERS = {"sigma": 0.3, "A": 2.0, "k": 4.0, "gamma": 0.01, "lots": 2, "max_position_lots": 40}


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    return build_tape(
        SyntheticStore(SyntheticMarket(), 3, 120.0), tmp_path_factory.mktemp("ladder") / "tape", "100ms", 30
    )


def run(tape, name, fills="risk_averse", limits=None, **numbers):
    quoter = strategy_from(name, NUMBERS | numbers)
    most = NUMBERS["max_position_lots"]
    model = FillModel.parse(fills)
    return backtest(
        tape, quoter, name=name, latency=LATENCY, model=model, max_position_lots=most, limits=limits
    )  # fmt: skip


@pytest.mark.parametrize("fills", ["risk_averse", "risk_averse:partial", "power3(3)"])
def test_a_ladder_of_one_order_is_one_order(tape, fills):
    one, ladder = run(tape, "glft", fills), run(tape, "glft_grid", fills, levels=1)
    assert len(one.fills.qty) > 20
    np.testing.assert_array_equal(one.position, ladder.position)
    np.testing.assert_array_equal(one.pnl, ladder.pnl)


def test_a_deeper_ladder_trades_more_and_at_several_prices_at_once(tape):
    one, ladder = run(tape, "glft_grid", levels=1), run(tape, "glft_grid", levels=8)
    assert ladder.fills.qty.sum() > one.fills.qty.sum()
    several = [len(set(ladder.fills.price[ladder.fills.decision == k])) > 1 for k in set(ladder.fills.decision)]
    assert any(several)


def test_the_estimated_queue_lies_between_the_touch_and_the_pessimist(tape):
    lots = {name: run(tape, "glft", name).fills.qty.sum() for name in ("penetration", "risk_averse", "log2", "touch")}
    assert lots["penetration"] < lots["risk_averse"] <= lots["log2"] < lots["touch"]


def test_a_venue_that_takes_one_request_a_second_rejects_the_rest(tape):
    free, limited = run(tape, "glft"), run(tape, "glft", limits=Limits(max_requests=1))
    assert 0 < limited.fills.qty.sum() < free.fills.qty.sum() / 2
    assert not run(tape, "glft", limits=Limits(max_requests=0)).fills.qty.sum()


def test_the_venues_position_limit_holds_where_ours_is_passed_in_a_race(tape):
    limited = run(tape, "glft", "touch", limits=Limits(max_position_lots=6))
    assert np.abs(limited.position).max() == 6
