"""What a market is composed of: parts that move the mid, parts that bring orders, and parts that say who trades.

A component is static and hashable; its numbers (a NamedTuple of arrays) and its state are traced. It holds no
randomness: it says how many independent uniforms it wants a step and is a pure function of them, so that one draw
serves the whole market. Prices in the model's unit, `dt` the length of a step in its time unit; bid is the side on
which a quoter buys, so a market order to sell arrives on the bid.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Sides(NamedTuple):
    """One value for each side of a quote."""

    bid: Array
    ask: Array


class Flow(NamedTuple):
    """What traded in a step; bool [] each."""

    arrived: Sides  # a market order came, whoever it traded with
    filled: Sides  # it traded with us


class MidProcess:
    """A source of the mid's moves; a market may have several, whose moves add up."""

    draws: int = 0

    def start(self, params: Any) -> Any:
        """State at the start of an episode."""
        del params
        return ()

    def move(
        self, params: Any, state: Any, mid: Array, flow: Flow, uniforms: tuple[Array, ...], dt: Array
    ) -> tuple[Any, Array]:
        """State after a step, and the mid's move over it, float32 [].

        Args:
            params: the component's own numbers.
            state: its state before the step.
            mid: the mid before the step, float32 [].
            flow: what traded in this step, before the move.
            uniforms: `draws` independent uniforms in (0, 1).
            dt: length of the step.
        """
        raise NotImplementedError

    def signals(self, params: Any, state: Any) -> tuple[Array, ...]:
        """What a quoter may observe, float32 [] each, of order one."""
        del params, state
        return ()


class Arrivals:
    """The intensity of market orders on each side."""

    def start(self, params: Any) -> Any:
        """State at the start of an episode."""
        del params
        return ()

    def rates(self, params: Any, state: Any) -> Sides:
        """Orders a time unit on each side, float32 []; one arrives in a step with probability rate·dt."""
        raise NotImplementedError

    def after(self, params: Any, state: Any, flow: Flow, dt: Array) -> Any:
        """State after a step in which `flow` traded."""
        del params, flow, dt
        return state

    def signals(self, params: Any, state: Any) -> tuple[Array, ...]:
        """What a quoter may observe, float32 [] each, of order one."""
        del params, state
        return ()


class FillFunction:
    """The share of arriving market orders that reach a quote, by its depth behind the mid."""

    def fraction(self, params: Any, depth: Array) -> Array:
        """Share of orders that trade with a quote `depth` from the mid, float32 [], one value a depth.

        It may pass 1 where a quote in front of the mid attracts orders that would not have come.
        """
        raise NotImplementedError


def uniforms(key: Array, count: int) -> tuple[Array, ...]:
    """`count` independent float32 [] in (0, 1), multiples of 2⁻²³ plus a half of that: never 0, never 1."""
    bits = jax.random.bits(key, (count,)) >> 9
    return tuple(jnp.float32(2**-23) * bits[i].astype(jnp.float32) + jnp.float32(2**-24) for i in range(count))


def normal(uniform: Array) -> Array:
    """The standard normal at probability `uniform`."""
    return jnp.float32(jnp.sqrt(2.0)) * jax.lax.erf_inv(2.0 * uniform - 1.0)
