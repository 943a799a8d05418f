"""An inverse contract is scored in its coin: every sum against fractions, and every part of it adding up."""

import dataclasses
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.evaluate.comparison import FillModels, Result, compare
from jaxmm.evaluate.drawing import to_svg
from jaxmm.evaluate.markouts import mark_outs
from jaxmm.evaluate.metrics import bars, decompose, equity, metrics
from jaxmm.evaluate.plots import equity_plot, mark_out_plot
from jaxmm.evaluate.report import Provenance, report_html
from jaxmm.evaluate.result import Backtest, Fundings, pnl_of, position_at
from jaxmm.evaluate.tables import results_table_markdown
from jaxmm.exchange.account import Account, Contract, Margin, Worth
from jaxmm.instrument import Instrument

COIN = Instrument(
    "v", "BTCUSD", 0.5, 2.0, "inverse", 100.0, maker_fee=-0.0001, taker_fee=0.0005, base="BTC", quote="USD"
)
LOT, HALF_TICK = Fraction(200), Fraction(1, 4)
MODELS = FillModels("penetration:partial", "risk_averse", "touch")


def in_coin(linear: Backtest, instrument: Instrument = COIN) -> Backtest:
    """The same fills on the same market, of an inverse contract."""
    worth = Worth.at(instrument, int(linear.mid[0]))
    fills = linear.fills
    rates = np.where(fills.maker, instrument.maker_fee, instrument.taker_fee)
    fee = rates * fills.qty * float(LOT) / (fills.price * instrument.tick_size)
    fills = fills._replace(fee=fee)
    return dataclasses.replace(
        linear,
        instrument=instrument,
        fills=fills,
        pnl=pnl_of(fills, linear.position, linear.mid, worth),
        fee=np.bincount(fills.decision, weights=fee, minlength=len(linear.mid)).astype(np.float64),
    )


def coin(half_ticks) -> Fraction:
    """Bitcoin in one lot at a price."""
    return LOT / (HALF_TICK * int(half_ticks))


def exact_terms(backtest: Backtest) -> dict[str, Fraction]:
    """The split of the P&L, fill by fill and decision by decision."""
    terms = dict.fromkeys(("spread", "taker", "until_known", "inventory"), Fraction(0))
    fills = backtest.fills
    for k, side, price, qty, maker, mid in zip(*(c.tolist() for c in (*fills[:1], *fills[3:8])), strict=True):
        terms["spread" if maker else "taker"] += side * qty * (coin(2 * price) - coin(mid))
        terms["until_known"] += side * qty * (coin(mid) - coin(backtest.mid[k]))
    for held, before, after in zip(backtest.position[:-1].tolist(), backtest.mid[:-1], backtest.mid[1:], strict=True):
        terms["inventory"] += held * (coin(before) - coin(after))
    return terms


def account_of(backtest: Backtest) -> Account:
    """The fills booked one by one in fractions, without fees."""
    account, fills = Account(), backtest.fills
    for side, price, qty in zip(*(c.tolist() for c in (fills.side, fills.price, fills.qty)), strict=True):
        account = account.filled(Contract(True, Fraction(1)), side, qty * LOT, 2 * price * HALF_TICK, 0)
    return account


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6), decisions=st.integers(2, 120), half_spread=st.integers(0, 8), limit=st.integers(1, 30)
)
def test_the_parts_make_the_pnl_and_the_pnl_is_that_of_the_fractions(simulate, seed, decisions, half_spread, limit):
    backtest = in_coin(simulate(seed, decisions, half_spread, 0.3, limit))
    pnl = decompose(backtest)
    assert pnl.gross == sum(backtest.pnl.tolist())
    exact = account_of(backtest).equity(Contract(True, Fraction(1)), int(backtest.mid[-1]) * HALF_TICK)
    traded, held = int(backtest.fills.qty.sum()), abs(int(backtest.position[-1]))
    assert abs(pnl.gross * pnl.unit - exact) <= pnl.unit / 2 * (traded + held)
    for name, value in exact_terms(backtest).items():
        lots = traded if name != "inventory" else int(np.abs(backtest.position).sum())
        assert abs(getattr(pnl, name) * pnl.unit - value) <= pnl.unit * lots, name
    assert bars(backtest, 10).sum() == pytest.approx(pnl.net, rel=1e-9, abs=1e-12)
    assert equity(backtest)[-1] == pytest.approx(pnl.net, rel=1e-9, abs=1e-12)
    assert pnl.net == float(pnl.gross * pnl.unit - Fraction(pnl.maker_fees) - Fraction(pnl.taker_fees))


