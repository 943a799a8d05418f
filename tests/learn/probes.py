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


class Case(NamedTuple):
    """Parameters of `Probe`: 0 is observed first, then 1; or ±1, to be matched."""

    rewards: tuple[float, float] = (1.0, 0.0)  # for leaving 0 and for leaving 1, whatever the action
    steps: int = 1  # of an episode
    truncates: bool = False  # else it terminates
    match: bool = False  # show ±1 and reward the action that is right for it


ONE_REWARD = Case()  # the value of 0 is 1
LATER_REWARD = Case((0.0, 1.0), steps=2)  # values γ and 1
CUT_SHORT = Case((0.0, 1.0), steps=3, truncates=True)  # reward 1 in state 1 for ever: values γ/(1 − γ) and 1/(1 − γ)
MATCH = Case(match=True)  # action 1 is right for +1, action 0 for −1; right is worth 1


class Probe(Environment[State, Case]):
    """All cases in one environment, so that a learner compiles once for all."""

    @property
    def default_params(self) -> Case:
        return Case()

    def reset_env(self, key: jax.Array, params: Case) -> tuple[jax.Array, State]:
        shown = jnp.where(params.match, jax.random.rademacher(key, (), jnp.float32), 0.0)
        return shown[None], State(shown, jnp.zeros((), jnp.int32))

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Case
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, Info]:
        stepped = State(jnp.ones(()), state.time + 1)
        reward = jnp.where(
            params.match, self.score(state.observed, action), jnp.where(state.observed == 0, *params.rewards)
        )
        ends = (stepped.time >= params.steps) & ~jnp.asarray(params.truncates)
        return stepped.observed[None], stepped, reward, ends, {"reward/probe": reward}

    def is_truncated(self, state: State, params: Case) -> jax.Array:
        return (state.time >= params.steps) & jnp.asarray(params.truncates)

    def score(self, shown: jax.Array, action: jax.Array) -> jax.Array:
        return jnp.where((shown > 0) == (action == 1), 1.0, 0.0)

    def action_space(self, params: Case) -> Discrete | Box:
        return Discrete(2)

    def observation_space(self, params: Case) -> Box:
        return Box(-1.0, 1.0, (1,))


class Aim(Probe):
    """The best continuous action is 3/4 of the ±1 shown, in a box of ±1/2: its edge."""

    def score(self, shown: jax.Array, action: jax.Array) -> jax.Array:
        return -((action[0] - 0.75 * shown) ** 2)

    def action_space(self, params: Case) -> Box:
        return Box(-0.5, 0.5, (1,))


PROBE, AIM = Probe(), Aim()  # one object each, since environments are compared by identity


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
