"""Environments of models with known answers: what a policy does at every (step, inventory) can be read off exactly.

A policy trained on one is tabulated by `observe` and `decode`, and scored by `jaxmm.solve` without Monte Carlo noise.
D observation entries · A entries of the model's action.
"""

from typing import Generic

import jax

from jaxmm.envs.environment import Environment, Params, State


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

    def decode(self, action: jax.Array, params: Params) -> jax.Array:
        """The model's action, float32 [A], in the order of `jaxmm.solve.solution.Policy.actions`; nan is no quote."""
        raise NotImplementedError
