"""What trades do to the mid: parts that move it against whoever provided the liquidity, beside its own process."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.markets.components import Array, MidProcess, Number, Sides, Signals, Trades, Uniforms


class Informed(NamedTuple):
    """Of informed orders."""

    jump: Number  # float32 [], mean move by one market order


@dataclass(frozen=True)
class AdverseSelection(MidProcess):
    """An exponential jump in the direction of every market order, whoever it trades with.

    dS = ε⁺ dM⁺ − ε⁻ dM⁻ (Cartea, Jaimungal & Penalva 2015, section 10.4): a fill is followed by a move against it.
    """

    draws = 2

    def move(
        self, params: Informed, state: Any, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Any, Array]:
        """Up by orders to buy, which come on the ask; down by orders to sell."""
        del mid, dt
        down = jnp.where(trades.arrived.bid, -jnp.log(uniforms[0]), 0.0)
        up = jnp.where(trades.arrived.ask, -jnp.log(uniforms[1]), 0.0)
        return state, params.jump * (up - down)


class FillImpact(NamedTuple):
    """Of our own fills."""

    permanent: Number  # float32 [], price a unit
    temporary: Number  # float32 [], price a unit, which decays
    recovery: Number  # float32 [], ρ a time unit


@dataclass(frozen=True)
class Impact(MidProcess):
    """Our fills move the mid against us: for good (Kyle 1985), and by a part that recovers as e^{−ρt}.

    The second is Obizhaeva & Wang's (2013). A unit bought from us raises the mid, a unit sold to us lowers it.
    """

    def start(self, params: FillImpact) -> Array:
        """What is still to recover."""
        return jnp.zeros_like(params.temporary)

    def move(
        self, params: FillImpact, state: Array, mid: Array, trades: Trades, uniforms: Uniforms, dt: Array
    ) -> tuple[Array, Array]:
        """Recovery of the past, then the fills of this step."""
        del mid, uniforms
        taken = _signed(trades.filled)
        after = state * jnp.exp(-params.recovery * dt) + params.temporary * taken
        return after, after - state + params.permanent * taken

    def signals(self, params: FillImpact, state: Array) -> Signals:
        """What is still to recover, in units traded."""
        return (state / jnp.where(params.temporary > 0, params.temporary, 1.0),)


def _signed(sides: Sides) -> Array:
    """Orders to buy less orders to sell, float32 []."""
    return jnp.float32(sides.ask) - jnp.float32(sides.bid)
