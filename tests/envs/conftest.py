"""A small tape of the synthetic market, and the environment's parameters over it."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.config import parse_config
from jaxmm.envs.market_making import Params
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.runs.task import env_params_of
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape

LIMIT, LOTS = 5, 2
DISCRETE = {"kind": "discrete", "bid_offsets": [-1, 0, 1], "ask_offsets": [-1, 0, 1], "lots": [1, LOTS]}
CONTINUOUS = {"kind": "continuous", "max_offset": 3, "lots": LOTS}


@pytest.fixture(scope="session")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    """Two minutes at 200 ms: 600 decisions; a funding every 7 s, paid and received in turn."""
    store = SyntheticStore(SyntheticMarket(maker_fee=-0.0001), 5, 120.0)
    built = build_tape(store, tmp_path_factory.mktemp("synthetic") / "tape", "200ms", 5)
    settled = np.arange(built.ts_ns[0] - 10**9, built.ts_ns[-1] + 10**9, 7 * 10**9)
    mark = built.book_price[:, :, 0].mean() * built.instrument.tick_size
    terms = np.stack([np.where(np.arange(len(settled)) % 2, 0.001, -0.002), np.full(len(settled), mark)], axis=1)
    return dataclasses.replace(built, funding_ts=settled, funding=terms)


@pytest.fixture(scope="session")
def inverse_tape(tape: Tape) -> Tape:
    """The same tape as if its lots were 100 USD each, settled in the base coin."""
    linear = tape.instrument
    return tape.priced(dataclasses.replace(linear, kind="inverse", lot_size=1.0, contract_size=100.0, base="BTC"))


def params_of(tape: Tape, actions: dict) -> Params:
    """Parameters with every reward term in use, from a configuration as users write it."""
    reward = {"spread": 0.5, "dampened": 0.25, "inventory": 0.01, "terminal_inventory": 0.5, "utility": 0.1}
    env = {"actions": actions, "max_position_lots": LIMIT, "episode_steps": 40, "show_time": True, "reward": reward}
    config = parse_config({"market": {"kind": "synthetic"}, "env": env}, "tests")
    return env_params_of(config, tape)


@pytest.fixture(scope="session")
def discrete(tape: Tape) -> Params:
    return params_of(tape, DISCRETE)


@pytest.fixture(scope="session")
def continuous(tape: Tape) -> Params:
    return params_of(tape, CONTINUOUS)


@pytest.fixture(scope="session")
def whole(discrete: Params) -> Params:
    """One episode over the whole tape from its first decision."""
    last = jnp.int32(discrete.replay.decisions - 1)
    return discrete.replace(episode_steps=last, random_start=jnp.asarray(False), show_time=jnp.asarray(False))
