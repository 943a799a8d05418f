"""Which share of market orders reaches a quote at a depth behind the mid. Each names its source."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.markets.components import Array, FillFunction, Number


class Decay(NamedTuple):
    """Of an exponential."""

    k: Number  # float32 [], above zero


@dataclass(frozen=True)
class Exponential(FillFunction):
    """e^{−kδ}: order sizes with a power law and logarithmic impact (Avellaneda & Stoikov 2008, section 2.5)."""

    def share(self, params: Decay, depth: Array) -> Array:
        """Past 1 in front of the mid."""
        return jnp.exp(-params.k * depth)


class Reach(NamedTuple):
    """Of a triangle."""

    farthest: Number  # float32 [], depth that no order reaches


@dataclass(frozen=True)
class Triangular(FillFunction):
    """1 − δ/D, 1 in front of the mid: linear supply and demand (Ho & Stoll 1981)."""

    positive = ("farthest",)

    def share(self, params: Reach, depth: Array) -> Array:
        """Between 0 and 1."""
        return jnp.clip(1.0 - depth / params.farthest, 0.0, 1.0)


class Tail(NamedTuple):
    """Of a power law."""

    k: Number  # float32 [], half of all orders reach a depth of 1/k
    exponent: Number  # float32 []


@dataclass(frozen=True)
class Power(FillFunction):
    """1/(1 + (kδ)ⁿ), 1 in front of the mid: power laws of both order size and impact.

    δ^{−n} far from the mid (Avellaneda & Stoikov 2008, section 2.5), kept finite near it.
    """

    positive = ("k", "exponent")

    def share(self, params: Tail, depth: Array) -> Array:
        """Between 0 and 1."""
        return 1.0 / (1.0 + (params.k * jnp.maximum(depth, 0.0)) ** params.exponent)


class Rival(NamedTuple):
    """Of the best competing quote."""

    depth: Number  # float32 [], where half of the orders prefer us
    width: Number  # float32 [], scale over which that turns


@dataclass(frozen=True)
class Competitor(FillFunction):
    """1/(1 + e^{(δ − m)/s}): orders go to the better of us and a rival, whose depth is logistic around m.

    The dealer's curve of Fermanian, Guéant & Pu (2016).
    """

    positive = ("width",)

    def share(self, params: Rival, depth: Array) -> Array:
        """Between 0 and 1."""
        return jax.nn.sigmoid((params.depth - depth) / params.width)
