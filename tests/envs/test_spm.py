"""The tabular benchmark: the rules of a step, and Monte Carlo beside its exact numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.models import environment_of
from jaxmm.envs.simulate import paths_of
from jaxmm.markets.models import Spm, model_of


def two_ticks(env):
    return lambda key, state, params: env.encode(jnp.full(2, 2.0), params)


def uniformly(env):
    return lambda key, state, params: env.action_space(params).sample(key)


@pytest.mark.parametrize(("policy", "mean", "sd"), [(two_ticks, 0.098304, 0.079144), (uniformly, 0.062704, 0.095447)])
def test_reference_policies_earn_what_the_exact_recursion_says(policy, mean, sd):
    env, params = environment_of(Spm())
    paths = paths_of(env, params, policy(env), paths=50_000, seed=1)
    assert abs(paths.standard_errors_from(mean)) < 4
    assert paths.returned.std() == pytest.approx(sd, rel=0.02)


def test_executions_are_poisson():
    env, _ = environment_of(Spm())
    uniforms = (jnp.arange(2**16) + 0.5) / 2**16
    for mean in (0.05, 0.4, 1.0):
        drawn = np.asarray(env._poisson(uniforms, jnp.float32(mean)))
        assert drawn.mean() == pytest.approx(mean, rel=1e-3)
        assert drawn.var() == pytest.approx(mean, rel=2e-3)
        assert (drawn == 0).mean() == pytest.approx(np.exp(-mean), abs=2e-5)


def test_matched_trades_earn_both_depths_and_the_rest_stops_at_the_limit():
    env, params = environment_of(model_of("spm", {"lam": 50.0, "sigma": 0.0, "kappa": 0.1}), discrete=False)
    _, state = env.reset(jax.random.key(0), params)
    action = env.encode(jnp.array([2.0, 400.0]), params)  # more come than are counted: 11 on each side
    _, state, reward, *_ = env.step(jax.random.key(0), state, action, params)
    assert int(state.inventory) == 0
    assert float(reward) == pytest.approx(11 * 0.01 * 402.0, rel=1e-3)
    _, state, reward, *_ = env.step(jax.random.key(0), state, env.encode(jnp.array([2.0, 1e9]), params), params)
    assert int(state.inventory) == 3  # nothing sells there
    assert float(reward) == pytest.approx(3 * 0.02 - 1e-4 * 9, rel=1e-3)


def test_no_quote_trades_nothing():
    env, params = environment_of(Spm(), discrete=False)
    paths = paths_of(env, params, bids_alone, paths=500, seed=2)
    assert set(paths.final.inventory.tolist()) == {3}
    assert np.isfinite(paths.returned).all()


def bids_alone(key, state, params):
    return jnp.array([-1.0, jnp.nan])


def test_the_last_step_liquidates_instead_of_charging_for_holding():
    env, params = environment_of(model_of("spm", {"T": 1, "phi": 7.0, "alpha": 0.5, "sigma": 0.0}))
    keys = jax.random.split(jax.random.key(0), 500)
    start = env.reset(keys[0], params)[1]
    _, after, reward, terminated, _ = jax.vmap(env.step_env, in_axes=(0, None, None, None))(keys, start, 0, params)
    assert terminated.all()
    np.testing.assert_allclose(reward, -0.5 * after.inventory**2)  # at depth 0 nothing is earned
    assert set(np.abs(after.inventory).tolist()) == {0, 1, 2, 3}


def test_sixteen_pairs_of_ticks_are_the_actions():
    env, params = environment_of(Spm())
    assert env.action_space(params).n == 16
    depths = jax.vmap(env.decode, in_axes=(0, None))(jnp.arange(16), params)
    np.testing.assert_array_equal(depths[:5], [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0]])
    np.testing.assert_array_equal(env.encode(depths, params), np.arange(16))
