"""Live against simulator over one day: executions matched one by one, the P&L term by term, and whether the gap drifts.

A hit is an execution of both; a miss is one of live that the simulator does not have, an extra one of the simulator
that live does not have. Matched are lots of one side and price whose times are no further apart than a tolerance.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from jaxmm.evaluate.metrics import Decomposition, decompose
from jaxmm.evaluate.result import Backtest, Fills

TOLERANCE_NS = 1_000_000_000
PARTS = 10
"""Pieces of equal length that a day is cut into, to see a drift."""
SURE = 1.96
"""Standard errors of a 95 % interval."""


@dataclass(frozen=True)
class Matching:
    """How the executions of one day compare."""

    hits: np.ndarray  # bool [live executions]: all of its lots are matched
    extras: np.ndarray  # bool [the simulator's executions]: not all of its lots are matched
    live_lots: int
    sim_lots: int
    hit_lots: int
    late_ns: np.ndarray  # int64 [pairs]: the simulator's time minus live's

    @property
    def gap(self) -> float:
        """Share of all lots traded, live or simulated, that have no counterpart; 0 is none, 1 is all of them."""
        total = self.live_lots + self.sim_lots
        return 1 - 2 * self.hit_lots / total if total else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        late_ms = np.abs(self.late_ns) / 1e6
        return {
            "hit": int(self.hits.sum()),
            "miss": int((~self.hits).sum()),
            "extra": int(self.extras.sum()),
            "hit_lots": self.hit_lots,
            "miss_lots": self.live_lots - self.hit_lots,
            "extra_lots": self.sim_lots - self.hit_lots,
            "apart_ms_p50": float(np.median(late_ms)) if len(late_ms) else 0.0,
            "apart_ms_p99": float(np.quantile(late_ms, 0.99)) if len(late_ms) else 0.0,
        }


def match(live: Fills, sim: Fills, tolerance_ns: int = TOLERANCE_NS) -> Matching:
    """Matches lots of equal side and price in the order of time."""
    left = [fills.qty.copy() for fills in (live, sim)]
    late: list[int] = []
    for key in sorted(_keys(live) & _keys(sim)):
        ours, theirs = (np.flatnonzero((fills.side == key[0]) & (fills.price == key[1])) for fills in (live, sim))
        ours, theirs = (at[np.argsort(fills.ts_ns[at], kind="stable")] for at, fills in ((ours, live), (theirs, sim)))
        i = j = 0
        while i < len(ours) and j < len(theirs):
            apart = int(sim.ts_ns[theirs[j]] - live.ts_ns[ours[i]])
            if abs(apart) <= tolerance_ns:
                lots = min(left[0][ours[i]], left[1][theirs[j]])
                left[0][ours[i]] -= lots
                left[1][theirs[j]] -= lots
                late.append(apart)
                i, j = i + (left[0][ours[i]] == 0), j + (left[1][theirs[j]] == 0)
            else:
                i, j = i + (apart > 0), j + (apart < 0)
    live_lots, sim_lots = int(live.qty.sum()), int(sim.qty.sum())
    hit_lots = live_lots - int(left[0].sum())
    return Matching(left[0] == 0, left[1] > 0, live_lots, sim_lots, hit_lots, np.array(late, np.int64))


def _keys(fills: Fills) -> set[tuple[int, int]]:
    return set(zip(fills.side.tolist(), fills.price.tolist(), strict=True))


@dataclass(frozen=True)
class Drift:
    """How the gap moves over the day."""

    pnl: tuple[float, ...]  # live minus simulator by part of the day, before fees, settlement currency
    gaps: tuple[float, ...]  # share of lots without a counterpart, by part
    flags: tuple[str, ...]  # what is beyond chance, in words

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"pnl": list(self.pnl), "gaps": list(self.gaps), "flags": list(self.flags)}


@dataclass(frozen=True)
class LiveComparison:
    """A day traded beside the same day simulated."""

    live: Backtest
    sim: Backtest
    matching: Matching
    live_terms: Decomposition
    sim_terms: Decomposition
    drift: Drift

    @property
    def terms(self) -> dict[str, tuple[float, float]]:
        """(live, simulator) of every term of the P&L, settlement currency."""
        both = (self.live_terms, self.sim_terms)
        units = {name: tuple(t.money(getattr(t, name)) for t in both) for name in TERMS}
        fees = {name: tuple(0.0 - getattr(t, name) for t in both) for name in ("maker_fees", "taker_fees")}
        return units | fees | {"net": tuple(t.net for t in both)}

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `gap` is what gates of a rollout look at."""
        terms = {name: {"live": live, "sim": sim, "gap": live - sim} for name, (live, sim) in self.terms.items()}
        return {
            "gap": self.matching.gap,
            "currency": self.live.instrument.currency,
            "decisions": len(self.live.ts_ns),
            "model": self.sim.fills_model,
            "latency": self.sim.latency,
            "fills": self.matching.to_dict(),
            "terms": terms,
            "drift": self.drift.to_dict(),
        }


TERMS = ("spread", "taker", "until_known", "inventory")


def compare_days(live: Backtest, sim: Backtest, tolerance_ns: int = TOLERANCE_NS) -> LiveComparison:
    """Everything about two runs over the same decisions."""
    matching = match(live.fills, sim.fills, tolerance_ns)
    return LiveComparison(live, sim, matching, decompose(live), decompose(sim), _drift(live, sim, tolerance_ns))


def _drift(live: Backtest, sim: Backtest, tolerance_ns: int) -> Drift:
    edges = np.linspace(0, len(live.ts_ns), PARTS + 1).astype(int)
    unit = float(live.unit)
    pnl = [float((live.pnl - sim.pnl)[a:b].sum() * unit) for a, b in pairwise(edges)]
    parts = [match(_within(live.fills, a, b), _within(sim.fills, a, b), tolerance_ns) for a, b in pairwise(edges)]
    return Drift(tuple(pnl), tuple(part.gap for part in parts), tuple(_flags(pnl, parts)))


def _within(fills: Fills, first: int, stop: int) -> Fills:
    inside = (fills.decision >= first) & (fills.decision < stop)
    return Fills._make(column[inside] for column in fills)


def _flags(pnl: list[float], parts: list[Matching]) -> list[str]:
    """A mean of the parts' P&L gaps, or a difference between the halves' shares of hits, that chance cannot explain."""
    flags = []
    mean, error = float(np.mean(pnl)), float(np.std(pnl, ddof=1)) / math.sqrt(len(pnl))
    if abs(mean) > SURE * error and mean:
        side = "less" if mean < 0 else "more"
        flags.append(
            f"live earns {side} than the simulator: {mean:+g} in each of {len(pnl)} parts (± {SURE * error:g})"
        )
    halves = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    fills = [sum(len(part.hits) for part in half) for half in halves]
    hits = [sum(int(part.hits.sum()) for part in half) for half in halves]
    if min(fills):
        first, second = (h / n for h, n in zip(hits, fills, strict=True))
        share = sum(hits) / sum(fills)
        error = math.sqrt(share * (1 - share) * (1 / fills[0] + 1 / fills[1]))
        if abs(second - first) > SURE * error and second != first:
            flags.append(
                f"the simulator finds {first:.0%} of live's fills in the first half, {second:.0%} in the second"
            )
    return flags
