"""Experience kept on the device and drawn again, uniformly or by priority, as n-step transitions.

A ring of rows, one row a step of all environments, so that the n steps after any entry are the rows below it. An entry
can be drawn once the n − 1 rows after it are there. Letters: L rows, N environments, T rows added at once, B drawn,
n steps, D observation entries.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxmm.learn import sum_tree
from jaxmm.learn.rollout import Transition


class Ring(NamedTuple):
    """The last L steps of N environments."""

    steps: Transition  # [L, N, ...]
    written: jax.Array  # int32 [], rows ever written


class NStep(NamedTuple):
    """What was observed and done, and what followed within n steps or until the episode's end."""

    observation: jax.Array  # [B, D]
    action: jax.Array  # [B]
    reward: jax.Array  # [B], Σ γ^k r
    discount: jax.Array  # [B], γ^m after m steps; 0 where the episode terminated within them
    next_observation: jax.Array  # [B, D], reached after m steps


class Drawn(NamedTuple):
    """A batch, where it lies in the replay (row · N + environment), and its importance weights."""

    batch: NStep
    entry: jax.Array  # int32 [B]
    weight: jax.Array  # float32 [B], at most 1


def empty_ring(rows: int, example: Transition) -> Ring:
    """No steps; `example` is one row [N, ...] and tells shapes."""
    return Ring(jax.tree.map(lambda x: jnp.zeros((rows, *x.shape), x.dtype), example), jnp.zeros((), jnp.int32))


def append(ring: Ring, steps: Transition) -> Ring:
    """The ring with `steps` [T, N, ...] in place of its oldest rows; T must divide L."""
    rows, added = ring.steps.reward.shape[0], steps.reward.shape[0]
    chex.assert_is_divisible(rows, added)
    begin = ring.written % rows
    return Ring(
        jax.tree.map(lambda old, new: jax.lax.dynamic_update_slice_in_dim(old, new, begin, 0), ring.steps, steps),
        ring.written + added,
    )


def n_step(ring: Ring, index: jax.Array, discount: jax.Array | float, steps: int) -> NStep:
    """The n-step transitions that begin at `index` [B].

    Rewards count up to the end of the episode; a truncated episode's last observation is still worth its value.
    """
    rows, envs = ring.steps.reward.shape
    row = (index[:, None] // envs + jnp.arange(steps)) % rows  # [B, n]
    column = (index % envs)[:, None]
    terminated, truncated = ring.steps.terminated[row, column], ring.steps.truncated[row, column]
    going = jnp.cumprod(~(terminated | truncated), axis=1)  # [B, n], 1 while the episode goes on after the step
    counts = jnp.concatenate([jnp.ones_like(going[:, :1]), going[:, :-1]], axis=1)  # whether the step is of the episode
    last = jnp.sum(counts, axis=1) - 1  # [B]
    powers = discount ** jnp.arange(steps + 1)
    end_row, end_column = row[jnp.arange(index.shape[0]), last], column[:, 0]
    return NStep(
        observation=ring.steps.observation[row[:, 0], end_column],
        action=ring.steps.action[row[:, 0], end_column],
        reward=jnp.sum(counts * powers[:-1] * ring.steps.reward[row, column], axis=1),
        discount=jnp.where(ring.steps.terminated[end_row, end_column], 0.0, powers[last + 1]),
        next_observation=ring.steps.next_observation[end_row, end_column],
    )


@dataclass(frozen=True)
class UniformReplay:
    """Every entry is as likely as any other."""

    rows: int  # L
    steps: int  # n
    batch: int  # B

    def init(self, example: Transition) -> Ring:
        """Nothing kept; `example` is one row [N, ...]."""
        return empty_ring(self.rows, example)

    def add(self, state: Ring, steps: Transition) -> Ring:
        """With `steps` [T, N, ...] kept."""
        return append(state, steps)

    def draw(self, key: jax.Array, state: Ring, discount: jax.Array | float, correction: jax.Array | float) -> Drawn:
        """A batch, of weights 1."""
        envs = state.steps.reward.shape[1]
        key_age, key_env = jax.random.split(key)
        kept = jnp.minimum(state.written, self.rows)
        age = jax.random.randint(key_age, (self.batch,), self.steps - 1, jnp.maximum(kept, self.steps))
        row = (state.written - 1 - age) % self.rows
        index = row * envs + jax.random.randint(key_env, (self.batch,), 0, envs)
        return Drawn(n_step(state, index, discount, self.steps), index, jnp.ones(self.batch))

    def learnt(self, state: Ring, drawn: Drawn, error: jax.Array) -> Ring:
        """Unchanged: errors [B] do not matter here."""
        return state


class Prioritised(NamedTuple):
    """A ring and how much to draw each of its entries."""

    ring: Ring
    tree: jax.Array  # float32 [2C], sum tree over row · N + environment, C ≥ L·N
    highest: jax.Array  # float32 [], the highest priority ever given


@dataclass(frozen=True)
class PrioritisedReplay:
    """Entries are drawn in proportion to |error|^α (Schaul et al. 2016); new ones get the highest priority yet."""

    rows: int  # L
    steps: int  # n
    batch: int  # B
    exponent: Any  # α, a number or a traced one
    floor: float = 1e-3  # added to |error|, so that no entry is lost for ever

    def init(self, example: Transition) -> Prioritised:
        """Nothing kept; `example` is one row [N, ...]."""
        tree = sum_tree.new_tree(self.rows * example.reward.shape[0])
        return Prioritised(empty_ring(self.rows, example), tree, jnp.ones(()))

    def add(self, state: Prioritised, steps: Transition) -> Prioritised:
        """With `steps` [T, N, ...] kept; entries can be drawn once their n steps are whole, the newest rows not yet."""
        ring = append(state.ring, steps)
        added, envs = steps.reward.shape
        age = jnp.arange(added + self.steps - 1)  # rows back from the newest one
        row = (ring.written - 1 - age) % self.rows
        whole = (age >= self.steps - 1) & (age < ring.written)
        index = row[:, None] * envs + jnp.arange(envs)
        priority = jnp.broadcast_to(jnp.where(whole, state.highest, 0.0)[:, None], index.shape)
        return state._replace(ring=ring, tree=sum_tree.set_priorities(state.tree, index.ravel(), priority.ravel()))

    def draw(
        self, key: jax.Array, state: Prioritised, discount: jax.Array | float, correction: jax.Array | float
    ) -> Drawn:
        """A batch, stratified over the total; weights (1/p)^β over the batch's largest, β being `correction`."""
        fractions = (jnp.arange(self.batch) + jax.random.uniform(key, (self.batch,))) / self.batch
        index = sum_tree.find(state.tree, fractions)
        weight = sum_tree.leaves(state.tree)[index] ** -correction
        return Drawn(n_step(state.ring, index, discount, self.steps), index, weight / jnp.max(weight))

    def learnt(self, state: Prioritised, drawn: Drawn, error: jax.Array) -> Prioritised:
        """With the priorities of what was drawn renewed from its errors [B]."""
        priority = (jnp.abs(error) + self.floor) ** self.exponent
        highest = jnp.maximum(state.highest, jnp.max(priority))
        return state._replace(tree=sum_tree.set_priorities(state.tree, drawn.entry, priority), highest=highest)
