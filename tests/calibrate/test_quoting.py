"""Calibration recovers the parameters that a simulation was made with, within its own standard errors."""

from types import SimpleNamespace

import numpy as np
import pytest

from jaxmm.calibrate.orders import market_orders
from jaxmm.calibrate.quoting import Calibration, calibrate, fill_intensity, volatility
from jaxmm.errors import InputError
from jaxmm.strategies import calibrated
from jaxmm.strategies.avellaneda_stoikov import distances
from jaxmm.tape.tape import Code

SECOND = 10**9


def bouncing_walk(seconds: int, sigma: float, noise: float, seed: int):
    rng = np.random.default_rng(seed)
    ts = np.arange(0, seconds * SECOND, SECOND // 10)
    walk = 1000 + np.cumsum(rng.normal(0, sigma * 0.1**0.5, len(ts)))
    return ts, walk + rng.normal(0, noise, len(ts))


@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
def test_sigma_is_recovered_through_bid_ask_bounce(noise):
    found = volatility(*bouncing_walk(20_000, 1.5, noise, seed=1))
    assert abs(found.sigma - 1.5) < 4 * found.sigma_se
    assert found.sigma_se < 0.06
    assert found.noise**2 == pytest.approx(noise**2, abs=0.03 * max(noise**2, 1))


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_span_of_a_minute_gives_no_less_variance_on_average_than_a_day(noise):
    found = np.array([volatility(*bouncing_walk(60, 1.5, noise, seed)).sigma ** 2 for seed in range(200)])
    assert abs(found.mean() - 1.5**2) < 4 * found.std() / 200**0.5
    assert found.mean() > 0.9 * 1.5**2


def printed_orders(seconds: float, A: float, k: float, seed: int):
    """Events of Poisson orders, each printing at every tick from the touch to an exponential reach; mid at 1000.5."""
    rng = np.random.default_rng(seed)
    orders = rng.poisson(2 * A * seconds)
    ts = np.sort(rng.integers(0, int(seconds * SECOND), orders))
    buys = rng.random(orders) < 0.5
    last_level = np.floor(rng.exponential(1 / k, orders) - 0.5).astype(int)
    exch_ts, event = [0], [(2, 1000, 5, 0)]
    for t, buy, level in zip(ts, buys, last_level, strict=True):
        for i in range(level + 1):
            exch_ts.append(t)
            event.append((Code.BUY_TRADE, 1001 + i, 1, 0) if buy else (Code.SELL_TRADE, 1000 - i, 1, 0))
    exch_ts.append(int(seconds * SECOND))
    event.append((2, 1000, 6, 5))
    best = np.tile(np.array([1000, 1001], np.int32), (len(event), 1))
    return np.array(exch_ts), np.array(event, np.int32), best


@pytest.mark.parametrize(("A", "k"), [(0.9, 0.3), (3.0, 1.5)])
def test_fill_intensity_is_recovered_from_poisson_arrivals(A, k):
    found = np.array(
        [fill_intensity(market_orders(*printed_orders(4000, A, k, seed)).reach, 4000, depths=20) for seed in range(20)]
    )
    errors = (found[:, :2] - (A, k)) / found[:, 2:]
    assert np.abs(errors).max() < 4
    assert 0.6 < errors.std() < 1.5


def test_the_prints_of_one_order_count_once_with_its_farthest_reach():
    event = np.array([(2, 1000, 5, 0), (1, 1001, 3, 0), (1, 1003, 2, 0), (0, 1000, 1, 0), (1, 1001, 1, 0)], np.int32)
    best = np.tile(np.array([1000, 1001], np.int32), (5, 1))
    orders = market_orders(np.array([0, 5, 5, 5, 9]) * SECOND, event, best)
    assert orders.reach.tolist() == [2.5, 0.5, 0.5]
    assert orders.lots.tolist() == [5, 1, 1]
    assert orders.sign.tolist() == [1, -1, 1]
    assert orders.ts_ns.tolist() == [5 * SECOND, 5 * SECOND, 9 * SECOND]


def tape_of(seconds: float = 4000):
    ts, mid = bouncing_walk(int(seconds), 2.0, 0.0, seed=3)
    half_ticks = np.rint(2 * mid).astype(np.int32)
    price = np.stack([half_ticks // 2, half_ticks - half_ticks // 2], axis=1)[:, :, None].repeat(20, axis=2)
    exch_ts, event, best = printed_orders(seconds, 3.0, 1.5, seed=4)
    return SimpleNamespace(ts_ns=ts, book_price=price, exch_ts=exch_ts, event=event, best=best)


def test_a_tape_is_calibrated_and_fills_in_the_models():
    found = calibrate(tape_of())
    assert abs(found.sigma - 2) < 4 * found.sigma_se
    assert abs(found.A - 3) < 4 * found.A_se
    assert abs(found.k - 1.5) < 4 * found.k_se
    assert found.span_ns == (0, 3999 * SECOND + 9 * SECOND // 10)
    glft = calibrated("glft", found, gamma=0.05)
    assert (glft.sigma, glft.A, glft.k, glft.gamma) == (found.sigma, found.A, found.k, 0.05)
    assert calibrated("avellaneda_stoikov", found, sigma=9.0).sigma == 9.0
    assert calibrated("fixed_spread", found, lots=3).lots == 3


def test_depths_beyond_the_books_levels_do_not_bend_the_fit():
    reaches = np.repeat(np.arange(40) + 0.5, np.r_[np.full(10, 100), np.full(30, 10)])
    near = fill_intensity(reaches, 10.0, depths=10)[1]
    assert near > 1.3 * fill_intensity(reaches, 10.0, depths=40)[1]
    assert near == fill_intensity(np.minimum(reaches, 10.5), 10.0, depths=10)[1]


@pytest.mark.parametrize(("sigma", "A", "k"), [(1.0, 2.0, 1.5), (70.0, 2.0, 0.05)])
def test_without_a_gamma_a_full_position_leans_by_one_half_spread_on_any_market(sigma, A, k):
    found = Calibration(sigma, A, k, 0, 0, 0, (0, 1))
    strategy = calibrated("avellaneda_stoikov", found, lots=2, max_position_lots=20)
    flat, full = (distances(q, strategy.horizon_s, sigma, k, strategy.gamma, np)[0] for q in (0, 10))
    assert (full - flat) * k == pytest.approx(1.0)
    assert calibrated("glft", found, lots=2, max_position_lots=20).gamma == strategy.gamma


def test_spans_too_short_or_too_quiet_are_refused():
    tape = tape_of(100)
    with pytest.raises(InputError, match="at least 40 s"):
        calibrate(SimpleNamespace(**{**vars(tape), "ts_ns": tape.ts_ns[:50], "book_price": tape.book_price[:50]}))
    with pytest.raises(InputError, match="does not move"):
        calibrate(SimpleNamespace(**{**vars(tape), "book_price": np.full_like(tape.book_price, 7)}))
    with pytest.raises(InputError, match="no trade;"):
        calibrate(SimpleNamespace(**{**vars(tape), "event": tape.event + np.array([2, 0, 0, 0], np.int32)}))
    with pytest.raises(InputError, match="beyond the touch"):
        fill_intensity(np.full(10, 0.5), 10.0, depths=20)
    with pytest.raises(InputError, match="did you mean 'glft'"):
        calibrated("gltf", Calibration(1, 1, 1, 0, 0, 0, (0, 1)))
