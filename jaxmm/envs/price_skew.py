"""The dealer's first model and every extension its source lists, as an environment; each is off by default.

A step: the quotes in effect, which may be those decided one or two steps ago, meet at most one order a side and
currency; an order is executed with p = exp(−k((a − A)/S)^curvature), `best` where we improve the market; it may be for
several units, filled in part, cost a fee, and raise the next orders on its side; then the mids move and the spread
evolves.
F = P&L at the mid − fees − r·dt·(QᵀΩQ)^u of the inventory before the orders, plus what the mids' moves make of the
inventory after them. With the defaults `jaxmm.solve.price_skew` has the exact answer.
An action is a point of [−1, 1]^2C: bid depths then ask depths, from `nearest` to `farthest` spreads from the mid.
C currencies.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Environment, Info
from jaxmm.envs.spaces import Box
from jaxmm.errors import InputError
from jaxmm.markets.models import PriceSkew

Array = Any
NEAREST, FARTHEST = -0.5, 4.0  # depths that actions span, in spreads
MEMORY = 2  # steps of decisions kept, the longest delay


class Params(NamedTuple):
    """The model's numbers; see `jaxmm.markets.models.PriceSkew`. All float32 [] but where said."""

    spread: Array  # S at the start, and its mean
    k: Array
    r: Array
    u: Array
    omega: Array  # [C, C]
    root: Array  # [C, C], √Ω·σ√dt: mids move by it times normals
    dt: Array
    arrival: Array
    curvature: Array
    best: Array
    ratio: Array  # of the geometric distribution of units beyond the first
    partial: Array
    spread_sd: Array  # a step
    spread_reversion: Array  # a step
    boost: Array
    forget: Array  # a step
    fee: Array
    limit: Array  # int32
    delay: Array  # int32
    steps: Array  # int32


class State(NamedTuple):
    """One dealer."""

    step: Array  # int32, steps done
    inventory: Array  # int32 [C]
    mid: Array  # float32 [C], from its start
    log_spread: Array  # float32 [C], ln of S over its mean
    excited: Array  # float32 [2, C], relative rise of arrivals at our bid and at our ask
    decided: Array  # float32 [MEMORY, 2, C], prices decided, the latest first; nan is none


class PriceSkewing(Environment[State, Params]):
    """See the module."""

    @property
    def default_params(self) -> Params:
        """The base model in one currency."""
        return params_of(PriceSkew())

    def reset_env(self, key: Array, params: Params) -> tuple[Array, State]:
        """No inventory, nothing decided, the spread at its mean."""
        del key
        currencies = params.omega.shape[0]
        nothing = jnp.zeros(currencies)
        state = State(
            step=jnp.int32(0),
            inventory=jnp.zeros(currencies, jnp.int32),
            mid=nothing,
            log_spread=nothing,
            excited=jnp.zeros((2, currencies)),
            decided=jnp.full((MEMORY, 2, currencies), jnp.nan),
        )
        return self.observe(state, params), state

    def step_env(
        self, key: Array, state: State, action: Array, params: Params
    ) -> tuple[Array, State, Array, Array, Info]:
        """Decodes the action and trades."""
        return self.trade(key, state, self.decode(action, params), params)

    def trade(self, key: Array, state: State, depths: Array, params: Params) -> tuple[Array, State, Array, Array, Info]:
        """One step under `depths` [2, C], bid and ask, in spreads from the mid; nan is no quote."""
        key_order, key_size, key_partial, key_part, key_mid, key_spread = jax.random.split(key, 6)
        spread = params.spread * jnp.exp(state.log_spread)
        now = state.mid + jnp.stack([-depths[0], depths[1]]) * spread
        decided = jnp.concatenate([now[None], state.decided])
        earned = (decided[params.delay] - state.mid) * jnp.array([[-1.0], [1.0]])  # [2, C], a unit, to the mid
        executed = jax.random.uniform(key_order, earned.shape) < self.probability(
            earned / spread, state.excited, params
        )
        units = _units(key_size, earned.shape, params.ratio)
        part = jnp.ceil(units * jax.random.uniform(key_part, earned.shape, minval=1e-6))
        units = jnp.where(jax.random.uniform(key_partial, earned.shape) < params.partial, part, units)
        room = params.limit - jnp.stack([state.inventory, -state.inventory])
        filled = jnp.where(executed, jnp.minimum(units.astype(jnp.int32), room), 0)
        inventory = state.inventory + filled[0] - filled[1]
        held, lots = inventory.astype(jnp.float32), filled.astype(jnp.float32)
        moved = params.root @ jax.random.normal(key_mid, held.shape)
        terms = {
            "spread": jnp.sum(jnp.where(filled > 0, earned, 0.0) * lots),
            "fees": -params.fee * jnp.sum(lots),
            "risk": -params.r * params.dt * risk(state.inventory.astype(jnp.float32), params),
            "mid": jnp.sum(held * moved),
        }
        shock = params.spread_sd * jax.random.normal(key_spread, held.shape)
        state = State(
            step=state.step + 1,
            inventory=inventory,
            mid=state.mid + moved,
            log_spread=state.log_spread * (1 - params.spread_reversion) + shock,
            excited=state.excited * (1 - params.forget) + params.boost * (filled > 0).astype(jnp.float32),
            decided=decided[:MEMORY],
        )
        info = {f"reward/{name}": value for name, value in terms.items()}
        never = jnp.zeros((), bool)
        return self.observe(state, params), state, sum(terms.values(), jnp.float32(0)), never, info

    def probability(self, depth: Array, excited: Array, params: Params) -> Array:
        """Of an execution in this step at `depth`, in spreads from the mid, after the memory of the flow; 0 at nan."""
        beyond = jnp.maximum(depth - 0.5, 0.0)
        p = jnp.where(beyond > 0, jnp.exp(-params.k * beyond**params.curvature), params.best)
        come = jnp.minimum(params.arrival * (1 + excited), 1.0)
        return jnp.where(jnp.isnan(depth), 0.0, jnp.minimum(p, 1.0) * come)

    def observe(self, state: State, params: Params) -> Array:
        """Inventories over their limit, ln of spreads, memory of the flow, decisions on their way; float32 [8C].

        Decisions are depths in spreads of now, over `FARTHEST`, which also stands for none.
        """
        spread = params.spread * jnp.exp(state.log_spread)
        depths = (state.decided - state.mid) * jnp.array([[-1.0], [1.0]]) / spread / FARTHEST
        return jnp.concatenate(
            [
                state.inventory.astype(jnp.float32) / params.limit.astype(jnp.float32),
                state.log_spread,
                state.excited.ravel(),
                jnp.where(jnp.isnan(depths), 1.0, depths).ravel(),
            ]
        )

    def decode(self, action: Array, params: Params) -> Array:
        """Depths [2, C], bid and ask, in spreads from the mid."""
        shares = (jnp.clip(action, -1, 1) + 1) / 2
        return (NEAREST + (FARTHEST - NEAREST) * shares).reshape(2, params.omega.shape[0])

    def is_truncated(self, state: State, params: Params) -> Array:
        """After so many steps: the model has no end, its sum is discounted."""
        return state.step >= params.steps

    def action_space(self, params: Params) -> Box:
        """[−1, 1]^2C: bid depths, then ask depths."""
        return Box(-1.0, 1.0, (2 * params.omega.shape[0],))

    def observation_space(self, params: Params) -> Box:
        """Unbounded vectors."""
        return Box(-np.inf, np.inf, (8 * params.omega.shape[0],))


