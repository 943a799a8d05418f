import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.price_skew import FARTHEST, PRICE_SKEWING, State, environment_of_price_skew, risk
from jaxmm.errors import InputError
from jaxmm.markets.models import PriceSkew
from jaxmm.solve.price_skew import PriceSkewSolver

QUICK = {"xla_backend_optimization_level": 0}  # compiling takes longer than playing
BASE = PriceSkew(N=200)
TRADE, RESET = (jax.jit(hook, compiler_options=QUICK) for hook in (PRICE_SKEWING.trade, PRICE_SKEWING.reset_env))


@partial(jax.jit, static_argnames=("paths", "steps"), compiler_options=QUICK)
def run(params, table, beta, key, paths, steps):
    """Discounted returns [P] of a tabulated policy [S, 2], and what happened: (fills, inventories) [T, P, ...]."""

    def path(key):
        def step(carry, key):
            state, total, weight = carry
            depths = table[state.inventory + params.limit].T  # [2, C]
            _, after, reward, *_ = PRICE_SKEWING.trade(key, state, depths, params)
            return (after, total + weight * reward, weight * beta), after.inventory

        _, state = PRICE_SKEWING.reset_env(key, params)
        (_, total, _), inventory = jax.lax.scan(
            step, (state, jnp.float32(0), jnp.float32(1)), jax.random.split(key, steps)
        )
        return total, inventory

    return jax.vmap(path)(jax.random.split(key, paths))


def quoting(model: PriceSkew, bid: float, ask: float) -> np.ndarray:
    return np.broadcast_to(np.array([bid, ask], np.float32), (2 * model.limit + 1, 2))


def sampled(model: PriceSkew, table: np.ndarray, paths: int = 4000, steps: int = 200):
    _, params = environment_of_price_skew(model)
    total, inventory = run(params, jnp.asarray(table, jnp.float32), model.beta, jax.random.key(0), paths, steps)
    return np.asarray(total, float), np.asarray(inventory)


@pytest.mark.parametrize(
    "changes", [{}, {"sigma": 0.3, "fee": 0.05, "arrival": 0.6, "u": 1.0, "curvature": 2.0, "best": 0.9}]
)
@pytest.mark.parametrize("policy", ["optimal", "myopic"])
def test_the_environment_pays_what_value_iteration_says(policy, changes):
    model = dataclasses.replace(BASE, **changes)
    solver = PriceSkewSolver(model)
    solution = solver.solve()
    depth = solution.policy.actions
    table = (
        np.stack([depth["bid_depth"][0], depth["ask_depth"][0]], 1) if policy == "optimal" else quoting(model, 1.0, 1.0)
    )
    exact = solver.score(table[None])
    total, _ = sampled(model, table)
    assert abs(total.mean() - exact.mean) < 4 * exact.sd / np.sqrt(total.size)
    assert total.std() == pytest.approx(exact.sd, rel=0.06)


def test_value_iteration_step_by_step_reaches_the_same_values():
    """Plain sweeps of V ← max E[F + βV′] over pairs of quotes, from nothing."""
    model = dataclasses.replace(BASE, limit=3, k=1.3, r=0.1, fee=0.02, beta=0.9)
    depths = np.linspace(0.5, 4.0, 176)
    p, value = np.exp(-model.k * (depths - 0.5)), np.zeros(7)
    for _ in range(400):
        new = np.empty(7)
        for i in range(7):
            p_bid, p_ask = p * (i < 6), p * (i > 0)
            up, down = model.beta * value[min(i + 1, 6)], model.beta * value[max(i - 1, 0)]
            bid, ask = depths - model.fee, depths - model.fee
            both = np.outer(p_bid, p_ask) * (bid[:, None] + ask + model.beta * value[i])
            one = np.outer(p_bid, 1 - p_ask) * (bid[:, None] + up) + np.outer(1 - p_bid, p_ask) * (ask + down)
            none = np.outer(1 - p_bid, 1 - p_ask) * model.beta * value[i]
            new[i] = (both + one + none).max() - model.r * abs(i - 3)
        value = new
    solved = PriceSkewSolver(model).solve()
    np.testing.assert_allclose(solved.facts["value"], value, atol=1e-6)
    assert solved.scores["myopic"].mean < solved.J_star


