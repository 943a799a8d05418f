"""What a market is composed of: parts that move the mid, parts that bring orders, and parts that say who trades.

A component is static and hashable; its numbers (a NamedTuple of arrays) and its state are traced. It holds no
randomness: it says how many independent uniforms and coins it wants a step and is a pure function of them, so that one
draw serves the whole market. Prices in the model's unit, `dt` the length of a step in its time unit; bid is the side on
which a quoter buys, so a market order to sell arrives on the bid.
"""

from typing import Any, NamedTuple

import jax

from jaxmm.errors import InputError

Array = jax.Array
Number = Any
"""A component's number: float32 [] inside an environment, a plain float where a market is composed."""
Uniforms = tuple[Array, ...]
Signals = tuple[Array, ...]


class Sides(NamedTuple):
    """One value for each side of a quote."""

    bid: Array
    ask: Array


class Trades(NamedTuple):
    """What traded in a step; bool [] each."""

    arrived: Sides  # a market order came, whoever it traded with
    filled: Sides  # it traded with us


class Component:
    """What every part of a market has, and the least of it."""

    positive: tuple[str, ...] = ()
    """Numbers that must be above zero."""

    def check(self, params: Any, dt: float) -> None:
        """Raises `InputError` where the component cannot work with these numbers in steps of `dt`."""
        del dt
        for name in self.positive:
            if not getattr(params, name) > 0:
                raise InputError(f"{type(self).__name__}: {name} is {getattr(params, name)}; it must be above zero")

    def start(self, params: Any) -> Any:
        """State at the start of an episode."""
        del params
        return ()

    def signals(self, params: Any, state: Any) -> Signals:
        """What a quoter may observe of it, float32 [] each, of order one."""
        del params, state
        return ()


class MidProcess(Component):
    """A source of the mid's moves; a market may have several, whose moves add up."""

    draws: int = 0
    coins: int = 0

    def move(
        self, params: Any, state: Any, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Any, Array]:
        """State after a step, and the mid's move over it, float32 [].

        Args:
            params: the component's own numbers.
            state: its state before the step.
            mid: the mid before the step, float32 [].
            trades: what traded in this step, before the move.
            uniforms: `draws` independent uniforms in (0, 1), then `coins` fair coins, bool.
            dt: length of the step.
        """
        raise NotImplementedError


class Arrivals(Component):
    """The stream of market orders on each side, at most one a side and step."""

    def chances(self, params: Any, state: Any, dt: Array) -> Sides:
        """Probability that one arrives in a step, on each side, float32 []; past 1 it is sure."""
        raise NotImplementedError

    def after(self, params: Any, state: Any, trades: Trades, dt: Array) -> Any:
        """State after a step in which `trades` happened."""
        del params, trades, dt
        return state


class FillFunction(Component):
    """The share of arriving market orders that reach a quote, by its depth behind the mid."""

    def share(self, params: Any, depth: Array) -> Array:
        """Share of orders that trade with a quote `depth` from the mid, float32 [].

        It may pass 1 where a quote in front of the mid attracts orders that would not have come.
        """
        raise NotImplementedError
