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
from jaxmm.exchange.types import FillModel, Latency
from jaxmm.policy.actions import Actions
from jaxmm.policy.types import Quotes, View
from jaxmm.tape.tape import Tape
from tests.envs.conftest import LIMIT

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
        money = info["reward/pnl"], info["reward/fees"], info["score/pnl"]
        return (observation, state), Steps(stepped.position, reward, *money)

    return jax.lax.scan(step, (observation, state), None, params.replay.decisions - 1)[1]


@pytest.fixture(scope="module")
def steps(whole: Params) -> Steps:
    return jax.tree.map(np.asarray, episode(whole))


@pytest.fixture(scope="module")
def result(tape: Tape, whole: Params) -> Backtest:
    latency = Latency(10_000_000, 10_000_000)
    quoter = Erratic(whole.actions)
    return backtest(tape, quoter, name="erratic", latency=latency, model=FillModel(), max_position_lots=LIMIT)


def test_the_environment_and_the_backtest_book_the_same_fills(steps, result):
    assert len(result.fills.qty) >= 40
    assert (~result.fills.maker).sum() > 3
    np.testing.assert_array_equal(steps.position, result.position[1:])
    unit = float(result.unit)
    np.testing.assert_array_equal(np.rint(steps.pnl / unit).astype(np.int64), result.pnl[1:])
    np.testing.assert_allclose(steps.fees, -result.fee[1:], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(steps.score, result.pnl[1:] * unit - result.fee[1:], rtol=1e-4, atol=1e-8)


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
