"""Whether KPIs pass a gate or break a floor: every criterion by name, with its value and what it must be."""

from dataclasses import dataclass
from typing import Any

from jaxmm.live.rollout.kpis import Kpis
from jaxmm.live.rollout.stages import Floor, Gate


@dataclass(frozen=True)
class Criterion:
    """One number against its bound."""

    name: str
    value: float | None  # None: too little is known
    bound: float
    at_least: bool  # else at most

    @property
    def met(self) -> bool:
        """Whether it is known and inside."""
        return self.value is not None and (self.value >= self.bound if self.at_least else self.value <= self.bound)

    @property
    def broken(self) -> bool:
        """Whether it is known and outside."""
        return self.value is not None and not self.met

    def __str__(self) -> str:
        value = "not known yet" if self.value is None else f"{self.value:.6g}"
        return f"{self.name} is {value}, {'at least' if self.at_least else 'at most'} {self.bound:g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        side = "at_least" if self.at_least else "at_most"
        return {"criterion": self.name, "value": self.value, side: self.bound, "met": self.met}


def criteria(gate: Gate, kpis: Kpis) -> list[Criterion]:
    """What a gate asks, and how it stands."""
    asked = [
        ("hours", kpis.hours, gate.min_hours, True),
        ("fills", kpis.fills, gate.min_fills, True),
        ("pnl_low", kpis.pnl_low, gate.min_pnl_per_hour, True),
        ("fill_ratio", kpis.fill_ratio, gate.min_fill_ratio, True),
        ("mark_out_ticks", kpis.mark_out_ticks, gate.min_mark_out_ticks, True),
        ("reject_ratio", kpis.reject_ratio, gate.max_reject_ratio, False),
        ("uptime", kpis.uptime, gate.min_uptime, True),
        ("sim_gap", kpis.sim_gap, gate.max_sim_gap, False),
    ]
    return [Criterion(name, value, bound, least) for name, value, bound, least in asked if bound is not None]


def broken(floor: Floor, kpis: Kpis) -> list[Criterion]:
    """What is below a floor; nothing before its time."""
    if kpis.hours < floor.after_hours:
        return []
    watched = [
        ("pnl_high", kpis.pnl_high, floor.pnl_per_hour, True),
        ("fill_ratio", kpis.fill_ratio, floor.fill_ratio, True),
        ("mark_out_ticks", kpis.mark_out_ticks, floor.mark_out_ticks, True),
        ("reject_ratio", kpis.reject_ratio, floor.reject_ratio, False),
        ("uptime", kpis.uptime, floor.uptime, True),
    ]
    found = [Criterion(name, value, bound, least) for name, value, bound, least in watched if bound is not None]
    return [one for one in found if one.broken]
