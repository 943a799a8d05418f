from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.instrument import Instrument
from jaxmm.live.messages import ASK, BID, Account, Fill
from jaxmm.live.orders import Ledger
from tests.live.orders.venue import FUTURES_ACCOUNT, SPOT, SPOT_ACCOUNT, USDM

D = Decimal


def executed(side: int, price: int, lots: int, fee: str = "0", currency: str = "USDT", realized: str | None = "0"):
    money = D(fee), currency, None if realized is None else D(realized)
    return Fill("t", "", "v", side, price, lots, *money, True, 0, 0)


def ledger_of(instrument: Instrument, account: Account, *fills: Fill) -> Ledger:
    ledger = Ledger(instrument)
    ledger.begin(account)
    for fill in fills:
        ledger.on_fill(fill)
    return ledger


def test_a_futures_wallet_moves_by_realized_profit_and_fees():
    fills = [executed(BID, 1000, 5, "0.0001"), executed(ASK, 1010, 2, "-0.00005", realized="0.002")]
    ledger = ledger_of(USDM, FUTURES_ACCOUNT, *fills)
    assert ledger.position_lots == 3
    assert ledger.balances == {"USDT": D("1000.00195")}
    assert ledger.fees == {"USDT": D("0.00005")}
    assert ledger.differences(Account({"USDT": D("1000.00195")}, 3, 0)) == []


def test_on_spot_both_balances_move_and_a_fee_in_the_base_coin_is_taken_from_what_was_bought():
    fills = [executed(BID, 6_000_000, 100_000, "0.001", "BTC", None)]  # 1 BTC at 60000
    ledger = ledger_of(SPOT, SPOT_ACCOUNT, *fills)
    assert ledger.balances == {"USDT": D(1000 - 60_000), "BTC": D("2.999")}
    assert ledger.position_lots == 100_000
    assert ledger.differences(Account({"USDT": D(-59_000), "BTC": D("2.9990")}, None, 0)) == []


def test_a_difference_says_which_number_differs():
    ledger = ledger_of(USDM, FUTURES_ACCOUNT, executed(BID, 1000, 5))
    position, wallet = ledger.differences(Account({"USDT": D("999.5")}, 4, 0))
    assert str(position) == "position is 4 lots at the venue and 5 lots here"
    assert str(wallet) == "balance is 999.5 USDT at the venue and 1000 USDT here"
    (missing, _) = ledger.differences(Account({"BNB": D(1)}, 5, 0))
    assert (missing.what, missing.ours, missing.venue) == ("BNB", 0, 1)


def test_of_an_account_that_tells_only_what_changed_the_rest_is_not_taken_for_nothing():
    ledger = ledger_of(SPOT, SPOT_ACCOUNT)
    assert ledger.differences(Account({"USDT": D(1000)}, None, 0, whole=False)) == []
    assert [found.what for found in ledger.differences(Account({"USDT": D(1000)}, None, 0))] == ["BTC"]


def test_profit_is_cash_and_position_at_the_mark_after_fees():
    fills = [executed(BID, 1000, 5, "0.01"), executed(ASK, 1010, 2, "0.01")]
    ledger = ledger_of(USDM, FUTURES_ACCOUNT, *fills)
    # bought .005 at 100.0, sold .002 at 101.0; .003 are worth 102.0
    assert ledger.profit(D(102)) == D("0.005") * -100 + D("0.002") * 101 + D("0.003") * 102 - D("0.02")
    assert ledger.unrealized(D(102)) == D("0.003") * 2


def test_profit_of_an_inverse_contract_is_in_the_base_coin():
    inverse = Instrument("v", "BTCUSD_PERP", 0.1, 1, "inverse", 100, base="BTC", quote="USD")
    account = Account({"BTC": D(1)}, 0, 0)
    fills = [executed(BID, 500_000, 10, "0.00001", "BTC"), executed(ASK, 1_000_000, 10, "0", "BTC", "0.01")]
    ledger = ledger_of(inverse, account, *fills)
    assert ledger.profit(D(1)) == 1000 * (1 / D(50_000) - 1 / D(100_000)) - D("0.00001")
    assert ledger.balances == {"BTC": D("1.00999")}


def test_a_position_held_before_the_beginning_is_in_the_position_and_in_no_profit():
    ledger = ledger_of(USDM, Account({"USDT": D(10)}, 7, 0))
    assert ledger.position_lots == 7
    assert ledger.profit(D(100)) == ledger.unrealized(D(100)) == 0


def test_adopted_numbers_of_the_venue_are_no_profit():
    ledger = ledger_of(USDM, FUTURES_ACCOUNT, executed(BID, 1000, 5))
    ledger.adopt(Account({"USDT": D(900)}, 9, 0))
    assert (ledger.position_lots, ledger.balances) == (9, {"USDT": D(900)})
    assert ledger.profit(D(100)) == 0


@pytest.mark.parametrize("turn", [3, 5, 8])
def test_the_average_entry_stays_while_a_position_shrinks_and_begins_anew_when_it_turns(turn):
    ledger = ledger_of(USDM, FUTURES_ACCOUNT, executed(BID, 1000, 2), executed(BID, 1060, 3), executed(ASK, 2000, turn))
    entry = D(200) if turn > 5 else (2 * D(100) + 3 * D(106)) / 5
    assert ledger.unrealized(D(150)) == (5 - turn) * D("0.001") * (150 - entry)


sides, prices, lots = st.sampled_from([BID, ASK]), st.integers(1, 10**6), st.integers(1, 10**4)
decimals = st.decimals(-100, 100, places=8).map(str)


@given(st.lists(st.builds(executed, sides, prices, lots, decimals, st.sampled_from(["USDT", "BTC", "BNB"]), decimals)))
def test_a_ledger_comes_back_from_the_journal_to_the_last_digit(fills):
    ledger, again = ledger_of(USDM, FUTURES_ACCOUNT, *fills), Ledger(USDM)
    again.restore(ledger.to_body())
    assert again.to_body() == ledger.to_body()
    assert again.position_lots == sum(fill.qty_lots * (1 if fill.side == BID else -1) for fill in fills)
    assert again.balances.get("BNB", D(0)) == -sum(fill.fee for fill in fills if fill.fee_currency == "BNB")
    assert again.profit(D(3)) == ledger.profit(D(3))