def test_half_a_unit_of_rounding_is_far_below_the_smallest_coin(simulate):
    backtest = in_coin(simulate(decisions=400))
    satoshi = Fraction(1, 10**8)
    assert backtest.unit / 2 * int(backtest.fills.qty.sum()) < satoshi / 100


def test_mark_outs_are_ticks_like_any_and_money_in_coin(simulate):
    linear = simulate(decisions=400)
    backtest = in_coin(linear)
    fills, end = backtest.fills, backtest.exch_ts[-1]
    for mark, like in zip(mark_outs(backtest), mark_outs(linear), strict=True):
        assert (mark.lots, mark.spread, mark.adverse) == (like.lots, like.spread, like.adverse)
        adverse = realised = Fraction(0)
        for i in np.flatnonzero(fills.maker & (fills.ts_ns + round(mark.horizon_s * 1e9) <= end)):
            last = np.searchsorted(backtest.exch_ts, fills.ts_ns[i] + round(mark.horizon_s * 1e9), side="right") - 1
            signed, later = int(fills.side[i]) * int(fills.qty[i]), coin(backtest.exch_mid[last])
            adverse += signed * (coin(fills.mid[i]) - later)
            realised += signed * (coin(2 * fills.price[i]) - later)
        assert mark.lots > 0
        assert mark.to_dict()["adverse"] == pytest.approx(float(adverse), rel=1e-6)
        assert mark.to_dict()["realised"] == pytest.approx(float(realised), rel=1e-6)


def test_turnover_and_fees_are_shares_of_the_coin_that_changed_hands(simulate):
    backtest = in_coin(simulate(decisions=400))
    fills = backtest.fills
    notional = [qty * coin(2 * price) for price, qty in zip(fills.price.tolist(), fills.qty.tolist(), strict=True)]
    scores = metrics(backtest)
    assert scores.turnover == pytest.approx(float(sum(notional)), rel=1e-11)
    made = [n for n, maker in zip(notional, fills.maker, strict=True) if maker]
    assert scores.pnl.maker_fees == pytest.approx(-float(sum(made)) / 10_000, rel=1e-12)


def test_a_pnl_one_unit_off_is_refused(simulate):
    backtest = in_coin(simulate(decisions=60))
    changed = backtest.pnl.copy()
    changed[30] += 1
    with pytest.raises(ValueError, match="pnl is not what fills and moves of the mid make at decision 30"):
        dataclasses.replace(backtest, pnl=changed)


# --- funding ------------------------------------------------------------------------------------------------------


def funded(backtest: Backtest, rate: float = 0.01) -> Backtest:
    """With a funding known at every fifth decision."""
    decision = np.arange(5, len(backtest.ts_ns), 5)
    ts = backtest.ts_ns[decision] - 1
    position = position_at(backtest.fills, ts, 0)
    mark = np.full(len(ts), 5000.0)
    size = float(LOT) / mark if backtest.instrument.kind == "inverse" else mark * 0.001
    rates = np.full(len(ts), rate)
    return dataclasses.replace(
        backtest, fundings=Fundings(decision, ts, position, rates, mark, position * rates * size)
    )


@pytest.mark.parametrize("inverse", [False, True])
def test_funding_is_paid_out_of_the_net_pnl(simulate, inverse):
    without = simulate(decisions=200)
    without = in_coin(without) if inverse else without
    backtest = funded(without)
    paid = math.fsum(backtest.fundings.paid)
    assert paid != 0
    assert decompose(backtest).net == pytest.approx(decompose(without).net - paid, rel=1e-12)
    assert equity(backtest)[-1] == pytest.approx(decompose(backtest).net, rel=1e-9)
    assert bars(backtest, 10).sum() == pytest.approx(decompose(backtest).net, rel=1e-9)
    assert metrics(backtest).to_dict()["funding"] == paid
    assert decompose(backtest).gross == decompose(without).gross


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("position", "the position that paid funding is not what its fills make at decision 10"),
        ("paid", "a funding paid is not position · mark · rate"),
        ("decision", "fundings.decision goes backward"),
    ],
)
def test_a_funding_that_its_fills_do_not_explain_is_refused(simulate, column, sentence):
    backtest = funded(simulate(decisions=60))
    values = getattr(backtest.fundings, column).copy()
    values[1] = 1 if column == "decision" else values[1] + 1
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(backtest, fundings=backtest.fundings._replace(**{column: values}))


