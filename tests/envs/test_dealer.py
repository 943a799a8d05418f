"""A dealer on a recorded future: what clients and hedges do to cash and position, lot for lot and cent for cent."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.data.store import import_recording, open_store
from jaxmm.envs.dealer import DEALING, OBSERVATION, Clients, Params, environment_of_dealer
from jaxmm.errors import InputError
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.reference import ASK, BID
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.instrument import Instrument
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape
from tests.exchange.streams import Table, run_reference

LATENCY = Latency(10_000_000, 10_000_000)
STEPS = 600
QUICK = {"xla_backend_optimization_level": 0}  # compiling takes longer than playing
BUSY = Clients(rate=5.0, a=-1.0, b=2.0, lots=4.0)


@pytest.fixture(scope="module")
def tape(shared_data, tmp_path_factory) -> Tape:
    """A minute of a recorded future, ten decisions a second, twenty levels."""
    folder = tmp_path_factory.mktemp("dealer")
    instrument = Instrument.from_yaml("configs/instruments/binance_usdm_ethusdt.yaml")
    source = [shared_data / "binance_usdm/ethusdt_20240808.gz"]
    import_recording(source, "binance", instrument, folder / "store", fix_clock=True)
    return build_tape(open_store(folder / "store"), folder / "tape", "100ms", 20).slice(300, 300 + STEPS + 1)


@partial(jax.jit, static_argnames="paths", compiler_options=QUICK)
def run(params: Params, wanted: jax.Array, key: jax.Array, paths: int):
    """Infos, positions and rewards [P, T] of following `wanted` [T, 3], with hedges towards flat where it says nan."""

    def path(key):
        def step(state, now):
            key, action = now
            towards_flat = action.at[0].set(-state.position.astype(jnp.float32))
            action = jnp.where(jnp.isnan(action[0]), towards_flat, action)
            _, state, reward, _, info = DEALING.trade(key, state, action, params)
            return state, (info, state.position, reward)

        _, begin = DEALING.reset_env(key, params)
        return jax.lax.scan(step, begin, (jax.random.split(key, len(wanted)), wanted))[1]

    return jax.vmap(path)(jax.random.split(key, paths))


def always(hedge: float, bid: float, ask: float) -> jax.Array:
    return jnp.broadcast_to(jnp.array([hedge, bid, ask], jnp.float32), (STEPS, 3))


def test_hedges_are_executed_on_the_recorded_book_as_the_plain_venue_would(tape):
    """Without clients: random hedges against the reference venue of plain integers, fill by fill and fee by fee."""
    rng = np.random.default_rng(0)
    lots = rng.integers(-200, 201, STEPS) * (rng.random(STEPS) < 0.3)
    _, params = environment_of_dealer(
        tape, LATENCY, Clients(rate=0.0), max_position=10_000, max_hedge=500, slip_ticks=3
    )
    wanted = np.stack([lots, np.full(STEPS, np.nan), np.full(STEPS, np.nan)], 1).astype(np.float32)
    info, position, reward = jax.tree.map(np.asarray, run(params, jnp.asarray(wanted), jax.random.key(0), 1))
    touch = tape.book_price[:-1, :, 0]
    table = Table(
        *(x.astype(np.int32) for x in (touch[:, 1] + 3, np.maximum(lots, 0), touch[:, 0] - 3, np.maximum(-lots, 0))),
        np.zeros(STEPS, bool),
    )
    table = Table(*(np.append(column, column[-1:] * 0) for column in table))
    plain = run_reference(tape, table, LATENCY, FillModel(), OrderType.IOC)
    np.testing.assert_array_equal(position[0], plain.positions[1:])
    assert len(plain.fills) > 50
    instrument = tape.instrument
    cash = sum((-1 if f.side == BID else 1) * f.qty * f.price for f in plain.fills) * instrument.tick_size
    fees = sum(f.qty * f.price for f in plain.fills) * instrument.tick_size * instrument.taker_fee
    marked = position[0, -1] * touch_mid(tape)
    assert {f.side for f in plain.fills} == {BID, ASK}
    assert info["score/outside"].sum() == 0
    assert reward.sum() == pytest.approx((cash - fees + marked) * instrument.lot_size, rel=1e-4, abs=0.01)


def touch_mid(tape: Tape) -> float:
    """Last mid in quote currency."""
    return float(tape.book_price[-1, :, 0].mean() * tape.instrument.tick_size)


def test_clients_come_as_often_as_their_prices_say(tape):
    _, params = environment_of_dealer(tape, LATENCY, BUSY, max_position=100_000)
    for depth in (0.0, 1.0):
        info, position, _ = jax.tree.map(np.asarray, run(params, always(0.0, depth, np.nan), jax.random.key(1), 32))
        expected = 1 - np.exp(-BUSY.rate / (1 + np.exp(-1 + 2 * depth)) * 0.1)
        came = info["score/client_lots"] > 0
        assert came.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / came.size))
        sizes = info["score/client_lots"][came]
        assert sizes.mean() == pytest.approx(BUSY.lots, rel=0.05)
        np.testing.assert_array_equal(np.cumsum(info["score/client_lots"], 1), position)
        earned = info["reward/clients"][came] / sizes
        mid = np.broadcast_to(tape.book_price[:-1, :, 0].mean(1), came.shape)[came]
        unit = tape.instrument.tick_size * tape.instrument.lot_size
        np.testing.assert_allclose(earned, depth * 1e-4 * mid * unit, rtol=1e-4, atol=1e-9)


def test_profit_is_margins_less_hedges_and_the_mid_s_moves(tape):
    """Cash of clients and of hedges and the marked position at the end are the sum of the rewards."""
    _, params = environment_of_dealer(tape, LATENCY, BUSY, max_position=200, max_hedge=50)
    info, position, reward = jax.tree.map(np.asarray, run(params, always(np.nan, 0.5, 0.5), jax.random.key(2), 32))
    assert info["score/hedge_lots"].sum() > 1000
    assert np.abs(position).max() <= 200
    np.testing.assert_allclose(reward, info["score/pnl"], rtol=1e-4, atol=1e-5)
    parts = sum(info[f"reward/{name}"] for name in ("clients", "hedging", "carry", "penalty"))
    np.testing.assert_allclose(reward, parts, rtol=1e-5, atol=1e-6)


def test_hedging_keeps_the_position_small_and_costs_fees(tape):
    _, params = environment_of_dealer(tape, LATENCY, BUSY, max_position=200, max_hedge=50)
    hedged = jax.tree.map(np.asarray, run(params, always(np.nan, 0.5, 0.5), jax.random.key(3), 32))
    warehoused = jax.tree.map(np.asarray, run(params, always(0.0, 0.5, 0.5), jax.random.key(3), 32))
    assert np.abs(hedged[1]).mean() < 0.5 * np.abs(warehoused[1]).mean()
    assert hedged[0]["reward/hedging"].sum() < 0 == warehoused[0]["reward/hedging"].sum()


def test_a_seed_is_a_client_flow(tape):
    _, params = environment_of_dealer(tape, LATENCY, BUSY)
    flows = [run(params, always(0.0, 0.5, 0.5), jax.random.key(seed), 32)[0]["score/client_lots"] for seed in (0, 0, 1)]
    assert (flows[0] == flows[1]).all()
    assert (flows[0] != flows[2]).any()


def test_what_a_learner_needs_is_there(tape):
    env, params = environment_of_dealer(tape, LATENCY, BUSY, episode_steps=5)
    observed, state = env.reset(jax.random.key(0), params)
    assert observed.shape == env.observation_space(params).shape == (len(OBSERVATION),)
    for step in range(5):
        action = env.action_space(params).sample(jax.random.key(step))
        observed, state, _, terminated, truncated, _ = env.step(jax.random.key(step), state, action, params)
        assert np.isfinite(observed).all()
        assert (bool(terminated), bool(truncated)) == (False, step == 4)
    hedge, bid, ask = env.decode(jnp.array([-3.0, -3.0, 3.0]), params)
    assert (float(hedge), float(bid), float(ask)) == (-20, -0.5, 2.5)


def test_what_makes_no_dealer_is_refused(tape):
    with pytest.raises(InputError, match="give 0 and 1 or more"):
        environment_of_dealer(tape, LATENCY, Clients(lots=0.5))
    with pytest.raises(InputError, match="allows 1 to"):
        environment_of_dealer(tape, LATENCY, episode_steps=10_000)
    inverse = tape.priced(dataclasses.replace(tape.instrument, kind="inverse", contract_size=10.0, base="ETH"))
    with pytest.raises(InputError, match="is inverse"):
        environment_of_dealer(inverse, LATENCY)
