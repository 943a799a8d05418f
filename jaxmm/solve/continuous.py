"""What a quoting policy earns in continuous time: mean, variance and certainty equivalent by the backward equations.

Fills of one unit a side at rate A·e^(−kδ); the return is X_T + q_T S_T − αq_T² − φ∫q²dt. With gain = δ + h(q±1) − h(q),
−h_t = −φq² + Σ λ·gain,  −v_t = σ²q² + Σ λ(gain² + v(q±1) − v(q)),
−u_t = −φq² − ½γσ²q² + Σ λ(1 − e^(−γ(δ + u(q±1) − u(q))))/γ.
None takes a difference of large numbers. S = 2Q+1 inventories −Q … Q · M steps of the fourth-order Runge–Kutta rule.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.solve.chain import Score

_FINE, _COARSE = 0.2, 0.6  # most fills a side to expect in one Runge–Kutta step: errors near 1e-10 and 1e-6
_FEWEST_STEPS = 400
_FIRST = 1e-9  # of T: where time left begins if quotes at the end itself are nearer than can be integrated
_MOST_STEPS = 500_000
_GRID, _DEEPEST = 16, 12.0  # constant depths to try: 0 … 12/k


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
    """Both sides of a table: rows are bid and ask, float64 [2, S]; nothing is quoted where it is blocked."""

    rate: np.ndarray
    depth: np.ndarray


_Stage = tuple[float, _Quotes, _Quotes, _Quotes]  # length of a step; quotes at its end, middle and begin


def mesh(market: QuotedMarket, table: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Times left, ascending to T, at which to know a policy that changes smoothly: M steps and their middles, [2M+1].

    Steps are shorter where quotes are nearer, which is at the end: there the maker pays nearly any price to be rid of
    its inventory. Where that price would need steps without number, time left begins at 1e-9 of T instead of 0: what
    is still held then has the same weight in the return.

    Args:
        market: it is quoted in.
        table: depths at times left (ascending), [len, S, 2].
    """
    known = np.concatenate([[0.0], np.geomspace(_FIRST / 10, 1.0, 200)]) * market.T
    nearest = np.nanmin(table(known), axis=(1, 2))
    rate = np.maximum.accumulate(market.A * np.exp(np.minimum(-market.k * nearest, 600.0))[::-1])[::-1]
    found = [0.0 if rate[0] * _FIRST * market.T < _FINE else _FIRST * market.T]
    while found[-1] < market.T:
        here = rate[np.searchsorted(known, found[-1], side="right") - 1]
        found.append(found[-1] + min(_FINE / here if here else np.inf, market.T / _FEWEST_STEPS))
        if len(found) > _MOST_STEPS:
            raise InputError(f"{len(found)} steps do not integrate these quotes; lower Q, T or the penalties")
    found[-1] = market.T
    return np.interp(np.arange(2 * len(found) - 1) / 2, np.arange(len(found)), found)


def worth_of_path(market: QuotedMarket, left: np.ndarray, path: np.ndarray, worth: np.ndarray) -> Worth:
    """Of depths that change smoothly.

    Args:
        market: they are quoted in.
        left: times left of a `mesh`, [2M+1].
        path: depths at them, [2M+1, S, 2].
        worth: mean and certainty equivalent of what is earned in the first of them, [S].
    """
    quotes = _quotes(market, path)
    stages = ((left[i + 2] - left[i], *quotes[i : i + 3]) for i in range(0, len(left) - 2, 2))
    return _integrate(market, stages, worth)


def worth_of_pieces(market: QuotedMarket, pieces: np.ndarray) -> Worth:
    """Of depths that are held over N equal spans, [N, S, 2]; nan quotes none."""
    if pieces.ndim != 3 or not len(pieces) or pieces.shape[1:] != (2 * market.Q + 1, 2):
        raise InputError(f"a policy table has the shape (N, {2 * market.Q + 1}, 2), this one {pieces.shape}")
    span = market.T / len(pieces)
    parts = max(_steps(market, _least(pieces), span, _FINE), math.ceil(_FEWEST_STEPS / len(pieces)))
    return _integrate(market, _held(_quotes(market, pieces), parts, span / parts), _terminal(market))


def best_constant(market: QuotedMarket) -> tuple[float, Score]:
    """The best depth quoted on both sides always, found on a grid and then between its neighbours; and its score."""
    from scipy.optimize import minimize_scalar  # loading it takes longer than most solutions

    def table(depth: float) -> np.ndarray:
        return np.full((1, 2 * market.Q + 1, 2), depth)

    def loss(depth: float) -> float:
        parts = max(_steps(market, depth, market.T, _COARSE), _FEWEST_STEPS // 8)
        held = _held(_quotes(market, table(depth)), parts, market.T / parts)
        return -_integrate(market, held, _terminal(market)).score().mean

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


def _held(pieces: list[_Quotes], parts: int, dt: float) -> Iterator[_Stage]:
    """The stages of `_integrate` where each piece is held over `parts` of its steps."""
    return ((dt, piece, piece, piece) for piece in pieces[::-1] for _ in range(parts))


def _terminal(market: QuotedMarket) -> np.ndarray:
    return -market.alpha * market.inventory**2.0


def _quotes(market: QuotedMarket, tables: np.ndarray) -> list[_Quotes]:
    """Of every table of depths [len, S, 2]."""
    depth = np.moveaxis(tables, 2, 1).copy()
    depth[:, 0, -1] = depth[:, 1, 0] = np.nan
    none = ~np.isfinite(depth)
    depth[none] = 0.0
    rate = np.where(none, 0.0, market.A * np.exp(-market.k * depth))
    return [_Quotes(*both) for both in zip(rate, depth, strict=True)]


def _integrate(market: QuotedMarket, stages: Iterable[_Stage], worth: np.ndarray) -> Worth:
    """Backward, the last step first, from where mean and certainty equivalent are `worth` and nothing varies."""
    q2 = market.inventory**2.0
    risk = market.phi + market.gamma * market.sigma**2 / 2
    slope = partial(_slope, market.gamma, np.stack([-market.phi * q2, market.sigma**2 * q2, -risk * q2]))
    now = np.stack([worth, 0 * q2, worth])
    with np.errstate(over="ignore", invalid="ignore"):
        for dt, end, middle, begin in stages:
            first = slope(end, now)
            second = slope(middle, now + dt / 2 * first)
            third = slope(middle, now + dt / 2 * second)
            fourth = slope(begin, now + dt * third)
            now = now + dt / 6 * (first + 2 * second + 2 * third + fourth)
    if not np.isfinite(now).all():
        raise InputError("this policy's return is beyond float64; lower T, Q or gamma")
    return Worth(*now)


def _slope(gamma: float, drift: np.ndarray, quotes: _Quotes, now: np.ndarray) -> np.ndarray:
    """−d/dt of mean, variance and certainty equivalent, float64 [3, S]; `drift` is what holding adds."""
    up = np.zeros((3, 2, now.shape[1]))  # value after the fill minus value now
    up[:, 0, :-1] = np.diff(now, axis=1)
    up[:, 1, 1:] = -up[:, 0, :-1]
    rate, depth = quotes
    gain = depth + up[0]
    certain = depth + up[2]
    if gamma:
        certain = -np.expm1(-gamma * certain) / gamma
    flows = np.stack([gain, gain**2 + up[1], certain]) * rate
    slope: np.ndarray = flows.sum(axis=1) + drift
    return slope
