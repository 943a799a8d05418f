"""A dealer on a recorded market: clients trade on our prices, hedges are executed on the recorded book.

At each decision we send a hedge, an immediate-or-cancel order that takes displayed size level by level with the venue's
fees and latency (the event engine's, exactly), and quote a bid and an ask around the recorded mid. Until the next
decision, t seconds later, a client sells to us with probability 1 − exp(−λt/(1 + e^(a + bδ))), δ in basis points of the
mid, and likewise one buys; he trades at the mid of the decision ± δ. The clients are a seeded model, since no recording
has them; everything else is the recording. Reward: change of cash and marked position in settlement currency, after
fees and funding, less a penalty of the squared position. An action is a point of [−3, 3]³ read as in
`jaxmm.envs.internalise`: hedge, bid depth, ask depth. D decisions · F features.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Environment, Info
from jaxmm.envs.internalise import REACH, client_probability, hedges_of
from jaxmm.envs.spaces import Box
from jaxmm.errors import InputError
from jaxmm.exchange.ledger import Step, net_pnl
from jaxmm.exchange.market import Market
from jaxmm.exchange.replay import BATCH, check_money, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.features.market import FEATURES
from jaxmm.policy.types import Quotes
from jaxmm.tape.tape import Tape

Array = Any
OBSERVATION = (*FEATURES, "inventory", "time_left")
_LOTS_AT_MOST = 8.0  # times the mean: a client larger than that is no client of ours


class Clients(NamedTuple):
    """The flow model, a side; float32 []."""

    rate: Array = 0.5  # λ, clients a second
    a: Array = -1.0
    b: Array = 2.0  # per basis point
    lots: Array = 5.0  # mean size, geometric


USUAL = Clients()


class Params(NamedTuple):
    """The market and the task; traced data."""

    replay: Market
    rules: Rules
    seconds: Array  # float32 [D − 1], between decisions
    clients: Clients
    unit: Array  # float32, settlement currency of one ledger unit: a half-tick·lot
    max_position: Array  # int32, lots; a client who would pass it is turned away
    max_hedge: Array  # int32, lots an order
    slip_ticks: Array  # int32, how far beyond the touch a hedge may take
    depths: Array  # float32 [2], basis points: the nearest and the farthest quote
    penalty: Array  # float32, settlement currency a second at the maximal position
    episode_steps: Array  # int32
    first: Array  # int32, first decision of a fixed start
    random_start: Array  # bool


class State(NamedTuple):
    """One dealer."""

    k: Array  # int32, decision
    end: Array  # int32, decision at which the episode is cut
    venue: Any
    position: Array  # int32, lots known


class Dealing(Environment[State, Params]):
    """See the module. A step also takes lots and basis points, by `trade`."""

    def reset_env(self, key: Array, params: Params) -> tuple[Array, State]:
        """Flat, at a fixed or a random decision."""
        room = params.replay.decisions - params.episode_steps
        anywhere = jax.random.randint(key, (), 0, jnp.maximum(room, 1), jnp.int32)
        k = jnp.where(params.random_start, anywhere, params.first)
        end = jnp.minimum(k + params.episode_steps, params.replay.decisions - 1)
        state = State(k, end, params.replay.empty_venue(params.rules), jnp.int32(0))
        return self.observe(state, params), state

    def step_env(
        self, key: Array, state: State, action: Array, params: Params
    ) -> tuple[Array, State, Array, Array, Info]:
        """Decodes the action and trades."""
        return self.trade(key, state, self.decode(action, params), params)

    def trade(self, key: Array, state: State, wanted: Array, params: Params) -> tuple[Array, State, Array, Array, Info]:
        """One step under `wanted` [3]: hedge in lots, bid and ask depth in basis points; nan is no quote."""
        served, margin = self._clients(key, state, wanted[1:], params)
        position = state.position + served[0] - served[1]
        order = self._hedge(state, wanted[0], params)
        venue, stepped = params.replay.step(state.venue, position, order, state.k, params.rules)
        terms = {
            "clients": margin,
            "hedging": (stepped.spread.astype(jnp.float32) - stepped.fee) * params.unit,
            "carry": (stepped.carried.astype(jnp.float32) - stepped.funding) * params.unit,
            "penalty": -params.penalty * params.seconds[state.k] * self._share(stepped.position, params) ** 2,
        }
        after = State(state.k + 1, state.end, venue, stepped.position)
        info = {f"reward/{name}": value for name, value in terms.items()}
        info |= self._scores(stepped, served, margin, params)
        return self.observe(after, params), after, sum(terms.values(), jnp.float32(0)), jnp.zeros((), bool), info

    def observe(self, state: State, params: Params) -> Array:
        """float32 [F + 2], named by `OBSERVATION`."""
        left = (state.end - state.k).astype(jnp.float32) / params.episode_steps.astype(jnp.float32)
        view = params.replay.view(state.venue, state.position, state.k, left)
        return jnp.concatenate([view.features, jnp.stack([self._share(state.position, params), left])])

    def decode(self, action: Array, params: Params) -> Array:
        """Hedge in whole lots, bid and ask depth in basis points; float32 [3]."""
        near, far = params.depths
        depths = near + (far - near) * (jnp.clip(action[1:] / REACH, -1, 1) + 1) / 2
        return jnp.append(hedges_of(action[:1], params.max_hedge), depths)

    def is_truncated(self, state: State, params: Params) -> Array:
        """The episode's length, or the tape, is used up."""
        del params
        return state.k >= state.end

    def action_space(self, params: Params) -> Box:
        """[−3, 3]³: hedge, bid, ask."""
        del params
        return Box(-REACH, REACH, (3,))

    def observation_space(self, params: Params) -> Box:
        """Unbounded vectors, named by `OBSERVATION`."""
        del params
        return Box(-np.inf, np.inf, (len(OBSERVATION),))

    def _clients(self, key: Array, state: State, depths: Array, params: Params) -> tuple[Array, Array]:
        """Lots that clients sell to us and buy from us, int32 [2], and what their depths earn us."""
        key_comes, key_lots = jax.random.split(key)
        clients, mid = params.clients, params.replay.mid(state.k).astype(jnp.float32)
        intensity = client_probability(depths, jnp.float32(1), clients.a, clients.b) * clients.rate
        comes = jax.random.uniform(key_comes, (2,)) < -jnp.expm1(-intensity * params.seconds[state.k])
        draw = jax.random.uniform(key_lots, (2,), minval=jnp.finfo(jnp.float32).tiny)
        more = jnp.floor(jnp.log(draw) / jnp.log1p(-1 / jnp.maximum(clients.lots, 1.001)))
        lots = 1 + jnp.minimum(more, _LOTS_AT_MOST * clients.lots).astype(jnp.int32)
        fits = jnp.abs(state.position + jnp.array([1, -1]) * lots) <= params.max_position
        served = jnp.where(comes & fits, lots, 0)
        earned = jnp.where(served > 0, depths, 0.0) * 1e-4 * mid  # half-ticks
        return served, jnp.sum(earned * served.astype(jnp.float32)) * params.unit

    def _hedge(self, state: State, lots: Array, params: Params) -> Quotes:
        """The order for `lots`, as far as the position limit and the size of an order allow."""
        lots = jnp.clip(jnp.rint(lots).astype(jnp.int32), -params.max_hedge, params.max_hedge)
        lots = jnp.clip(state.position + lots, -params.max_position, params.max_position) - state.position
        view = params.replay.view(state.venue, state.position, state.k, jnp.float32(1))
        bid, ask = view.ask_ticks + params.slip_ticks, view.bid_ticks - params.slip_ticks
        return Quotes(bid, jnp.maximum(lots, 0), ask, jnp.maximum(-lots, 0), jnp.zeros((), bool))

    def _share(self, position: Array, params: Params) -> Array:
        return position.astype(jnp.float32) / params.max_position.astype(jnp.float32)

    def _scores(self, stepped: Step, served: Array, margin: Array, params: Params) -> dict[str, Array]:
        """What a training log shows beside the reward."""
        return {
            "score/pnl": margin + net_pnl(stepped) * params.unit,
            "score/client_lots": jnp.sum(served, dtype=jnp.int32).astype(jnp.float32),
            "score/hedge_lots": (stepped.bought + stepped.sold).astype(jnp.float32),
            "score/outside": stepped.outside.astype(jnp.float32),
        }


