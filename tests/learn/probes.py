"""Environments with one difficulty each and known values, so that a failing learner says which part of it is wrong;
with what trains on them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.envs.environment import Environment, Info
from jaxmm.envs.spaces import Box, Discrete


class State(NamedTuple):
    observed: jax.Array  # float32 []
    time: jax.Array  # int32 []


class Chain(NamedTuple):
    """Parameters of `Probe`: what is observed is 0 first, then 1."""

    rewards: tuple[float, float] = (1.0, 0.0)  # for leaving 0 and for leaving 1
    steps: int = 1  # of an episode
    truncates: bool = False  # else it terminates


ONE_REWARD = Chain()  # the value of 0 is 1
LATER_REWARD = Chain((0.0, 1.0), steps=2)  # values γ and 1
CUT_SHORT = Chain((0.0, 1.0), steps=3, truncates=True)  # reward 1 in state 1 for ever: values γ/(1 − γ) and 1/(1 − γ)


class Probe(Environment[State, Chain]):
    """A chain with one action, so that only values are to be learned."""

    actions = 1

    @property
    def default_params(self) -> Chain:
        return Chain()

    def reset_env(self, key: jax.Array, params: Chain) -> tuple[jax.Array, State]:
        state = State(self.first(key), jnp.zeros((), jnp.int32))
        return state.observed[None], state

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Chain
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, Info]:
        stepped = State(jnp.ones(()), state.time + 1)
        reward = self.reward(state, action, params)
        ends = (stepped.time >= params.steps) & ~jnp.asarray(params.truncates)
        return stepped.observed[None], stepped, reward, ends, {"reward/probe": reward}

    def is_truncated(self, state: State, params: Chain) -> jax.Array:
        return (state.time >= params.steps) & jnp.asarray(params.truncates)

    def first(self, key: jax.Array) -> jax.Array:
        return jnp.zeros(())

    def reward(self, state: State, action: jax.Array, params: Chain) -> jax.Array:
        return jnp.where(state.observed == 0, *params.rewards)

    def action_space(self, params: Chain) -> Discrete | Box:
        return Discrete(self.actions)

    def observation_space(self, params: Chain) -> Box:
        return Box(-1.0, 1.0, (1,))


class Match(Probe):
    """±1 is shown; action 1 is right for +1, action 0 for −1; right is worth 1."""

    actions = 2

    def first(self, key: jax.Array) -> jax.Array:
        return jax.random.rademacher(key, (), jnp.float32)

    def reward(self, state: State, action: jax.Array, params: Chain) -> jax.Array:
        return jnp.where((state.observed > 0) == (action == 1), 1.0, 0.0)


class Aim(Match):
    """±1 is shown; the best continuous action is 3/4 of it in a box of ±1/2, so its edge."""

    def reward(self, state: State, action: jax.Array, params: Chain) -> jax.Array:
        return -((action[0] - 0.75 * state.observed) ** 2)

    def action_space(self, params: Chain) -> Box:
        return Box(-0.5, 0.5, (1,))


PROBE, MATCH, AIM = Probe(), Match(), Aim()  # one object each: a learner of the same environment compiles once


@jax.jit
def begin(learner, key):
    return learner.init(key)


@jax.jit
def update(learner, state):
    return learner.update(state)


def trained(learner, updates: int):
    """The state after so many updates."""
    state = begin(learner, jax.random.key(0))
    for _ in range(updates):
        state, _ = update(learner, state)
    return state
