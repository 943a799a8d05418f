"""How far one market is from another in stylised facts, with the two halves of a recording as the floor.

Facts are scaled so that markets of any price, lot and speed compare: sizes by their mean, waits by theirs, returns by
their standard deviation. The facts are those of Cont (Quantitative Finance 1, 2001) and, for books and order flow,
Bouchaud, Bonart, Donier & Gould (Trades, Quotes and Prices, 2018).
D decisions · K levels a side · O orders · T returns · L lags.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from jaxmm.calibrate.orders import market_orders
from jaxmm.calibrate.regimes import mid_returns
from jaxmm.errors import InputError
from jaxmm.tape.tape import Tape

LEVELS = 10
RETURN_LAGS, SIZE_LAGS, SIGN_LAGS = 20, 50, 100
KURTOSIS_STEPS_S = (1.0, 2.0, 5.0, 10.0)
IMBALANCE_BINS = 10
_FEWEST_IN_BIN = 20
_FEWEST_RETURNS = 100
_FEWEST_ORDERS = 200


class Distance(NamedTuple):
    """Between two facts: of samples, Wasserstein's and Kolmogorov's; of curves, the mean and the largest difference."""

    mean: float
    largest: float


@dataclass(frozen=True)
class Fact:
    """One stylised fact of one market: samples of a distribution, or a curve over `at`, NaN where it is not known."""

    name: str
    axis: str  # what samples are, or `at`
    values: np.ndarray  # float64 [samples] or [points]
    number: float  # the fact in one number …
    number_is: str  # … and which
    at: np.ndarray | None = None  # float64 [points] of a curve

    @property
    def is_curve(self) -> bool:
        """Whether `values` belong to `at`."""
        return self.at is not None

    def distance(self, other: "Fact") -> Distance:
        """To the same fact of another market."""
        if self.is_curve:
            off = np.abs(self.values - other.values)
            known = off[np.isfinite(off)]
            return Distance(float(known.mean()), float(known.max())) if len(known) else Distance(math.nan, math.nan)
        return Distance(
            float(stats.wasserstein_distance(self.values, other.values)),
            float(stats.ks_2samp(self.values, other.values).statistic),
        )


class Comparison(NamedTuple):
    """One fact of a recording's halves and of another market's stretch as long as a half."""

    halves: tuple[Fact, Fact]
    other: Fact
    floor: Distance
    """Between the halves: what no simulator needs to beat."""
    distance: Distance
    """Between the other market and a half, the mean over both halves."""


def facts_of(tape: Tape, start: int = 0, stop: int | None = None) -> dict[str, Fact]:
    """The facts of decisions [start, stop) of a tape. Raises `InputError` where they are too few."""
    part = slice(start, tape.decisions if stop is None else stop)
    ts_ns, price = np.asarray(tape.ts_ns[part]), np.asarray(tape.book_price[part])
    qty = np.asarray(tape.book_qty[part]).astype(np.float64)
    first, last = np.searchsorted(tape.exch_ts, ts_ns[[0, -1]])
    orders = market_orders(*(np.asarray(array[first:last]) for array in (tape.exch_ts, tape.event, tape.best)))
    mid = price[:, :, 0].mean(axis=1)
    returns = mid_returns(ts_ns, mid, 1.0)
    if len(returns) < _FEWEST_RETURNS or len(orders.ts_ns) < _FEWEST_ORDERS or not returns.any():
        raise InputError(
            f"realism: {len(returns)} s with {len(orders.ts_ns)} orders in this stretch; "
            f"{_FEWEST_RETURNS} s, {_FEWEST_ORDERS} orders and a mid that moves are needed"
        )
    facts = (
        _spread(price),
        _scaled("depth at the touch", "lots", qty[:, :, 0].ravel()),
        _depth_by_level(qty),
        _scaled("time between orders", "seconds", np.diff(orders.ts_ns) / 1e9),
        _tails(returns),
        _kurtosis(ts_ns, mid),
        _memory("autocorrelation of returns", "lag, s", returns, RETURN_LAGS),
        _memory("autocorrelation of absolute returns", "lag, s", np.abs(returns), SIZE_LAGS),
        _memory("autocorrelation of order signs", "lag, orders", orders.sign, SIGN_LAGS),
        _imbalance_response(mid, qty),
    )
    return {fact.name: fact for fact in facts}


def compare(tape: Tape, other: Tape) -> dict[str, Comparison]:
    """The facts of a recording's halves beside those of as long a stretch of another market (or all of it)."""
    middle = tape.decisions // 2
    halves = facts_of(tape, 0, middle), facts_of(tape, middle)
    length = int(tape.ts_ns[middle] - tape.ts_ns[0])
    stop = int(np.searchsorted(other.ts_ns, other.ts_ns[0] + length))
    facts = facts_of(other, 0, stop)
    return {
        name: Comparison(
            halves=(first, halves[1][name]),
            other=facts[name],
            floor=first.distance(halves[1][name]),
            distance=_mean([half[name].distance(facts[name]) for half in halves]),
        )
        for name, first in halves[0].items()
    }


