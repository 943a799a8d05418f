"""Environments of models with known answers: what a policy does at every (step, inventory) can be read off exactly.

A policy trained on one is tabulated by `observe` and `decode`, and scored by `jaxmm.solve` without Monte Carlo noise.
D observation entries · A entries of the model's action.
"""

from typing import Any, Generic

import jax
import jax.numpy as jnp

from jaxmm.envs.environment import Environment, Info, Params, State
from jaxmm.envs.spaces import Box, Discrete


class Tabulated(Environment[State, Params], Generic[State, Params]):
    """An environment whose observation is a function of step and inventory alone.

    Step N terminates: the terminal penalty is paid on it, and a model's horizon leaves nothing to bootstrap from.
    """

    def observe(self, step: jax.Array, inventory: jax.Array, params: Params) -> jax.Array:
        """What `reset` and `step` return there, float32 [D].

        Args:
            step: int32 [], steps done, 0 … N.
            inventory: int32 [], or [2] where a model has two.
            params: the environment's own.
        """
        raise NotImplementedError

    def is_truncated(self, state: State, params: Params) -> jax.Array:
        """Never: the horizon is part of the task, so its end terminates."""
        del state, params
        return jnp.zeros((), bool)

    def decode(self, action: jax.Array, params: Params) -> jax.Array:
        """The model's action, float32 [A], in the order of `jaxmm.solve.solution.Policy.actions`; nan is no quote."""
        raise NotImplementedError


class Cells(Tabulated[State, Params]):
    """An environment seen as a table: its observation is the number of the cell (step, inventory), float32 [1].

    The wrapped environment's state has the fields `step` and `inventory`, int32 []; −Q ≤ inventory ≤ Q.
    """

    def __init__(self, env: Tabulated[State, Params], steps: int, most: int) -> None:
        self.env, self.steps, self.most = env, steps, most

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cells) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def cells(self) -> int:
        """How many there are, the end of the horizon included."""
        return (self.steps + 1) * (2 * self.most + 1)

    @property
    def default_params(self) -> Params:
        """Of the wrapped environment."""
        return self.env.default_params

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, State]:
        """The first cell."""
        _, state = self.env.reset_env(key, params)
        return self._cell(state, params), state

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, Info]:
        """The wrapped environment's step; the cell it leads to."""
        _, after, reward, terminated, info = self.env.step_env(key, state, action, params)
        return self._cell(after, params), after, reward, terminated, info

    def action_space(self, params: Params) -> Discrete | Box:
        """Of the wrapped environment."""
        return self.env.action_space(params)

    def observation_space(self, params: Params) -> Box:
        """The numbers of the cells."""
        return Box(0.0, float(self.cells - 1), (1,))

    def observe(self, step: jax.Array, inventory: jax.Array, params: Params) -> jax.Array:
        """The number of a cell, float32 [1]."""
        return (step * (2 * self.most + 1) + inventory + self.most).astype(jnp.float32)[None]

    def decode(self, action: jax.Array, params: Params) -> jax.Array:
        """As the wrapped environment does."""
        return self.env.decode(action, params)

    def _cell(self, state: Any, params: Params) -> jax.Array:
        return self.observe(state.step, state.inventory, params)

    def _key(self) -> tuple[Any, int, int]:
        return self.env, self.steps, self.most