# --- what readers see -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contest_in_coin(simulate):
    results = []
    for model in MODELS:
        common = {"decisions": 300, "limit": 30, "fills_model": model}
        baseline = funded(in_coin(simulate(seed=1, half_spread=4, quoter="fixed_spread", **common)), 0.0001)
        results.append(Result(baseline))
        broke = dataclasses.replace(in_coin(simulate(seed=3, quoter="ppo", **common)), margin=Margin(0.5, 20, 0.01))
        results.append(Result(broke, True, 0))
    return compare(results, MODELS)


def test_every_output_names_the_coin(contest_in_coin):
    provenance = Provenance("t", "d", "c", "cpu", (), ())
    page = report_html(contest_in_coin, provenance)
    assert "in BTC, after all costs" in page
    assert "inverse, settled in BTC" in page
    assert "quote currency" not in page
    assert "net P&L in BTC" in results_table_markdown(contest_in_coin)
    assert all("net P&L in BTC differs" in verdict.sentence for verdict in contest_in_coin.verdicts)
    assert "(BTC)" in to_svg(equity_plot(contest_in_coin.of("touch")))
    values = json.loads(json.dumps(contest_in_coin.to_dict(), allow_nan=False))
    assert values["currency"] == values["rows"][0]["metrics"][0]["currency"] == "BTC"


def test_the_split_has_a_column_of_funding_where_some_was_paid(contest_in_coin, contest):
    assert "| funding |" in results_table_markdown(contest_in_coin)
    assert "funding" not in results_table_markdown(contest)


def test_the_mark_out_picture_starts_at_the_spread_in_ticks(contest_in_coin):
    (axes,) = mark_out_plot(contest_in_coin.of("touch")).axes
    row = contest_in_coin.of("touch")[0]
    fills = row.results[0].backtest.fills
    spread = (fills.side * fills.qty * (fills.mid - 2 * fills.price))[fills.maker].sum() / 2
    assert axes.lines[0].get_ydata()[0] == pytest.approx(spread / fills.qty[fills.maker].sum())


# --- liquidation ----------------------------------------------------------------------------------------------------


def left(backtest: Backtest, k: int, net: np.ndarray) -> Fraction:
    """Equity above maintenance at decision k, from the definition."""
    margin, held = backtest.margin, abs(int(backtest.position[k]))
    return Fraction(margin.balance + net[k]) - held * coin(backtest.mid[k]) * Fraction(margin.maintenance_rate)


@pytest.mark.parametrize("balance", [0.01, 0.03, 0.1, 1.0, 100.0])
def test_a_backtest_says_when_its_collateral_was_gone(simulate, balance):
    base = in_coin(simulate(decisions=300, seed=5, half_spread=0, informed=0.9, limit=30))
    backtest = dataclasses.replace(base, margin=Margin(balance, 20, 0.04))
    scores, net = metrics(backtest), equity(backtest)
    gone = [k for k in range(300) if backtest.position[k] and left(backtest, k, net) < 0]
    if gone:
        assert scores.liquidated_s == (backtest.ts_ns[gone[0]] - backtest.ts_ns[0]) / 1e9
        assert scores.liquidation_distance == 0
    else:
        assert math.isnan(scores.liquidated_s)
        assert scores.liquidation_distance > 0
    assert bool(gone) == (balance < 0.1)


def test_without_collateral_nothing_is_liquidated_and_json_says_none(simulate):
    values = metrics(simulate(decisions=60)).to_dict()
    assert values["liquidated_s"] is None
    assert values["liquidation_distance"] is None


def test_the_report_says_who_lost_the_collateral(simulate):
    base = in_coin(simulate(decisions=300, seed=5, half_spread=0, informed=0.9, limit=30))
    backtest = dataclasses.replace(base, margin=Margin(0.01, 20, 0.04))
    page = report_html(compare([Result(backtest)], MODELS), Provenance("t", "d", "c", "cpu", (), ()))
    assert "would have been liquidated, first after" in page
    assert "0.01 BTC at leverage 20" in page
