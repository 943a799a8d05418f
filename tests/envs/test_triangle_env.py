import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_paths import sample

from jaxmm.envs.triangle import State, environment_of_triangle
from jaxmm.markets.models import Triangle
from jaxmm.solve.triangle import TriangleSolver

SILENT = [jnp.nan] * 6


@pytest.mark.parametrize("policy", ["optimal", "never_hedge"])
def test_the_environment_pays_what_the_exact_solution_says(policy):
    solver = TriangleSolver(Triangle())
    actions = solver.plans()[policy].actions
    exact = solver.score(actions)
    found = sample(*environment_of_triangle(Triangle()), actions, 40_000)
    assert abs(found.mean - exact.mean) < 4 * exact.sd / np.sqrt(found.paths)
    assert found.sd == pytest.approx(exact.sd, rel=0.02)


def test_buying_ether_for_bitcoin_moves_both():
    env, params = environment_of_triangle(
        dataclasses.replace(Triangle(), lam=(0.0, 0.0, 0.0), phi=0.0, sigma=(0.0, 0.0))
    )
    state = State(jnp.int32(0), jnp.array([5, -5]))
    _, after, reward, done, _ = env.trade(jax.random.key(0), state, jnp.array([0.0, 0, 2, *SILENT]), params)
    assert after.inventory.tolist() == [3, -3]
    assert float(reward) == pytest.approx(-(2 * 0.5 + 4 * 0.05))
    assert not done


def test_hedges_that_leave_the_box_are_not_done_and_not_paid():
    env, params = environment_of_triangle(
        dataclasses.replace(Triangle(), lam=(0.0, 0.0, 0.0), phi=0.0, sigma=(0.0, 0.0))
    )
    state = State(jnp.int32(0), jnp.array([6, 0]))
    _, after, reward, *_ = env.trade(jax.random.key(0), state, jnp.array([1.0, 1, 0, *SILENT]), params)
    assert (after.inventory.tolist(), float(reward)) == ([6, 0], 0)


def test_one_client_at_most_comes_and_moves_what_he_trades():
    env, params = environment_of_triangle(dataclasses.replace(Triangle(), lam=(0.0, 0.0, 100.0), a=-50.0))
    wanted = jnp.array([0.0] * 3 + [jnp.nan] * 4 + [0.5, jnp.nan])
    state = State(jnp.int32(0), jnp.array([0, 0]))
    _, after, _, _, info = env.trade(jax.random.key(0), state, wanted, params)
    assert after.inventory.tolist() == [-1, 1]
    assert float(info["reward/spread"]) == 0.5


def test_every_hedge_and_quote_is_within_reach():
    env, params = environment_of_triangle(Triangle())
    actions = np.repeat(np.linspace(-3, 3, 1001, dtype=np.float32)[:, None], 9, axis=1)
    wanted = np.asarray(jax.vmap(env.decode, (0, None))(actions, params))
    assert {*wanted[:, :3].ravel()} == {-2, -1, 0, 1, 2}
    assert {*wanted[:, 3:].ravel()} == set(Triangle().quotes)


def test_the_horizon_ends_in_a_termination_that_pays_for_what_is_held():
    env, params = environment_of_triangle(
        dataclasses.replace(Triangle(), lam=(0.0, 0.0, 0.0), phi=0.0, sigma=(0.0, 0.0))
    )
    state = State(jnp.int32(99), jnp.array([2, -1]))
    _, fresh, reward, terminated, truncated, info = env.step(jax.random.key(0), state, jnp.zeros(9), params)
    assert (bool(terminated), bool(truncated)) == (True, False)
    assert float(reward) == pytest.approx(-1.5)
    assert info["final_observation"].tolist() == pytest.approx([0, 2 / 6, -1 / 6, 1, 2 / 6, -1 / 6])
    assert fresh.inventory.tolist() == [0, 0]
