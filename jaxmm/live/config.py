"""The configuration of a quoter, read from YAML; sections of other rooms' parts stand in their own files."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from jaxmm.config import Section, load_section
from jaxmm.live.ccxt.config import GatewayConfig
from jaxmm.live.paper.config import PaperSection
from jaxmm.live.risk.limits import RiskLimits
from jaxmm.live.rollout.stages import RolloutConfig


class StrategyQuoter(Section):
    """A strategy by its name."""

    kind: Literal["strategy"]
    name: str
    """A name of `jaxmm.strategies`."""
    settings: dict[str, float] = Field(default={})
    """Its numbers that differ from their defaults."""


class BundleQuoter(Section):
    """A learned policy."""

    kind: Literal["bundle"]
    path: str
    """The folder that `jaxmm export` wrote."""


Single = Annotated[StrategyQuoter | BundleQuoter, Field(discriminator="kind")]


class BoundedQuoter(Section):
    """One proposes, another bounds: never nearer to the mid, never larger, never a side that it leaves out."""

    kind: Literal["bounded"]
    proposes: Single
    """Usually a policy."""
    bounds: Single
    """Usually a closed form."""


class EnsembleQuoter(Section):
    """The middle of several."""

    kind: Literal["ensemble"]
    members: tuple[Single, ...] = Field(min_length=2)
    """Each quotes one order a side."""


AnyQuoter = Annotated[StrategyQuoter | BundleQuoter | BoundedQuoter | EnsembleQuoter, Field(discriminator="kind")]


class Baseline(Section):
    """Who quotes while the quoter is unfit."""

    name: str
    """A name of `jaxmm.strategies`."""
    settings: dict[str, float] = Field(default={})
    """Its numbers that differ from their defaults."""
    wider_ticks: int = Field(default=5, ge=0)
    """How much further from the mid than it says, on both sides."""


class Observing(Section):
    """When and how the market is looked at."""

    clock: str = "100ms"
    """Decision clock: an interval (`100ms`, `1s`) or a count of events (`50ev`)."""
    levels: int = Field(default=20, ge=1, le=200)
    """Book levels a side."""
    max_position_lots: int = Field(default=10, ge=1)
    """Position that the observation counts as 1."""
    distance_ticks: float = Field(default=10.0, gt=0)
    """Distance of our quotes from the mid that the observation counts as 1."""


class Deciding(Section):
    """What is asked of a quoter's answer."""

    timeout_ms: float = Field(default=50.0, gt=0)
    """A quoter's answer that took longer is not used, and the baseline takes over."""
    recover_after: int = Field(default=50, ge=1)
    """Decisions in a row for which the quoter must be fit again before it comes back."""
    max_distance_ticks: int = Field(default=10_000, ge=1)
    """Furthest a quote may be from the mid."""
    max_lateness_ms: float = Field(default=500.0, gt=0)
    """A decision that falls due longer ago than this (the process stood still) is made but not acted on."""


class Serving(Section):
    """Health, readiness and metrics."""

    host: str = "127.0.0.1"
    """Where to listen; everybody who can reach it reads positions and profits."""
    port: int = Field(default=9464, ge=0, le=65535)
    """0 takes a free one."""


class Pace(Section):
    """How often what is done besides quoting is done."""

    tick_ms: float = Field(default=20.0, gt=0)
    """The longest time between two looks at limits, lost answers and switches."""
    checkpoint_s: float = Field(default=10.0, gt=0)
    """Between two states in the journal, from which a restart goes on."""
    compare_s: float = Field(default=30.0, gt=0)
    """Between two comparisons with the venue's open orders, fills and balances."""
    dead_man_s: float = Field(default=15.0, ge=3)
    """After which the venue cancels everything unless we say that we live, where it can."""
    stop_s: float = Field(default=10.0, gt=0)
    """How long a stop asks the venue whether all orders are gone before it gives up and says so."""


class QuoteConfig(Section):
    """One quoter: one instrument at one venue."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """The quoter's name: in journals, metrics, logs, and hashed into its orders' client ids."""
    instrument: str
    """Path of the instrument's YAML file; relative to the working directory."""
    journal: str
    """Path of the journal."""
    gateway: GatewayConfig
    """The venue."""
    paper: PaperSection | None = None
    """The venue that is played with `--paper`."""
    quoter: AnyQuoter
    """Who decides."""
    baseline: Baseline | None = None
    """Who decides while the quoter is unfit; without one the quoter halts."""
    observing: Observing | None = None
    """Decision clock and observation; a bundle's own where not given, and what is given must be equal to it."""
    deciding: Deciding = Deciding()
    """What is asked of an answer."""
    risk: RiskLimits
    """What may never happen."""
    rollout: RolloutConfig | None = None
    """Stages from paper to full; without them the quoter is always at its full limits."""
    order_type: Literal["post_only", "gtc"] = "post_only"
    """What a quote may do on arrival; `post_only` is rejected where it would take."""
    flatten_on_stop: bool = False
    """Whether a stop (SIGTERM) closes the position by a market order; else it is kept for the next start."""
    kill_file: str | None = None
    """While this file is there the quoter is halted."""
    serving: Serving = Serving()
    """Health, readiness and metrics."""
    pace: Pace = Pace()
    """How often things besides quoting are done."""


def load_quote_config(path: str | Path, overrides: tuple[str, ...] = ()) -> QuoteConfig:
    """Reads a YAML file; `overrides` are `a.b=value`. Raises `InputError` on anything unknown or missing."""
    return load_section(path, overrides, QuoteConfig)
