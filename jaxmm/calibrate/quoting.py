"""What the quoting models need to know about a market, measured on a span of it: σ, and fill intensity A·exp(−kδ).

Calibrate on the training span only: the caller passes its slice. δ is a distance from the mid in ticks.
D decisions · N events · S samples · B blocks.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxmm.calibrate.orders import Recorded, market_orders
from jaxmm.errors import InputError

_FAST_PER_SLOW = 10
_BLOCKS = 20
_NEAREST_DEPTH = 0.5
_FEWEST_ORDERS = 10
_REACHED = 0.9  # share of orders within the depths that are fitted, where the book's levels are fewer


@dataclass(frozen=True)
class Calibration:
    """Estimates on one span, each with its standard error."""

    sigma: float  # ticks/√s
    A: float  # 1/s a side
    k: float  # 1/tick
    sigma_se: float
    A_se: float
    k_se: float
    span_ns: tuple[int, int]  # first and last decision
    noise: float = 0.0  # ticks: standard deviation of the mid's bounce, which is no risk


class Volatility(NamedTuple):
    """σ in ticks/√s with its standard error, and the bounce that it leaves out, in ticks."""

    sigma: float
    sigma_se: float
    noise: float


def calibrate(tape: Recorded) -> Calibration:
    """σ, A and k of a tape or of a slice of one. Raises `InputError` where the span is too short or too quiet."""
    ts_ns = np.asarray(tape.ts_ns)
    moves = volatility(ts_ns, np.asarray(tape.book_price[:, :, 0]).mean(axis=1))
    reaches = market_orders(np.asarray(tape.exch_ts), np.asarray(tape.event), np.asarray(tape.best)).reach
    a, k, a_se, k_se = fill_intensity(
        reaches, span_s(tape), depths=max(tape.book_price.shape[2], math.ceil(np.quantile(reaches, _REACHED)))
    )
    return Calibration(
        moves.sigma, a, k, moves.sigma_se, a_se, k_se, (int(ts_ns[0]), int(ts_ns[-1])), noise=moves.noise
    )


def span_s(tape: Recorded) -> float:
    """Seconds from the first event to the last."""
    return float(tape.exch_ts[-1] - tape.exch_ts[0]) / 1e9


def volatility(ts_ns: np.ndarray, mid_ticks: np.ndarray, sample_s: float = 1.0) -> Volatility:
    """σ from mids [D] at times [D], robust to noise.

    Two-scale realised variance (Zhang, Mykland & Aït-Sahalia 2005), its edges counted exactly: squared moves over
    `sample_s`, averaged over ten shifted grids, less the part that the bounce at a tenth of it explains. The standard
    error is the spread of the estimate over blocks of time. What the fast grid's moves hold beyond σ is twice the
    variance of the noise.
    """
    fast_ns = round(sample_s * 1e9 / _FAST_PER_SLOW)
    grid = np.arange(ts_ns[0], ts_ns[-1] + 1, fast_ns) if len(ts_ns) else np.empty(0, np.int64)
    if len(grid) < 2 * _BLOCKS * _FAST_PER_SLOW:
        raise InputError(
            f"calibration: σ needs at least {2 * _BLOCKS * sample_s:g} s; the span has {len(grid)} samples"
        )
    mids = mid_ticks[np.searchsorted(ts_ns, grid, side="right") - 1]
    per_step = [_two_scale_variance(block) for block in np.array_split(mids, _BLOCKS)]
    variance = float(np.mean(per_step)) * 1e9 / fast_ns
    if variance <= 0:
        raise InputError("calibration: the mid does not move but for bounces in this span; take a longer one")
    sigma = math.sqrt(variance)
    error = float(np.std(per_step, ddof=1)) * 1e9 / fast_ns / math.sqrt(_BLOCKS) / (2 * sigma)
    noise = (float(np.mean(np.square(np.diff(mids)))) - float(np.mean(per_step))) / 2
    return Volatility(sigma, error, math.sqrt(max(noise, 0.0)))


def _two_scale_variance(mids: np.ndarray) -> float:
    """Variance per fast step of S samples, without bias for a constant σ however few they are.

    A slow move's mean square is kv + 2ω², a fast one's v + 2ω².
    """
    k = _FAST_PER_SLOW
    slow, fast = np.mean(np.square(mids[k:] - mids[:-k])), np.mean(np.square(np.diff(mids)))
    return float((slow - fast) / (k - 1))


def fill_intensity(reaches: np.ndarray, span_s: float, depths: int) -> tuple[float, float, float, float]:
    """A, k and their standard errors from the reaches of all market orders, both sides, in `span_s` seconds.

    λ(δ) = A·exp(−kδ) is the rate of orders that reach depth δ on one side (Avellaneda & Stoikov 2008, section 2.5),
    here the least-squares line through ln λ at the depths ½, 1½, … ticks that at least ten orders reach, and at most at
    the first `depths` of them: as many as our quotes may use. Each depth weighs the same: nearly all
    orders end at the touch, where a queue stands before us, and likelihood would fit that depth alone.
    The counts N are nested Poisson numbers, so cov(ln Nᵢ, ln Nⱼ) = 1/max(Nᵢ, Nⱼ), from which the errors follow.
    """
    beyond = np.floor(reaches - _NEAREST_DEPTH).astype(np.int64)
    counts = np.bincount(beyond[beyond >= 0])[::-1].cumsum()[::-1]  # orders that reach each depth
    counts = counts[counts >= _FEWEST_ORDERS][:depths]
    if len(counts) < 2:
        raise InputError(
            f"calibration: fewer than {_FEWEST_ORDERS} orders traded beyond the touch in this span; take a longer one"
        )
    ticks = np.arange(len(counts)) + _NEAREST_DEPTH
    fit = np.linalg.pinv(np.stack([np.ones_like(ticks), -ticks], axis=1))
    log_a, k = fit @ np.log(counts / (2 * span_s))
    a_error, k_error = np.sqrt(np.diag(fit @ (1 / np.maximum.outer(counts, counts)) @ fit.T))
    a = math.exp(log_a)
    return a, float(k), a * float(a_error), float(k_error)
