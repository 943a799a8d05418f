"""How sure a score is: block-bootstrap intervals over time, paired differences on one tape, spread over seeds.

Letters: S seeds, B bars. Bars of one tape depend on their neighbours, so blocks of them are drawn: the stationary
bootstrap of Politis & Romano 1994, its mean block length by Politis & White 2004, corrected by Patton, Politis & White
2009. Seeds are drawn with replacement beside the blocks, so an interval holds both uncertainties.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats

Statistic = Callable[[np.ndarray], np.ndarray]  # float64 [..., B] → [...]

LEVEL = 0.95
REPLICATES = 2000
FEWEST_BARS = 8
_CHUNK = 20  # replicates held in memory at once


class Interval(NamedTuple):
    """An estimate between the ends of its interval of `LEVEL`; the ends are NaN where there are too few bars."""

    low: float
    estimate: float
    high: float


class Spread(NamedTuple):
    """Scores of several seeds; `low` and `high` are the t interval of their mean, NaN for fewer than two seeds."""

    mean: float
    minimum: float
    maximum: float
    low: float
    high: float


def mean(bars: np.ndarray) -> np.ndarray:
    """Mean of [..., B]."""
    return bars.mean(-1)


def total(bars: np.ndarray) -> np.ndarray:
    """Sum of [..., B]."""
    return bars.sum(-1)


def sharpe(bars: np.ndarray) -> np.ndarray:
    """Mean over standard deviation (B − 1) of [..., B], per bar, not annualised; NaN where the bars do not vary."""
    if bars.shape[-1] < 2:
        return np.full(bars.shape[:-1], math.nan)
    return _ratio(bars.mean(-1), bars.std(-1, ddof=1))


def sortino(bars: np.ndarray) -> np.ndarray:
    """Mean over the root mean square of the losses of [..., B], per bar; NaN where there is no loss (target 0)."""
    return _ratio(bars.mean(-1), np.sqrt(np.mean(np.minimum(bars, 0.0) ** 2, -1)))


def interval(series: np.ndarray, statistic: Statistic, *, seed: int = 0) -> Interval:
    """Percentile interval of `statistic` averaged over seeds.

    Args:
        series: float64 [S, B], the bars of each seed on one tape; [1, B] for a quoter without seeds.
        statistic: maps [..., B] to [...].
        seed: of the draws; the same seed gives the same interval.
    """
    estimate = float(statistic(series).mean())
    draws = [_over_seeds(statistic(series[:, index]), rng) for rng, index in _resamples(series.mean(0), seed)]
    return _percentiles(estimate, draws)


def paired_interval(series: np.ndarray, baseline: np.ndarray, statistic: Statistic, *, seed: int = 0) -> Interval:
    """Percentile interval of the difference of `statistic`, series minus baseline, on the same blocks of the same tape.

    Args:
        series: float64 [S, B].
        baseline: float64 [B], bars of the same times.
        statistic: maps [..., B] to [...].
        seed: of the draws.
    """
    if series.shape[-1] != len(baseline):
        raise ValueError(f"paired bars must be of one tape: {series.shape[-1]} and {len(baseline)} bars")
    estimate = float(statistic(series).mean() - statistic(baseline))
    draws = [
        _over_seeds(statistic(series[:, index]), rng) - statistic(baseline[index])
        for rng, index in _resamples(series.mean(0) - baseline, seed)
    ]
    return _percentiles(estimate, draws)


def spread(values: np.ndarray) -> Spread:
    """Spread of [S] scores over seeds, with Student's t interval of their mean."""
    count, centre = len(values), float(np.mean(values))
    half = math.nan
    if count > 1:
        half = float(stats.t.ppf(0.5 + LEVEL / 2, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return Spread(centre, float(np.min(values)), float(np.max(values)), centre - half, centre + half)


def block_length(bars: np.ndarray) -> float:
    """Mean block length of the stationary bootstrap for the mean of [B]: (2G²/D)^⅓ · B^⅓, at least 1.

    G = Σ λ(k/M)·|k|·R(k) and D = 2(Σ λ(k/M)·R(k))² over the autocovariances R, with the flat-top window λ and M twice
    the lag after which autocorrelations stay insignificant. At most ⌈min(3√B, B/3)⌉.
    """
    count = len(bars)
    longest = math.ceil(min(3 * math.sqrt(count), count / 3))
    run = max(5, math.ceil(math.sqrt(math.log10(count))))  # lags in a row that must be insignificant
    covariance = _autocovariance(bars, min(math.ceil(math.sqrt(count)) + run, count - 1))
    if covariance[0] <= 0:
        return 1.0
    lags = np.arange(1, min(2 * _last_significant(covariance, count, run), len(covariance) - 1) + 1)
    window = np.minimum(1.0, 2 * (1 - lags / lags[-1]))
    scale = covariance[0] + 2 * np.sum(window * covariance[lags])
    slope = 2 * np.sum(window * lags * covariance[lags])
    return float(np.clip((slope / scale) ** 2 * count, 1.0, longest**3) ** (1 / 3)) if scale else float(longest)


def _last_significant(covariance: np.ndarray, count: int, run: int) -> int:
    """The smallest lag m ≥ 1 such that the `run` lags behind it are insignificant; the last lag where there is none."""
    small = np.abs(covariance[1:] / covariance[0]) < 2 * math.sqrt(math.log10(count) / count)
    return next((m for m in range(1, len(small) - run + 1) if small[m : m + run].all()), len(small))


def _autocovariance(bars: np.ndarray, lags: int) -> np.ndarray:
    """R(0) … R(lags) of [B], each divided by B."""
    centred = bars - bars.mean()
    return np.array([centred[lag:] @ centred[: len(bars) - lag] for lag in range(lags + 1)]) / len(bars)


def _resamples(guide: np.ndarray, seed: int) -> Iterator[tuple[np.random.Generator, np.ndarray]]:
    """Chunks of indices [chunk, B] of the stationary bootstrap; `guide` [B] sets the block length. None if short."""
    count = len(guide)
    if count < FEWEST_BARS:
        return
    rng, renew = np.random.default_rng(seed), 1.0 / block_length(guide)
    for _ in range(REPLICATES // _CHUNK):
        fresh = rng.random((_CHUNK, count)) < renew
        fresh[:, 0] = True
        began = np.maximum.accumulate(np.where(fresh, np.arange(count), 0), axis=1)
        start = np.take_along_axis(rng.integers(count, size=(_CHUNK, count)), began, axis=1)
        yield rng, (start + np.arange(count) - began) % count


def _over_seeds(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean over S seeds drawn with replacement, of [S, chunk] → [chunk]."""
    drawn = rng.integers(len(values), size=values.shape)
    return np.take_along_axis(values, drawn, axis=0).mean(0)


def _percentiles(estimate: float, draws: list[np.ndarray]) -> Interval:
    if not draws or not np.isfinite(estimate):
        return Interval(math.nan, estimate, math.nan)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(np.concatenate(draws), (tail, 1 - tail))
    return Interval(float(low), estimate, float(high))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), math.nan), where=np.asarray(below) > 0)
