"""Where the first episodes begin: together, or spread over the horizon."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.envs.models import environment_of
from jaxmm.envs.spaces import Box
from jaxmm.errors import InputError
from jaxmm.learn.rollout import rollout, start
from jaxmm.markets.models import model_of


@dataclasses.dataclass(frozen=True)
class Endless:
    """A model's environment that says its actions have no bounds."""

    env: object

    def __getattr__(self, name: str) -> object:
        return getattr(self.env, name)

    def action_space(self, params: object) -> Box:
        return Box(-jnp.inf, jnp.inf, (2,))


def test_spread_starts_cover_the_horizon_and_stay_apart():
    env, params = environment_of(model_of("rl-b", {"N": 40}))
    together = start(jax.random.key(0), env, params, 256)
    runner = jax.jit(start, static_argnums=(1, 3, 4))(jax.random.key(0), env, params, 256, 40)
    assert set(np.asarray(together.state.step).tolist()) == {0}
    assert set(np.asarray(runner.state.step).tolist()) == set(range(40))
    assert np.abs(np.asarray(runner.state.inventory)).max() > 0
    np.testing.assert_array_equal(runner.episode_length, runner.state.step)
    np.testing.assert_array_equal(runner.episode_return, np.zeros(256))
    seen = jax.vmap(env.observe, (0, 0, None))(*runner.state[:2], params)
    np.testing.assert_allclose(runner.observation, seen, atol=1e-6)
    act = lambda key, seen: jnp.zeros((256, 2))  # noqa: E731
    later, _, sums = rollout(jax.random.key(1), env, params, runner, act, 40, 1.0)
    assert set(np.asarray(later.state.step).tolist()) == set(range(40))
    assert sums["episodes"] == 256


def test_starts_cannot_be_spread_by_random_actions_without_bounds():
    env, params = environment_of(model_of("rl-b"))
    with pytest.raises(InputError, match="starts cannot be spread"):
        start(jax.random.key(0), Endless(env), params, 4, 10)
