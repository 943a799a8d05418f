"""Quoters side by side on one tape: a row each and fill model, and a verdict on every learned policy, stated plainly.

Letters: S seeds, B bars.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError, nearest
from jaxmm.evaluate.metrics import Metrics, bar_length_s, bars, metrics
from jaxmm.evaluate.result import Backtest
from jaxmm.evaluate.statistics import Interval, Spread, interval, paired_interval, sharpe, spread, total


class FillModels(NamedTuple):
    """Names of the three fill models that make a P&L an interval, as `Backtest.fills_model` has them."""

    pessimistic: str
    calibrated: str
    optimistic: str


@dataclass(frozen=True)
class Result:
    """One backtest among those compared."""

    backtest: Backtest
    learned: bool = False
    seed: int | None = None  # training seed of a learned policy


@dataclass(frozen=True)
class Row:
    """One quoter under one fill model, over its seeds. Money is net, in settlement currency."""

    quoter: str
    fills_model: str
    learned: bool
    results: tuple[Result, ...]  # [S]
    metrics: tuple[Metrics, ...]  # [S]
    bars: np.ndarray  # float64 [S, B]
    pnl: Interval  # mean over seeds of the P&L of the whole span
    pnl_over_seeds: Spread
    sharpe: Interval  # per bar

    def mean(self, score: Callable[[Metrics], float]) -> float:
        """Mean over seeds of a score, NaN where one seed has none."""
        return math.fsum(score(m) for m in self.metrics) / len(self.metrics)


class Outcome(StrEnum):
    """What the paired interval of policy minus baseline says about 0."""

    WINS = "wins"
    LOSES = "loses"
    INDISTINGUISHABLE = "is indistinguishable"


@dataclass(frozen=True)
class Verdict:
    """A learned policy against the baseline with the highest P&L under the same fill model."""

    policy: Row
    baseline: Row
    difference: Interval  # net P&L of the span, policy minus baseline, on the same blocks

    @property
    def outcome(self) -> Outcome:
        """Wins or loses where the interval leaves 0 out."""
        if self.difference.low > 0:
            return Outcome.WINS
        return Outcome.LOSES if self.difference.high < 0 else Outcome.INDISTINGUISHABLE

    @property
    def sentence(self) -> str:
        """The verdict in words a reader cannot mistake."""
        currency = self.policy.metrics[0].currency
        against = "from" if self.outcome is Outcome.INDISTINGUISHABLE else "against"
        return (
            f"{self.policy.quoter} {self.outcome} {against} the best baseline, {self.baseline.quoter}, under "
            f"{self.policy.fills_model} fills: net P&L in {currency} differs by {in_words(self.difference)}. By "
            f"itself it {self._by_itself()}: {in_words(self.policy.pnl)}."
        )

    def _by_itself(self) -> str:
        if self.policy.pnl.low > 0:
            return "makes money"
        return "loses money" if self.policy.pnl.high < 0 else "neither makes nor loses money beyond chance"


@dataclass(frozen=True)
class Comparison:
    """All rows, ordered by fill model and then as the results came, and the verdicts in the same order."""

    fill_models: FillModels
    bar_s: int
    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def currency(self) -> str:
        """What the money of all rows is in."""
        return self.rows[0].metrics[0].currency

    def of(self, fills_model: str) -> tuple[Row, ...]:
        """The rows of one fill model."""
        return tuple(row for row in self.rows if row.fills_model == fills_model)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for machines."""
        return {
            "bar_s": self.bar_s,
            "currency": self.currency,
            "rows": [_row_dict(row) for row in self.rows],
            "verdicts": [_verdict_dict(verdict) for verdict in self.verdicts],
        }


