"""The environment contract of gymnax 1.0, so that its learners run on our environments and ours on its.

A subclass writes the raw hooks `reset_env`, `step_env` and `is_truncated`; callers use `reset` and `step`.
Parameters are traced data and may hold whole tapes; the environment object itself is static and hashable.
"""

from functools import partial
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp

from jaxmm.envs.spaces import Box, Discrete

State = TypeVar("State")
Params = TypeVar("Params")
Info = dict[str, Any]


class Environment(Generic[State, Params]):
    """One environment; batches are made with `vmap`."""

    @property
    def default_params(self) -> Params:
        """Parameters that make a usable environment."""
        raise NotImplementedError

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Params | None = None) -> tuple[jax.Array, State]:
        """Starts an episode: its first observation and state."""
        return self.reset_env(key, self.default_params if params is None else params)

    @partial(jax.jit, static_argnames=("self",))
    def step(
        self, key: jax.Array, state: State, action: jax.Array, params: Params | None = None
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, jax.Array, Info]:
        """One step: observation, state, reward, terminated, truncated, info.

        Where the episode ends, the observation and the state returned are those of a new one; `info` keeps the last
        observation of the old one as "final_observation", beside "terminated" and "truncated".
        """
        key_step, key_reset = jax.random.split(key)
        return _stepped(self, key_step, key_reset, state, action, self.default_params if params is None else params)

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, State]:
        """Raw hook: an episode's first observation and state."""
        raise NotImplementedError

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, Info]:
        """Raw hook: observation, state, reward, terminated, info after one step, without reset."""
        raise NotImplementedError

    def is_truncated(self, state: State, params: Params) -> jax.Array:
        """Raw hook: whether the step that led to `state` was the last that the data or the time limit allows."""
        raise NotImplementedError

    def action_space(self, params: Params) -> Discrete | Box:
        """What `step` accepts."""
        raise NotImplementedError

    def observation_space(self, params: Params) -> Box:
        """What `reset` and `step` return."""
        raise NotImplementedError


class StartsAlike(Environment[State, Params], Generic[State, Params]):
    """An environment whose episodes all start alike: a step has its key to itself, and splitting it is saved."""

    @partial(jax.jit, static_argnames=("self",))
    def step(
        self, key: jax.Array, state: State, action: jax.Array, params: Params | None = None
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, jax.Array, Info]:
        """One step, as any environment's."""
        return _stepped(self, key, key, state, action, self.default_params if params is None else params)


def _stepped(
    env: Environment[State, Params],
    key_step: jax.Array,
    key_reset: jax.Array,
    state: State,
    action: jax.Array,
    params: Params,
) -> tuple[jax.Array, State, jax.Array, jax.Array, jax.Array, Info]:
    """The step and, where it ends an episode, the reset."""
    final_observation, stepped, reward, terminated, info = env.step_env(key_step, state, action, params)
    truncated = env.is_truncated(stepped, params)
    fresh_observation, fresh = env.reset_env(key_reset, params)
    observation, state = jax.tree.map(
        lambda new, old: jnp.where(terminated | truncated, new, old),
        (fresh_observation, fresh),
        (final_observation, stepped),
    )
    ending = {"terminated": terminated, "truncated": truncated, "final_observation": final_observation}
    return observation, state, reward, terminated, truncated, {**info, **ending}
