"""Environments with one difficulty each and known values, so that a failing learner says which part of it is wrong."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.envs.environment import Environment, Info
from jaxmm.envs.spaces import Box, Discrete


class State(NamedTuple):
    observed: jax.Array  # float32 []
    time: jax.Array  # int32 []


class Params(NamedTuple):
    steps: int = 1  # of an episode


class Probe(Environment[State, Params]):
    """Base: one observed number, one action, episodes of `steps` that terminate."""

    steps = 1
    actions = 1

    @property
    def default_params(self) -> Params:
        return Params(self.steps)

    def first(self, key: jax.Array) -> jax.Array:
        return jnp.zeros(())

    def then(self, state: State) -> jax.Array:
        return state.observed

    def reward(self, state: State, action: jax.Array) -> jax.Array:
        return jnp.ones(())

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, State]:
        state = State(self.first(key), jnp.zeros((), jnp.int32))
        return state.observed[None], state

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, Info]:
        stepped = State(self.then(state), state.time + 1)
        reward = self.reward(state, action)
        return stepped.observed[None], stepped, reward, self.ends(stepped, params), {"reward/probe": reward}

    def ends(self, state: State, params: Params) -> jax.Array:
        return state.time >= params.steps

    def is_truncated(self, state: State, params: Params) -> jax.Array:
        return jnp.zeros((), bool)

    def action_space(self, params: Params) -> Discrete | Box:
        return Discrete(self.actions)

    def observation_space(self, params: Params) -> Box:
        return Box(-1.0, 1.0, (1,))


class ValueOnly(Probe):
    """Reward 1, then the end: the value is 1."""


class Delay(Probe):
    """Nothing at 0, then 1 at 1, then the end: values γ and 1."""

    steps = 2

    def then(self, state: State) -> jax.Array:
        return jnp.ones(())

    def reward(self, state: State, action: jax.Array) -> jax.Array:
        return state.observed


class Cut(Delay):
    """Reward 1 in state 1 for ever, but the data end after three steps: values γ/(1 − γ) and 1/(1 − γ)."""

    steps = 3

    def ends(self, state: State, params: Params) -> jax.Array:
        return jnp.zeros((), bool)

    def is_truncated(self, state: State, params: Params) -> jax.Array:
        return state.time >= params.steps


class Match(Probe):
    """±1 is shown; action 1 is right for +1, action 0 for −1; right is worth 1."""

    actions = 2

    def first(self, key: jax.Array) -> jax.Array:
        return jax.random.rademacher(key, (), jnp.float32)

    def reward(self, state: State, action: jax.Array) -> jax.Array:
        return jnp.where((state.observed > 0) == (action == 1), 1.0, 0.0)


class Aim(Match):
    """±1 is shown; the best continuous action is 3/4 of it in a box of ±1/2, so its edge."""

    def reward(self, state: State, action: jax.Array) -> jax.Array:
        return -((action[0] - 0.75 * state.observed) ** 2)

    def action_space(self, params: Params) -> Box:
        return Box(-0.5, 0.5, (1,))
