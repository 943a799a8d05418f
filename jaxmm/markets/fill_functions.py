"""Which share of market orders reaches a quote at a depth behind the mid. Each names its source."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from jaxmm.markets.components import Array, FillFunction


class Decay(NamedTuple):
    """Of an exponential."""

    k: Array  # float32 [], a price unit's share is e^{−k}


@dataclass(frozen=True)
class Exponential(FillFunction):
    """e^{−kδ}: order sizes with a power law and logarithmic impact (Avellaneda & Stoikov 2008, section 2.5)."""

    def fraction(self, params: Decay, depth: Array) -> Array:
        """Past 1 in front of the mid."""
        return jnp.exp(-params.k * depth)