def test_the_dealer_skews_against_what_he_holds():
    depth = PriceSkewSolver(BASE).solve().policy.actions
    assert (np.diff(depth["bid_depth"][0][:-1]) >= 0).all()
    np.testing.assert_allclose(depth["ask_depth"][0], depth["bid_depth"][0][::-1])


def one_step(model: PriceSkew, depths, inventory=(0,), key: int = 0, **state):
    _, params = environment_of_price_skew(model)
    _, begin = RESET(jax.random.key(0), params)
    begin = begin._replace(inventory=jnp.array(inventory), **state)
    return TRADE(jax.random.key(key), begin, jnp.array(depths, jnp.float32), params)


def test_improving_the_market_is_always_executed_and_earns_the_depth():
    _, state, reward, _, info = one_step(dataclasses.replace(BASE, S=2.0, r=0.0), [[0.4], [0.5]])
    assert int(state.inventory[0]) == 0
    assert float(reward) == pytest.approx(2 * 0.9)
    assert float(info["reward/spread"]) == pytest.approx(1.8)


def test_risk_is_of_the_inventory_before_the_orders():
    none = [[jnp.nan], [jnp.nan]]
    assert float(one_step(BASE, none, inventory=(4,))[2]) == pytest.approx(-0.2)
    assert float(one_step(dataclasses.replace(BASE, u=1.0, dt=0.5), none, inventory=(4,))[2]) == pytest.approx(-0.4)


def test_sizes_have_their_mean_and_fills_keep_within_the_limit():
    model = dataclasses.replace(BASE, size=2.0, limit=1000)
    _, inventory = sampled(model, quoting(model, 0.5, np.nan), paths=2000, steps=20)
    lots = np.diff(inventory[:, :, 0], axis=1)
    assert lots.min() == 1
    assert lots.mean() == pytest.approx(3, abs=4 * np.sqrt(6 / lots.size))
    small = dataclasses.replace(model, limit=5)
    _, inventory = sampled(small, quoting(small, 0.5, np.nan), paths=2000, steps=20)
    assert inventory.max() == 5


def test_a_part_is_at_least_one_and_at_most_the_order():
    model = dataclasses.replace(BASE, size=3.0, partial=1.0, limit=1000)
    _, inventory = sampled(model, quoting(model, 0.5, np.nan), paths=2000, steps=20)
    lots = np.diff(inventory[:, :, 0], axis=1)
    assert lots.min() == 1
    assert lots.mean() == pytest.approx((4 + 1) / 2, abs=0.1)  # E ceil(U·n) = (n + 1)/2


def test_a_decision_takes_effect_after_its_delay():
    for delay in (0, 1, 2):
        _, params = environment_of_price_skew(dataclasses.replace(BASE, delay=delay))
        _, state = RESET(jax.random.key(0), params)
        bought = []
        for key in jax.random.split(jax.random.key(0), 5):
            depths = jnp.array([[0.0], [jnp.nan]]) if len(bought) == 1 else jnp.full((2, 1), jnp.nan)
            _, state, *_ = TRADE(key, state, depths, params)
            bought.append(int(state.inventory[0]))
        assert bought.index(1) == 1 + delay  # decided in step 1
        assert bought[-1] == 1  # once


def test_a_delayed_quote_is_the_price_that_was_decided():
    """Decided at a depth of ½ before the mid fell by 2: now 2½ spreads beyond the mid, it earns −1½ when hit."""
    decided = jnp.full((2, 2, 1), jnp.nan).at[1, 0, 0].set(-0.5)
    _, state, _, _, info = one_step(
        dataclasses.replace(BASE, delay=2), [[jnp.nan], [jnp.nan]], decided=decided, mid=jnp.array([-2.0])
    )
    assert int(state.inventory[0]) == 1
    assert float(info["reward/spread"]) == pytest.approx(-1.5)


