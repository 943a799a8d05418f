"""A sweep's rows are the exact backtests of their sets, one by one, on either engine; its sums lose no digit."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmm.data.store import import_recording, open_store
from jaxmm.errors import InputError
from jaxmm.evaluate import lockstep, sweep_stages
from jaxmm.evaluate import sweep as room
from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.lockstep import Sum, longest_stretch, whole
from jaxmm.evaluate.metrics import metrics
from jaxmm.evaluate.result import Backtest
from jaxmm.evaluate.sweep import Sweep, difference, sweep
from jaxmm.exchange.account import Margin, Terms
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.instrument import Instrument
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.policy.types import Quotes
from jaxmm.strategies.fixed import FixedSpread
from jaxmm.strategies.glft_grid import GLFTGrid
from jaxmm.strategies.skewed import SkewedSpread
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape

LATENCY = Latency(10_000_000, 10_000_000)
SLOW = Latency(150_000_000, 40_000_000)
"""Answers come after the next decision."""
SETS = SkewedSpread(
    np.array([0.5, 1.0, 2.0, 0.0, 40.0, 1.0]),
    np.array([0.5, 0.0, 0.5, 0.5, 0.0, 3.0]),
    np.array([5, 3, 1, 4, 2, 1]),
    np.array([50, 9, 30, 4, 10, 60]),
)
"""At the touch, behind and far behind it, and leaning so far that they leave it."""


def exactly(tape: Tape, swept: Sweep, index: int, latency: Latency, model: FillModel, **options: Any) -> Backtest:
    strategy = swept.strategy(index)
    return backtest(
        tape,
        strategy,
        name="one",
        latency=latency,
        model=model,
        max_position_lots=strategy.max_position_lots,
        **options,
    )


def check(
    tape: Tape,
    sets: Any = SETS,
    model: str = "risk_averse",
    engine: str | None = None,
    latency: Latency = LATENCY,
    **options: Any,
) -> Sweep:
    """Every row of a sweep against the backtest of its set."""
    fills = FillModel.parse(model)
    swept = sweep(tape, sets, latency=latency, model=fills, engine=engine, **options)
    assert not swept.scores.outside.any()
    for index in range(len(swept)):
        exact = exactly(tape, swept, index, latency, fills, **options)
        assert difference(swept, index, exact) == (0.0, 0, 0, 0), swept.strategy(index)
        of = metrics(exact)
        row = {name: column[index] for name, column in swept.scores._asdict().items()}
        assert row["net_pnl"] == pytest.approx(of.pnl.net, rel=1e-12, abs=1e-15)
        assert row["maker_fees"] == pytest.approx(of.pnl.maker_fees, rel=1e-12)
        assert row["turnover"] == pytest.approx(of.turnover, rel=1e-12)
        assert row["sharpe"] == pytest.approx(of.sharpe, rel=1e-9, nan_ok=True)
        assert row["max_drawdown"] == pytest.approx(of.max_drawdown, rel=1e-5)
        assert row["mean_inventory"] == pytest.approx(of.mean_inventory, rel=1e-5)
        assert (row["maker_fills"], row["max_inventory"]) == (exact.fills.maker.sum(), of.max_inventory)
        assert row["lots"] == of.maker_lots + of.taker_lots
        assert row["pnl"] == exact.pnl.sum()
    assert swept.scores.lots.sum() > 50
    return swept


@pytest.fixture(scope="module")
def busy(tmp_path_factory) -> Tape:
    """40 s of the benchmark's market."""
    store = SyntheticStore(SyntheticMarket.benchmark(), seed=4, seconds=40.0)
    return build_tape(store, tmp_path_factory.mktemp("busy") / "tape", "100ms", 10)


@pytest.fixture(scope="module")
def recorded(shared_data, tmp_path_factory) -> Tape:
    """A minute of a recorded market, cut by events, so that decisions come at any time."""
    folder = tmp_path_factory.mktemp("recorded")
    eth = Instrument.from_yaml("configs/instruments/binance_usdm_ethusdt.yaml")
    import_recording(
        [shared_data / "binance_usdm/ethusdt_20240808.gz"], "binance", eth, folder / "store", fix_clock=True
    )
    return build_tape(open_store(folder / "store"), folder / "tape", "100ev", 20).slice(50, 800)


@pytest.mark.parametrize("engine", ["window", "event"])
def test_every_row_is_the_backtest_of_its_set(busy, engine):
    swept = check(busy, engine=engine)
    assert swept.windows.all() == (engine == "window")
    assert swept.refusal is None


