"""What the outer loop and the exporter ask of any learner.

Letters: S seeds, D observation entries.
"""

from typing import Any, Protocol

import jax

from jaxmm.learn.acting import Acting, Policy
from jaxmm.learn.rollout import Metrics


class Learner(Protocol):
    """A pytree of environment parameters and hyper-parameters; `init` and `update` are pure and for one seed."""

    @property
    def env(self) -> Any:
        """The environment, static."""
        ...

    @property
    def env_params(self) -> Any:
        """Its parameters, traced."""
        ...

    @property
    def config(self) -> Any:
        """A frozen dataclass of hyper-parameters."""
        ...

    @property
    def steps_per_update(self) -> int:
        """Environment steps of one seed an update."""
        ...

    def init(self, key: jax.Array) -> Any:
        """A fresh state: a NamedTuple with the field `runner`, whose leaves begin with the environments' axis."""
        ...

    def update(self, state: Any) -> tuple[Any, Metrics]:
        """The next state, and float32 scalars about it."""
        ...

    def policy(self, state: Any) -> Policy:
        """The part of the state that acts."""
        ...

    def greedy(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """Actions without exploration at raw observations [..., D]."""
        ...

    def outputs(self, policy: Policy, observation: jax.Array) -> jax.Array:
        """What `greedy` is read from, [..., A]: logits, means or action values."""
        ...

    def acting(self, policy: Policy, seed: int) -> Acting:
        """One seed of a policy [S, ...] in numpy."""
        ...
