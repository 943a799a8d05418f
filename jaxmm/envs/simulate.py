"""Whole episodes of an environment of N steps side by side, for Monte Carlo beside exact answers."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Environment

Act = Callable[[jax.Array, Any, Any], jax.Array]  # (key, one state, the environment's parameters) -> its action


class Paths(NamedTuple):
    """Of P episodes."""

    returned: np.ndarray  # float64 [P], Σ reward
    final: Any  # the states after N steps, numpy leaves [P, ...]

    def standard_errors_from(self, exact: float) -> float:
        """How far the mean return is from `exact`, in its own standard errors."""
        return float((self.returned.mean() - exact) / (self.returned.std() / np.sqrt(len(self.returned))))


def paths_of(env: Environment, params: Any, act: Act, *, paths: int, seed: int, batch: int = 20_000) -> Paths:
    """At least `paths` episodes of `params.steps` steps under `act`, in batches of `batch`."""
    steps, batch = int(params.steps), min(batch, paths)
    keys = jax.random.split(jax.random.key(seed), -(-paths // batch))
    parts = [jax.tree.map(np.asarray, _episodes(env, act, batch, steps, key, params)) for key in keys]
    returned, final = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return Paths(returned.astype(np.float64), final)


@partial(jax.jit, static_argnames=("env", "act", "batch", "steps"))
def _episodes(env: Environment, act: Act, batch: int, steps: int, key: jax.Array, params: Any) -> tuple[Any, Any]:
    """Float32 returns [B], summed with compensation (Kahan 1965), and final states."""

    def step(carry: tuple[Any, jax.Array, jax.Array], key: jax.Array) -> tuple[Any, None]:
        states, total, lost = carry
        key_act, key_step = jax.random.split(key)
        actions = jax.vmap(act, in_axes=(0, 0, None))(jax.random.split(key_act, batch), states, params)
        _, states, reward, *_ = jax.vmap(env.step_env, in_axes=(0, 0, 0, None))(
            jax.random.split(key_step, batch), states, actions, params
        )
        gained = reward - lost
        summed = total + gained
        return (states, summed, (summed - total) - gained), None

    key_reset, key_steps = jax.random.split(key)
    _, states = jax.vmap(env.reset_env, in_axes=(0, None))(jax.random.split(key_reset, batch), params)
    nothing = jnp.zeros(batch)
    (states, total, _), _ = jax.lax.scan(step, (states, nothing, nothing), jax.random.split(key_steps, steps))
    return total, states
