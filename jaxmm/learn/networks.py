"""The networks of all learners. The exporter reads their parameter trees by layer name, so the names are a contract.

Letters: ... any leading axes, D observation entries, A actions (choices, or entries of a continuous action).
Initial weights are truncated normal with variance gain²/fan-in: gain √2 in the torso, .01 at the policy's output, 1 at
a value output (Andrychowicz et al. 2021, "What matters in on-policy reinforcement learning?"). Not orthogonal: on a CPU
with few cores a QR decomposition batched over seeds can wait for ever on the thread pool that it runs on.
"""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.linen.initializers import Initializer, variance_scaling, zeros

from jaxmm.errors import InputError, nearest
from jaxmm.learn.distributions import Categorical, DiagonalGaussian

Params = Any  # a Flax parameter tree
ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {"tanh": jnp.tanh, "relu": jax.nn.relu}


def check_network(hidden: tuple[int, ...], activation: str) -> None:
    """Refuses layer widths and activations that no network can be built from."""
    if activation not in ACTIVATIONS:
        raise InputError(f"activation is {activation!r}; {nearest(str(activation), ACTIVATIONS)}")
    if not hidden or any(width < 1 for width in hidden):
        raise InputError(f"hidden is {hidden!r}; give at least one layer width, each at least 1")


def scaled(gain: float) -> Initializer:
    """Truncated normal weights with variance gain²/fan-in."""
    return variance_scaling(gain**2, "fan_in", "truncated_normal")


def _torso(x: jax.Array, hidden: tuple[int, ...], activation: str, name: str) -> jax.Array:
    for layer, width in enumerate(hidden):
        x = ACTIVATIONS[activation](nn.Dense(width, kernel_init=scaled(2**0.5), name=f"{name}_{layer}")(x))
    return x


class ActorCritic(nn.Module):
    """A policy and a value of the same observation, from separate torsos.

    Layers: `actor_0` … `actor_out`, `critic_0` … `critic_out`, and `log_std` [A] where actions are continuous.
    """

    hidden: tuple[int, ...]
    activation: str
    actions: int  # A
    continuous: bool

    @nn.compact
    def __call__(self, observation: jax.Array) -> tuple[Categorical | DiagonalGaussian, jax.Array]:
        """The policy and the value [...] at normalised observations [..., D]."""
        actor = _torso(observation, self.hidden, self.activation, "actor")
        out = nn.Dense(self.actions, kernel_init=scaled(0.01), name="actor_out")(actor)
        critic = _torso(observation, self.hidden, self.activation, "critic")
        value = nn.Dense(1, kernel_init=scaled(1.0), name="critic_out")(critic)[..., 0]
        if not self.continuous:
            return Categorical(out), value
        log_std = self.param("log_std", zeros, (self.actions,))
        return DiagonalGaussian(out, jnp.broadcast_to(log_std, out.shape)), value


class QNetwork(nn.Module):
    """Action values. Layers `q_0` … then `q_out`, or `value_out` and `advantage_out` where dueling.

    Dueling: q = v + a − mean(a) (Wang et al. 2016, eq. 9). Where an action is a choice in each of some branches, such
    as a depth on either side, a is a sum over them (Tavakoli et al. 2018, "Action branching architectures"): each
    sample then teaches all actions that share a choice with it.
    """

    hidden: tuple[int, ...]
    activation: str
    actions: int  # A
    dueling: bool
    branches: tuple[int, ...] = ()  # choices in each; their product is A. Empty for one branch of A choices

    @nn.compact
    def __call__(self, observation: jax.Array) -> jax.Array:
        """Values [..., A] at normalised observations [..., D]."""
        torso = _torso(observation, self.hidden, self.activation, "q")
        if not self.dueling:
            return nn.Dense(self.actions, kernel_init=scaled(1.0), name="q_out")(torso)
        value = nn.Dense(1, kernel_init=scaled(1.0), name="value_out")(torso)
        outputs = sum(self.branches) or self.actions
        advantage = nn.Dense(outputs, kernel_init=scaled(1.0), name="advantage_out")(torso)
        if self.branches:
            advantage = advantage @ branch_sums(self.branches)
        return value + advantage - jnp.mean(advantage, axis=-1, keepdims=True)


def branch_sums(branches: tuple[int, ...]) -> np.ndarray:
    """Which choices of all branches an action takes, float32 [Σ branches, A] of 0, 1; the last branch runs fastest."""
    chosen = np.unravel_index(np.arange(math.prod(branches)), branches)
    return np.concatenate([np.eye(size, dtype=np.float32)[:, i] for size, i in zip(branches, chosen, strict=True)])


def averaged(average: Params, params: Params, rate: jax.Array | float) -> Params:
    """(1 − rate)·average + rate·params, layer by layer; a rate of 1 gives `params` exactly."""
    return jax.tree.map(lambda old, new: (1 - rate) * old + rate * new, average, params)
