from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.units import Units


def units(tick: float = 0.01, lot: float = 0.00001) -> Units:
    return Units(Instrument("binance", "BTCUSDT", tick, lot))


def test_a_venues_strings_become_ticks_and_lots_whatever_their_trailing_zeros():
    assert units().price_ticks("61802.01000000") == 6180201
    assert units().price_ticks("61802.01") == 6180201
    assert units().qty_lots("0.00001000") == 1
    assert units().qty_lots("0.00000000") == 0


@given(st.integers(1, 10**9), st.sampled_from([0.1, 0.01, 0.5, 0.25, 1e-05, 1e-08, 1.0, 5.0]))
def test_ticks_written_and_read_again_are_the_same(ticks, tick):
    read = units(tick=tick)
    assert read.price_ticks(read.price_text(ticks)) == ticks
    assert Decimal(read.price_text(ticks)) == ticks * Decimal(str(tick))


def test_no_price_is_written_with_an_exponent():
    assert units(tick=1e-8).price_text(3) == "0.00000003"
    assert units(lot=1e-8).qty_text(10**9) == "10.00000000"


def test_a_price_off_the_tick_is_refused_by_name():
    with pytest.raises(InputError, match=r"BTCUSDT: price '1\.005' is not a multiple of tick_size 0\.01"):
        units().price_ticks("1.005")


@pytest.mark.parametrize("text", ["", "abc", "nan", "inf", "1e"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError, match="is not a number"):
        units().qty_lots(text)
