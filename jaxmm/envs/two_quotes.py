"""What the environments of two quotes share: what an action means, and what is shown of the clock and of q."""

import itertools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.envs.spaces import Box, Discrete

Array = jax.Array
NEAR_THE_END = 0.1
"""Share of the horizon over which the end makes itself felt in the observation."""
OBSERVED = 6
"""Entries of `observed`."""


class Span(NamedTuple):
    """The numbers of a continuous action, in the model's unit of depth."""

    nearest: Array  # float32 [], the depth that −1 means
    farthest: Array  # float32 [], the depth that 1 means
    least: Array  # float32 [], depths are held within these two
    most: Array  # float32 []
    k: Array  # float32 [], of `Shares`

    @classmethod
    def of(cls, nearest: float, farthest: float, *, k: float = 1.0, held: bool = True) -> "Span":
        """Actions of −1 … 1 span the two; not `held` where the model allows depths beyond them."""
        limits = (nearest, farthest) if held else (-jnp.inf, jnp.inf)
        return cls(*(jnp.float32(number) for number in (nearest, farthest, *limits, k)))


class Scale:
    """What an action [bid, ask] means in depths."""

    @property
    def space(self) -> Discrete | Box:
        """What `decode` takes."""
        return Box(-1.0, 1.0, (2,))

    def decode(self, span: Any, action: Array) -> Array:
        """Depths [bid, ask], float32 [2], of an action."""
        raise NotImplementedError

    def encode(self, span: Any, depths: Array) -> Array:
        """The action [..., 2] that means `depths` [..., 2], which may be one past the space."""
        raise NotImplementedError


@dataclass(frozen=True)
class Depths(Scale):
    """Actions linear in depth."""

    def decode(self, span: Span, action: Array) -> Array:
        """−1 is the nearest, 1 the farthest."""
        depths = span.nearest + 0.5 * (action + 1.0) * (span.farthest - span.nearest)
        return jnp.clip(depths, span.least, span.most)

    def encode(self, span: Span, depths: Array) -> Array:
        """Linear in the depths."""
        return 2.0 * (depths - span.nearest) / (span.farthest - span.nearest) - 1.0


@dataclass(frozen=True)
class Shares(Scale):
    """Actions linear in e^{−kδ}, the share of orders that an exponential fill function lets reach a quote.

    Expected profit is concave in that share, f·(−ln f/k + gain): a step of the action is worth about as much
    everywhere, while in depth far quotes lie on a plateau that gives a learner no slope.
    """

    def decode(self, span: Span, action: Array) -> Array:
        """−1 is the nearest, 1 the farthest."""
        most, least = jnp.exp(-span.k * span.nearest), jnp.exp(-span.k * span.farthest)
        share = most + 0.5 * (action + 1.0) * (least - most)
        held = jnp.clip(share, jnp.exp(-span.k * span.most), jnp.exp(-span.k * span.least))
        return jnp.clip(-jnp.log(held) / span.k, span.least, span.most)

    def encode(self, span: Span, depths: Array) -> Array:
        """Linear in the shares."""
        most, least = jnp.exp(-span.k * span.nearest), jnp.exp(-span.k * span.farthest)
        return 2.0 * (jnp.exp(-span.k * depths) - most) / (least - most) - 1.0


@dataclass(frozen=True)
class Pairs(Scale):
    """A choice of depths on each side: action i is the i-th pair, the ask's depth the faster to change."""

    choices: tuple[float, ...]

    @property
    def space(self) -> Discrete:
        """The number of the pair."""
        return Discrete(len(self.choices) ** 2)

    def decode(self, span: Any, action: Array) -> Array:
        """The pair's depths."""
        del span
        return jnp.array(list(itertools.product(self.choices, repeat=2)), jnp.float32)[action]

    def encode(self, span: Any, depths: Array) -> Array:
        """The pair nearest to the depths, int32 [...]."""
        del span
        each = jnp.argmin(jnp.abs(depths[..., None] - jnp.array(self.choices, jnp.float32)), axis=-1)
        return each[..., 0] * len(self.choices) + each[..., 1]


def observed(step: Array, steps: Array, held: Array) -> tuple[Array, ...]:
    """The clock, the inventory q in units of its scale, q², and what the nearness of the end adds; float32 [] each.

    What is at stake is nearly a parabola of q, and it bends within the last tenth of the horizon: small networks read
    both poorly off a clock and q alone.
    """
    left = 1.0 - step / steps
    near = jnp.exp(-left / NEAR_THE_END)
    square = jnp.square(held)
    return 2.0 * left - 1.0, held, square, 2.0 * near - 1.0, near * held, near * square
