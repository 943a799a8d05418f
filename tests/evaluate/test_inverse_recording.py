"""A recorded coin-margined contract, run and judged in fractions of bitcoin."""

from fractions import Fraction

import numpy as np
import pytest

from jaxmm.data.store import import_recording, open_store
from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.metrics import decompose, metrics
from jaxmm.exchange.account import Account, Contract, Margin, Terms, decimal
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel
from jaxmm.instrument import Instrument
from jaxmm.strategies.skewed import SkewedSpread
from jaxmm.tape.build import build_tape


@pytest.fixture(scope="module")
def result(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coinm")
    instrument = Instrument.from_yaml("configs/instruments/binance_coinm_btcusd_perp.yaml")
    recording = shared_data / "binance_coinm/btcusd_perp_20240808.gz"
    import_recording([recording], "binance", instrument, folder / "store", fix_clock=True)
    tape = build_tape(open_store(folder / "store"), folder / "tape", "100ms", 20)
    return backtest(
        tape,
        SkewedSpread(half_spread_ticks=3.0, skew_ticks=0.5, lots=10, max_position_lots=100),
        name="skewed_spread",
        latency=Latency(10_000_000, 10_000_000),
        model=FillModel.parse("risk_averse:partial"),
        max_position_lots=100,
        terms=Terms(margin=Margin(0.05, 20, 0.004)),
    )


def test_a_recorded_inverse_contract_adds_up_to_its_fractions_of_bitcoin(result):
    fills, pnl, contract = result.fills, decompose(result), Contract.of(result.instrument)
    assert len(fills.qty) > 100
    tick, account = decimal(result.instrument.tick_size), Account()
    for side, price, qty, maker in zip(*(c.tolist() for c in (*fills[3:6], fills.maker)), strict=True):
        rate = decimal(result.instrument.maker_fee if maker else result.instrument.taker_fee)
        account = account.filled(contract, side, Fraction(qty), price * tick, rate)
    exact = account.equity(contract, int(result.mid[-1]) * tick / 2)
    lots = int(fills.qty.sum()) + abs(int(result.position[-1]))
    bound = pnl.unit / 2 * lots + account.fees * Fraction(1, 2**50)
    assert account.position == result.position[-1]
    assert abs(pnl.gross * pnl.unit - Fraction(pnl.maker_fees) - Fraction(pnl.taker_fees) - exact) <= bound
    assert pnl.net == pytest.approx(float(exact), rel=1e-9)
    assert pnl.unit / 2 * lots < Fraction(1, 10**12)  # a ten-thousandth of a satoshi


def test_its_scores_are_in_bitcoin_and_its_collateral_lasted(result):
    scores = metrics(result)
    assert scores.currency == "BTC"
    assert scores.turnover == pytest.approx(float(result.fills.qty.sum()) * 100 / 61_500, rel=0.02)
    assert 0.1 < scores.liquidation_distance < 1
    assert np.isnan(scores.liquidated_s)
