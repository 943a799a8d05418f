"""Quoting two sides of a replayed market: the environment over a tape.

An episode is a window of decisions. At each the agent sees an observation (named by `OBSERVATION`) and answers with an
action, which a decoder turns into quotes; the event engine says what was filled by the next decision. The environment's
own state is our orders, position and cursors; the market is shared by all environments and stands in the parameters.
D decisions · F features.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.environment import Environment, Info
from jaxmm.envs.rewards import Moments, RewardWeights, Settings, no_moments, reward_terms, weighted
from jaxmm.envs.spaces import Box, Discrete
from jaxmm.errors import InputError
from jaxmm.exchange.ledger import Step, net_pnl
from jaxmm.exchange.market import Market
from jaxmm.exchange.rules import Rules
from jaxmm.features.observation import OBSERVATION, observation
from jaxmm.policy.actions import Actions, DiscreteActions
from jaxmm.policy.types import Quotes, View, within_position

Array = Any


class Collateral(NamedTuple):
    """What backs the position: an episode ends, liquidated, where equity falls below the maintenance margin."""

    balance: Array = np.float32(np.inf)  # float32, settlement currency at the start; infinite: never liquidated
    maintenance_rate: Array = np.float32(0)  # float32, fraction of notional


class Params(NamedTuple):
    """The market and the task; traced data, so any number may differ between environments of a batch."""

    replay: Market
    rules: Rules
    actions: Actions
    weights: RewardWeights
    settings: Settings
    distance_ticks: Array  # float32, distance of own quotes from the mid that the observation counts as 1
    episode_steps: Array  # int32, decisions in an episode
    first: Array  # int32, first decision of a fixed start
    random_start: Array  # bool: start anywhere that leaves room for an episode
    show_time: Array  # bool: the observation counts an episode's remaining time down; else it stays 1
    ruin: Array  # float32, settlement currency lost in an episode that ends it; infinite: never
    collateral: Collateral = Collateral()

    def replace(self, **changes: Any) -> "Params":
        """With some of them changed, under the name by which gymnax's tools ask for it."""
        return self._replace(**changes)

    @property
    def max_steps_in_episode(self) -> Array:
        """gymnax's name for the length of an episode."""
        return self.episode_steps


class State(NamedTuple):
    """One environment: orders, position, cursors."""

    k: Array  # int32, decision
    end: Array  # int32, decision at which the episode is cut
    venue: Any
    position: Array  # int32, lots known
    equity: Array  # float32, P&L after fees and funding of this episode, for the checks of ruin alone
    moments: Moments


class MarketMaking(Environment[State, Params]):
    """One order a side over a `Replay`. See the module."""

    @property
    def default_params(self) -> Params:
        """A few minutes of the synthetic market."""
        from jaxmm.envs.defaults import default_params

        return default_params()

    def reset_env(self, key: Array, params: Params) -> tuple[Array, State]:
        """A flat start with no orders, at a fixed or a random decision."""
        room = params.replay.decisions - params.episode_steps
        anywhere = jax.random.randint(key, (), 0, jnp.maximum(room, 1), jnp.int32)
        k = jnp.where(params.random_start, anywhere, params.first)
        end = jnp.minimum(k + params.episode_steps, params.replay.decisions - 1)
        state = State(k, end, params.replay.empty_venue(params.rules), jnp.int32(0), jnp.float32(0), no_moments())
        return self.observe(state, params), state

    def step_env(
        self, key: Array, state: State, action: Array, params: Params
    ) -> tuple[Array, State, Array, Array, Info]:
        """Decodes the action, quotes, and moves to the next decision."""
        del key  # the replayed market draws nothing
        quotes = params.actions.decode(action, self.view(state, params), jnp)
        state, reward, terminated, info = self.quote(state, quotes, params)
        return self.observe(state, params), state, reward, terminated, info

    def quote(self, state: State, quotes: Quotes, params: Params) -> tuple[State, Array, Array, Info]:
        """One step under any quotes: state, reward, terminated, info."""
        state, stepped, terms = advance(state, quotes, params)
        terminated = (state.equity <= -params.ruin) | liquidated(state, params)
        info = {f"reward/{name}": value for name, value in terms._asdict().items()}
        info |= {f"score/{name}": value for name, value in scores(stepped, params).items()}
        return state, weighted(terms, params.weights), terminated, info

    def view(self, state: State, params: Params) -> View:
        """What the quoter knows."""
        left = (state.end - state.k).astype(jnp.float32) / params.episode_steps.astype(jnp.float32)
        time_left = jnp.where(params.show_time, left, jnp.float32(1))
        return params.replay.view(state.venue, state.position, state.k, time_left)

    def observe(self, state: State, params: Params) -> Array:
        """float32 [F + P], named by `OBSERVATION`."""
        view = self.view(state, params)
        return observation(view, params.settings.max_position_lots, params.distance_ticks, jnp)

    def is_truncated(self, state: State, params: Params) -> Array:
        """The episode's length, or the tape, is used up."""
        return state.k >= state.end

    def action_space(self, params: Params) -> Discrete | Box:
        """The decoder's."""
        if isinstance(params.actions, DiscreteActions):
            return Discrete(params.actions.n)
        return Box(-1.0, 1.0, params.actions.shape)

    def observation_space(self, params: Params) -> Box:
        """Unbounded vectors, named by `OBSERVATION`."""
        return Box(-np.inf, np.inf, (len(OBSERVATION),))


def advance(state: State, quotes: Quotes, params: Params) -> tuple[State, Step, RewardWeights]:
    """From one decision to the next under quotes that keep within the position limit."""
    quotes = within_position(quotes, state.position, params.settings.max_position_lots, jnp)
    venue, stepped = params.replay.step(state.venue, state.position, quotes, state.k, params.rules)
    last = state.k + 1 >= state.end
    terms, moments = reward_terms(stepped, state.moments, last, params.settings)
    equity = state.equity + terms.pnl + terms.fees + terms.funding
    return State(state.k + 1, state.end, venue, stepped.position, equity, moments), stepped, terms


def liquidated(state: State, params: Params) -> Array:
    """Whether equity, marked at the mid, is below the maintenance margin of the position."""
    notional = params.replay.money.held(state.position, params.replay.mid(state.k)) * params.settings.unit
    return params.collateral.balance + state.equity < params.collateral.maintenance_rate * notional


def scores(stepped: Step, params: Params) -> dict[str, Array]:
    """What a training log shows beside the reward, float32 a step."""
    money = params.settings.unit
    return {
        "pnl": net_pnl(stepped) * money,
        "volume_lots": (stepped.bought + stepped.sold).astype(jnp.float32),
        "abs_position_lots": jnp.abs(stepped.position).astype(jnp.float32),
        "outside": stepped.outside.astype(jnp.float32),
    }


def check_params(params: Params) -> Params:
    """The parameters, if an episode fits the tape. Raises `InputError` otherwise."""
    steps, decisions = int(params.episode_steps), params.replay.decisions
    if not 1 <= steps < decisions:
        raise InputError(
            f"env.episode_steps is {steps}; this tape of {decisions} decisions allows 1 to {decisions - 1}"
        )
    first, last = int(params.first), decisions - 1 - steps
    if not params.random_start and first > last:
        raise InputError(f"env.start is {first}; an episode of {steps} steps may start at 0 to {last} on this tape")
    return params
