"""What a quoting policy earns in continuous time: mean, variance and certainty equivalent by the backward equations.

Fills of one unit a side at rate A·e^(−kδ); the return is X_T + q_T S_T − αq_T² − φ∫q²dt. With gain = δ + h(q±1) − h(q),
−h_t = −φq² + Σ λ·gain,  −v_t = σ²q² + Σ λ(gain² + v(q±1) − v(q)),
−u_t = −φq² − ½γσ²q² + Σ λ(1 − e^(−γ(δ + u(q±1) − u(q))))/γ.
None takes a difference of large numbers. S = 2Q+1 inventories −Q … Q · M steps of the fourth-order Runge–Kutta rule.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from jaxmm.errors import InputError
from jaxmm.solve.chain import Score

_FINE, _COARSE = 0.2, 0.6  # most fills a side to expect in one Runge–Kutta step: errors near 1e-10 and 1e-6
_FEWEST_STEPS = 400
_MOST_STEPS = 500_000
_GRID, _DEEPEST = 12, 6.0  # constant depths to try: 0 … 6/k


class QuotedMarket(NamedTuple):
    """The market of GLFT and Cartea–Jaimungal."""

    T: float
    Q: int
    A: float  # fill rate at the mid
    k: float  # decay of the fill rate with depth
    sigma: float
    phi: float = 0.0
    alpha: float = 0.0
    gamma: float = 0.0  # risk aversion of the certainty equivalent; zero: that is the mean

    @property
    def inventory(self) -> np.ndarray:
        """−Q … Q, int [S]."""
        return np.arange(-self.Q, self.Q + 1)


class Worth(NamedTuple):
    """Of the return still to come, at every inventory, float64 [S]."""

    mean: np.ndarray
    variance: np.ndarray
    certain: np.ndarray

    def score(self) -> Score:
        """From no inventory: the certainty equivalent as the score, and the return's standard deviation."""
        start = len(self.mean) // 2
        return Score(float(self.certain[start]), math.sqrt(self.variance[start]))


class _Quotes(NamedTuple):
    """Both sides of one table: rows are bid and ask, float64 [2, S]; nothing is quoted where it is blocked."""

    rate: np.ndarray
    depth: np.ndarray


def path_steps(market: QuotedMarket, shallowest: float) -> int:
    """M for a path whose depths are nowhere below `shallowest`."""
    return max(_steps(market, shallowest, market.T, _FINE), _FEWEST_STEPS)


def worth_of_path(market: QuotedMarket, path: np.ndarray) -> Worth:
    """Of depths that change smoothly: their values at 2M+1 equally spaced times from 0 to T, [2M+1, S, 2]."""
    stages = ((path[i + 2], path[i + 1], path[i]) for i in reversed(range(0, len(path) - 2, 2)))
    return _integrate(market, stages, market.T / (len(path) // 2))


def worth_of_pieces(market: QuotedMarket, pieces: np.ndarray) -> Worth:
    """Of depths that are held over N equal spans, [N, S, 2]; nan quotes none."""
    if pieces.ndim != 3 or not len(pieces) or pieces.shape[1:] != (2 * market.Q + 1, 2):
        raise InputError(f"a policy table has the shape (N, {2 * market.Q + 1}, 2), this one {pieces.shape}")
    span = market.T / len(pieces)
    parts = max(_steps(market, _least(pieces), span, _FINE), math.ceil(_FEWEST_STEPS / len(pieces)))
    return _integrate(market, _held(pieces, parts), span / parts)


def best_constant(market: QuotedMarket) -> tuple[float, Score]:
    """The best depth quoted on both sides always, found on a grid and then between its neighbours; and its score."""

    def table(depth: float) -> np.ndarray:
        return np.full((1, 2 * market.Q + 1, 2), depth)

    def loss(depth: float) -> float:
        parts = max(_steps(market, depth, market.T, _COARSE), _FEWEST_STEPS // 8)
        return -_integrate(market, _held(table(depth), parts), market.T / parts).score().mean

    tried = [_DEEPEST / market.k * i / _GRID for i in range(_GRID + 1)]
    best = min(range(_GRID + 1), key=lambda i: loss(tried[i]))
    around = tried[max(best - 1, 0)], tried[min(best + 1, _GRID)]
    depth = float(minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-5 / market.k}).x)
    return depth, worth_of_pieces(market, table(depth)).score()


def _steps(market: QuotedMarket, depth: float, span: float, fills: float) -> int:
    """Runge–Kutta steps over `span` in which no quote is nearer than `depth`."""
    steps = market.A * np.exp(min(-market.k * depth, 700.0)) * span / fills
    if steps > _MOST_STEPS:
        raise InputError(f"a quote at depth {depth:.3g} fills too often to be integrated; lower Q, T or the penalties")
    return max(1, math.ceil(steps))


def _least(depths: np.ndarray) -> float:
    return float(np.min(depths, where=~np.isnan(depths), initial=np.inf))


def _held(pieces: np.ndarray, parts: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The stages of `_integrate` where each piece is held over `parts` of its steps."""
    return ((piece, piece, piece) for piece in pieces[::-1] for _ in range(parts))


def _quotes(market: QuotedMarket, table: np.ndarray) -> _Quotes:
    depth = table.T.copy()
    depth[0, -1] = depth[1, 0] = np.nan
    none = np.isnan(depth)
    depth[none] = 0.0
    return _Quotes(np.where(none, 0.0, market.A * np.exp(-market.k * depth)), depth)


def _integrate(market: QuotedMarket, stages: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]], dt: float) -> Worth:
    """Backward from T; each stage has the tables at the end, the middle and the begin of a step, last step first."""
    q2 = market.inventory**2.0
    now = np.stack([-market.alpha * q2, 0 * q2, -market.alpha * q2])
    with np.errstate(over="ignore", invalid="ignore"):
        for end, middle, begin in stages:
            halfway = _quotes(market, middle)
            first = _slope(market, q2, _quotes(market, end), now)
            second = _slope(market, q2, halfway, now + dt / 2 * first)
            third = _slope(market, q2, halfway, now + dt / 2 * second)
            fourth = _slope(market, q2, _quotes(market, begin), now + dt * third)
            now = now + dt / 6 * (first + 2 * second + 2 * third + fourth)
    if not np.isfinite(now).all():
        raise InputError("this policy's return is beyond float64; lower T, Q or gamma")
    return Worth(*now)


def _slope(market: QuotedMarket, q2: np.ndarray, quotes: _Quotes, now: np.ndarray) -> np.ndarray:
    """−d/dt of mean, variance and certainty equivalent, float64 [3, S]."""
    up = np.zeros((3, 2, len(q2)))  # value after the fill minus value now
    up[:, 0, :-1] = np.diff(now, axis=1)
    up[:, 1, 1:] = -up[:, 0, :-1]
    rate, depth = quotes
    gain = depth + up[0]
    certain = depth + up[2]
    if market.gamma:
        certain = -np.expm1(-market.gamma * certain) / market.gamma
    flows = np.stack([gain, gain**2 + up[1], certain]) * rate
    drift = np.stack([-market.phi * q2, market.sigma**2 * q2, -(market.phi + market.gamma * market.sigma**2 / 2) * q2])
    slope: np.ndarray = flows.sum(axis=1) + drift
    return slope
