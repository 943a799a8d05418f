"""A dealer in three pairs of two assets, as an environment; exactly solved by `jaxmm.solve.triangle`.

A step: hedges in every pair and their cost, then at most one client, at our bid or ask in one pair, then −φ·dt·R(x, y),
then the mids move and the inventory with them; the end of the horizon costs α(x² + y²) and terminates. Hedges that
together would leave |x|, |y| ≤ Q are not done. An action is a point of [−3, 3]⁹, read as in `jaxmm.envs.internalise`:
three hedges, then bid and ask depth of each pair.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Info
from jaxmm.envs.internalise import REACH, client_probability, clock, hedges_of, quotes_of
from jaxmm.envs.spaces import Box
from jaxmm.envs.tabulated import Tabulated
from jaxmm.errors import InputError
from jaxmm.markets.models import Triangle

Array = Any
MOVES = np.array([[1, 0], [0, 1], [-1, 1]], np.int32)  # of (x, y) when we buy a lot of BTCUSDT, ETHUSDT, ETHBTC


class Params(NamedTuple):
    """The model's numbers a step; see `jaxmm.markets.models.Triangle`."""

    steps: Array  # int32, N
    max_inventory: Array  # int32, Q
    max_hedge: Array  # int32, U
    rate: Array  # float32 [3], λ·dt
    a: Array  # float32
    b: Array  # float32
    linear_cost: Array  # float32 [3], ψ
    square_cost: Array  # float32, η
    holding: Array  # float32, φ
    final: Array  # float32, α
    covariance: Array  # float32 [2, 2], of the mids' moves a step
    quotes: Array  # float32 [K], ascending


class State(NamedTuple):
    """One dealer."""

    step: Array  # int32, steps done
    inventory: Array  # int32 [2]: x, y


class Triangular(Tabulated[State, Params]):
    """See the module. A step also takes the model's own action, by `trade`."""

    @property
    def default_params(self) -> Params:
        """TRI-DT."""
        return params_of(Triangle())

    def reset_env(self, key: Array, params: Params) -> tuple[Array, State]:
        """Flat, at the start of the horizon."""
        del key
        state = State(jnp.int32(0), jnp.zeros(2, jnp.int32))
        return self.observe(state.step, state.inventory, params), state

    def step_env(
        self, key: Array, state: State, action: Array, params: Params
    ) -> tuple[Array, State, Array, Array, Info]:
        """Decodes the action and trades."""
        return self.trade(key, state, self.decode(action, params), params)

    def trade(self, key: Array, state: State, wanted: Array, params: Params) -> tuple[Array, State, Array, Array, Info]:
        """One step under `wanted` [9]: hedges in lots, then bid and ask depth of each pair; nan is no quote."""
        key_client, key_mid = jax.random.split(key)
        hedges, hedged = self._hedged(state.inventory, wanted[:3], params)
        gain, inventory = self._client(key_client, hedged, wanted[3:].reshape(3, 2), params)
        state = State(state.step + 1, inventory)
        held, lots = inventory.astype(jnp.float32), jnp.abs(hedges).astype(jnp.float32)
        variance, done = held @ params.covariance @ held, state.step >= params.steps
        terms = {
            "spread": gain,
            "hedging": -jnp.sum(params.linear_cost * lots + params.square_cost * lots**2),
            "holding": -params.holding * variance,
            "mid": jnp.sqrt(variance) * jax.random.normal(key_mid),
            "final": jnp.where(done, -params.final * jnp.sum(held**2), 0.0),
        }
        reward = sum(terms.values(), jnp.float32(0))
        info = {f"reward/{name}": value for name, value in terms.items()}
        return self.observe(state.step, inventory, params), state, reward, done, info

    def observe(self, step: Array, inventory: Array, params: Params) -> Array:
        """Share of the horizon left, limits used in each asset, nearness of the end, its products; float32 [6]."""
        left, near = clock(step, params.steps)
        shares = inventory.astype(jnp.float32) / params.max_inventory.astype(jnp.float32)
        return jnp.concatenate([left[None], shares, near[None], near * shares])

    def decode(self, action: Array, params: Params) -> Array:
        """Hedges in whole lots, depths on the grid; float32 [9]."""
        return jnp.append(hedges_of(action[:3], params.max_hedge), quotes_of(action[3:], params.quotes))

    def cell(self, state: State, params: Params) -> Array:
        """Index of the state's inventories in a tabulated policy, x slowest, int32 []."""
        shifted = state.inventory + params.max_inventory
        return shifted[0] * (2 * params.max_inventory + 1) + shifted[1]

    def action_space(self, params: Params) -> Box:
        """[−3, 3]⁹: hedges, then bid and ask of each pair."""
        del params
        return Box(-REACH, REACH, (9,))

    def observation_space(self, params: Params) -> Box:
        """Shares."""
        del params
        return Box(-1.0, 1.0, (6,))

    def _hedged(self, inventory: Array, wanted: Array, params: Params) -> tuple[Array, Array]:
        """The hedges [3] that are done and the inventory after them, int32."""
        lots = jnp.clip(jnp.rint(wanted).astype(jnp.int32), -params.max_hedge, params.max_hedge)
        after = inventory + lots @ MOVES
        inside = jnp.all(jnp.abs(after) <= params.max_inventory)
        return jnp.where(inside, lots, 0), jnp.where(inside, after, inventory)

    def _client(self, key: Array, inventory: Array, depths: Array, params: Params) -> tuple[Array, Array]:
        """What at most one client at `depths` [3, 2], bid and ask a pair, gains us, and the inventory after."""
        after = inventory + jnp.stack([MOVES, -MOVES], axis=1)  # [3, 2, 2]
        inside = jnp.all(jnp.abs(after) <= params.max_inventory, axis=2)
        p = jnp.where(inside, client_probability(depths, params.rate[:, None], params.a, params.b), 0.0)
        above = jnp.cumsum(p.reshape(6))
        draw = jax.random.uniform(key)
        comes = (draw < above) & (draw >= above - p.reshape(6))  # [6], one at most
        gain = jnp.sum(jnp.where(comes, depths.reshape(6), 0.0))
        moved = jnp.sum(jnp.where(comes[:, None], after.reshape(6, 2) - inventory, 0), axis=0, dtype=jnp.int32)
        return gain, inventory + moved


TRIANGULAR = Triangular()  # one object, since environments are compared by identity


def environment_of_triangle(model: Triangle, discrete: bool | None = None) -> tuple[Triangular, Params]:
    """The environment and its parameters. Raises `InputError` where `discrete` is asked."""
    if discrete:
        raise InputError("tri-dt: actions are continuous; hedges and quotes together are too many to list")
    return TRIANGULAR, params_of(model)


def params_of(model: Triangle) -> Params:
    """The model's numbers on the device."""
    one, two = model.sigma
    covariance = np.array([[one**2, model.rho * one * two], [model.rho * one * two, two**2]])
    return Params(
        steps=jnp.int32(model.N),
        max_inventory=jnp.int32(model.Q),
        max_hedge=jnp.int32(model.U),
        rate=jnp.asarray(np.array(model.lam) * model.dt, jnp.float32),
        a=jnp.float32(model.a),
        b=jnp.float32(model.b),
        linear_cost=jnp.asarray(model.psi, jnp.float32),
        square_cost=jnp.float32(model.eta),
        holding=jnp.float32(model.phi),
        final=jnp.float32(model.alpha),
        covariance=jnp.asarray(covariance * model.dt, jnp.float32),
        quotes=jnp.asarray(sorted(model.quotes), jnp.float32),
    )
