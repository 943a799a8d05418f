"""What a day's own requests and fills say about the venue: its latency, and how its queues move.

R requests. Entry is the way to the venue, response the way back; the venue's clock is taken as `skew` ahead of ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.evaluate.live_compare import Matching, match
from jaxmm.evaluate.result import Backtest
from jaxmm.exchange.latency import Constant, Latency, LogNormal
from jaxmm.exchange.types import FillModel, QueueModel
from jaxmm.tape.delays import Delay

EXPONENTS = (0.5, 1.0, 2.0, 3.0, 5.0)
"""Of the queue model, from one where cancellations are mostly ahead of us to one where they are mostly behind."""

DRIFTED = 1.5
"""A ratio of two medians beyond which latency has changed."""


class Answers(NamedTuple):
    """Answered requests of one day, int64 [R] each, ns."""

    kind: np.ndarray  # str [R]: place, amend or cancel
    sent: np.ndarray  # our clock
    exch_ts: np.ndarray  # the venue's clock; 0 where it did not say
    received: np.ndarray  # our clock


@dataclass(frozen=True)
class Delays:
    """What was measured of one way."""

    count: int
    median_ns: int
    p99_ns: int
    sigma: float  # of the logarithm

    @classmethod
    def of(cls, delays_ns: np.ndarray) -> "Delays":
        """Of delays int64 [R], R ≥ 1."""
        logs = np.log(np.maximum(delays_ns, 1))
        return cls(
            len(delays_ns),
            int(np.median(delays_ns)),
            int(np.quantile(delays_ns, 0.99)),
            float(np.median(np.abs(logs - np.median(logs))) * 1.4826),
        )

    @property
    def constant(self) -> Delay:
        """The median, always."""
        return Constant(max(self.median_ns, 0))

    @property
    def log_normal(self) -> Delay:
        """Draws around the median."""
        return LogNormal(max(self.median_ns, 0), round(self.sigma, 4))


@dataclass(frozen=True)
class LatencyFit:
    """Measured delays by what travels."""

    place: Delays
    cancel: Delays
    amend: Delays
    response: Delays

    @property
    def constant(self) -> Latency:
        """Medians."""
        return Latency(**{name: getattr(self, name).constant for name in WAYS})

    @property
    def log_normal(self) -> Latency:
        """Draws."""
        return Latency(**{name: getattr(self, name).log_normal for name in WAYS})

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        measured = {
            name: {"count": d.count, "p50_ms": d.median_ns / 1e6, "p99_ms": d.p99_ns / 1e6, "sigma": d.sigma}
            for name, d in ((name, getattr(self, name)) for name in WAYS)
        }
        return {"constant": self.constant.name, "lognormal": self.log_normal.name, "measured": measured}


WAYS = ("place", "cancel", "amend", "response")


def fit_latency(answers: Answers, skew_ns: int = 0) -> LatencyFit:
    """Both ways of every request. Where the venue did not stamp an answer, half of the round trip counts for each.

    Raises `InputError` where nothing was answered.
    """
    if not len(answers.sent):
        raise InputError("no request was answered; latency cannot be measured: give --latency")
    half = (answers.received - answers.sent) // 2
    known = answers.exch_ts > 0
    entry = np.where(known, answers.exch_ts - skew_ns - answers.sent, half)
    response = Delays.of(np.where(known, answers.received - (answers.exch_ts - skew_ns), half))
    of_kind = {kind: entry[answers.kind == kind] for kind in ("place", "cancel", "amend")}
    place = Delays.of(of_kind["place"] if len(of_kind["place"]) else entry)
    cancel, amend = (Delays.of(of_kind[kind]) if len(of_kind[kind]) else place for kind in ("cancel", "amend"))
    return LatencyFit(place, cancel, amend, response)


def latency_drift(answers: Answers) -> str | None:
    """In words, where round trips of the day's halves differ by `DRIFTED` or more."""
    trips = (answers.received - answers.sent)[np.argsort(answers.sent, kind="stable")]
    halves = [float(np.median(half)) for half in np.array_split(trips, 2) if len(half)]
    if len(halves) < 2 or min(halves) <= 0 or 1 / DRIFTED < halves[1] / halves[0] < DRIFTED:
        return None
    return f"round trips of {halves[0] / 1e6:.3g} ms in the first half, of {halves[1] / 1e6:.3g} ms in the second"


class ModelFit(NamedTuple):
    """How a fill model explains the day."""

    model: FillModel
    matching: Matching

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"model": self.model.name, "gap": self.matching.gap, **self.matching.to_dict()}


def models_to_try(exponents: Sequence[float] = EXPONENTS) -> list[FillModel]:
    """`power3` at these n, and the three models without one; all fill no more than what came."""
    plain = [FillModel(q, True) for q in (QueueModel.PENETRATION, QueueModel.RISK_AVERSE, QueueModel.TOUCH)]
    return [*plain, *(FillModel(QueueModel.POWER3, True, n) for n in exponents)]


def fit_model(
    live: Backtest, simulate: Callable[[FillModel], Backtest], models: Sequence[FillModel], tolerance_ns: int
) -> list[ModelFit]:
    """Every model's matching with the live day, the smallest gap first; of equal ones the one given first."""
    fits = [ModelFit(model, match(live.fills, simulate(model).fills, tolerance_ns)) for model in models]
    return sorted(fits, key=lambda fit: fit.matching.gap)
