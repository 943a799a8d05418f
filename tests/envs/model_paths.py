"""Whole episodes of a model's environment under a tabulated policy, to hold beside the exact mean and deviation."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Sample(NamedTuple):
    """Returns of so many episodes."""

    mean: float
    sd: float
    error: float  # standard error of the mean


@partial(jax.jit, static_argnames=("env", "paths", "steps"))
def _returns(env: Any, params: Any, table: jax.Array, key: jax.Array, paths: int, steps: int) -> tuple[Any, Any]:
    def path(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(carry: Any, n: jax.Array) -> tuple[Any, None]:
            state, total, ends, key = carry
            key, key_step = jax.random.split(key)
            wanted = table[(n, *env.cell(state, params))]
            _, state, reward, done, _ = env.trade(key_step, state, wanted, params)
            return (state, total + reward, ends + done, key), None

        key_reset, key_steps = jax.random.split(key)
        _, state = env.reset_env(key_reset, params)
        begin = (state, jnp.float32(0), jnp.int32(0), key_steps)
        (_, total, ends, _), _ = jax.lax.scan(step, begin, jnp.arange(steps))
        return total, ends

    return jax.vmap(path)(jax.random.split(key, paths))


def sample(env: Any, params: Any, actions: np.ndarray, paths: int, seed: int = 0, batch: int = 50_000) -> Sample:
    """Returns under `actions` [N, …states, A], which every episode follows from its start to its one termination."""
    table = jnp.asarray(actions, jnp.float32)
    totals = []
    for key in jax.random.split(jax.random.key(seed), -(-paths // batch)):
        total, ends = _returns(env, params, table, key, min(batch, paths), len(actions))
        assert (np.asarray(ends) == 1).all()
        totals.append(np.asarray(total, np.float64))
    every = np.concatenate(totals)
    return Sample(float(every.mean()), float(every.std()), float(every.std() / np.sqrt(every.size)))