def risk(inventory: Array, params: Params) -> Array:
    """(QᵀΩQ)^u of Q [C], float32 []."""
    square = inventory @ params.omega @ inventory
    return jnp.where(square > 0, jnp.where(square > 0, square, 1.0) ** params.u, 0.0)


def _units(key: Array, shape: tuple[int, ...], ratio: Array) -> Array:
    """Units of an order: 1 and a geometric number more, which is 0 where `ratio` is 0; float32."""
    draw = jax.random.uniform(key, shape, minval=jnp.finfo(jnp.float32).tiny)
    return 1 + jnp.where(ratio > 0, jnp.floor(jnp.log(draw) / jnp.log(jnp.where(ratio > 0, ratio, 0.5))), 0.0)


PRICE_SKEWING = PriceSkewing()  # one object, since environments are compared by identity


def environment_of_price_skew(model: PriceSkew, discrete: bool | None = None) -> tuple[PriceSkewing, Params]:
    """The environment and its parameters. Raises `InputError` where `discrete` is asked or the parameters are odd."""
    if discrete:
        raise InputError("price-skew: actions are continuous depths; it has no list of them")
    return PRICE_SKEWING, params_of(model)


def params_of(model: PriceSkew) -> Params:
    """The model's numbers on the device. Raises `InputError` where Ω is no covariance or the delay is too long."""
    if model.currencies**2 != len(model.omega) or not model.omega:
        raise InputError(f"price-skew: omega has {len(model.omega)} entries; it must be a square, such as 1,0.5,0.5,1")
    omega = np.array(model.omega).reshape(model.currencies, -1)
    values, vectors = np.linalg.eigh(omega)
    if not np.array_equal(omega, omega.T) or values.min() < 0:
        raise InputError("price-skew: omega must be symmetric and have no negative eigenvalue: it is a covariance")
    if model.delay > MEMORY:
        raise InputError(f"price-skew: delay is {model.delay}; it must be 0 to {MEMORY} steps")
    number = jnp.float32
    return Params(
        spread=number(model.S),
        k=number(model.k),
        r=number(model.r),
        u=number(model.u),
        omega=jnp.asarray(omega, number),
        root=jnp.asarray(vectors * np.sqrt(values) @ vectors.T * model.sigma * np.sqrt(model.dt), number),
        dt=number(model.dt),
        arrival=number(model.arrival),
        curvature=number(model.curvature),
        best=number(model.best),
        ratio=number(model.size / (1 + model.size)),
        partial=number(model.partial),
        spread_sd=number(model.spread_sd * np.sqrt(model.dt)),
        spread_reversion=number(1 - np.exp(-model.spread_reversion * model.dt)),
        boost=number(model.boost),
        forget=number(1 - np.exp(-model.forget * model.dt)),
        fee=number(model.fee),
        limit=jnp.int32(model.limit),
        delay=jnp.int32(model.delay),
        steps=jnp.int32(model.N),
    )
