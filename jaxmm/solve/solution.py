"""What a solver answers: the best return that is to be had, the policy that has it, and what other policies have."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxmm.solve.chain import Score


class Policy(NamedTuple):
    """A policy tabulated over (step, state): what is done, by the names of the model's action."""

    states: dict[str, np.ndarray]  # [S] each: `inventory`, or `x` and `y`
    actions: dict[str, np.ndarray]  # float64 [N, S] each: `bid_depth`, `ask_depth`, `hedge`, …; nan is no quote


class Solution(NamedTuple):
    """An exactly solved model."""

    J_star: float  # the optimal value from the start, in the model's own objective
    sd: float  # standard deviation of the return under the optimal policy
    policy: Policy  # the optimum; of a model in continuous time at N equally spaced times from 0
    scores: dict[str, Score]  # reference policies by name, `optimal` among them
    facts: dict[str, Any]  # further numbers with published values, by name; plain floats or lists of them


class Solvable(Protocol):
    """A model in steps, as the exact scorer takes it; a module of `jaxmm.solve` has one for each such model."""

    def solve(self) -> Solution:
        """The optimum, and the reference policies."""
        ...

    def score(self, actions: np.ndarray) -> Score:
        """The return of any policy: float64 [N, S, A], A entries in the order of `Solution.policy.actions`.

        A quote of nan is none; depths and hedges are clipped into what the model allows. Raises `InputError` on a
        wrong shape.
        """
        ...
