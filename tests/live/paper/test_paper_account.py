"""Paper money: exact, and the same however it is counted."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.messages import ASK, BID
from jaxmm.live.paper.account import PaperAccount

LINEAR = Instrument("test", "BTCUSDT", 0.1, 0.001, base="BTC", quote="USDT", maker_fee=0.0002, taker_fee=0.0005)
INVERSE = Instrument(
    "test", "BTCUSD_PERP", 0.1, 1, "inverse", 100.0, base="BTC", quote="USD", maker_fee=0.0001, taker_fee=0.0005
)
TRADES = st.lists(
    st.tuples(st.sampled_from([BID, ASK]), st.integers(500_000, 700_000), st.integers(1, 50)), min_size=1, max_size=30
)


def account(instrument: Instrument, spot: bool = False, **balances: str) -> PaperAccount:
    return PaperAccount.starting(instrument, spot, {coin: Decimal(amount) for coin, amount in balances.items()})


def test_spot_takes_its_fee_from_what_is_received():
    money = account(LINEAR, True, USDT="100000")
    bought = money.trade(BID, 600_000, 1_000, maker=True)
    assert bought == (Decimal("0.0002"), "BTC", None)
    assert money.balances == {"BTC": Decimal("0.9998"), "USDT": Decimal(40_000)}
    sold = money.trade(ASK, 610_000, 500, maker=False)
    assert sold == (Decimal("15.25"), "USDT", None)
    assert money.balances == {"BTC": Decimal("0.4998"), "USDT": Decimal("70484.75")}
    assert money.position_lots == 500


def test_a_contract_realizes_against_its_average_entry():
    money = account(LINEAR, USDT="1000")
    assert money.trade(BID, 600_000, 10, maker=True).realized == 0
    assert money.trade(BID, 620_000, 10, maker=True).realized == 0
    assert money.trade(ASK, 630_000, 5, maker=True).realized == 10  # 5 of 0.001 BTC, 2000 above 61000
    turned = money.trade(ASK, 600_000, 20, maker=True)
    assert turned.realized == -15
    assert money.position_lots == -5
    assert money.trade(BID, 590_000, 5, maker=True).realized == 5
    assert money.entry_worth == 0


@settings(deadline=None)
@given(TRADES)
@pytest.mark.parametrize("instrument", [LINEAR, INVERSE])
def test_once_flat_the_wallet_has_changed_by_what_the_trades_brought_less_fees(instrument, trades):
    money = account(instrument)
    position = sum(lots if side == BID else -lots for side, _, lots in trades)
    if position:
        trades = [*trades, (ASK if position > 0 else BID, 600_000, abs(position))]
    fees = sum(money.trade(side, price, lots, maker=True).fee for side, price, lots in trades)
    brought = sum((-lots if side == BID else lots) * money.worth(price) for side, price, lots in trades)
    rounding = len(trades) * Decimal("1e-8")
    assert abs(money.balances[instrument.currency] - (brought - fees)) <= rounding
    assert money.position_lots == 0


@pytest.mark.parametrize(
    ("instrument", "spot", "balances", "says"),
    [
        (Instrument("test", "X", 0.1, 1), False, {}, "base or quote is not named"),
        (INVERSE, True, {}, "no spot market"),
        (LINEAR, False, {"BTC": "1"}, "BTC is not held; this account holds USDT"),
    ],
)
def test_an_account_that_does_not_fit_its_instrument_is_refused(instrument, spot, balances, says):
    with pytest.raises(InputError, match=says):
        account(instrument, spot, **balances)


def test_a_spot_balance_must_cover_all_orders_of_a_side_together():
    money = account(LINEAR, True, USDT="120", BTC="0.003")
    assert money.covers(BID, 600_000, 1, [(600_000, 1)])
    assert not money.covers(BID, 600_000, 1, [(600_001, 1)])
    assert money.covers(ASK, 600_000, 2, [(600_000, 1)])
    assert not money.covers(ASK, 600_000, 3, [(600_000, 1)])