def compare(results: Sequence[Result], fill_models: FillModels, *, seed: int = 0) -> Comparison:
    """Compares quoters on one tape.

    Raises:
        InputError: no results, a fill model that is not one of the three, two results of one quoter, model and seed, or
            results of different decision times.
    """
    _check(results, fill_models)
    bar_s = bar_length_s(results[0].backtest)
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in sorted(results, key=lambda r: fill_models.index(r.backtest.fills_model)):
        groups.setdefault((result.backtest.fills_model, result.backtest.quoter), []).append(result)
    rows = tuple(_row(tuple(group), bar_s, seed) for group in groups.values())
    verdicts = tuple(verdict for model in fill_models for verdict in _verdicts(rows, model, seed))
    return Comparison(fill_models, bar_s, rows, verdicts)


def in_words(values: Interval) -> str:
    """`+1.23 [-0.40, +2.86]`, with the digits that the width of the interval makes meaningful."""
    scale = values.high - values.low if values.high > values.low else abs(values.estimate)
    if math.isnan(scale):
        scale = abs(values.estimate)
    digits = min(max(0, 2 - math.floor(math.log10(scale))), 8) if scale > 0 else 2
    low, estimate, high = (f"{value:+,.{digits}f}".replace("-", "−") for value in values)
    if math.isnan(values.low):
        return f"{estimate} [too few bars for an interval]"
    return f"{estimate} [{low}, {high}]"


def _row(results: tuple[Result, ...], bar_s: int, seed: int) -> Row:
    backtest = results[0].backtest
    series = np.stack([bars(result.backtest, bar_s) for result in results])
    scores = tuple(metrics(result.backtest, bar_s) for result in results)
    return Row(
        quoter=backtest.quoter,
        fills_model=backtest.fills_model,
        learned=results[0].learned,
        results=results,
        metrics=scores,
        bars=series,
        pnl=interval(series, total, seed=seed),
        pnl_over_seeds=spread(np.array([score.pnl.net for score in scores])),
        sharpe=interval(series, sharpe, seed=seed),
    )


def _verdicts(rows: tuple[Row, ...], fills_model: str, seed: int) -> list[Verdict]:
    of_model = [row for row in rows if row.fills_model == fills_model]
    baselines = [row for row in of_model if not row.learned]
    if not baselines:
        return []
    best = max(baselines, key=lambda row: row.pnl.estimate)
    return [
        Verdict(row, best, paired_interval(row.bars, best.bars.mean(0), total, seed=seed))
        for row in of_model
        if row.learned
    ]


def _check(results: Sequence[Result], fill_models: FillModels) -> None:
    if not results:
        raise InputError("nothing to compare: no backtest was given; run at least one quoter")
    seen = set()
    for result in results:
        backtest = result.backtest
        name = f"backtest of {backtest.quoter} under {backtest.fills_model}"
        if backtest.fills_model not in fill_models:
            raise InputError(
                f"{name}: not one of the fill models compared; {nearest(backtest.fills_model, fill_models)}"
            )
        if not np.array_equal(backtest.ts_ns, results[0].backtest.ts_ns):
            raise InputError(f"{name}: its decisions are not those of the others; compare quoters on one tape")
        key = (backtest.quoter, backtest.fills_model, result.seed)
        if key in seen:
            raise InputError(f"{name}: seed {result.seed} is there twice; give every result once")
        seen.add(key)


def _row_dict(row: Row) -> dict[str, Any]:
    return {
        "quoter": row.quoter,
        "fills": row.fills_model,
        "learned": row.learned,
        "seeds": [result.seed for result in row.results],
        "net_pnl": _finite(row.pnl),
        "net_pnl_over_seeds": _finite(row.pnl_over_seeds),
        "sharpe": _finite(row.sharpe),
        "metrics": [scores.to_dict() for scores in row.metrics],
    }


def _verdict_dict(verdict: Verdict) -> dict[str, Any]:
    return {
        "quoter": verdict.policy.quoter,
        "fills": verdict.policy.fills_model,
        "baseline": verdict.baseline.quoter,
        "outcome": verdict.outcome.name.lower(),
        "difference": _finite(verdict.difference),
        "sentence": verdict.sentence,
    }


def _finite(values: Interval | Spread) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values._asdict().items()}
