"""Quoting two depths around a mid, in a market made of components: the environment of AS, GLFT and CJ-DT alike.

A step: market orders come and trade with our quotes (one unit a side at most, both sides may), then the mid moves.
Reward = Δ(cash + q·mid) − φ·dt·q², and −αq² on the last step, which ends the episode by termination: nothing is worth
anything after the model's horizon. n steps done, of N · q inventory in units · δ depth of a quote from the mid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmm.envs.environment import Info, StartsAlike
from jaxmm.envs.spaces import Box, Discrete
from jaxmm.envs.tabulated import Tabulated
from jaxmm.envs.two_quotes import OBSERVED, Scale, observed
from jaxmm.errors import InputError
from jaxmm.markets.components import Array, Arrivals, FillFunction, MidProcess, Sides, Trades
from jaxmm.markets.randomness import draw

UNLIMITED = 1_000_000
"""An inventory limit that no episode reaches."""


class DepthParams(NamedTuple):
    """The numbers of a market and of our quoting in it."""

    mids: tuple[Any, ...]  # of each mid process
    arrivals: Any
    fills: Any
    dt: Array  # float32 [], length of a step
    steps: Array  # int32 [], N
    mid: Array  # float32 [], at the start
    phi: Array  # float32 [], running penalty a time unit
    alpha: Array  # float32 [], terminal penalty
    limit: Array  # int32 [], no fill takes |q| past it
    quotes: Any
    inventory_scale: Array  # float32 [], the inventory that is observed as 1


class DepthState(NamedTuple):
    """An episode between two steps."""

    step: Array  # int32 [], n
    inventory: Array  # int32 [], q
    mid: Array  # float32 []
    mids: tuple[Any, ...]
    arrivals: Any


@dataclass(frozen=True)
class DepthQuoting(StartsAlike[DepthState, DepthParams], Tabulated[DepthState, DepthParams]):
    """The environment; its fields are static, all numbers are `DepthParams`.

    Attributes:
        mids: what moves the mid; moves add up.
        arrivals: what brings market orders.
        fills: which of them reach a quote.
        quotes: what an action means in depths.
        each: inventories of −each … each have an entry of their own in the observation; 0 shows none so.
    """

    mids: tuple[MidProcess, ...]
    arrivals: Arrivals
    fills: FillFunction
    quotes: Scale
    each: int = 0

    def reset_env(self, key: Array, params: DepthParams) -> tuple[Array, DepthState]:
        """Flat, at the starting mid."""
        del key
        mids = tuple(part.start(own) for part, own in zip(self.mids, params.mids, strict=True))
        state = DepthState(jnp.int32(0), jnp.int32(0), params.mid, mids, self.arrivals.start(params.arrivals))
        return self._observation(state, params), state

    def step_env(
        self, key: Array, state: DepthState, action: Array, params: DepthParams
    ) -> tuple[Array, DepthState, Array, Array, Info]:
        """Trades at `mid ∓ depth`, then the mid's move."""
        drawn, coins = draw(key, 2 + sum(part.draws for part in self.mids), sum(part.coins for part in self.mids))
        depth = Sides(*self.decode(action, params))
        trades = self._trades(state, depth, Sides(*drawn[:2]), params)
        drawn, mids, move = drawn[2:], [], jnp.zeros_like(state.mid)
        for part, own, before in zip(self.mids, params.mids, state.mids, strict=True):
            given = drawn[: part.draws] + coins[: part.coins]
            drawn, coins = drawn[part.draws :], coins[part.coins :]
            after, moved = part.move(own, before, state.mid, trades, given, params.dt)
            mids.append(after)
            move = move + moved
        inventory = state.inventory + trades.filled.bid - trades.filled.ask
        stepped = DepthState(
            state.step + 1,
            inventory,
            state.mid + move,
            tuple(mids),
            self.arrivals.after(params.arrivals, state.arrivals, trades, params.dt),
        )
        terminated = stepped.step >= params.steps
        earned = jnp.where(trades.filled.bid, depth.bid, 0.0) + jnp.where(trades.filled.ask, depth.ask, 0.0)
        held = jnp.square(inventory.astype(jnp.float32))
        penalty = params.phi * params.dt + jnp.where(terminated, params.alpha, 0.0)
        reward = earned + inventory * move - penalty * held
        return self._observation(stepped, params), stepped, reward, terminated, {}

    def action_space(self, params: DepthParams) -> Discrete | Box:
        """That of `quotes`."""
        del params
        return self.quotes.space

    def observation_space(self, params: DepthParams) -> Box:
        """Time left, inventory and their product near the end, then the signals of the components."""
        _, state = jax.eval_shape(self.reset_env, jax.random.key(0), params)
        signals = jax.eval_shape(self._signals, state, params)
        return Box(-jnp.inf, jnp.inf, (self._entries + len(signals),))

    def observe(self, step: Array, inventory: Array, params: DepthParams) -> Array:
        """Float32 [6]: the clock, q, q², and what the nearness of the end adds to them; then `each` inventory.

        Raises `InputError` where the market has signals of its own: step and inventory do not tell all then.
        """
        if self.observation_space(params).shape != (self._entries,):
            raise InputError("the market has signals of its own; its policies are not tables over step and inventory")
        return jnp.stack(self._own(step, inventory, params))

    def decode(self, action: Array, params: DepthParams) -> Array:
        """Depths [bid, ask], float32 [2]."""
        return self.quotes.decode(params.quotes, action)

    def encode(self, depths: Array, params: DepthParams) -> Array:
        """The action that means `depths` [..., 2] bid and ask, as near as `quotes` can say it."""
        return self.quotes.encode(params.quotes, depths)

    def _trades(self, state: DepthState, depth: Sides, uniform: Sides, params: DepthParams) -> Trades:
        """One uniform a side: an order came where it is below its chance, and reached us below a share of that."""
        comes = self.arrivals.chances(params.arrivals, state.arrivals, params.dt)
        reaches = Sides(*(p * self.fills.share(params.fills, d) for p, d in zip(comes, depth, strict=True)))
        filled = Sides(
            (uniform.bid < reaches.bid) & (state.inventory < params.limit),
            (uniform.ask < reaches.ask) & (state.inventory > -params.limit),
        )
        arrived = Sides(*((u < p) | f for u, p, f in zip(uniform, comes, filled, strict=True)))
        return Trades(arrived, filled)

    def _observation(self, state: DepthState, params: DepthParams) -> Array:
        return jnp.stack((*self._own(state.step, state.inventory, params), *self._signals(state, params)))

    def _own(self, step: Array, inventory: Array, params: DepthParams) -> tuple[Array, ...]:
        shown = observed(step, params.steps, inventory / params.inventory_scale)
        return (*shown, *jax.nn.one_hot(inventory + self.each, 2 * self.each + 1)) if self.each else shown

    @property
    def _entries(self) -> int:
        return OBSERVED + (2 * self.each + 1 if self.each else 0)

    def _signals(self, state: DepthState, params: DepthParams) -> tuple[Array, ...]:
        parts = zip(self.mids, params.mids, state.mids, strict=True)
        seen = [signal for part, own, at in parts for signal in part.signals(own, at)]
        return (*seen, *self.arrivals.signals(params.arrivals, state.arrivals))