def test_every_row_is_the_backtest_of_its_set_where_answers_are_late(busy):
    assert check(busy, latency=SLOW, model="touch:partial").windows.all()


def test_every_row_is_the_backtest_of_its_set_on_a_recording(recorded):
    sets = SETS._replace(half_spread_ticks=SETS.half_spread_ticks * 2, lots=20, max_position_lots=100)
    assert check(recorded, sets, latency=Latency(1_000_000, 1_000_000), model="penetration:partial").windows.any()


def test_what_windows_cannot_do_runs_on_events_and_is_said(busy):
    swept = check(busy, SETS._replace(max_position_lots=SETS.max_position_lots), model="power3(3)")
    assert not swept.windows.any()
    assert "power3(3)" in swept.refusal
    with pytest.raises(InputError, match=r"power3\(3\)"):
        sweep(busy, SETS, latency=LATENCY, model=FillModel.parse("power3(3)"), engine="window")


def test_ladders_and_a_venue_s_limits_run_on_events_as_their_backtests(busy):
    ladders = GLFTGrid(gamma=np.array([0.01, 0.1]), lots=2, max_position_lots=20, levels=np.array([3, 5]), step_ticks=2)
    swept = check(busy, ladders, limits=Limits(max_requests=20))
    assert "limits" in swept.refusal
    with pytest.raises(InputError, match="one order a side"):
        sweep(busy, ladders, latency=LATENCY, model=FillModel(), engine="window")


def test_orders_that_take_are_those_of_the_backtest(busy):
    swept = check(busy, Taker(np.array([0, 1, 2]), np.array([1, 60, 9]), [5, 300, 90]), order_type=OrderType.GTC)
    assert swept.windows.all()
    assert (swept.scores.taker_fees > 0).all()


def test_batches_and_spans_change_nothing(busy, monkeypatch):
    busy = busy.priced(replace(busy.instrument, maker_fee=-0.001))  # gains, to fall from
    whole_tape = check(busy)
    assert (whole_tape.scores.net_pnl > 0).any()
    monkeypatch.setattr(sweep_stages, "MOST_BYTES", 1120 * 70)  # five spans and more, read from a table on disk
    monkeypatch.setattr(room, "CALL", 64)
    in_parts = sweep(busy, SETS, latency=LATENCY, model=FillModel(), batch=4)
    for name, one, other in zip(whole_tape.scores._fields, whole_tape.scores, in_parts.scores, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=name)
    assert in_parts.windows.all()


def test_a_set_beyond_the_table_is_run_again_with_more_of_it(busy, monkeypatch):
    far = SETS._replace(half_spread_ticks=np.array([0.5, 30.0, 2.0, 60.0, 40.0, 1.0]))
    assert check(busy, far).windows.all()
    monkeypatch.setattr(sweep_stages, "MOST_DISK_BYTES", 0)
    assert check(busy, far).windows.tolist() == [True, False, True, False, False, True]


def test_fees_of_a_tier_and_rebates_are_those_of_the_backtest(busy):
    rebate = replace(busy.instrument, maker_fee=0.0003, fee_tiers=((1000.0, -0.0001, 0.0002),))
    terms = Terms(volume_30d=30_000_000.0, margin=Margin(1e6))
    swept = check(busy.priced(rebate), terms=terms)
    assert (swept.scores.maker_fees <= 0).all()


def test_an_inverse_contract_s_money_differs_by_float32_rounding_only(busy):
    coin = replace(busy.instrument, kind="inverse", contract_size=100.0, lot_size=1.0, base="X")
    tape = busy.priced(coin)
    swept = sweep(tape, SETS, latency=LATENCY, model=FillModel())
    for index in range(len(swept)):
        exact = exactly(tape, swept, index, LATENCY, FillModel())
        off = difference(swept, index, exact)
        assert off[1:] == (0, 0, 0)
        assert abs(off.net_pnl) <= 1e-5 * max(metrics(exact).turnover, 1e-12)
        assert swept.scores.net_pnl[index] == pytest.approx(metrics(exact).pnl.net, rel=1e-3, abs=1e-9)


class Taker(NamedTuple):
    """Asks at the touch and behind it, and a bid that takes some levels of the other side, whatever its position."""

    behind: Any
    lots: Any = 1
    max_position_lots: Any = 10

    def quote(self, view, xp):
        return Quotes(view.ask_ticks + 4, self.lots, view.ask_ticks + self.behind, self.lots, xp.asarray(False))


