"""The dealer who may internalise or hedge, as an environment; exactly solved by `jaxmm.solve.internalise`.

A step: hedge u lots at cost ψ|u| + ηu², then a client may sell to us at depth δb and another buy from us at δa, then
−φ·dt·q², then the mid moves and the inventory with it; the end of the horizon costs αq² and terminates.
An action is a point of [−3, 3]³: hedge, bid depth, ask depth, in the unit of a learner whose first policy is a standard
normal. It then hedges one lot in a quarter of its steps and rarely more, where a box of [−1, 1] would begin with the
largest hedges, whose cost drowns all else. Hedges grow with the cube of the first entry, depths run linearly over the
grid, both are rounded.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Info
from jaxmm.envs.spaces import Box
from jaxmm.envs.tabulated import Tabulated
from jaxmm.errors import InputError
from jaxmm.markets.models import Internalise

Array = Any
REACH = 3.0  # an action's largest entry


class Params(NamedTuple):
    """The model's numbers a step; see `jaxmm.markets.models.Internalise`."""

    steps: Array  # int32, N
    max_inventory: Array  # int32, Q
    max_hedge: Array  # int32, U
    rate: Array  # float32, λ·dt
    a: Array  # float32
    b: Array  # float32
    linear_cost: Array  # float32, ψ
    square_cost: Array  # float32, η
    holding: Array  # float32, φ·dt
    final: Array  # float32, α
    mid_sd: Array  # float32, σ√dt
    quotes: Array  # float32 [K], ascending


class State(NamedTuple):
    """One dealer."""

    step: Array  # int32, steps done
    inventory: Array  # int32


class Internalising(Tabulated[State, Params]):
    """See the module. A step also takes the model's own action, by `trade`."""

    @property
    def default_params(self) -> Params:
        """INT-DT."""
        return params_of(Internalise())

    def reset_env(self, key: Array, params: Params) -> tuple[Array, State]:
        """Flat, at the start of the horizon."""
        del key
        state = State(jnp.int32(0), jnp.int32(0))
        return self.observe(state.step, state.inventory, params), state

    def step_env(
        self, key: Array, state: State, action: Array, params: Params
    ) -> tuple[Array, State, Array, Array, Info]:
        """Decodes the action and trades."""
        return self.trade(key, state, self.decode(action, params), params)

    def trade(self, key: Array, state: State, wanted: Array, params: Params) -> tuple[Array, State, Array, Array, Info]:
        """One step under `wanted` [3]: hedge in lots, bid depth, ask depth; nan is no quote."""
        key_bid, key_ask, key_mid = jax.random.split(key, 3)
        most = params.max_hedge
        hedge = jnp.clip(jnp.rint(wanted[0]).astype(jnp.int32), -most, most)
        hedged = jnp.clip(state.inventory + hedge, -params.max_inventory, params.max_inventory)
        lots = jnp.abs(hedged - state.inventory).astype(jnp.float32)
        bought = (hedged < params.max_inventory) & (jax.random.uniform(key_bid) < self.probability(wanted[1], params))
        sold = (hedged > -params.max_inventory) & (jax.random.uniform(key_ask) < self.probability(wanted[2], params))
        inventory = hedged + bought.astype(jnp.int32) - sold.astype(jnp.int32)
        state = State(state.step + 1, inventory)
        held, done = inventory.astype(jnp.float32), state.step >= params.steps
        terms = {
            "spread": jnp.where(bought, wanted[1], 0.0) + jnp.where(sold, wanted[2], 0.0),
            "hedging": -params.linear_cost * lots - params.square_cost * lots**2,
            "holding": -params.holding * held**2,
            "mid": held * params.mid_sd * jax.random.normal(key_mid),
            "final": jnp.where(done, -params.final * held**2, 0.0),
        }
        reward = sum(terms.values(), jnp.float32(0))
        info = {f"reward/{name}": value for name, value in terms.items()}
        return self.observe(state.step, inventory, params), state, reward, done, info

    def cell(self, state: State, params: Params) -> Array:
        """Index of the state's inventory in a tabulated policy, int32 []."""
        return state.inventory + params.max_inventory

    def probability(self, depth: Array, params: Params) -> Array:
        """Of a client within a step at `depth`, float32 []; 0 at nan."""
        return client_probability(depth, params.rate, params.a, params.b)

    def observe(self, step: Array, inventory: Array, params: Params) -> Array:
        """Shares of the horizon left and of the inventory limit used, its square, nearness of the end, its products.

        float32 [6]. The last step decides on its own about 5 % of INT-DT-B's worth, and a clock shows it to nobody.
        """
        left, near = clock(step, params.steps)
        share = inventory.astype(jnp.float32) / params.max_inventory.astype(jnp.float32)
        square = jnp.square(share)
        return jnp.stack([left, share, square, near, near * share, near * square])

    def decode(self, action: Array, params: Params) -> Array:
        """Hedge in whole lots, bid depth and ask depth on the grid; float32 [3]."""
        return jnp.append(hedges_of(action[:1], params.max_hedge), quotes_of(action[1:], params.quotes))

    def action_space(self, params: Params) -> Box:
        """[−3, 3]³: hedge, bid, ask."""
        del params
        return Box(-REACH, REACH, (3,))

    def observation_space(self, params: Params) -> Box:
        """Shares."""
        del params
        return Box(-1.0, 1.0, (6,))


