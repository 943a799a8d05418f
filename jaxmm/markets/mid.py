"""Processes of the mid price, stepped by `dt`. Each names its source.

σ volatility a root time unit · dt step.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.markets.components import Array, Flow, MidProcess, normal


class Volatility(NamedTuple):
    """Of a mid with one number."""

    sigma: Array  # float32 []


@dataclass(frozen=True)
class RandomWalk(MidProcess):
    """±σ√dt with even odds (Avellaneda & Stoikov 2008, section 3.3)."""

    draws = 1

    def move(
        self, params: Volatility, state: Any, mid: Array, flow: Flow, uniforms: tuple[Array, ...], dt: Array
    ) -> tuple[Any, Array]:
        """A step up where the uniform is below ½."""
        del mid, flow
        step = params.sigma * jnp.sqrt(dt)
        return state, jnp.where(uniforms[0] < 0.5, step, -step)


@dataclass(frozen=True)
class Brownian(MidProcess):
    """dS = σ dW (Bachelier 1900), exact at any dt."""

    draws = 1

    def move(
        self, params: Volatility, state: Any, mid: Array, flow: Flow, uniforms: tuple[Array, ...], dt: Array
    ) -> tuple[Any, Array]:
        """A normal of variance σ²dt."""
        del mid, flow
        return state, params.sigma * jnp.sqrt(dt) * normal(uniforms[0])
