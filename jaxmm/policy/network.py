"""The networks that learners export, evaluated by numpy or JAX alike; the parts that never change are types.

A network is a tree of NamedTuples with arrays at the leaves, so JAX can batch over it while the layers' number, the
activation and the head stay static. Letters: D observation entries · A actions (choices, or entries of a point).
"""

from collections.abc import Mapping
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError, nearest
from jaxmm.policy.types import Array


class Dense(NamedTuple):
    """x ↦ x·kernel + bias."""

    kernel: Array  # float32 [in, out]
    bias: Array  # float32 [out]

    def __call__(self, x: Array, xp: ModuleType) -> Array:
        """[..., in] → [..., out]."""
        return x @ self.kernel + self.bias


class Tanh(NamedTuple):
    """The hyperbolic tangent."""

    def __call__(self, x: Array, xp: ModuleType) -> Array:
        """Entry by entry."""
        return xp.tanh(x)


class Relu(NamedTuple):
    """max(x, 0)."""

    def __call__(self, x: Array, xp: ModuleType) -> Array:
        """Entry by entry."""
        return xp.maximum(x, 0)


class Choice(NamedTuple):
    """The action with the largest logit or value."""

    def __call__(self, output: Array, xp: ModuleType) -> Array:
        """[..., A] → int32 [...]."""
        return xp.int32(xp.argmax(output, axis=-1))


class Point(NamedTuple):
    """The mean, clipped into the action space."""

    low: Array  # float32 [A]
    high: Array  # float32 [A]

    def __call__(self, output: Array, xp: ModuleType) -> Array:
        """[..., A] → float32 [..., A]."""
        return xp.minimum(xp.maximum(output, self.low), self.high)


class Network(NamedTuple):
    """A normaliser, hidden layers, an output layer, and what its output means."""

    mean: Array  # float32 [D]
    std: Array  # float32 [D]
    clip: Array  # float32, normalised observations stay within ± this
    hidden: tuple[Dense, ...]
    activation: Tanh | Relu
    output: Dense
    head: Choice | Point

    def forward(self, observation: Array, xp: ModuleType) -> Array:
        """Logits, action values or means, float32 [..., A], of observations float32 [..., D]."""
        x = xp.minimum(xp.maximum((observation - self.mean) / self.std, -self.clip), self.clip)
        for layer in self.hidden:
            x = self.activation(layer(x, xp), xp)
        return self.output(x, xp)

    def act(self, observation: Array, xp: ModuleType) -> Array:
        """The greedy action: int32 [...] of a choice, float32 [..., A] of a point."""
        return self.head(self.forward(observation, xp), xp)


_ACTIVATIONS: dict[str, type[Tanh] | type[Relu]] = {"tanh": Tanh, "relu": Relu}


def network_from(description: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> Network:
    """The network that a learner described, from its weights by `layer/kernel`, `layer/bias`, `normaliser/…`.

    Raises `InputError` naming the first thing that is missing, unknown, or of another shape or type than described.
    """
    try:
        observations, actions = int(description["observations"]), int(description["actions"])
        widths = [observations, *(int(width) for width in description["hidden"])]
        activation = _activation(description["activation"])
        clip, eps = np.float32(description["clip"]), np.float32(description["eps"])
        low, high = (np.asarray(description[name], np.float32) for name in ("low", "high"))
        dueling = bool(description["dueling"])
    except KeyError as error:
        raise InputError(f"network: the description lacks {error}") from error
    torso = "actor" if "actor_0/kernel" in weights else "q"
    return Network(
        mean=_array(weights, "normaliser/mean", (observations,)),
        std=np.sqrt(_array(weights, "normaliser/var", (observations,)) + eps),
        clip=clip,
        hidden=tuple(_dense(weights, f"{torso}_{i}", shape) for i, shape in enumerate(pairwise(widths))),
        activation=activation,
        output=_output(weights, torso, widths[-1], actions, dueling),
        head=_head(low, high, actions),
    )


def _activation(name: str) -> Tanh | Relu:
    if name not in _ACTIVATIONS:
        raise InputError(f"network: activation is {name!r}; {nearest(str(name), _ACTIVATIONS)}")
    return _ACTIVATIONS[name]()


def _head(low: np.ndarray, high: np.ndarray, actions: int) -> Choice | Point:
    if not low.size and not high.size:
        return Choice()
    if low.shape != (actions,) or high.shape != (actions,) or not (low <= high).all():
        raise InputError(f"network: low and high must be {actions} numbers each, low ≤ high, or both empty")
    return Point(low, high)


def _output(weights: Mapping[str, np.ndarray], torso: str, width: int, actions: int, dueling: bool) -> Dense:
    """The output layer. A dueling one, v + a − mean a (Wang et al. 2016, equation 9), is linear: one layer."""
    if not dueling:
        return _dense(weights, f"{torso}_out", (width, actions))
    value, advantage = (
        [part.astype(np.float64) for part in _dense(weights, layer, (width, size))]
        for layer, size in (("value_out", 1), ("advantage_out", actions))
    )
    sums = (v + a - a.mean(axis=-1, keepdims=True) for v, a in zip(value, advantage, strict=True))
    return Dense(*(np.ascontiguousarray(total, np.float32) for total in sums))


def _dense(weights: Mapping[str, np.ndarray], layer: str, shape: tuple[int, int]) -> Dense:
    return Dense(_array(weights, f"{layer}/kernel", shape), _array(weights, f"{layer}/bias", (shape[1],)))


def _array(weights: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name not in weights:
        raise InputError(f"network: the weights lack {name!r}; {nearest(name, weights)}")
    array = weights[name]
    if array.dtype != np.float32 or array.shape != shape:
        raise InputError(f"network: {name} is {array.dtype}{array.shape}; the description says float32{shape}")
    if not np.isfinite(array).all():
        raise InputError(f"network: {name} holds values that are not finite; the training that wrote it diverged")
    return np.ascontiguousarray(array)
