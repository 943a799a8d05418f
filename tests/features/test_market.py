import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.features.market import FEATURES, market_features, time_of_day
from jaxmm.features.sums import HORIZONS, Sums
from jaxmm.features.window import SUMS, RollingWindows, add_touch, add_trade


def named(row):
    return SimpleNamespace(**dict(zip(FEATURES, row.tolist(), strict=True)))


def sums(**horizons):
    """Sums that are zero but for `buy_lots={10: 3}` and the like."""
    columns = {}
    for field in Sums._fields:
        default = 1 if field == "windows" else 0
        columns[field] = np.array([horizons.get(field, {}).get(h, default) for h in HORIZONS])
    return Sums(**columns)


def book(bids, asks):
    price = np.array([[p for p, _ in bids], [p for p, _ in asks]], np.int32)
    qty = np.array([[q for _, q in bids], [q for _, q in asks]], np.int32)
    return price, qty


def features_of(bids, asks, window_sums=None, day=0.0):
    return named(market_features(*book(bids, asks), window_sums or sums(), np.float32(day), np))


def test_there_are_fourteen_features():
    assert len(FEATURES) == len(set(FEATURES)) == 14


def test_book_features_by_hand():
    bids = [(100, 6), (99, 1), (98, 1), (97, 1), (96, 1), (95, 90)]
    asks = [(104, 2), (105, 1), (106, 1), (107, 1), (108, 1), (109, 0)]
    seen = features_of(bids, asks)
    assert seen.spread_ticks == 4
    # (6·104 + 2·100)/8 = 103, the mid is 102
    assert seen.microprice_offset == 1
    assert seen.imbalance_1 == 0.5
    assert seen.imbalance_5 == pytest.approx(4 / 16)
    assert seen.imbalance_all == pytest.approx(94 / 106)


def test_window_features_by_hand():
    window_sums = sums(
        ofi_lots={1: -9, 10: 99},
        buy_lots={10: 3, 100: 0},
        sell_lots={10: 1, 100: 7},
        squared_moves={10: 360, 100: 400, 600: 2400},
        windows={10: 10, 100: 100, 600: 150},
    )
    seen = features_of([(100, 1)], [(101, 1)], window_sums)
    assert seen.ofi_1 == pytest.approx(-math.log(10))
    assert seen.ofi_10 == pytest.approx(math.log(100))
    assert seen.trade_imbalance_10 == 0.5
    assert seen.trade_imbalance_100 == -1
    # 360 half-ticks² are 90 ticks², 9 a window
    assert (seen.volatility_10, seen.volatility_100, seen.volatility_600) == (3, 1, 2)


def test_an_empty_book_and_a_quiet_market_give_zeros():
    seen = features_of([(100, 0)], [(102, 0)], sums(windows=dict.fromkeys(HORIZONS, 0)))
    assert (seen.imbalance_1, seen.imbalance_all, seen.trade_imbalance_10, seen.volatility_600) == (0, 0, 0, 0)


def test_time_of_day_turns_once_a_utc_day():
    noon = int(1.5 * 86400e9)
    seen = features_of([(100, 1)], [(101, 1)], day=time_of_day(np.array(noon)))
    assert seen.time_sin == pytest.approx(0, abs=1e-6)
    assert seen.time_cos == pytest.approx(-1)
    assert time_of_day(np.array([0, 86400 * 10**9 - 1])).tolist() == [0.0, 1.0]


def test_jax_gives_the_features_of_numpy_to_float32_rounding():
    rng = np.random.default_rng(2)
    price = np.cumsum(rng.integers(1, 4, (50, 2, 20)), axis=-1).astype(np.int32) + 600_000
    qty = rng.integers(0, 10**6, (50, 2, 20)).astype(np.int32)
    window_sums = Sums(*(rng.integers(0, 10**6, (50, 4)).astype(np.int32) for _ in Sums._fields))
    day = rng.random(50).astype(np.float32)
    of_numpy = market_features(price, qty, window_sums, day, np)
    of_jax = jax.jit(lambda *a: market_features(*a, jnp))(price, qty, window_sums, day)
    assert of_numpy.dtype == of_jax.dtype == np.float32
    np.testing.assert_allclose(of_jax, of_numpy, rtol=2e-6, atol=5e-7)


@given(st.lists(st.lists(st.integers(-100, 100), min_size=SUMS, max_size=SUMS), min_size=1, max_size=60), st.data())
def test_rolling_sums_are_the_sums_of_the_last_windows_however_they_are_fed(windows, data):
    windows = np.array([[0] * SUMS, *windows])
    cut = data.draw(st.integers(0, len(windows)))
    rolling = RollingWindows()
    parts = [rolling.extend(part) for part in (windows[:cut], windows[cut:])]
    got = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    for d in range(len(windows)):
        for h, horizon in enumerate(HORIZONS):
            start = max(d - horizon, 0)
            expected = windows[start + 1 : d + 1].sum(axis=0)
            assert [column[d, h] for column in got] == [*expected, d - start]


def test_rolling_sums_forget_what_is_older_than_the_longest_horizon():
    rolling = RollingWindows()
    windows = np.ones((2000, SUMS), np.int64)
    windows[0] = 0
    fed = [rolling.extend(part) for part in np.split(windows, range(7, 2000, 7))]
    np.testing.assert_array_equal(fed[-1].buy_lots[-1], HORIZONS)
    assert len(rolling._totals) == max(HORIZONS)


def touch_flow(before, after):
    window = np.zeros(SUMS, np.int64)
    add_touch(window, np.array(before), np.array(after))
    return window.tolist()


@pytest.mark.parametrize(
    ("after", "flow", "squared"),
    [
        ((100, 5, 102, 7), 0, 0),  # nothing
        ((100, 8, 102, 7), 3, 0),  # more bid
        ((100, 5, 102, 9), -2, 0),  # more ask
        ((101, 4, 102, 7), 4, 1),  # a better bid counts whole
        ((99, 4, 102, 7), -5, 1),  # a lost bid counts whole
        ((100, 5, 101, 3), -3, 1),  # a better ask
        ((100, 5, 105, 3), 7, 9),  # a lost ask
    ],
)
def test_order_flow_imbalance_by_hand(after, flow, squared):
    assert touch_flow((100, 5, 102, 7), after) == [0, 0, flow, squared]


def test_trades_are_summed_by_aggressor():
    window = np.zeros(SUMS, np.int64)
    for side, lots in [(0, 5), (1, 2), (0, 1)]:
        add_trade(window, side, lots)
    assert window.tolist() == [6, 2, 0, 0]
