"""Quoting depths around a mid: the rules of a step, and Monte Carlo beside the published exact numbers."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.models import environment_of
from jaxmm.envs.simulate import paths_of
from jaxmm.errors import InputError
from jaxmm.markets.models import PRESETS, RL_A, RL_B, AvellanedaStoikov, Bbg, model_of

PATHS = 20_000


def inventory_strategy(model: AvellanedaStoikov, env) -> Callable:
    """r = s − qγσ²τ and δa + δb = γσ²τ + (2/γ) ln(1 + γ/k)."""
    closeness = math.log1p(model.gamma / model.k) / model.gamma

    def act(key, state, params):
        risk = model.gamma * model.sigma**2 * (model.T - state.step * model.dt)
        middle, shift = 0.5 * risk + closeness, state.inventory * risk
        return env.encode(jnp.stack([middle + shift, middle - shift]), params)

    return act


def constant(env, depth: float) -> Callable:
    return lambda key, state, params: env.encode(jnp.full(2, depth, jnp.float32), params)


def uniformly(env, most: float) -> Callable:
    return lambda key, state, params: env.encode(jax.random.uniform(key, (2,), maxval=most), params)


def average_half_spread(model: AvellanedaStoikov) -> float:
    left = model.T - np.arange(model.N) * model.dt
    return float(np.mean(0.5 * model.gamma * model.sigma**2 * left) + math.log1p(model.gamma / model.k) / model.gamma)


@pytest.mark.parametrize(
    ("gamma", "strategy", "mean", "sd", "sd_of_inventory"),
    [
        (0.1, "inventory", 64.8925, 6.5432, 2.9268),
        (0.1, "symmetric", 68.2228, 13.4558, 8.3994),
        (0.01, "inventory", 68.3996, 8.9606, 5.2125),
        (0.01, "symmetric", 68.6661, 13.6775, 8.7117),
    ],
)
def test_avellaneda_and_stoikovs_table_comes_out_of_the_environment(gamma, strategy, mean, sd, sd_of_inventory):
    model = AvellanedaStoikov(gamma=gamma)
    env, params = environment_of(model)
    act = inventory_strategy(model, env) if strategy == "inventory" else constant(env, average_half_spread(model))
    paths = paths_of(env, params, act, paths=PATHS, seed=1)
    assert abs(paths.standard_errors_from(mean)) < 4
    assert paths.returned.std() == pytest.approx(sd, rel=0.04)
    assert paths.final.inventory.std() == pytest.approx(sd_of_inventory, rel=0.04)


@pytest.mark.parametrize(
    ("model", "depth", "mean"), [(RL_A, 0.955, 11.981169), (RL_B, 2.15, 1.038189), (RL_B, None, -5.653932)]
)
def test_constant_and_random_depths_earn_what_the_exact_recursion_says(model, depth, mean):
    env, params = environment_of(model)
    act = uniformly(env, model.d_max) if depth is None else constant(env, depth)
    assert abs(paths_of(env, params, act, paths=PATHS, seed=2).standard_errors_from(mean)) < 4


def test_the_horizon_terminates_with_the_terminal_penalty_and_starts_anew():
    model = model_of("rl-b", {"N": 3, "sigma": 0.0, "lam": 1e6, "Q": 2})  # every bid at the mid fills, no ask does
    env, params = environment_of(model)
    _, state = env.reset(jax.random.key(0), params)
    rewards, ends = [], []
    for n in range(3):
        action = env.encode(jnp.array([0.0, jnp.nan]), params)
        observation, state, reward, terminated, truncated, info = env.step(jax.random.key(n), state, action, params)
        rewards.append(float(reward))
        ends.append((bool(terminated), bool(truncated)))
    running = model.phi * model.dt
    np.testing.assert_allclose(rewards, [-running, -4 * running, -4 * running - 4 * model.alpha], rtol=1e-6)
    assert ends == [(False, False), (False, False), (True, False)]
    assert (int(state.step), int(state.inventory)) == (0, 0)
    np.testing.assert_array_equal(observation, env.observe(jnp.int32(0), jnp.int32(0), params))
    np.testing.assert_array_equal(info["final_observation"], env.observe(jnp.int32(3), jnp.int32(2), params))


@pytest.mark.parametrize("name", ["as-2008", "rl-a", "rl-b-9"])
def test_observations_are_of_order_one_and_told_by_step_and_inventory(name):
    env, params = environment_of(PRESETS[name])
    key = jax.random.key(3)

    def step(state, key):
        key_act, key_step = jax.random.split(key)
        observation, state, *_ = env.step_env(key_step, state, env.action_space(params).sample(key_act), params)
        return state, (observation, state)

    observations, states = jax.lax.scan(step, env.reset(key, params)[1], jax.random.split(key, 100))[1]
    told = jax.vmap(env.observe, in_axes=(0, 0, None))(states.step, states.inventory, params)
    np.testing.assert_allclose(observations, told, atol=2e-6)
    assert jnp.abs(observations).max() < 3
    assert observations.shape[1:] == env.observation_space(params).shape


def test_actions_mean_depths_within_what_the_model_allows():
    env, params = environment_of(RL_B)
    np.testing.assert_allclose(env.decode(jnp.array([-1.0, 1.0]), params), [0.0, RL_B.d_max])
    np.testing.assert_allclose(env.decode(jnp.array([-9.0, 9.0]), params), [0.0, RL_B.d_max])
    pairs, few = environment_of(PRESETS["rl-b-9"])
    assert [pairs.decode(jnp.int32(i), few).tolist() for i in (0, 1, 8)] == [[0.25, 0.25], [0.25, 0.75], [1.5, 1.5]]
    depths = jnp.array([-5.0, 7.0])
    quoting, params = environment_of(AvellanedaStoikov())
    np.testing.assert_allclose(quoting.decode(quoting.encode(depths, params), params), depths, rtol=1e-5)


def test_who_chooses_among_pairs_is_shown_each_inventory_on_its_own():
    env, params = environment_of(model_of("rl-b-49"))
    plain, _ = environment_of(model_of("rl-b"))
    seen = jax.vmap(lambda q: env.observe(jnp.int32(40), q, params))(jnp.arange(-5, 6))
    np.testing.assert_array_equal(seen[:, 6:], np.eye(11))
    np.testing.assert_array_equal(seen[0, :6], plain.observe(jnp.int32(40), jnp.int32(-5), params))
    assert env.observation_space(params).shape == seen[0].shape


def test_a_model_without_such_an_environment_is_refused():
    with pytest.raises(InputError, match="bbg has no environment"):
        environment_of(Bbg())
    with pytest.raises(InputError, match="need depths to choose from"):
        environment_of(RL_A, discrete=True)
