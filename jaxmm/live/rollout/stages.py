"""The `rollout` section of a quoter's configuration: stages from paper to full, what leads up and what leads down."""

from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator

from jaxmm.config import Section
from jaxmm.errors import InputError, nearest
from jaxmm.live.risk.limits import RiskLimits
from jaxmm.live.risk.reasons import Reason


class Tighter(Section):
    """Limits of a stage; what is not given is as in `risk`, and nothing may be above it."""

    max_position_lots: int | None = Field(default=None, ge=1)
    max_order_lots: int | None = Field(default=None, ge=1)
    """Larger quotes are cut to this size."""
    max_order_notional: Decimal | None = Field(default=None, gt=0)
    max_open_orders: int | None = Field(default=None, ge=1)
    max_daily_loss: Decimal | None = Field(default=None, gt=0)
    max_drawdown: Decimal | None = Field(default=None, gt=0)
    stop_loss: Decimal | None = Field(default=None, gt=0)

    def given(self) -> dict[str, Any]:
        """Those that are not as in `risk`."""
        return {name: value for name, value in self if value is not None}


class Gate(Section):
    """What a stage must show before a person may promote it; what is not given is not asked."""

    min_hours: float = Field(default=1.0, gt=0)
    """Time in the stage."""
    min_fills: int = Field(default=1, ge=0)
    """Fills in the stage."""
    min_pnl_per_hour: float | None = None
    """The lower end of the 95 % interval of the P&L, settlement currency an hour."""
    min_fill_ratio: float | None = Field(default=None, ge=0, le=1)
    """Lots filled of lots placed."""
    min_mark_out_ticks: float | None = None
    """Mean movement of the mid in favour of a fill, from its price, after `mark_out_s`."""
    max_reject_ratio: float | None = Field(default=None, ge=0, le=1)
    """Requests refused by the venue of requests sent."""
    min_uptime: float | None = Field(default=None, ge=0, le=1)
    """Decisions at which it could quote, of all."""
    max_sim_gap: float | None = Field(default=None, ge=0)
    """Between live and simulator, as `jaxmm live compare` measures it."""


class Floor(Section):
    """What leads down a stage without anybody asked; what is not given is not watched."""

    after_hours: float = Field(default=0.5, gt=0)
    """Time in the stage before its KPIs are judged; halts are judged at once."""
    pnl_per_hour: float | None = None
    """The upper end of the 95 % interval of the P&L may not be below this."""
    fill_ratio: float | None = Field(default=None, ge=0, le=1)
    """Least lots filled of lots placed."""
    mark_out_ticks: float | None = None
    """Least mean mark-out."""
    reject_ratio: float | None = Field(default=None, ge=0, le=1)
    """Most requests refused of requests sent."""
    uptime: float | None = Field(default=None, ge=0, le=1)
    """Least decisions at which it could quote, of all."""
    halts: tuple[Reason, ...] = (
        Reason.DAILY_LOSS,
        Reason.DRAWDOWN,
        Reason.STOP_LOSS,
        Reason.POSITION_MISMATCH,
        Reason.BALANCE_MISMATCH,
    )
    """A halt for one of these leads down."""


class Stage(Section):
    """One step."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """As commands and journals call it."""
    live: bool = True
    """Whether it trades at the venue; else on paper."""
    limits: Tighter = Tighter()
    """What is tighter than in `risk`."""
    gate: Gate = Gate()
    """What it must show to be promoted; the last stage's is never asked."""
    floor: Floor = Floor()
    """What demotes it."""


class RolloutConfig(Section):
    """The stages, the most careful one first; a new journal begins in it, live after a promotion out of paper."""

    stages: tuple[Stage, ...] = Field(min_length=1)
    """Paper stages first."""
    after: str | None = None
    """Of a live quoter: the journal of its paper quoter, whose promotion out of paper lets this one begin."""
    mark_out_s: float = Field(default=5.0, gt=0)
    """How long after a fill its mark-out is taken."""
    bucket_s: float = Field(default=60.0, gt=0)
    """Length of the pieces of time whose P&L increments the interval is made of."""

    @model_validator(mode="after")
    def _ordered(self) -> "RolloutConfig":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError(f"two stages are called alike in {', '.join(names)}; give each its own name")
        modes = [stage.live for stage in self.stages]
        if modes != sorted(modes):
            raise ValueError("a paper stage stands behind a live one; list paper stages first")
        return self

    def index(self, name: str) -> int:
        """Of a stage. Raises `InputError` where there is none of that name."""
        names = [stage.name for stage in self.stages]
        if name not in names:
            raise InputError(f"rollout: no stage {name!r}; {nearest(name, names)}")
        return names.index(name)


def tightened(limits: RiskLimits, stage: Stage) -> RiskLimits:
    """The limits of a stage. Raises `InputError` where one is above what `risk` allows."""
    given = stage.limits.given()
    for name, value in given.items():
        if value > getattr(limits, name):
            raise InputError(
                f"rollout: stage {stage.name} has {name} {value}, risk allows {getattr(limits, name)}; "
                "a stage can only be tighter"
            )
    return limits.model_copy(update=given)
