"""A learned policy in the quoter decides as it did in the environment that it was trained in."""

from dataclasses import asdict, replace

import jax
import jax.numpy as jnp
import numpy as np
import yaml

from jaxmm.config import parse_config
from jaxmm.envs.market_making import MarketMaking
from jaxmm.features.observation import OBSERVATION
from jaxmm.live.config import QuoteConfig
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.recorded_day import trade_recorded
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.policy.bundle import Observing
from jaxmm.policy.types import Quotes, within_position
from jaxmm.runs.task import env_params_of
from jaxmm.tape.build import build_tape
from tests.live.bundles import bundle
from tests.live.paper_core import WIDE

OBSERVING = Observing(clock="200ms", levels=5, max_position_lots=5, distance_ticks=10.0)
VENUE = {"latency": "5ms,5ms", "fills": "touch:partial"}
OFFSETS = [0, 1, 2]


def in_the_environment(policy, tape):
    """Observations float32 [D, F + P] and quotes [D] of one episode over the whole tape."""
    actions = {"kind": "discrete", "bid_offsets": OFFSETS, "ask_offsets": OFFSETS, "lots": [1]}
    env = {
        "actions": actions,
        "max_position_lots": OBSERVING.max_position_lots,
        "distance_ticks": OBSERVING.distance_ticks,
        "episode_steps": tape.decisions - 1,
        "start": 0,
    }
    params = env_params_of(parse_config({"market": {"kind": "synthetic"}, "env": env, "venue": VENUE}, "test"), tape)
    environment, policy = MarketMaking(), jax.tree.map(jnp.asarray, policy)

    def step(state, _):
        seen, view = environment.observe(state, params), environment.view(state, params)
        action = policy.network.act(seen, jnp)
        quotes = params.actions.decode(action, view, jnp)
        quotes = within_position(quotes, state.position, params.settings.max_position_lots, jnp)
        return environment.step_env(jax.random.key(0), state, action, params)[1], (seen, quotes)

    _, start = environment.reset_env(jax.random.key(0), params)
    return jax.tree.map(np.asarray, jax.lax.scan(step, start, None, tape.decisions - 1)[1])


def test_a_bundle_sees_and_decides_in_the_quoter_as_in_the_environment(tmp_path):
    store = SyntheticStore(SyntheticMarket(), 5, 60.0)
    instrument = replace(store.instrument, base="ABC", quote="USD")
    policy = bundle(tmp_path / "bundle", instrument, seed=3, observing=OBSERVING).policy
    (tmp_path / "instrument.yaml").write_text(yaml.safe_dump(asdict(instrument) | {"fee_tiers": []}))
    config = {
        "name": "test",
        "instrument": str(tmp_path / "instrument.yaml"),
        "journal": str(tmp_path / "journal"),
        "gateway": {"venue": "binanceusdm"},
        "paper": {"balances": {"USD": 1_000_000}, **VENUE},
        "quoter": {"kind": "bundle", "path": str(tmp_path / "bundle")},
        "risk": WIDE | {"max_dissimilarity": 1e9},
        "deciding": {"max_distance_ticks": 10**6},
    }
    trade_recorded(QuoteConfig.model_validate(config), store)
    rows = [row for row in read_rows(tmp_path / "journal") if row.kind == "decision"]
    tape = build_tape(store, tmp_path / "tape", OBSERVING.clock, OBSERVING.levels)
    seen, quotes = in_the_environment(policy, tape)
    assert [row.ts_ns for row in rows] == tape.ts_ns.tolist()
    live = np.stack([np.frombuffer(row.blob, np.float32) for row in rows])[:-1]
    for name, ours, theirs in zip(OBSERVATION, live.T, seen.T, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert len(np.unique(live[:, OBSERVATION.index("inventory")])) > 3
    wanted = Quotes(*np.array([np.ravel(np.concatenate([np.ravel(c) for c in row.body["wanted"]])) for row in rows]).T)
    for name in ("bid_lots", "ask_lots", "flatten"):
        np.testing.assert_array_equal(getattr(wanted, name)[:-1], getattr(quotes, name), err_msg=name)
    for side in ("bid", "ask"):
        shown = getattr(quotes, f"{side}_lots") > 0
        ours, theirs = (getattr(one, f"{side}_ticks") for one in (wanted, quotes))
        np.testing.assert_array_equal(ours[:-1][shown], theirs[shown])
        assert len(np.unique((theirs - tape.book_price[:-1, int(side == "ask"), 0])[shown])) > 1
