import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.evaluate.markouts import exact_sum, mark_outs
from jaxmm.evaluate.metrics import bar_length_s, bars, decompose, equity, max_drawdown, metrics, win_rate
from jaxmm.evaluate.orders import filled_order_count, order_count

S = 10**9


@pytest.fixture(scope="module")
def by_hand(put_together):
    """Buys 3 at 99 with the mid at 200.5/2, learns of it one tick lower, sells 2 by taking; the rest rides."""
    rows = [
        # ts_ns, mid, position, bid, ask
        (0, 201, 0, 99, 102),
        (1 * S, 199, 3, 98, 101),
        (2 * S, 203, 3, 98, 0),
        (4 * S, 205, 1, 98, 104),
    ]
    fills = [
        # decision, event, ts_ns, side, price, qty, maker, mid, fee
        (1, 0, S // 2, 1, 99, 3, True, 201, 0.25),
        (3, -1, 3 * S, -1, 101, 2, False, 203, 0.5),
    ]
    exch = [(S // 2, 201), (S // 2 + S // 10, 200), (2 * S, 203), (3 * S, 206), (70 * S, 180)]
    return put_together(rows, fills, exch)


def test_the_split_of_a_small_backtest_is_the_one_done_by_hand(by_hand):
    pnl = decompose(by_hand)
    assert pnl.spread == 3 * (201 - 198)
    assert pnl.taker == -2 * (203 - 202)
    assert pnl.until_known == 3 * (199 - 201) - 2 * (205 - 203)
    assert pnl.inventory == 3 * (203 - 199) + 3 * (205 - 203)
    assert pnl.gross == int(by_hand.pnl.sum()) == 2 * (101 * 2 - 99 * 3) + 205
    assert (pnl.maker_fees, pnl.taker_fees) == (0.25, 0.5)
    assert pnl.net == pytest.approx(15 * 0.1 / 2 * 0.001 - 0.75, rel=1e-15)


def test_mark_outs_of_a_small_backtest_are_those_done_by_hand(by_hand):
    tenth, second, ten, minute = mark_outs(by_hand)
    assert (tenth.lots, tenth.spread, tenth.adverse, tenth.realised) == (3, 9, -3, 6)
    assert (second.adverse, second.ticks(second.adverse)) == (-3, -0.5)
    assert ten.adverse == 3 * (206 - 201)
    assert minute.adverse == 3 * (206 - 201)


def test_a_fill_without_a_mid_at_the_horizon_is_left_out_and_counted(by_hand):
    (beyond,) = mark_outs(by_hand, [100.0])
    assert (beyond.lots, beyond.spread, beyond.adverse) == (0, 0, 0)
    assert math.isnan(beyond.ticks(beyond.adverse))


def test_scores_of_a_small_backtest_are_those_done_by_hand(by_hand):
    scores = metrics(by_hand, bar_s=1)
    assert scores.uptime == 0.5  # both sides for 2 of 4 s
    assert scores.mean_inventory == pytest.approx((0 * 1 + 3 * 1 + 3 * 2) / 4)
    assert (scores.max_inventory, scores.fills, scores.maker_lots, scores.taker_lots) == (3, 2, 3, 2)
    assert scores.turnover == pytest.approx((99 * 3 + 101 * 2) * 0.1 * 0.001)
    assert scores.orders == 5  # bids 99 and 98; asks 102, 101 and 104
    assert scores.fill_ratio == 1 / 5


def test_an_order_filled_twice_counts_once_and_a_return_to_a_price_is_another_order(put_together):
    rows = [(k * S, 201, p, bid, 0) for k, (p, bid) in enumerate([(0, 99), (1, 99), (2, 98), (2, 99), (3, 0), (3, 99)])]
    fills = [(k, 0, k * S - 1, 1, 99, 1, True, 201, 0.0) for k in (1, 2, 4)]
    backtest = put_together(rows, fills, [(0, 201), (10 * S, 201)])
    assert (order_count(backtest), filled_order_count(backtest)) == (4, 2)


def test_a_fill_before_the_first_order_at_its_price_belongs_to_no_order(put_together):
    rows = [(k * S, 201, p, bid, 0) for k, (p, bid) in enumerate([(0, 98), (1, 98), (1, 99)])]
    backtest = put_together(rows, [(1, 0, S - 1, 1, 99, 1, True, 201, 0.0)], [(0, 201), (10 * S, 201)])
    assert (order_count(backtest), filled_order_count(backtest)) == (2, 0)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    decisions=st.integers(1, 150),
    half_spread=st.integers(0, 8),
    informed=st.floats(0, 1),
    limit=st.integers(1, 30),
)
def test_whatever_happens_fills_make_the_position_and_terms_make_the_pnl(
    simulate, seed, decisions, half_spread, informed, limit
):
    backtest = simulate(seed, decisions, half_spread, informed, limit)
    fills, pnl = backtest.fills, decompose(backtest)
    assert int((fills.side * fills.qty).sum()) == backtest.position[-1] - backtest.position[0]
    assert pnl.spread + pnl.taker + pnl.until_known + pnl.inventory == sum(backtest.pnl.tolist())
    assert pnl.gross == sum(
        s * q * (int(backtest.mid[-1]) - 2 * p)
        for s, q, p in zip(*(c.tolist() for c in (fills.side, fills.qty, fills.price)), strict=True)
    )
    net = pnl.gross * Fraction(1, 20_000) - Fraction(pnl.maker_fees) - Fraction(pnl.taker_fees)
    assert pnl.net == float(net)
    assert bars(backtest, 10).sum() == pytest.approx(pnl.net, rel=1e-9, abs=1e-9)
    assert equity(backtest)[-1] == pytest.approx(pnl.net, rel=1e-9, abs=1e-9)
    assert 0 <= filled_order_count(backtest) <= order_count(backtest)
    for mark in mark_outs(backtest):
        assert mark.realised == mark.spread + mark.adverse
        assert mark.lots <= int(fills.qty[fills.maker].sum())


def test_informed_trades_cost_more_than_uninformed_ones(simulate):
    ticks = [list(mark_outs(simulate(decisions=1500, informed=p)))[1] for p in (0.0, 0.8)]
    assert ticks[1].ticks(ticks[1].adverse) < ticks[0].ticks(ticks[0].adverse) - 0.5


def test_bars_are_closed_on_the_right(put_together):
    rows = [(0, 200, 0, 0, 0), (S, 200, 1, 0, 0), (S + 1, 230, 1, 0, 0), (2 * S, 230, 1, 0, 0), (4 * S, 231, 1, 0, 0)]
    backtest = put_together(rows, [(1, 0, 1, 1, 90, 1, True, 200, 0.0)], [(0, 200), (9 * S, 200)])
    assert bars(backtest, 1).tolist() == pytest.approx([20 / 20_000, 30 / 20_000, 0, 1 / 20_000])


def test_the_bar_is_the_longest_that_gives_a_hundred(simulate):
    assert [bar_length_s(simulate(decisions=d)) for d in (50, 1000, 1001, 6001)] == [1, 1, 10, 60]


def test_drawdown_counts_from_the_start_and_win_rate_skips_quiet_bars():
    assert max_drawdown(np.array([0.0, -2.0, 5.0, 1.0, 4.0])) == 4.0
    assert max_drawdown(np.array([-3.0, -1.0])) == 3.0
    assert max_drawdown(np.array([1.0, 2.0])) == 0.0
    assert win_rate(np.array([1.0, 0.0, -1.0, 2.0])) == 2 / 3
    assert math.isnan(win_rate(np.zeros(3)))


def test_a_quoter_that_never_trades_has_scores_and_plain_json(put_together):
    backtest = put_together([(k * S, 200 + k, 0, 99, 0) for k in range(5)], [], [(0, 200), (9 * S, 200)])
    values = json.loads(json.dumps(metrics(backtest).to_dict(), allow_nan=False))
    assert (values["net_pnl"], values["sharpe"], values["fill_ratio"], values["uptime"]) == (0.0, None, 0.0, 0.0)
    assert values["mark_outs"][0]["adverse_ticks"] is None


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_a_sum_beyond_64_bits_is_exact(values):
    assert exact_sum(np.array(values, np.int64)) == sum(values)