def test_mids_move_with_their_covariance_and_are_paid_on_what_is_held():
    model = dataclasses.replace(BASE, sigma=0.5, dt=0.25, omega=(1.0, 0.6, 0.6, 2.0), r=0.0)
    env, params = environment_of_price_skew(model)
    _, begin = RESET(jax.random.key(0), params)
    begin = begin._replace(inventory=jnp.array([3, -2]))
    step = jax.jit(jax.vmap(lambda key: env.trade(key, begin, jnp.full((2, 2), jnp.nan), params)))
    _, after, reward, *_ = step(jax.random.split(jax.random.key(0), 20_000))
    np.testing.assert_allclose(np.cov(after.mid.T), np.array([[1, 0.6], [0.6, 2]]) / 16, atol=0.005)
    np.testing.assert_allclose(reward, after.mid @ np.array([3, -2]), atol=1e-5)


def test_risk_in_two_currencies_knows_what_offsets():
    _, params = environment_of_price_skew(dataclasses.replace(BASE, omega=(1.0, 0.9, 0.9, 1.0), u=0.5))
    apart, alike = (float(risk(jnp.array(q), params)) for q in ([2.0, -2.0], [2.0, 2.0]))
    assert apart == pytest.approx(np.sqrt(0.8))
    assert alike == pytest.approx(np.sqrt(15.2))
    assert float(risk(jnp.zeros(2), params)) == 0


def test_an_evolving_spread_returns_to_its_mean():
    model = dataclasses.replace(BASE, spread_sd=0.2, spread_reversion=0.5)
    env, params = environment_of_price_skew(model)
    _, begin = RESET(jax.random.key(0), params)

    def path(key):
        silent = jnp.full((2, 1), jnp.nan)
        step = lambda state, key: (env.trade(key, state, silent, params)[1], None)  # noqa: E731
        return jax.lax.scan(step, begin, jax.random.split(key, 40))[0].log_spread[0]

    ends = np.asarray(jax.jit(jax.vmap(path))(jax.random.split(jax.random.key(0), 8000)))
    assert ends.mean() == pytest.approx(0, abs=0.015)
    assert ends.std() == pytest.approx(0.2 / np.sqrt(1 - np.exp(-1.0)), rel=0.04)


def test_an_execution_is_remembered_and_brings_more_of_its_side():
    model = dataclasses.replace(BASE, arrival=0.1, boost=3.0, forget=0.0)
    _, state, *_ = one_step(dataclasses.replace(model, arrival=1.0), [[0.0], [jnp.nan]])
    assert state.excited.tolist() == [[3.0], [0.0]]
    env, params = environment_of_price_skew(model)
    p = env.probability(jnp.full((2, 1), 0.5), state.excited, params)
    np.testing.assert_allclose(p, [[0.4], [0.1]])


def test_what_a_learner_needs_is_there():
    env, params = environment_of_price_skew(dataclasses.replace(BASE, omega=(1.0, 0.0, 0.0, 1.0), delay=2, N=3))
    observed, state = env.reset(jax.random.key(0), params)
    assert observed.shape == env.observation_space(params).shape
    action = env.action_space(params).sample(jax.random.key(1))
    assert env.decode(jnp.ones(4), params).tolist() == [[FARTHEST] * 2] * 2
    for last in (False, False, True):
        observed, state, _, terminated, truncated, _ = env.step(jax.random.key(2), state, action, params)
        assert np.isfinite(observed).all()
        assert (bool(terminated), bool(truncated)) == (False, last)
    assert isinstance(state, State)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"omega": (1.0, 2.0, 3.0)}, "must be a square"),
        ({"omega": (1.0, 2.0, 2.0, 1.0)}, "it is a covariance"),
        ({"delay": 3}, "0 to 2 steps"),
    ],
)
def test_impossible_parameters_are_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        environment_of_price_skew(dataclasses.replace(BASE, **changes))


def test_the_solver_says_what_it_does_not_solve():
    with pytest.raises(InputError, match="size, delay extends the model"):
        PriceSkewSolver(dataclasses.replace(BASE, size=1.0, delay=2))
    with pytest.raises(InputError, match="beta is 1"):
        PriceSkewSolver(dataclasses.replace(BASE, beta=1.0))
