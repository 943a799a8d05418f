"""From a configuration to the environment's parameters and the learner."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import TypeAdapter, ValidationError

from jaxmm.config import Config, DiscreteGrid, Reward
from jaxmm.config import Learner as LearnerConfig
from jaxmm.envs.market_making import Collateral, MarketMaking, Params
from jaxmm.envs.rewards import RewardWeights, Settings
from jaxmm.errors import InputError, nearest
from jaxmm.evaluate.backtest import run, touch_range
from jaxmm.exchange.account import Margin, Terms, at_volume, unit_of
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.ledger import net_pnl
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.replay import check_money
from jaxmm.exchange.types import FillModel
from jaxmm.learn.dqn import DQN, DQNConfig
from jaxmm.learn.learner import Learner
from jaxmm.learn.ppo import PPO, PPOConfig
from jaxmm.policy.actions import Actions, ContinuousActions, DiscreteActions
from jaxmm.policy.types import Quoter
from jaxmm.runs.engines import replay_for, rules_of
from jaxmm.strategies.registry import strategy_from
from jaxmm.tape.tape import Tape

LEARNERS: dict[str, tuple[type, type]] = {"ppo": (PPO, PPOConfig), "dqn": (DQN, DQNConfig)}


def check(config: Config) -> None:
    """Refuses, before any work, what only the rooms behind the configuration know to be wrong."""
    settings_of(LEARNERS[config.learner.algorithm][1], config.learner)
    actions_of(config)
    terms_of(config)
    latency_of(config)
    for name in (config.venue.fills, *config.evaluate.fills):
        FillModel.parse(name)
    for strategy in config.evaluate.baselines:
        strategy_from(strategy.name, {**strategy.settings, **dict.fromkeys(strategy.tune, 1)})


def latency_of(config: Config) -> Latency:
    """The delays of requests and reports. Raises `InputError` where they are written wrongly."""
    return Latency.parse(config.venue.latency)


def limits_of(config: Config) -> Limits | None:
    """What the venue accepts; None where it accepts all."""
    limits = config.venue.limits
    return None if limits is None else Limits(**limits.model_dump())


def actions_of(config: Config) -> Actions:
    """The decoder."""
    actions = config.env.actions
    if isinstance(actions, DiscreteGrid):
        return DiscreteActions.grid(actions.bid_offsets, actions.ask_offsets, actions.lots)
    return ContinuousActions.up_to(actions.max_offset, actions.lots)


def check_position(config: Config, tape: Tape) -> None:
    """Raises `InputError` where the largest position does not fit the engine's integers or our collateral."""
    most = config.env.max_position_lots
    check_money(tape, most)
    terms_of(config).check(tape.instrument, touch_range(tape), most)


def env_params_of(config: Config, tape: Tape, engine: str | None = None) -> Params:
    """The environment over one part of the tape, on `engine` or on the configured one.

    Raises `InputError` where its money does not fit the engine.
    """
    env, terms = config.env, terms_of(config)
    check_position(config, tape)
    tape = tape.priced(at_volume(tape.instrument, terms.volume_30d))
    return Params(
        replay=replay_for(config, tape, latency_of(config), limits_of(config), engine or config.venue.engine),
        rules=rules_of(config),
        actions=jax.tree.map(jnp.asarray, actions_of(config)),
        weights=_weights(env.reward),
        settings=Settings(
            unit=jnp.float32(unit_of(tape.instrument)),
            max_position_lots=jnp.int32(env.max_position_lots),
            risk_aversion=jnp.float32(env.reward.risk_aversion),
            sharpe_rate=jnp.float32(env.reward.sharpe_rate),
        ),
        distance_ticks=jnp.float32(env.distance_ticks),
        episode_steps=jnp.int32(env.episode_steps),
        first=jnp.int32(env.start or 0),
        random_start=jnp.asarray(env.start is None),
        show_time=jnp.asarray(env.show_time),
        ruin=jnp.float32(np.inf if env.ruin is None else env.ruin),
        collateral=_collateral(terms.margin),
    )


def terms_of(config: Config) -> Terms:
    """Our fee tier and collateral."""
    margin = config.venue.margin
    return Terms(config.venue.volume_30d, None if margin is None else Margin(**margin.model_dump()))


class Pass(NamedTuple):
    """One quoter's pass over a part of the tape."""

    net: jax.Array  # float32, net P&L in settlement currency: what checkpoints and baselines alike are chosen by
    lots: jax.Array  # float32, traded
    outside: jax.Array  # int32, quotes whose fills are not exact: 0, or the market needs more levels


def pass_over(params: Params, quoter: Quoter) -> Pass:
    """The pass that scores a quoter on the validation span."""
    steps = run(params.replay, quoter, params.settings.max_position_lots, params.rules)
    net = jnp.sum(net_pnl(steps)) * params.settings.unit
    lots = jnp.sum(steps.bought + steps.sold).astype(jnp.float32)
    return Pass(net, lots, jnp.sum(steps.outside, dtype=jnp.int32))


def learner_of(config: Config, env_params: Params) -> Learner:
    """The algorithm with its settings. Raises `InputError` on one it does not have, or of a wrong type."""
    learner, settings = LEARNERS[config.learner.algorithm]
    return learner(MarketMaking(), env_params, settings_of(settings, config.learner))


def _collateral(margin: Margin | None) -> Collateral:
    if margin is None:
        return Collateral()
    return Collateral(jnp.float32(margin.balance), jnp.float32(margin.maintenance_rate))


def _weights(reward: Reward) -> RewardWeights:
    return RewardWeights(*(jnp.float32(getattr(reward, name)) for name in RewardWeights._fields))


def settings_of(kind: type, learner: LearnerConfig) -> Any:
    """The algorithm's own settings as `kind`. Raises `InputError` on one it does not have, or of a wrong type."""
    given = learner.settings
    valid = [field.name for field in dataclasses.fields(kind)]
    for name in given:
        if name not in valid:
            raise InputError(f"config: unknown field 'learner.{name}'; {nearest(name, valid)}")
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputError(f"config: learner.{where}: {first['msg']} (got {first['input']!r})") from error