def compose(
    *,
    mids: Sequence[tuple[MidProcess, Any]],
    arrivals: tuple[Arrivals, Any],
    fills: tuple[FillFunction, Any],
    quotes: tuple[Scale, Any],
    dt: float,
    steps: int,
    phi: float = 0.0,
    alpha: float = 0.0,
    limit: int = UNLIMITED,
    mid: float = 100.0,
    inventory_scale: float = 10.0,
    each: int = 0,
) -> tuple[DepthQuoting, DepthParams]:
    """A market of components, each with its numbers (plain floats will do), and quoting in it for `steps` of `dt`.

    The other arguments are those of `DepthParams` and `DepthQuoting`. Raises `InputError` on numbers that a component
    cannot work with.
    """
    for name, value in (("dt", dt), ("steps", steps), ("inventory_scale", inventory_scale), ("limit", limit)):
        if not value > 0:
            raise InputError(f"market: {name} is {value:g}; it must be above zero")
    for part, numbers in (*mids, arrivals, fills):
        part.check(numbers, dt)
    env = DepthQuoting(tuple(part for part, _ in mids), arrivals[0], fills[0], quotes[0], each)
    params = DepthParams(
        mids=tuple(_traced(numbers) for _, numbers in mids),
        arrivals=_traced(arrivals[1]),
        fills=_traced(fills[1]),
        dt=jnp.float32(dt),
        steps=jnp.int32(steps),
        mid=jnp.float32(mid),
        phi=jnp.float32(phi),
        alpha=jnp.float32(alpha),
        limit=jnp.int32(limit),
        quotes=_traced(quotes[1]),
        inventory_scale=jnp.float32(inventory_scale),
    )
    return env, params


def _traced(numbers: Any) -> Any:
    """The same named tuple of float32 arrays."""
    return type(numbers)(*(jnp.asarray(number, jnp.float32) for number in numbers))
