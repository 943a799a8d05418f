"""A day that was traded against the simulator: what matches, what does not, and what it says about the venue."""

from dataclasses import replace

import numpy as np
import pytest

from jaxmm.data.schema import Kind
from jaxmm.errors import InputError
from jaxmm.evaluate.live_compare import compare_days, match
from jaxmm.evaluate.live_day import Executed, Taken, executed, simulated, table_of
from jaxmm.evaluate.live_fit import Answers, fit_latency, fit_model
from jaxmm.evaluate.result import Fills
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.reference_orders import Wanted
from jaxmm.exchange.types import FillModel
from jaxmm.live.messages import BID
from jaxmm.tape.build import build_tape
from tests.live.paper.test_replay_equals_reference import NAMED, paper_run, random_decide
from tests.tape.memory_store import MemoryStore, RandomMarket

LATENCY = Latency(1_500, 700)
MODEL = "risk_averse:partial"


def traded(folder, model: str, orders: int = 1, clock: str = "3us", rows=None, decide=None):
    """A market traded on paper, random ones by default: (tape, decisions taken, executions)."""
    store = MemoryStore(rows or RandomMarket(11).stream(3_000), NAMED)
    tape = build_tape(store, folder / "tape", clock, 5)
    decide = decide or random_decide(5, orders)
    quoter = paper_run(store, clock, 5, orders, decide, LATENCY, FillModel.parse(model), Limits())
    columns = [np.array([wanted[i] for wanted in quoter.wanted], np.int32) for i in range(4)]
    flatten = np.array([wanted.flatten for wanted in quoter.wanted])
    taken = Taken(np.array([seen.ts_ns for seen in quoter.seen]), *columns, flatten)
    fills = [
        (f.recv_ts, f.exch_ts, 1 if f.side == BID else -1, f.price_ticks, f.qty_lots, f.maker, float(f.fee))
        for f in quoter.heard
    ]
    types = np.int64, np.int64, np.int8, np.int64, np.int64, bool, np.float64
    live = Executed(*(np.array(column, dtype) for column, dtype in zip(zip(*fills, strict=True), types, strict=True)))
    return tape, taken, live


def queues(messages: int) -> list[tuple]:
    """A market of two prices whose queues grow and shrink, mostly without a trade."""
    rng = np.random.default_rng(11)
    rows = [(0, 0, Kind.CLEAR, 2, 0, 0, -1)]
    rows += [(0, 0, Kind.SNAPSHOT, side, 1000 + side, 60, -1) for side in (0, 1)]
    shown, now = [60, 60], 0
    for id in range(messages):
        now += int(rng.integers(1, 6)) * 100
        side = int(rng.integers(2))
        if rng.random() < 0.3:
            lots = int(rng.integers(1, 5))
            rows.append((now, now, Kind.TRADE, 1 - side, 1000 + side, lots, id))
            shown[side] -= lots
        else:
            shown[side] += int(rng.integers(-15, 16))
        shown[side] = int(np.clip(shown[side], 20, 100))
        rows.append((now, now, Kind.DEPTH, side, 1000 + side, shown[side], id))
    return rows


