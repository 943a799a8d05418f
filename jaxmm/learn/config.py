"""How a hyper-parameter says that it fixes a shape (static: a new value compiles anew) or is a number (traced)."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxmm.errors import InputError


def static(default: Any) -> Any:
    """A field that fixes shapes or picks a network; all other fields are traced and may differ along a `vmap` axis."""
    return dataclasses.field(default=default, metadata={"static": True})


def check_positive(config: Any, *names: str) -> None:
    """Refuses static integers below 1."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or value < 1:
            raise InputError(f"{type(config).__name__}: {name} is {value!r}; it must be an integer of at least 1")


def check_between(config: Any, low: float, high: float, *names: str) -> None:
    """Refuses plain numbers outside [low, high]; traced values are not looked at."""
    for name in names:
        value = getattr(config, name)
        if isinstance(value, int | float) and not low <= value <= high:
            raise InputError(f"{type(config).__name__}: {name} is {value!r}; it must be within [{low:g}, {high:g}]")


def annealed(rate: float, over: float | None, steps: jax.Array) -> jax.Array:
    """A learning rate after `steps` environment steps, float32 []: falling linearly to 0 at `over`; None keeps it."""
    whole = jnp.asarray(rate, jnp.float32)
    return whole if over is None else whole * jnp.maximum(1 - steps / over, 0.0)
