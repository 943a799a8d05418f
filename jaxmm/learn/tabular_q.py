"""Double Q-learning (van Hasselt 2010) on tables of cells, with step sizes that fall with the visits of each entry.

The environment's observation is the number of its cell (`jaxmm.envs.tabulated.Cells`), so tables suit the models whose
policy depends on (step, inventory) only. Each transition corrects one of two tables by the other's value of its own
best action: a single table's maximum over noisy values is too high, most where visits are few, which draws a market
maker to large inventories. The steps of an update are corrected last first, so that what an episode's end is worth
reaches its beginning in one update. Where several environments visit one entry in the same step, their targets are
averaged.
Letters: N environments, T steps an update, C cells, A actions.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.errors import InputError
from jaxmm.learn.acting import Acting, Policy
from jaxmm.learn.config import check_between, check_positive, static
from jaxmm.learn.normaliser import RunningStats
from jaxmm.learn.rollout import Metrics, Runner, Transition, mean_scores, rollout, spaces_of, start


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TabularQConfig:
    """Hyper-parameters. The first block fixes shapes; the second holds numbers that may differ between seeds."""

    num_envs: int = static(256)  # N
    num_steps: int = static(128)  # T, steps of each environment an update

    discount: float = 1.0
    step_power: float = 0.6  # ω: the n-th visit of an entry moves it by n^−ω of its error
    epsilon_start: float = 1.0  # share of random actions, at first
    epsilon_end: float = 0.05  # and at last
    epsilon_steps: float = 5e6  # environment steps from one to the other
    initial_value: float = 0.0  # of every entry; above what can be earned, it makes untried actions attractive

    def __post_init__(self) -> None:
        check_positive(self, "num_envs", "num_steps")
        check_between(self, 0, 1, "discount", "epsilon_start", "epsilon_end")
        check_between(self, 0.5, 1, "step_power")


class TabularQState(NamedTuple):
    """All that an update changes, for one seed."""

    values: jax.Array  # float32 [2, C, A]
    visits: jax.Array  # float32 [2, C, A]
    observations: RunningStats  # [1], never updated: the number of a cell is not normalised
    runner: Runner  # [N, ...]
    key: jax.Array
    updates: jax.Array  # int32 []


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TabularQ:
    """The learner: a pytree of environment parameters and numbers, so that a jitted update traces both."""

    env: Any = field(metadata={"static": True})
    env_params: Any
    config: TabularQConfig

    @property
    def steps_per_update(self) -> int:
        """Environment steps of one seed an update."""
        return self.config.num_envs * self.config.num_steps

    def init(self, key: jax.Array) -> TabularQState:
        """An untouched table and fresh episodes for one seed."""
        key, key_envs = jax.random.split(key)
        entries, actions, continuous = spaces_of(self.env, self.env_params)
        cells = getattr(self.env, "cells", None)
        if continuous or entries != 1 or cells is None:
            raise InputError(f"{type(self.env).__name__}: a table needs numbered cells and discrete actions")
        return TabularQState(
            values=jnp.full((2, cells, actions), self.config.initial_value, jnp.float32),
            visits=jnp.zeros((2, cells, actions), jnp.float32),
            observations=RunningStats.start((1,)),
            runner=start(key_envs, self.env, self.env_params, self.config.num_envs),
            key=key,
            updates=jnp.zeros((), jnp.int32),
        )

    def update(self, state: TabularQState) -> tuple[TabularQState, Metrics]:
        """T steps of every environment, then the tables corrected by them, backwards."""
        config = self.config
        key, key_rollout, key_tables = jax.random.split(state.key, 3)
        runner, taken, sums = rollout(
            key_rollout,
            self.env,
            self.env_params,
            state.runner,
            partial(self._explore, state),
            config.num_steps,
            config.discount,
        )
        which = jax.random.bernoulli(key_tables, 0.5, taken.reward.shape).astype(jnp.int32)
        (values, visits), errors = jax.lax.scan(
            self._corrected, (state.values, state.visits), (taken, which), reverse=True
        )
        metrics = {"td_error": jnp.mean(errors), "epsilon": self._epsilon(state), "visited": jnp.mean(visits > 0)}
        state = state._replace(values=values, visits=visits, runner=runner, key=key, updates=state.updates + 1)
        return state, {**mean_scores(sums, self.steps_per_update), **metrics}

    def policy(self, state: TabularQState) -> Policy:
        """The part of the state that acts."""
        return Policy(state.values, state.observations)

    def greedy(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """The action of highest value in the cells [..., 1], int32 [...]."""
        return jnp.argmax(self.outputs(policy, observation), axis=-1).astype(jnp.int32)

    def outputs(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """Action values [..., A] of the cells [..., 1]."""
        return jnp.mean(policy.params, axis=0)[_cell(observation)]

    def acting(self, policy: Policy, seed: int) -> Acting:
        """A table is not exported: it quotes no market but its model."""
        raise InputError("a table of action values quotes only its own model; export a policy of ppo or dqn")

    def _epsilon(self, state: TabularQState) -> jax.Array:
        done = jnp.minimum(state.updates * self.steps_per_update / self.config.epsilon_steps, 1.0)
        return self.config.epsilon_start + done * (self.config.epsilon_end - self.config.epsilon_start)

    def _explore(self, state: TabularQState, key: jax.Array, observation: jax.Array) -> jax.Array:
        """ε-greedy actions [N]."""
        key_whether, key_which = jax.random.split(key)
        greedy = self.greedy(self.policy(state), observation)
        explores = jax.random.uniform(key_whether, greedy.shape) < self._epsilon(state)
        return jnp.where(explores, jax.random.randint(key_which, greedy.shape, 0, state.values.shape[2]), greedy)

    def _corrected(
        self, tables: tuple[jax.Array, jax.Array], step: tuple[Transition, jax.Array]
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        """Values and visits after one transition of every environment, each on its table, and the mean |error|."""
        (values, before), (taken, which) = tables, step
        following, entry = _cell(taken.next_observation), (which, _cell(taken.observation), taken.action)
        best = jnp.argmax(values[which, following], axis=-1)
        future = jnp.where(taken.terminated, 0.0, values[1 - which, following, best])
        error = taken.reward + self.config.discount * future - values[entry]
        visits = before.at[entry].add(1.0)
        hits = visits[entry] - before[entry]  # by this step, of all environments
        rate = visits[entry] ** -self.config.step_power
        moved = (1 - (1 - rate) ** hits) / hits * error  # an entry that is hit h times gets the mean error, h times
        return (values.at[entry].add(moved), visits), jnp.mean(jnp.abs(error))


def _cell(observation: jax.Array) -> jax.Array:
    return observation[..., 0].astype(jnp.int32)
