"""One switch chooses the engine of an environment: observations, rewards and scores are the same on either."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.config import parse_config
from jaxmm.envs.market_making import MarketMaking
from jaxmm.errors import InputError
from jaxmm.exchange.replay import Replay
from jaxmm.exchange.window import WindowReplay
from jaxmm.exchange.window_waiting import WaitingReplay
from jaxmm.runs.task import env_params_of

QUICK = {"xla_backend_optimization_level": 0}  # compiling takes longer than playing
ACTIONS = {"kind": "discrete", "bid_offsets": [-1, 0, 1, 3], "ask_offsets": [-1, 0, 2], "lots": [1, 2]}


def configured(**venue):
    env = {"actions": ACTIONS, "max_position_lots": 5, "episode_steps": 150}
    return parse_config({"market": {"kind": "synthetic"}, "env": env, "venue": venue}, "tests")


@partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def episodes(size, params):
    """`size` environments of random actions from random starts: observations, rewards, scores."""
    env = MarketMaking()

    def body(state, key):
        key_action, key_step = jax.random.split(key)
        action = jax.vmap(env.action_space(params).sample)(jax.random.split(key_action, size))
        keys = jax.random.split(key_step, size)
        observed, state, reward, *_, info = jax.vmap(env.step, (0, 0, 0, None))(keys, state, action, params)
        return state, (observed, reward, {k: v for k, v in info.items() if k.startswith("score/")})

    _, state = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), size), params)
    return jax.lax.scan(body, state, jax.random.split(jax.random.key(1), 300))[1]


@pytest.mark.parametrize("fills", ["risk_averse", "touch:partial"])
@pytest.mark.parametrize(("latency", "kind"), [("20ms,30ms", WindowReplay), ("150ms,150ms", WaitingReplay)])
def test_training_sees_and_earns_the_same_on_either_engine(tape, fills, latency, kind):
    on_events, on_windows = (
        env_params_of(configured(fills=fills, latency=latency, engine=engine), tape) for engine in ("event", "window")
    )
    assert isinstance(on_events.replay, Replay)
    assert isinstance(on_windows.replay, kind)
    (seen, earned, scored), (seen_w, earned_w, scored_w) = (episodes(8, params) for params in (on_events, on_windows))
    assert not np.asarray(scored_w["score/outside"]).any()
    np.testing.assert_array_equal(seen, seen_w)
    np.testing.assert_allclose(earned, earned_w, rtol=1e-6)  # float32: each program fuses its own way
    for name in scored:
        np.testing.assert_allclose(scored[name], scored_w[name], rtol=1e-6, err_msg=name)
    assert jnp.sum(scored["score/volume_lots"]) > 100


def test_by_itself_it_takes_windows_where_they_are_exact_and_events_elsewhere(tape):
    assert isinstance(env_params_of(configured(), tape).replay, WindowReplay)
    assert isinstance(env_params_of(configured(fills="power3(3)"), tape).replay, Replay)
    assert isinstance(env_params_of(configured(limits={"min_lots": 1}), tape).replay, Replay)


@pytest.mark.parametrize("venue", [{"fills": "power3(3)"}, {"limits": {"min_lots": 1}}])
def test_windows_that_were_asked_for_and_cannot_be_exact_are_refused(tape, venue):
    with pytest.raises(InputError, match="event engine"):
        env_params_of(configured(engine="window", **venue), tape)
