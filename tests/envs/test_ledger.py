"""One ledger: an environment's steps, the backtest of the same quotes and the sums of its fills agree exactly."""

from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.market_making import MarketMaking, Params, State
from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.result import Backtest
from jaxmm.exchange.account import funding_payment, lot_contract
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel
from jaxmm.policy.actions import Actions
from jaxmm.policy.types import Quotes, View
from jaxmm.tape.tape import Tape
from tests.envs.conftest import DISCRETE, LIMIT, params_of

ENV = MarketMaking()


def choice(features: Any, n: int, xp: ModuleType) -> Any:
    """An action that any part of a row may change: the signs of the features, read as a number."""
    signs = (features > 0).astype(xp.int32)
    return xp.sum(signs * xp.asarray(np.array([2**i for i in range(len(features))], np.int32))) * 7919 % n


class Erratic(NamedTuple):
    """A quoter that changes its mind with every feature."""

    actions: Actions

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        return self.actions.decode(choice(view.features, self.actions.n, xp), view, xp)


class Steps(NamedTuple):
    position: Any
    reward: Any
    pnl: Any
    fees: Any
    funding: Any
    score: Any


@partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def episode(params: Params) -> Steps:
    """The same quoter through `step`, from observations alone."""
    n = params.actions.n
    features = params.replay.features.shape[1]
    observation, state = ENV.reset(jax.random.key(0), params)

    def step(carry: tuple[jax.Array, State], _: None) -> tuple[tuple[jax.Array, State], Steps]:
        observation, state = carry
        action = choice(observation[:features], n, jnp)
        _, stepped, *_ = ENV.step_env(jax.random.key(0), state, action, params)
        observation, state, reward, _, _, info = ENV.step(jax.random.key(0), state, action, params)
        money = info["reward/pnl"], info["reward/fees"], info["reward/funding"], info["score/pnl"]
        return (observation, state), Steps(stepped.position, reward, *money)

    return jax.lax.scan(step, (observation, state), None, params.replay.decisions - 1)[1]


@pytest.fixture(scope="module")
def steps(whole: Params) -> Steps:
    return jax.tree.map(np.asarray, episode(whole))


def backtest_of(tape: Tape, whole: Params) -> Backtest:
    latency = Latency(10_000_000, 10_000_000)
    quoter = Erratic(whole.actions)
    return backtest(tape, quoter, name="erratic", latency=latency, model=FillModel(), max_position_lots=LIMIT)


@pytest.fixture(scope="module")
def result(tape: Tape, whole: Params) -> Backtest:
    return backtest_of(tape, whole)


@pytest.fixture(scope="module")
def in_coin(inverse_tape: Tape, whole: Params) -> Backtest:
    return backtest_of(inverse_tape, whole)


@pytest.fixture(scope="module")
def steps_in_coin(inverse_tape: Tape, whole: Params) -> Steps:
    coin = params_of(inverse_tape, DISCRETE)
    changes = {name: getattr(whole, name) for name in ("episode_steps", "random_start", "show_time")}
    return jax.tree.map(np.asarray, episode(coin.replace(**changes)))


def paid_on_the_position_before(result: Backtest) -> np.ndarray:
    """Funding as the device charges it, settlement currency [D]."""
    fundings = result.fundings
    each = funding_payment(lot_contract(result.instrument), 1, fundings.mark, fundings.rate)
    before = result.position[fundings.decision - 1]
    return np.bincount(fundings.decision, weights=before * each, minlength=len(result.position))


def test_the_environment_and_the_backtest_book_the_same_fills(steps, result):
    assert len(result.fills.qty) >= 40
    assert (~result.fills.maker).sum() > 3
    np.testing.assert_array_equal(steps.position, result.position[1:])
    unit = float(result.unit)
    np.testing.assert_array_equal(np.rint(steps.pnl / unit).astype(np.int64), result.pnl[1:])
    np.testing.assert_allclose(steps.fees, -result.fee[1:], rtol=1e-5, atol=1e-9)
    funding = paid_on_the_position_before(result)
    assert np.count_nonzero(funding) > 5
    np.testing.assert_allclose(steps.funding, -funding[1:], rtol=1e-5)
    np.testing.assert_allclose(steps.score, (result.pnl * unit - result.fee - funding)[1:], rtol=1e-4, atol=1e-8)


def test_an_inverse_contract_trades_alike_and_its_increments_are_the_exact_ones_in_coin(
    result, in_coin, steps, steps_in_coin
):
    np.testing.assert_array_equal(steps_in_coin.position, steps.position)
    np.testing.assert_array_equal(in_coin.position, result.position)
    exact = in_coin.pnl[1:] * float(in_coin.unit)
    assert np.abs(exact).max() > 0
    np.testing.assert_allclose(steps_in_coin.pnl, exact, rtol=1e-5, atol=1e-6 * np.abs(exact).max())
    np.testing.assert_allclose(steps_in_coin.fees, -in_coin.fee[1:], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(steps_in_coin.funding, -paid_on_the_position_before(in_coin)[1:], rtol=1e-5)


def test_what_a_report_charges_for_funding_is_on_the_position_at_the_exchange(result):
    fundings, fills = result.fundings, result.fills
    for ts, position, paid, rate, mark in zip(*fundings[1:3], fundings.paid, fundings.rate, fundings.mark, strict=True):
        held = int((fills.side.astype(np.int64) * fills.qty)[fills.ts_ns <= ts].sum())
        assert position == held
        assert paid == pytest.approx(held * rate * mark * result.instrument.lot_size, rel=1e-12)


def test_what_was_filled_is_what_the_position_changed_by(result):
    fills = result.fills
    assert (fills.side.astype(np.int64) * fills.qty).sum() == result.position[-1] - result.position[0]


def test_the_increments_of_the_pnl_add_up_to_cash_and_stock_exactly(result):
    fills = result.fills
    cash = -2 * (fills.side * fills.qty * fills.price).sum()  # half-ticks
    assert result.pnl.sum() == cash + result.position[-1] * result.mid[-1]


def test_the_parts_of_the_pnl_are_the_pnl(result, tape):
    fills = result.fills
    signed = fills.side.astype(np.int64) * fills.qty
    spread = (signed * (fills.mid - 2 * fills.price)).sum()
    until_known = (signed * (result.mid[fills.decision] - fills.mid)).sum()
    inventory = (result.position[:-1] * np.diff(result.mid)).sum()
    assert spread + until_known + inventory == result.pnl.sum()
    rates = np.where(fills.maker, tape.instrument.maker_fee, tape.instrument.taker_fee)
    fee = (rates * fills.price * fills.qty).sum() * tape.instrument.tick_size * tape.instrument.lot_size
    assert result.fee.sum() == pytest.approx(fee, rel=1e-9)