def joins_the_queue(seen, position, lots, prices):
    """Both queues, left for a moment now and then."""
    away = int(seen.ts_ns // 60_000 % 4 == 0)
    return Wanted([1000 - away], [4], [1001 + away], [4])


def replayed(tape, taken, model: str):
    return simulated(tape, table_of(taken, tape), latency=LATENCY, model=FillModel.parse(model))


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day of one order a side, whose answers come before the next decision; and its simulation."""
    tape, taken, live = traded(tmp_path_factory.mktemp("day"), MODEL)
    return tape, taken, live, replayed(tape, taken, MODEL)


@pytest.fixture(scope="module")
def busy_day(tmp_path_factory):
    """A day of two orders a side, whose answers come later; and its simulation."""
    tape, taken, live = traded(tmp_path_factory.mktemp("busy"), MODEL, 2, "1us")
    return tape, taken, live, replayed(tape, taken, MODEL)


@pytest.mark.parametrize("which", ["day", "busy_day"])
def test_a_day_on_paper_is_the_simulators_in_every_fill_and_every_term(request, which):
    tape, _, live, sim = request.getfixturevalue(which)
    result = compare_days(executed(tape, live, sim), sim)
    facts = result.to_dict()
    assert len(result.live.fills.qty) > 100
    assert (facts["gap"], facts["fills"]["miss"], facts["fills"]["extra"]) == (0, 0, 0)
    assert facts["fills"]["apart_ms_p99"] == 0
    for name, term in facts["terms"].items():
        rounding = 1e-8 * len(live.qty)
        assert term["gap"] == pytest.approx(0, abs=rounding if "fee" in name or name == "net" else 0), name
    np.testing.assert_array_equal(result.live.position, sim.position)
    assert facts["drift"]["flags"] == []


def test_the_exponent_that_the_venue_has_is_found_among_others(tmp_path):
    tape, taken, live = traded(tmp_path, "power3(1):partial", rows=queues(3_000), decide=joins_the_queue)
    models = [FillModel.parse(name) for name in (MODEL, "power3(4):partial", "power3(1):partial")]
    day = executed(tape, live, replayed(tape, taken, MODEL))
    fits = fit_model(day, lambda model: replayed(tape, taken, model.name), models, 5_000)
    assert fits[0].model.name == "power3(1):partial"
    assert fits[0].matching.gap == 0
    assert fits[1].matching.gap > 0.1


def test_a_decision_holds_until_the_next_and_nothing_does_from_a_pause_on(day):
    tape, taken = day[:2]
    kept = Taken(*(column[[2, 3, 8]] for column in taken))
    kept = kept._replace(bid_lots=np.full_like(kept.bid_lots, 7))
    pause = tape.ts_ns[5] + 1
    lots = table_of(kept, tape, np.array([pause])).bid_lots[:, 0]
    assert lots[:10].tolist() == [0, 0, 7, 7, 7, 7, 0, 0, 7, 7]


def test_decisions_that_are_none_of_the_tapes_are_refused(day):
    tape, taken = day[:2]
    with pytest.raises(InputError, match="give the clock that the quoter had"):
        table_of(taken._replace(ts_ns=taken.ts_ns + 1), tape)


def fills(*rows: tuple[int, int, int, int]) -> Fills:
    """Of (time, side, price, lots)."""
    ts, side, price, qty = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    nothing = np.zeros(len(rows))
    return Fills(ts, ts, ts, side.astype(np.int8), price, qty, nothing == 0, ts, nothing)


def test_lots_of_one_side_and_price_match_in_the_order_of_time_within_the_tolerance():
    live = fills((10, 1, 100, 5), (20, 1, 100, 5), (30, -1, 100, 5), (900, 1, 100, 5))
    sim = fills((12, 1, 100, 7), (25, 1, 101, 2), (31, -1, 100, 5), (31, -1, 100, 1), (2000, 1, 100, 5))
    found = match(live, sim, 100)
    assert found.hits.tolist() == [True, False, True, False]
    assert found.extras.tolist() == [False, True, False, True, True]
    assert (found.live_lots, found.sim_lots, found.hit_lots) == (20, 20, 12)
    assert found.gap == pytest.approx(1 - 24 / 40)
    assert found.late_ns.tolist() == [1, 2, -8]


def test_a_gap_in_one_direction_and_a_share_of_hits_that_falls_are_flagged(day):
    tape, _, live, sim = day
    late = live.known_ns > tape.ts_ns[tape.decisions // 2]
    worse = live._replace(price=live.price + np.where(late, 3 * live.side.astype(np.int64), 0))
    flags = compare_days(executed(tape, worse, sim), sim).drift.flags
    assert any("in the second" in flag for flag in flags)
    dear = live._replace(price=live.price + 3 * live.side.astype(np.int64))
    flags = compare_days(executed(tape, dear, sim), sim).drift.flags
    assert any("live earns less" in flag for flag in flags)


def test_latency_is_measured_each_way_by_kind():
    kind = np.array(["place"] * 3 + ["cancel"] * 2)
    sent = np.array([0, 100, 200, 300, 400])
    there, back = np.array([5, 5, 9, 2, 2]), np.array([12, 12, 16, 9, 9])
    fit = fit_latency(Answers(kind, sent, sent + there + 1000, sent + back), skew_ns=1000)
    assert fit.constant == Latency.parse("place=5ns,cancel=2ns,amend=5ns,response=7ns")
    assert fit.place.p99_ns == 8
    unstamped = fit_latency(Answers(kind, sent, 0 * sent, sent + 10))
    assert unstamped.constant == Latency(5, 5)


def test_a_log_normal_latency_is_recovered():
    rng = np.random.default_rng(1)
    way = np.rint(2e6 * np.exp(0.5 * rng.standard_normal(4_000))).astype(np.int64)
    sent = np.arange(4_000) * 10**9
    fit = fit_latency(Answers(np.full(4_000, "place"), sent, sent + way, sent + way + 1_000_000))
    assert fit.place.median_ns == pytest.approx(2e6, rel=0.05)
    assert fit.log_normal.place.sigma == pytest.approx(0.5, rel=0.08)
    assert fit.log_normal.response == replace(fit.log_normal.response, sigma=0.0)


def test_a_day_without_answers_has_no_latency():
    with pytest.raises(InputError, match="give --latency"):
        fit_latency(Answers(*(np.zeros(0, np.int64),) * 4))