INTERNALISING = Internalising()  # one object, since environments are compared by identity


def environment_of_internalise(model: Internalise, discrete: bool | None = None) -> tuple[Internalising, Params]:
    """The environment and its parameters. Raises `InputError` where `discrete` is asked or nothing is quoted."""
    if discrete:
        raise InputError("int-dt: actions are continuous; hedge and quotes together are too many to list")
    return INTERNALISING, params_of(model)


def params_of(model: Internalise) -> Params:
    """The model's numbers on the device."""
    if not model.quotes:
        raise InputError("int-dt: quotes is empty; give at least one depth")
    return Params(
        steps=jnp.int32(model.N),
        max_inventory=jnp.int32(model.Q),
        max_hedge=jnp.int32(model.U),
        rate=jnp.float32(model.lam * model.dt),
        a=jnp.float32(model.a),
        b=jnp.float32(model.b),
        linear_cost=jnp.float32(model.psi),
        square_cost=jnp.float32(model.eta),
        holding=jnp.float32(model.phi * model.dt),
        final=jnp.float32(model.alpha),
        mid_sd=jnp.float32(model.sigma * np.sqrt(model.dt)),
        quotes=jnp.asarray(sorted(model.quotes), jnp.float32),
    )


def clock(step: Array, steps: Array) -> tuple[Array, Array]:
    """Share of the horizon left, and 1/√(steps left), which tells the last steps apart; float32 []."""
    left = (steps - step).astype(jnp.float32)
    return left / steps.astype(jnp.float32), jax.lax.rsqrt(jnp.maximum(left, 1.0))


def hedges_of(action: Array, most: Array) -> Array:
    """Hedges in whole lots, −most … most, of entries [...] of an action; float32."""
    return jnp.rint(most.astype(jnp.float32) * jnp.clip(action / REACH, -1, 1) ** 3)


def quotes_of(action: Array, quotes: Array) -> Array:
    """Depths [A] on the grid `quotes` [K], ascending, of entries [A] of an action."""
    low, high = quotes[0], quotes[-1]
    asked = low + (high - low) * (jnp.clip(action / REACH, -1, 1) + 1) / 2
    return quotes[jnp.argmin(jnp.abs(asked[:, None] - quotes), axis=1)]


def client_probability(depth: Array, most: Array, a: Array, b: Array) -> Array:
    """most / (1 + e^(a + bδ)), no more than 1; 0 where there is no quote (nan)."""
    p = jnp.minimum(most * jax.nn.sigmoid(-(a + b * depth)), 1.0)
    return jnp.where(jnp.isnan(depth), 0.0, p)