class Counted(NamedTuple):
    """Quotes at the touch; counts how often it is traced."""

    lots: Any = 1
    max_position_lots: Any = 10

    def quote(self, view, xp):
        TRACES.append(str(jnp.result_type(float)))
        return Quotes(view.bid_ticks, self.lots, view.ask_ticks, self.lots, xp.asarray(False))


TRACES: list[int] = []


def test_a_sweep_is_traced_once_whatever_its_numbers_batches_and_spans(busy, monkeypatch):
    TRACES.clear()
    for most in (10, 20):
        sets = Counted(np.arange(1, 9), most)
        sweep(busy, sets, latency=LATENCY, model=FillModel(), batch=4)
    assert TRACES == ["float32"]
    monkeypatch.setattr(sweep_stages, "MOST_BYTES", 1360 * 45)
    sweep(busy, sets, latency=LATENCY, model=FillModel(), batch=4)
    assert TRACES == ["float32"] * 2  # all spans are of one length, the last one too


def test_probabilistic_queues_are_float64_in_every_thread(busy):
    TRACES.clear()
    sweep(busy.slice(0, 40), Counted(np.arange(1, 9)), latency=LATENCY, model=FillModel.parse("log"), batch=4)
    assert TRACES == ["float64"]


def test_the_best_come_first_and_those_with_unknown_fills_not_at_all(busy):
    swept = check(busy)
    net = swept.scores.net_pnl[swept.ranked()]
    assert (np.diff(net) <= 0).all()
    swept.scores.outside[swept.ranked()[0]] = 1
    assert len(swept.ranked()) == len(SETS.lots) - 1
    assert swept.columns()["skew_ticks"].tolist() == SETS.skew_ticks.tolist()


def test_a_difference_is_named_in_fills_lots_and_money(busy):
    swept = sweep(busy, SETS, latency=LATENCY, model=FillModel())
    exact = exactly(busy, swept, 0, LATENCY, FillModel.parse("touch"))
    off = difference(swept, 0, exact)
    of = metrics(exact)
    assert off.maker_fills == of.fills - swept.scores.maker_fills[0] > 0
    assert off.lots == of.maker_lots - swept.scores.lots[0] > 0
    assert off.net_pnl == pytest.approx(of.pnl.net - swept.scores.net_pnl[0])


def test_sums_beyond_int32_keep_every_digit():
    random = np.random.default_rng(0)
    addends = random.integers(0, 2**31, (500, 40)) // random.integers(1, 50, 40)
    residue, about = jnp.zeros(40, jnp.int32), jnp.zeros(40, jnp.float32)
    total = Sum(residue, about)
    for row in addends:
        total = total.plus(jnp.asarray(row, jnp.int32), jnp.asarray(row, jnp.float32))
    assert whole(total, 500).tolist() == addends.sum(axis=0).tolist()
    assert addends.sum(axis=0).max() > 2**33
    with pytest.raises(ValueError, match="last digits"):
        whole(Sum(total.residue, total.about * 2.0**20), 500)


def test_a_stretch_is_shorter_the_more_money_it_may_move():
    assert longest_stretch(10, 10_000) == lockstep.LONGEST
    most, price = 10_000, 1_200_000
    longest = longest_stretch(most, price)
    assert 1 <= longest < lockstep.LONGEST
    worst = 16 * most * price * longest
    assert whole(Sum(np.int32(0), np.float32(worst)), longest) % 2**32 == 0
    with pytest.raises(InputError, match="coarser lot_size"):
        longest_stretch(2**27, 2**29)


@pytest.mark.parametrize(
    ("sets", "options", "says"),
    [
        (FixedSpread(np.zeros(0)), {}, "0 sets"),
        (FixedSpread(np.zeros(room.MOST_SETS + 1)), {}, "100001 sets"),
        (FixedSpread(1.0, 1, np.array([5, 0])), {}, "max_position_lots goes from 0 to 5"),
        (FixedSpread(1.0, 1, 2**31), {}, "max_position_lots"),
        (FixedSpread(1.0), {"engine": "windows"}, "there are 'window' and 'event'"),
        (FixedSpread(1.0), {"terms": Terms(margin=Margin(1e-9))}, "opens 0 lots"),
    ],
)
def test_a_sweep_that_cannot_be_exact_is_refused(busy, sets, options, says):
    with pytest.raises(InputError, match=says):
        sweep(busy, sets, latency=LATENCY, model=FillModel(), **options)
