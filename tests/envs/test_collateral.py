"""Our terms with the venue mean the same in an environment, a backtest and a configuration: collateral and fee tier."""

import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.config import parse_config
from jaxmm.envs.market_making import MarketMaking, Params
from jaxmm.errors import InputError
from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.metrics import equity, metrics
from jaxmm.evaluate.result import Backtest
from jaxmm.exchange.account import LOWEST_TIER, Margin, Terms, unit_of
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel
from jaxmm.runs.backtesting import parse_margin
from jaxmm.runs.task import check, env_params_of
from jaxmm.tape.tape import Tape
from tests.envs.conftest import DISCRETE, LIMIT, params_of
from tests.envs.test_ledger import Erratic, choice

ENV = MarketMaking()
RATE = 0.04


@partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def ends(params: Params) -> jax.Array:
    """Whether each step of one run over the tape says that the episode is over, bool [D − 1]; it goes on regardless."""
    width, n = params.replay.features.shape[1], params.actions.n
    observation, state = ENV.reset_env(jax.random.key(0), params)

    def step(carry, _):
        observation, state = carry
        action = choice(observation[:width], n, jnp)
        observation, state, _, terminated, _ = ENV.step_env(jax.random.key(0), state, action, params)
        return (observation, state), terminated

    return jax.lax.scan(step, (observation, state), None, params.replay.decisions - 1)[1]


def run_of(tape: Tape, whole: Params, terms: Terms = LOWEST_TIER) -> Backtest:
    latency, quoter = Latency(10_000_000, 10_000_000), Erratic(whole.actions)
    common = {"latency": latency, "model": FillModel(), "max_position_lots": LIMIT, "terms": terms}
    return backtest(tape, quoter, name="erratic", **common)


def over(tape: Tape, whole: Params) -> Params:
    """The parameters of one episode over the whole of a tape."""
    changes = {name: getattr(whole, name) for name in ("episode_steps", "random_start", "show_time")}
    return params_of(tape, DISCRETE).replace(**changes)


@pytest.fixture(scope="module", params=["linear", "inverse"])
def unfunded(request, tape, inverse_tape) -> Tape:
    """A tape without fundings, which device and report charge at different moments."""
    funded = {"linear": tape, "inverse": inverse_tape}[request.param]
    return dataclasses.replace(funded, funding_ts=np.zeros(0, np.int64), funding=np.zeros((0, 2)))


def test_an_episode_ends_at_the_decision_at_which_the_backtest_lost_its_collateral(unfunded, whole):
    free = run_of(unfunded, whole)
    value = 1 / free.mid if unfunded.instrument.kind == "inverse" else free.mid
    short = RATE * np.abs(free.position) * value * float(unit_of(unfunded.instrument)) - equity(free)
    highest = np.sort(short)[-60:]
    widest = int(np.argmax(np.diff(highest)[:-1]))  # between two of them, where float32 and float64 agree
    margin = Margin(float(highest[widest : widest + 2].mean()), leverage=20, maintenance_rate=RATE)
    scores = metrics(dataclasses.replace(free, margin=margin))
    (when,) = np.flatnonzero(np.isclose((free.ts_ns - free.ts_ns[0]) / 1e9, scores.liquidated_s))
    params = over(unfunded, whole)
    assert not np.asarray(ends(params)).any()
    backed = params.replace(
        collateral=params.collateral._replace(
            balance=jnp.float32(margin.balance), maintenance_rate=jnp.float32(margin.maintenance_rate)
        )
    )
    terminated = np.asarray(ends(backed))
    assert int(np.argmax(terminated)) + 1 == when
    np.testing.assert_array_equal(np.flatnonzero(terminated) + 1, np.flatnonzero(short > margin.balance))


def configured(**venue):
    env = {"actions": DISCRETE, "max_position_lots": LIMIT, "episode_steps": 40}
    return parse_config({"market": {"kind": "synthetic"}, "env": env, "venue": venue}, "tests")


def test_a_configuration_s_collateral_reaches_the_environment(tape):
    config = configured(margin={"balance": 1e6, "leverage": 10, "maintenance_rate": 0.01})
    collateral = env_params_of(config, tape).collateral
    assert (float(collateral.balance), float(collateral.maintenance_rate)) == (1e6, pytest.approx(0.01))
    assert math.isinf(float(env_params_of(configured(), tape).collateral.balance))


def test_collateral_that_cannot_carry_the_position_is_refused_before_any_run(tape):
    with pytest.raises(InputError, match=rf"max_position_lots is {LIMIT}; a balance of 1e-06 .* opens 0 lots"):
        env_params_of(configured(margin={"balance": 1e-6}), tape)
    with pytest.raises(InputError, match="below 1/leverage"):
        check(configured(margin={"balance": 1, "leverage": 50, "maintenance_rate": 0.02}))


def test_the_volume_of_the_month_before_picks_the_tier_of_environment_and_report(tape, whole):
    tiers = ((1000.0, -0.0003, 0.0007), (2000.0, 0.0004, 0.0009))
    tiered = tape.priced(dataclasses.replace(tape.instrument, fee_tiers=tiers))
    money = env_params_of(configured(volume_30d=1500.0), tiered).replay.money
    assert (float(money.maker_fee), float(money.taker_fee)) == (pytest.approx(-0.0003), pytest.approx(0.0007))
    fills, flat = run_of(tiered, whole, Terms(volume_30d=1500.0)).fills, run_of(tape, whole).fills
    rates = np.where(fills.maker, -0.0003 / tape.instrument.maker_fee, 0.0007 / tape.instrument.taker_fee)
    np.testing.assert_allclose(fills.fee, flat.fee * rates, rtol=1e-12)
    assert (~fills.maker).any()


def test_margin_is_written_as_balance_leverage_and_rate():
    assert parse_margin("0.5,20,0.004") == Margin(0.5, 20.0, 0.004)
    assert parse_margin("100") == Margin(100.0)
    for text, sentence in (("a", "write numbers"), ("1,2,0.1,4", "give balance,leverage"), ("-1", "positive amount")):
        with pytest.raises(InputError, match=sentence):
            parse_margin(text)
