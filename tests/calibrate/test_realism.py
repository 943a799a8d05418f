"""The realism report: facts with known answers, and a recording beside the synthetic market and beside itself."""

import json

import numpy as np
import pytest

from jaxmm.calibrate.realism import Fact, compare, facts_of
from jaxmm.data.store import open_store
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.runs.calibrating import tape_of
from jaxmm.tape.tape import Code, Tape
from tests.commands import answer, jaxmm, refusal

SECOND = 10**9
TENTH = SECOND // 10


def market(seconds: int, seed: int) -> Tape:
    """A walk of ticks on Poisson times: Gaussian returns, orders without memory, a bid three times the next level's."""
    rng = np.random.default_rng(seed)
    ts = np.arange(1, seconds * 10) * TENTH
    steps = rng.choice([-1, 1], len(ts)) * (rng.random(len(ts)) < 0.5)
    bid = 100_000 + 10 * np.cumsum(steps)
    levels = np.arange(3)
    price = np.stack([bid[:, None] - levels, bid[:, None] + 2 + levels], axis=1)
    qty = np.tile(np.array([30, 10, 20]), (len(ts), 2, 1))
    following = np.append(np.sign(steps[1:]), 0)  # the next step's direction is in the sizes, where there is one
    qty[:, 0, 0] += (20 * following).astype(int)
    orders = np.sort(rng.integers(0, ts[-1], 12 * seconds))
    buys = rng.random(len(orders)) < 0.5
    at = np.maximum(np.searchsorted(ts, orders, side="right") - 1, 0)
    best = np.stack([bid[at], bid[at] + 2], axis=1)
    event = np.stack([buys, np.where(buys, best[:, 1], best[:, 0]), np.ones_like(at), np.zeros_like(at)], axis=1)
    event[0] = (Code.BID_DEPTH, bid[0], 5, 0)
    return Tape.from_arrays(
        Instrument("made", "UP", 0.1, 0.001),
        ts_ns=ts,
        book_price=price,
        book_qty=qty,
        exch_ts=orders,
        event=event,
        best=best,
    )


def test_the_facts_of_a_market_without_memory_are_those_of_one():
    facts = facts_of(market(2000, 1))
    assert facts["spread"].number == 2
    np.testing.assert_allclose(facts["depth by level"].values, [1, 1 / 3, 2 / 3], rtol=0.02)
    assert facts["time between orders"].number == pytest.approx(1, abs=0.03)
    assert facts["returns over 1 s"].number == pytest.approx(2.58, abs=0.35)
    assert np.abs(facts["excess kurtosis of returns"].values).max() < 0.6
    for name in ("autocorrelation of returns", "autocorrelation of absolute returns", "autocorrelation of order signs"):
        assert np.abs(facts[name].values).max() < 0.09, name
    response = facts["next move by imbalance"]
    known = np.isfinite(response.values) & (np.abs(response.at) > 0.15)
    assert known.sum() >= 2
    np.testing.assert_allclose(response.values[known], np.sign(response.at[known]))


def test_distances_are_zero_to_itself_and_known_for_a_shift():
    samples = np.random.default_rng(1).normal(size=500)
    one, other = (Fact("x", "", values, 0.0, "") for values in (samples, samples + 3))
    assert one.distance(one) == (0, 0)
    assert one.distance(other).mean == pytest.approx(3)
    line = [Fact("y", "", np.array(y), 0.0, "", np.arange(3.0)) for y in ([0, 1, 2], [0, 2, np.nan])]
    assert line[0].distance(line[1]) == (0.5, 1.0)
    unknown = Fact("y", "", np.full(3, np.nan), 0.0, "", np.arange(3.0))
    assert np.isnan(line[0].distance(unknown)).all()


def test_a_market_is_as_far_from_its_like_as_its_halves_are_from_each_other():
    for one in compare(market(1000, 2), market(600, 3)).values():
        assert one.distance.mean <= 2.5 * one.floor.mean + 1e-9, one.other.name


def test_too_little_to_compare_is_refused():
    with pytest.raises(InputError, match="100 s, 200 orders and a mid that moves are needed"):
        facts_of(market(50, 1))


def test_another_real_market_is_nearer_to_a_recording_than_the_synthetic_one(futures, tmp_path):
    made = answer(jaxmm("realism", futures("btcusdt"), "--out", tmp_path / "made", "--json"))
    with tape_of(open_store(futures("btcusdt"))) as tape, tape_of(open_store(futures("ethusdt"))) as other:
        real = compare(tape, other)
    for name in ("depth by level", "time between orders"):
        assert real[name].distance.mean < made["facts"][name]["distance"]["mean"], name
        assert real[name].floor._asdict() == made["facts"][name]["floor"]
    assert made["facts"]["depth by level"]["times_the_floor"] > 10  # its book grows with depth, real ones do not
    assert made["facts"]["time between orders"]["other"] == pytest.approx(1, abs=0.05)  # Poisson
    assert min(made["facts"]["time between orders"]["real"]) > 1.2
    page = (tmp_path / "made" / "realism.md").read_text()
    assert page.startswith("# synthetic market beside binance-usdm BTCUSDT")
    assert page.count("\n| ") == len(made["facts"]) + 1
    kept = json.loads((tmp_path / "made" / "realism.json").read_text())
    assert kept["facts"].keys() == made["facts"].keys()
    assert kept["market"]["trade_rate"] == 12.0
    assert (tmp_path / "made" / "realism.png").read_bytes().startswith(b"\x89PNG")


def test_a_report_that_cannot_be_made_leaves_nothing(futures, tmp_path):
    store = futures("btcusdt")
    assert "no store here" in refusal(jaxmm("realism", store, "--against", tmp_path / "x", "--out", tmp_path / "r"))
    (tmp_path / "full").mkdir()
    assert "holds no realism.json" in refusal(jaxmm("realism", store, "--out", tmp_path / "full"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
