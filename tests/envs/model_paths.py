"""Whole episodes of a dealer's environment under a tabulated policy, to hold beside the exact mean and deviation."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Environment
from jaxmm.envs.simulate import paths_of


class Sample(NamedTuple):
    """Returns of so many episodes."""

    mean: float
    sd: float
    paths: int


class ByModelAction(Environment):
    """An environment that takes the model's own action instead of a learner's."""

    def __init__(self, env: Any):
        self.reset_env, self.step_env = env.reset_env, env.trade


def sample(env: Any, params: Any, actions: np.ndarray, paths: int, seed: int = 0) -> Sample:
    """Returns under `actions` [N, S, A], followed from start to end."""
    table = jnp.asarray(actions, jnp.float32)

    def act(key: jax.Array, state: Any, params: Any) -> jax.Array:
        del key
        return table[state.step, env.cell(state, params)]

    returned = paths_of(ByModelAction(env), params, act, paths=paths, seed=seed).returned
    return Sample(float(returned.mean()), float(returned.std()), len(returned))
