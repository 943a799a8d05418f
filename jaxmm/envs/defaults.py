"""Parameters for whoever brings none: a few minutes of the synthetic market, so that gymnax's tools run as they are."""

import tempfile
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.envs.market_making import Params
from jaxmm.envs.rewards import RewardWeights, Settings
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.replay import BATCH, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.policy.actions import DiscreteActions
from jaxmm.tape.build import build_tape

SECONDS = 300.0
LATENCY = Latency(entry_ns=5_000_000, response_ns=5_000_000)


@lru_cache(maxsize=1)
def default_params() -> Params:
    """P&L after fees as the reward, quotes of one lot up to two ticks behind the touch, episodes of 200 × 200 ms."""
    instrument = SyntheticMarket().instrument
    with jax.ensure_compile_time_eval(), tempfile.TemporaryDirectory() as folder:
        tape = build_tape(SyntheticStore(SyntheticMarket(), 0, SECONDS), Path(folder) / "tape", "200ms", 20)
        return Params(
            replay=replay_of(tape, LATENCY, reading=BATCH),
            rules=Rules.of(FillModel()),
            actions=jax.tree.map(jnp.asarray, DiscreteActions.grid((0, 1, 2), (0, 1, 2), (1,))),
            weights=RewardWeights(*map(jnp.float32, RewardWeights())),
            settings=Settings(
                unit=jnp.float32(instrument.tick_size / 2 * instrument.lot_size),
                max_position_lots=jnp.int32(10),
                risk_aversion=jnp.float32(1),
                sharpe_rate=jnp.float32(0.01),
            ),
            distance_ticks=jnp.float32(10),
            episode_steps=jnp.int32(200),
            first=jnp.int32(0),
            random_start=jnp.asarray(True),
            show_time=jnp.asarray(False),
            ruin=jnp.float32(np.inf),
        )