def _mean(distances: list[Distance]) -> Distance:
    return Distance(*np.mean(distances, axis=0).tolist())


def _spread(price: np.ndarray) -> Fact:
    spread = (price[:, 1, 0] - price[:, 0, 0]).astype(np.float64)
    return Fact("spread", "ticks", spread, float(spread.mean()), "mean")


def _scaled(name: str, unit: str, values: np.ndarray) -> Fact:
    """Positive samples over their mean; their spread is 1 where they are exponential."""
    scaled = values / values.mean()
    return Fact(name, f"{unit} over their mean", scaled, float(scaled.std()), "coefficient of variation")


def _tails(returns: np.ndarray) -> Fact:
    scaled = np.abs(returns) / returns.std()
    number = float(np.quantile(scaled, 0.99))
    return Fact("returns over 1 s", "size over standard deviation", scaled, number, "99 % quantile (Gaussian: 2.58)")


def _depth_by_level(qty: np.ndarray) -> Fact:
    """Mean sizes over the touch's; NaN at levels that the recording never shows."""
    by_level = qty[:, :, :LEVELS].mean(axis=(0, 1))
    over_touch = np.where(by_level > 0, by_level / by_level[0], math.nan)
    return Fact(
        "depth by level",
        "level",
        over_touch,
        float(np.nanmean(over_touch)),
        "mean over levels",
        np.arange(1.0, len(by_level) + 1),
    )


def _kurtosis(ts_ns: np.ndarray, mid: np.ndarray) -> Fact:
    """Excess kurtosis over longer and longer steps; a Gaussian's is 0."""
    found = [float(stats.kurtosis(mid_returns(ts_ns, mid, step_s))) for step_s in KURTOSIS_STEPS_S]
    steps = np.array(KURTOSIS_STEPS_S)
    return Fact("excess kurtosis of returns", "step, s", np.array(found), found[0], "over 1 s", steps)


def _memory(name: str, axis: str, values: np.ndarray, lags: int) -> Fact:
    """Autocorrelations at lags 1 … `lags`."""
    centred = values - values.mean()
    power = float(centred @ centred)
    found = [float(centred[lag:] @ centred[:-lag]) / power if power else math.nan for lag in range(1, lags + 1)]
    return Fact(
        name, axis, np.array(found), float(np.mean(found)), f"mean of lags 1 … {lags}", np.arange(1.0, lags + 1)
    )


def _imbalance_response(mid: np.ndarray, qty: np.ndarray) -> Fact:
    """Mean direction of the next change of the mid, by the imbalance of the sizes at the touch."""
    changes = np.flatnonzero(np.diff(mid)) + 1
    upcoming = np.searchsorted(changes, np.arange(len(mid)), side="right")
    known = upcoming < len(changes)
    following = changes[upcoming[known]]
    direction = np.sign(mid[following] - mid[following - 1])
    bid, ask = qty[known, 0, 0], qty[known, 1, 0]
    edges = np.linspace(-1, 1, IMBALANCE_BINS + 1)
    bins = np.clip(np.digitize((bid - ask) / np.maximum(bid + ask, 1), edges) - 1, 0, IMBALANCE_BINS - 1)
    counts = np.bincount(bins, minlength=IMBALANCE_BINS)
    sums = np.bincount(bins, direction, IMBALANCE_BINS)
    means = np.where(counts >= _FEWEST_IN_BIN, sums / np.maximum(counts, 1), math.nan)
    middles = (edges[:-1] + edges[1:]) / 2
    number = float(means[-1] - means[0]) / 2
    axis = "(bid − ask)/(bid + ask) at the touch"
    return Fact("next move by imbalance", axis, means, number, "half the last bin less the first", middles)
