"""The account against a plain ledger of fractions that keeps every lot, and against figures published by a venue."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.errors import InputError
from jaxmm.exchange.account import (
    DAY_NS,
    Account,
    Contract,
    Margin,
    Terms,
    Worth,
    check_worth,
    daily_rates,
    decimal,
    funding_payment,
    initial_margin,
    liquidation_distance,
    liquidation_price,
    maintenance_margin,
    rates_at,
    unit_of,
    unrealised,
)
from jaxmm.instrument import Instrument

LINEAR = Instrument("v", "ETHUSDT", 0.01, 0.001, "linear", 1.0, 0.0002, 0.0005, base="ETH", quote="USDT")
INVERSE = Instrument("v", "BTCUSD", 0.1, 1.0, "inverse", 100.0, -0.0001, 0.0005, base="BTC", quote="USD")
CONTRACTS = [Contract.of(LINEAR), Contract.of(INVERSE)]
prices = st.fractions(min_value=1, max_value=100_000, max_denominator=100)
quantities = st.integers(1, 10_000).map(Fraction)
rates = st.fractions(min_value=-Fraction(1, 100), max_value=Fraction(1, 100), max_denominator=10_000)
fills = st.lists(st.tuples(st.sampled_from([1, -1]), quantities, prices, rates), max_size=8)
contracts = st.sampled_from(CONTRACTS)


def lot_by_lot(contract, trades, price):
    """Net P&L from each fill on its own: bought at its price and held to `price`, less its fee."""
    total = Fraction(0)
    for side, qty, paid, rate in trades:
        if contract.inverse:
            total += side * qty * contract.size * (1 / paid - 1 / price) - rate * qty * contract.size / paid
        else:
            total += side * qty * contract.size * (price - paid) - rate * qty * contract.size * paid
    return total


def after(contract, trades):
    account = Account()
    for side, qty, price, rate in trades:
        account = account.filled(contract, side, qty, price, rate)
    return account


@settings(deadline=None)
@given(contract=contracts, trades=fills, price=prices)
def test_equity_is_what_each_fill_made_on_its_own(contract, trades, price):
    assert after(contract, trades).equity(contract, price) == lot_by_lot(contract, trades, price)


@settings(deadline=None)
@given(contract=contracts, trades=fills, price=prices)
def test_balance_and_equity_are_those_of_the_peer_s_conventions(contract, trades, price):
    balance = fee = position = Fraction(0)
    for side, qty, paid, rate in trades:
        amount = contract.size * qty / paid if contract.inverse else contract.size * qty * paid
        balance, fee, position = balance - amount * side, fee + rate * amount, position + side * qty
    account = after(contract, trades)
    assert (account.balance(contract), account.fees, account.position) == (balance, fee, position)
    held = contract.size * position
    equity = -balance - held / price - fee if contract.inverse else balance + held * price - fee
    assert account.equity(contract, price) == equity


@pytest.mark.parametrize("number", [float, np.float64, Fraction])
def test_a_bitcoin_contract_pays_in_bitcoin(number):
    contract = Contract(True, number(100))
    account = Account().filled(contract, 1, number(600), number(60_000), number(0.0005))
    account = account.filled(contract, -1, number(600), number(61_000), number(-0.0001))
    assert float(account.cash) == pytest.approx(60_000 / 60_000 - 60_000 / 61_000, rel=1e-12)
    assert float(account.fees) == pytest.approx(0.0005 - 0.0001 * 60 / 61, rel=1e-12)
    assert float(unrealised(contract, number(600), number(60_000), number(61_000))) == pytest.approx(1 - 60 / 61)


@settings(deadline=None)
@given(contract=contracts, position=st.integers(-1000, 1000), mark=prices, rate=rates)
def test_what_longs_pay_shorts_receive(contract, position, mark, rate):
    paid = funding_payment(contract, position, mark, rate)
    assert paid == -funding_payment(contract, -position, mark, rate)
    assert (paid > 0) == (position * rate > 0)
    notional = position * contract.size / mark if contract.inverse else position * contract.size * mark
    assert paid == notional * rate
    assert Account(position).funded(contract, mark, rate).equity(contract, mark) == (
        position * contract.worth(mark) - paid
    )


@settings(deadline=None)
@given(
    contract=contracts,
    position=st.integers(-1000, 1000),
    entry=prices,
    margin=st.fractions(min_value=Fraction(1, 1000), max_value=10, max_denominator=1000),
    rate=st.fractions(min_value=0, max_value=Fraction(1, 10), max_denominator=1000),
)
def test_at_the_liquidation_price_equity_is_the_maintenance_margin(contract, position, entry, margin, rate):
    collateral = (rate + margin) * contract.notional(position, entry) + (position == 0)

    def left(price):
        backing = collateral + unrealised(contract, position, entry, price)
        return backing - maintenance_margin(contract, position, price, rate)

    price = liquidation_price(contract, position, entry, collateral, rate)
    if price is None:
        ever = [left(entry * Fraction(10) ** power) for power in range(-12, 13)]
        assert position == 0 or min(ever) > 0
    else:
        assert price > 0
        assert left(price) == 0
        assert (price < entry) == (position > 0)


def test_a_coin_margined_liquidation_price_is_the_one_a_venue_s_calculator_gives():
    """Binance: 101 BTC, long 100,000 contracts of 100 USD from 45,000; bracket of 12.5 % less 11.605 BTC."""
    price = liquidation_price(Contract(True, 100.0), 100_000, 45_000.0, 101.0, 0.125, 11.605)
    assert price == pytest.approx(33_599.40, rel=1e-6)  # the amount is printed to three digits


def test_a_linear_liquidation_price_is_the_one_worked_out_by_hand():
    contract = Contract(False, 1)
    assert liquidation_price(contract, 2, 1000, 100, Fraction(1, 100)) == Fraction(950 * 100, 99)
    assert liquidation_price(contract, -2, 1000, 100, Fraction(1, 100)) == Fraction(1050 * 100, 101)
    assert liquidation_price(contract, 2, 1000, 2000, 0) is None  # paid in full
    assert liquidation_price(Contract(True, 1000), -1, 1000, 1, 0) is None


def test_margins_are_shares_of_notional():
    contract = Contract(True, Fraction(100))
    assert initial_margin(contract, -50, 25_000, 20) == Fraction(100 * 50, 25_000) / 20
    assert maintenance_margin(contract, -100, 25_000, Fraction(4, 1000)) == Fraction(16, 10_000)


@settings(deadline=None)
@given(
    st.sampled_from([LINEAR, INVERSE]),
    st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 10**6), st.floats(0.6, 1.4)), min_size=1, max_size=20),
    st.integers(100, 2**30),
)
def test_pnl_in_integers_is_the_exact_one_within_half_a_unit_a_lot(instrument, trades, mid):
    worth = Worth.at(instrument, mid)
    signed = np.array([side * qty for side, qty, _ in trades], dtype=object)
    ticks = np.array([int(share * mid / 2) for *_, share in trades])
    pnl = int((signed * (int(worth.of(np.array([mid]))[0]) - worth.of(2 * ticks).astype(object))).sum()) * worth.unit
    lot, tick = decimal(instrument.lot_size), decimal(instrument.tick_size)
    account = Account()
    for (side, qty, _), price in zip(trades, ticks.tolist(), strict=True):
        account = account.filled(Contract.of(instrument), side, qty * lot, price * tick, 0)
    exact = account.equity(Contract.of(instrument), mid * tick / 2)
    bound = 0 if instrument.kind == "linear" else worth.unit / 2 * (sum(abs(signed)) + abs(sum(signed)))
    assert abs(pnl - exact) <= bound
    notional = Contract.of(instrument).notional(lot, mid * tick / 2)
    assert worth.unit <= notional / 2**40 or instrument.kind == "linear"


@settings(deadline=None)
@given(st.integers(1, 2**31 - 1), st.floats(0.001, 3))
def test_an_inverse_worth_is_the_nearest_integer_and_rises_with_the_price(scale, share):
    worth, price = Worth.at(INVERSE, scale), max(1, int(scale * share))
    (got,) = worth.of(np.array([price])).tolist()
    assert abs(-got - Fraction(2**worth.shift, price)) <= Fraction(1, 2)
    assert worth.of(np.array([price, price + 1]))[1] >= got


def test_more_lots_than_64_bits_hold_are_refused():
    worth = Worth.at(INVERSE, 1_200_000).of(np.array([1_200_000, 600_000]))
    check_worth(worth, 2_000_000, "a")
    with pytest.raises(InputError, match="coarser lot_size"):
        check_worth(worth, 2**23, "a")


def test_one_ledger_unit_is_exact_money():
    assert unit_of(LINEAR) == Fraction(5, 1_000_000)
    assert unit_of(INVERSE) == 2000


# --- fee tiers ----------------------------------------------------------------------------------------------------

TIERED = dataclasses.replace(LINEAR, fee_tiers=((1000.0, 0.0001, 0.0004), (5000.0, -0.00005, 0.0003)))


@pytest.mark.parametrize(
    ("volume", "expected"),
    [(0, (0.0002, 0.0005)), (999.99, (0.0002, 0.0005)), (1000, (0.0001, 0.0004)), (1e9, (-0.00005, 0.0003))],
)
def test_the_last_tier_whose_volume_is_reached_counts(volume, expected):
    assert rates_at(TIERED, volume) == expected


def tier_by_tier(instrument, ts_ns, notional, before, first_ns):
    """The tier of each fill, from all fills and the even past, one by one."""
    out = []
    for ts in ts_ns:
        today = int(ts) // DAY_NS
        past = [Fraction(n) for t, n in zip(ts_ns, notional, strict=True) if today - 30 <= int(t) // DAY_NS < today]
        since = today - int(first_ns) // DAY_NS
        out.append(rates_at(instrument, sum(past) + decimal(before) * max(30 - since, 0) / 30))
    return np.array(out).reshape(-1, 2)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 70 * DAY_NS), st.floats(0, 2000)), max_size=30),
    st.sampled_from([0.0, 999.0, 1500.0, 6000.0]),
)
def test_a_day_s_tier_is_that_of_the_thirty_days_before_it(trades, before):
    first = 20_000 * DAY_NS + 12_345
    ts = first + np.array([t for t, _ in trades], np.int64)
    notional = np.array([n for _, n in trades])
    got = daily_rates(TIERED, ts, notional, before, first)
    np.testing.assert_array_equal(got, tier_by_tier(TIERED, ts, notional, before, first))


def test_volume_of_the_same_day_does_not_count_yet():
    ts, notional = np.array([0, 10, DAY_NS]), np.array([5000.0, 1.0, 1.0])
    assert daily_rates(TIERED, ts, notional, 0.0, 0)[:, 0].tolist() == [0.0002, 0.0002, -0.00005]


# --- margin on a run ----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    inverse=st.booleans(),
    position=st.integers(-50, 50),
    mid=st.integers(1000, 100_000),
    share=st.floats(-0.5, 2.0),
    rate=st.sampled_from([0.0, 0.004, 0.05]),
)
def test_the_distance_to_liquidation_is_that_of_the_liquidation_price(inverse, position, mid, share, rate):
    contract, unit = Contract(inverse, 1.0), 3.0
    equity = share * max(abs(position), 1) * abs(contract.worth(mid)) * unit
    (got,) = liquidation_distance(np.array([equity]), np.array([position]), np.array([mid]), unit, rate, inverse)
    backing = equity / unit
    if backing < maintenance_margin(contract, position, mid, rate):
        assert got == 0
        return
    price = liquidation_price(contract, position, mid, backing, rate)
    assert got == (math.inf if price is None else pytest.approx(abs(price / mid - 1), rel=1e-9, abs=1e-12))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"balance": 0}, "balance is 0; it is a positive amount"),
        ({"balance": 1, "leverage": 0.5}, r"leverage is 0\.5; it is 1 or more"),
        ({"balance": 1, "leverage": 20, "maintenance_rate": 0.05}, r"below 1/leverage, 0\.05 here"),
    ],
)
def test_margin_terms_that_mean_nothing_are_refused(fields, sentence):
    with pytest.raises(InputError, match=sentence):
        Margin(**fields)


def test_a_position_that_the_collateral_cannot_open_is_refused_with_the_one_it_can():
    margin = Margin(balance=0.5, leverage=10)
    margin.check_limit(INVERSE, (1_000_000, 1_200_000), 2500)  # 5 BTC open 250,000 USD at 50,000
    with pytest.raises(InputError, match=r"a balance of 0\.5 BTC at leverage 10 opens 2500 lots"):
        margin.check_limit(INVERSE, (1_000_000, 1_200_000), 2501)
    with pytest.raises(InputError, match=r"volume_30d is -1"):
        Terms(volume_30d=-1)


@pytest.mark.parametrize(
    ("tiers", "sentence"),
    [
        ([[1000, 0.0001]], "it is volume, maker_fee, taker_fee"),
        ([[0, 0.0001, 0.0002]], "volumes rise from above 0"),
        ([[1000, 0.0001, 0.0002], [1000, 0, 0]], "volumes rise"),
        ([[1000, 0.0001, 2]], r"fee_tiers\[0\] taker_fee is 2; it is a fraction"),
        ({"a": 1}, "it is a list of"),
    ],
)
def test_fee_tiers_out_of_order_are_refused(tiers, sentence):
    with pytest.raises(InputError, match=sentence):
        Instrument.from_dict(LINEAR.to_dict() | {"fee_tiers": tiers})


def test_an_instrument_with_tiers_and_names_survives_yaml(tmp_path):
    import yaml

    path = tmp_path / "instrument.yaml"
    values = TIERED.to_dict() | {"fee_tiers": [list(tier) for tier in TIERED.fee_tiers]}
    path.write_text(yaml.safe_dump(values))
    assert Instrument.from_yaml(path) == TIERED
    assert (LINEAR.currency, INVERSE.currency) == ("USDT", "BTC")
    nameless = dataclasses.replace(INVERSE, base="")
    assert nameless.currency == "base coin"
