import math

import numpy as np
import pytest

from jaxmm.evaluate import statistics
from jaxmm.evaluate.statistics import (
    block_length,
    interval,
    mean,
    paired_interval,
    sharpe,
    sortino,
    spread,
    total,
)


def autoregression(coefficient: float, count: int, seed: int) -> np.ndarray:
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal(count)
    values = np.zeros(count)
    for i in range(1, count):
        values[i] = coefficient * values[i - 1] + noise[i]
    return values


@pytest.mark.parametrize(("coefficient", "expected"), [(0.0, 1.54947908), (0.9, 42.50041269)])
def test_block_length_equals_the_published_implementation(coefficient, expected):
    # Values of arch 8.0, optimal_block_length, column `stationary`.
    assert block_length(autoregression(coefficient, 1000, 7)) == pytest.approx(expected, rel=1e-8)


def test_block_length_finds_the_optimum_of_a_known_autoregression():
    lengths = [block_length(autoregression(0.5, 1000, seed)) for seed in range(60)]
    optimum = (2 * 0.5 / (1 - 0.5**2)) ** (2 / 3) * 1000 ** (1 / 3)
    assert np.mean(lengths) == pytest.approx(optimum, rel=0.15)


def test_block_length_of_constant_and_of_trending_bars_stays_in_its_bounds():
    assert block_length(np.full(100, 3.0)) == 1.0
    assert 1.0 <= block_length(np.arange(100.0)) <= math.ceil(3 * math.sqrt(100))


def covered(monkeypatch, blocks: bool) -> float:
    """Share of intervals that hold the true mean 0 of an autoregression."""
    monkeypatch.setattr(statistics, "REPLICATES", 200)
    if not blocks:
        monkeypatch.setattr(statistics, "block_length", lambda bars: 1.0)
    hits = 0
    for seed in range(150):
        result = interval(autoregression(0.6, 400, seed)[None], mean)
        hits += result.low <= 0 <= result.high
    return hits / 150


def test_block_intervals_cover_dependent_bars_and_bar_by_bar_intervals_do_not(monkeypatch):
    with monkeypatch.context() as patch:
        assert 0.85 <= covered(patch, blocks=True) <= 0.98
    assert covered(monkeypatch, blocks=False) < 0.75


def test_the_interval_of_independent_bars_is_the_textbook_one():
    bars = np.random.default_rng(1).normal(0.3, 1.0, (1, 900))
    result = interval(bars, mean)
    half = 1.96 * bars.std() / 30
    assert result.estimate == pytest.approx(bars.mean(), rel=1e-12)
    assert result.low == pytest.approx(bars.mean() - half, abs=0.012)
    assert result.high == pytest.approx(bars.mean() + half, abs=0.012)


def test_intervals_repeat_with_their_seed_and_move_with_another():
    bars = np.random.default_rng(2).normal(size=(3, 200))
    assert interval(bars, sharpe, seed=5) == interval(bars, sharpe, seed=5)
    assert interval(bars, sharpe, seed=5) != interval(bars, sharpe, seed=6)


def test_every_bar_is_drawn_as_often_as_any_other():
    drawn = []

    def remembered(bars):
        drawn.append(bars)
        return bars.mean(-1)

    bars = autoregression(0.9, 60, 3)
    interval(np.append(bars, bars.max() + 1)[None], remembered)
    estimate, *replicates = drawn
    counts = np.mean([np.mean(chunk > bars.max()) for chunk in replicates])
    assert block_length(estimate[0]) > 2
    assert counts == pytest.approx(1 / 61, rel=0.15)


def test_a_pair_on_one_tape_is_told_apart_where_two_intervals_overlap():
    rng = np.random.default_rng(3)
    market, edge = rng.normal(0, 10, 400), rng.normal(0.5, 1, 400)
    ours, baseline = (market + edge)[None], market
    assert interval(ours, total).low < interval(baseline[None], total).high
    assert paired_interval(ours, baseline, total).low > 0
    assert paired_interval(baseline[None], market, total) == (0, 0, 0)


def test_seeds_that_differ_widen_the_interval():
    bars = np.random.default_rng(4).normal(size=(1, 300))
    alike, apart = np.repeat(bars, 4, 0), bars + np.array([[-1.0], [-0.5], [0.5], [1.0]])
    same, wide = interval(alike, mean), interval(apart, mean)
    assert same.estimate == pytest.approx(wide.estimate)
    assert wide.high - wide.low > 2 * (same.high - same.low)


def test_too_few_bars_have_no_interval():
    low, estimate, high = interval(np.ones((1, 7)), total)
    assert math.isnan(low)
    assert math.isnan(high)
    assert estimate == 7


def test_bars_of_two_tapes_are_not_paired():
    with pytest.raises(ValueError, match="100 and 90 bars"):
        paired_interval(np.ones((1, 100)), np.ones(90), total)


def test_sharpe_and_sortino_are_their_formulas_and_undefined_without_variation():
    bars = np.array([1.0, -1.0, 3.0, -2.0])
    assert float(sharpe(bars)) == pytest.approx(0.25 / np.sqrt((0.5625 + 1.5625 + 7.5625 + 5.0625) / 3))
    assert float(sortino(bars)) == pytest.approx(0.25 / np.sqrt(5 / 4))
    assert math.isnan(sharpe(np.ones(5)))
    assert math.isnan(sortino(np.ones(5)))
    assert math.isnan(sharpe(np.ones(1)))


def test_the_spread_over_seeds_is_students_interval():
    result = spread(np.array([1.0, 2.0, 3.0]))
    half = 4.302652729911275 / math.sqrt(3)
    assert result[:3] == (2.0, 1.0, 3.0)
    assert (result.low, result.high) == pytest.approx((2 - half, 2 + half))
    assert math.isnan(spread(np.array([1.0])).low)
