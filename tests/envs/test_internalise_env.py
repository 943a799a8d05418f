import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_paths import sample

from jaxmm.envs.internalise import State, environment_of_internalise
from jaxmm.markets.models import Internalise, model_of
from jaxmm.solve.internalise import InternaliseSolver

B = model_of("int-dt-b")


@pytest.mark.parametrize("policy", ["optimal", "never_hedge", "always_hedge"])
def test_the_environment_pays_what_the_exact_solution_says(policy):
    solver = InternaliseSolver(B)
    actions = solver.plans()[policy].actions
    exact = solver.score(actions)
    found = sample(*environment_of_internalise(B), actions, 60_000)
    assert abs(found.mean - exact.mean) < 4 * exact.sd / np.sqrt(found.paths)
    assert found.sd == pytest.approx(exact.sd, rel=0.02)


def test_every_hedge_is_within_reach_and_small_ones_take_the_most_room():
    env, params = environment_of_internalise(B)
    first = np.linspace(-3, 3, 2001, dtype=np.float32)
    actions = np.stack([first, np.zeros_like(first), np.zeros_like(first)], 1)
    hedges = np.asarray(jax.vmap(env.decode, (0, None))(actions, params))[:, 0]
    assert set(hedges) == set(range(-10, 11))
    assert (hedges == -hedges[::-1]).all()
    assert np.mean(hedges == 0) == pytest.approx(0.05 ** (1 / 3), abs=0.01)


def test_every_quote_of_the_grid_is_within_reach():
    env, params = environment_of_internalise(B)
    actions = np.linspace(-4.5, 4.5, 901, dtype=np.float32)
    quotes = jax.vmap(lambda a: env.decode(jnp.array([0.0, a, -a], jnp.float32), params))(actions)
    assert set(np.asarray(quotes[:, 1])) == set(B.quotes)
    np.testing.assert_allclose(quotes[:, 1] + quotes[:, 2], 2, atol=0.26)  # mirrored around the middle of the grid


def test_hedges_come_first_stay_in_the_box_and_cost_what_they_move():
    env, params = environment_of_internalise(Internalise(sigma=0.0, lam=0.0, phi=0.0, psi=0.3, eta=0.1, N=10, Q=4))
    state = State(jnp.int32(0), jnp.int32(3))
    silent = [jnp.nan, jnp.nan]
    _, after, reward, done, info = env.trade(jax.random.key(0), state, jnp.array([9.0, *silent]), params)
    assert int(after.inventory) == 4
    assert float(reward) == pytest.approx(-0.4)
    assert not done
    assert float(info["reward/hedging"]) == pytest.approx(-0.4)


def test_no_client_is_served_beyond_the_limit():
    env, params = environment_of_internalise(Internalise(lam=1e6, Q=4, a=-50.0))
    trade = jax.vmap(
        lambda key, state: env.trade(key, state, jnp.array([0.0, 0.5, 0.5]), params)[1].inventory, (0, None)
    )
    keys = jax.random.split(jax.random.key(0), 20)
    assert (trade(keys, State(jnp.int32(0), jnp.int32(4))) == 3).all()  # everyone comes: at the limit only buyers do
    assert (trade(keys, State(jnp.int32(0), jnp.int32(0))) == 0).all()


def test_the_horizon_ends_in_a_termination_that_pays_for_what_is_held():
    env, params = environment_of_internalise(Internalise(sigma=0.0, lam=0.0, phi=0.0, alpha=0.5))
    state = State(jnp.int32(199), jnp.int32(2))
    action = jnp.zeros(3)
    observed, fresh, reward, terminated, truncated, info = env.step(jax.random.key(0), state, action, params)
    assert (bool(terminated), bool(truncated)) == (True, False)
    assert float(reward) == -2
    assert info["final_observation"].tolist() == pytest.approx([0, 0.1, 0.01, 1, 0.1, 0.01])
    assert observed.tolist() == pytest.approx([1, 0, 0, 200**-0.5, 0, 0])
    assert int(fresh.step) == 0


def test_what_an_episode_shows_is_the_table_s_observation():
    env, params = environment_of_internalise(B)
    observed, state = env.reset(jax.random.key(0), params)
    for key in jax.random.split(jax.random.key(1), 5):
        np.testing.assert_array_equal(observed, env.observe(state.step, state.inventory, params))
        observed, state, *_ = env.step(key, state, jnp.array([0.0, -1.0, 1.0]), params)
