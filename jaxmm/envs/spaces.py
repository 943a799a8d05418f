"""What an action or an observation may be: the two spaces our environments and learners need."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Discrete:
    """The integers 0 … n − 1."""

    n: int
    dtype: Any = jnp.int32

    @property
    def shape(self) -> tuple[int, ...]:
        """A single integer has no axes."""
        return ()

    def sample(self, key: jax.Array) -> jax.Array:
        """One integer, uniformly; int32 []."""
        return jax.random.randint(key, (), 0, self.n, self.dtype)

    def contains(self, x: jax.Array) -> jax.Array:
        """Whether `x` is one of them; bool, shape of `x`."""
        return (x >= 0) & (x < self.n)


@dataclass(frozen=True)
class Box:
    """Arrays of one shape with every entry in [low, high]."""

    low: float
    high: float
    shape: tuple[int, ...]
    dtype: Any = jnp.float32

    def sample(self, key: jax.Array) -> jax.Array:
        """One array, uniformly; the bounds must be finite."""
        return jax.random.uniform(key, self.shape, self.dtype, self.low, self.high)

    def contains(self, x: jax.Array) -> jax.Array:
        """Whether every entry of `x` is within the bounds; bool []."""
        return jnp.all((x >= self.low) & (x <= self.high))
