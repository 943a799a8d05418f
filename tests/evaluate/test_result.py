import dataclasses
from fractions import Fraction

import numpy as np
import pytest


def test_one_half_tick_lot_is_exact_money(simulate):
    assert simulate(decisions=3).unit == Fraction(1, 20_000)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("pnl", r"fixed_spread under risk_averse: pnl is not what .* at decision 50"),
        ("position", "the position changes by other than its fills at decision 50"),
        ("mid", "pnl is not what fills and moves of the mid make"),
        ("fee", "fee is not the sum of the fills' fees"),
        ("ts_ns", "ts_ns does not increase"),
    ],
)
def test_a_series_that_does_not_add_up_is_refused(simulate, field, sentence):
    backtest = simulate(decisions=100)
    changed = getattr(backtest, field).copy()
    changed[50] = changed[49] if field == "ts_ns" else changed[50] + 7
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(backtest, **{field: changed})


def test_a_lost_fill_is_noticed(simulate):
    backtest = simulate(decisions=100)
    fewer = backtest.fills._make(column[:-1] for column in backtest.fills)
    with pytest.raises(ValueError, match="the position changes by other than its fills"):
        dataclasses.replace(backtest, fills=fewer)


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("side", 0, "neither"),
        ("qty", 0, "not positive"),
        ("mid", 0, "not positive"),
        ("decision", 0, "outside"),
        ("event", -2, "outside"),
    ],
)
def test_a_fill_outside_its_range_is_named(simulate, column, value, sentence):
    backtest = simulate(decisions=100)
    values = getattr(backtest.fills, column).copy()
    values[0] = value
    with pytest.raises(ValueError, match=f"fills.{column} is {sentence}"):
        dataclasses.replace(backtest, fills=backtest.fills._replace(**{column: values}))


def test_types_and_lengths_are_exact(simulate):
    backtest = simulate(decisions=100)
    with pytest.raises(ValueError, match="pnl is float64"):
        dataclasses.replace(backtest, pnl=backtest.pnl.astype(np.float64))
    with pytest.raises(ValueError, match="bid has 99 entries, ts_ns has 100"):
        dataclasses.replace(backtest, bid=backtest.bid[1:])
    with pytest.raises(ValueError, match=r"fills\.fee has"):
        dataclasses.replace(backtest, fills=backtest.fills._replace(fee=backtest.fills.fee[1:]))
