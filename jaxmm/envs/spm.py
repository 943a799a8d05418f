"""SPM: the tabular Q-learning benchmark of Carlsson & Regnell (KTH 2022), quotes of whole ticks around a mid.

A step: the mid moves by tick·round(N(0, σ)/tick); we quote around the new mid; a Poisson number of market orders comes
on each side, each of which trades with us with probability e^{−κδ}. Buys and sells that match earn both depths, the
rest changes the inventory at our own quote as far as ±Q. Reward = Δ(cash + q·mid) − φq²; on the last step −αq² for
liquidating at mid − αq a unit, instead of φq². n steps done, of T · q inventory in units · δ depth in ticks.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.envs.environment import Info, StartsAlike
from jaxmm.envs.spaces import Box, Discrete
from jaxmm.envs.tabulated import Tabulated
from jaxmm.envs.two_quotes import OBSERVED, Array, Pairs, Scale, Shares, Span, observed
from jaxmm.markets.models import Spm
from jaxmm.markets.randomness import draw, normal


class SpmParams(NamedTuple):
    """The model's numbers; prices in ticks, rewards in money."""

    steps: Array  # int32 [], T
    limit: Array  # int32 [], Q
    tick: Array  # float32 []
    sigma: Array  # float32 [], in ticks a root step
    rate: Array  # float32 [], market orders a side and step
    decay: Array  # float32 [], κ a tick
    phi: Array  # float32 []
    alpha: Array  # float32 []
    quotes: Any


class SpmState(NamedTuple):
    """An episode between two steps."""

    step: Array  # int32 []
    inventory: Array  # int32 []


@dataclass(frozen=True)
class SpmQuoting(StartsAlike[SpmState, SpmParams], Tabulated[SpmState, SpmParams]):
    """The environment.

    Attributes:
        quotes: what an action means in ticks.
        most_orders: executions counted a side and step; that more come has a probability below 2⁻²⁴.
    """

    quotes: Scale
    most_orders: int = 11

    def reset_env(self, key: Array, params: SpmParams) -> tuple[Array, SpmState]:
        """Flat."""
        del key
        state = SpmState(jnp.int32(0), jnp.int32(0))
        return self.observe(state.step, state.inventory, params), state

    def step_env(
        self, key: Array, state: SpmState, action: Array, params: SpmParams
    ) -> tuple[Array, SpmState, Array, Array, Info]:
        """The mid's move, then executions; that is Poisson orders thinned, and so Poisson."""
        (on_bid, on_ask, of_mid), _ = draw(key, 3)
        depths = self.decode(action, params)
        bid, ask = jnp.nan_to_num(depths)  # no quote is not reached, and so earns nothing at any depth
        reached = jnp.where(jnp.isnan(depths), 0.0, params.rate * jnp.exp(-params.decay * depths))
        bought, sold = self._poisson(on_bid, reached[0]), self._poisson(on_ask, reached[1])
        inventory = jnp.clip(state.inventory + bought - sold, -params.limit, params.limit)
        net = inventory - state.inventory
        earned = jnp.minimum(bought, sold) * (bid + ask) + jnp.where(net > 0, net * bid, -net * ask)
        moved = state.inventory * jnp.round(params.sigma * normal(of_mid))
        step = state.step + 1
        terminated = step >= params.steps
        penalty = jnp.where(terminated, params.alpha, params.phi)
        reward = params.tick * (earned + moved) - penalty * inventory * inventory
        return self.observe(step, inventory, params), SpmState(step, inventory), reward, terminated, {}

    def action_space(self, params: SpmParams) -> Discrete | Box:
        """That of `quotes`."""
        del params
        return self.quotes.space

    def observation_space(self, params: SpmParams) -> Box:
        """The clock, q, q², and what the nearness of the end adds to them."""
        del params
        return Box(-2.0, 2.0, (OBSERVED,))

    def observe(self, step: Array, inventory: Array, params: SpmParams) -> Array:
        """Float32 [6]: the clock, q, q², and what the nearness of the end adds to them."""
        return jnp.stack(observed(step, params.steps, inventory / params.limit))

    def decode(self, action: Array, params: SpmParams) -> Array:
        """Depths [bid, ask] in ticks, float32 [2]."""
        return self.quotes.decode(params.quotes, action)

    def encode(self, depths: Array, params: SpmParams) -> Array:
        """The action that means `depths` [..., 2] of ticks, as near as `quotes` can say it."""
        return self.quotes.encode(params.quotes, depths)

    def _poisson(self, uniform: Array, mean: Array) -> Array:
        """The Poisson number at probability `uniform`, int32 [], by inversion."""
        chance = jnp.exp(-mean)
        below, number = chance, jnp.zeros_like(uniform, jnp.int32)
        for k in range(1, self.most_orders + 1):
            number += uniform > below
            chance = chance * mean / k
            below = below + chance
        return number


def environment_of_spm(model: Spm, discrete: bool | None = None) -> tuple[SpmQuoting, SpmParams]:
    """Depths of 0 … `model.depths` ticks; any depth where `discrete` is False."""
    ticks = tuple(float(i) for i in range(model.depths + 1))
    decay = model.kappa * model.tick
    return SpmQuoting(Shares() if discrete is False else Pairs(ticks)), SpmParams(
        steps=jnp.int32(model.T),
        limit=jnp.int32(model.Q),
        tick=jnp.float32(model.tick),
        sigma=jnp.float32(model.sigma / model.tick),
        rate=jnp.float32(model.lam),
        decay=jnp.float32(decay),
        phi=jnp.float32(model.phi),
        alpha=jnp.float32(model.alpha),
        quotes=Span.of(0.0, float(model.depths), k=decay, held=False),
    )