DEALING = Dealing()  # one object, since environments are compared by identity


def environment_of_dealer(
    tape: Tape,
    latency: Any,
    clients: Clients = USUAL,
    *,
    max_position: int = 100,
    max_hedge: int = 20,
    slip_ticks: int = 50,
    depths_bp: tuple[float, float] = (-0.5, 2.5),
    penalty: float = 0.0,
    episode_steps: int | None = None,
) -> tuple[Dealing, Params]:
    """The environment over a tape of a linear contract: random episodes of `episode_steps`, or all of it once.

    Args:
        tape: the recorded market; as many levels of its book as hedges may take.
        latency: `jaxmm.exchange.latency.Latency` of hedges and of their reports.
        clients: the flow model.
        max_position: lots, of clients' flow and hedges together.
        max_hedge: lots of one hedge.
        slip_ticks: how far beyond the touch a hedge may take.
        depths_bp: nearest and farthest quote.
        penalty: settlement currency a second at the maximal position.
        episode_steps: decisions an episode.

    Raises:
        InputError: the contract is inverse, a number makes no sense, or an episode does not fit the tape.
    """
    instrument = tape.instrument
    if instrument.kind != "linear":
        raise InputError(
            f"dealer: {instrument.symbol} is inverse; clients here pay in quote currency: give a linear one"
        )
    if clients.rate < 0 or clients.lots < 1:
        raise InputError(
            f"dealer: clients come {clients.rate:g} a second for {clients.lots:g} lots; give 0 and 1 or more"
        )
    steps = tape.decisions - 1 if episode_steps is None else episode_steps
    if not 1 <= steps < tape.decisions:
        raise InputError(f"dealer: episode_steps is {steps}; this tape allows 1 to {tape.decisions - 1}")
    check_money(tape, max_position)
    unit = instrument.tick_size / 2 * instrument.lot_size * instrument.contract_size
    number = jnp.float32
    return DEALING, Params(
        replay=replay_of(tape, latency, reading=BATCH),
        rules=Rules.of(FillModel(), OrderType.IOC),
        seconds=jnp.asarray(np.diff(tape.ts_ns) / 1e9, number),
        clients=Clients(*map(number, clients)),
        unit=number(unit),
        max_position=jnp.int32(max_position),
        max_hedge=jnp.int32(max_hedge),
        slip_ticks=jnp.int32(slip_ticks),
        depths=jnp.asarray(depths_bp, number),
        penalty=number(penalty),
        episode_steps=jnp.int32(steps),
        first=jnp.int32(0),
        random_start=jnp.asarray(episode_steps is not None),
    )
