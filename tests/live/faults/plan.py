"""What one seed does to a quoter: a market, faults of the venue, and the moments at which the process is killed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from jaxmm.sim_venue.faults import KINDS
from jaxmm.sim_venue.schedule import Scheduled, draw_schedule

FAULTY_S = 5.0
KILL = "kill"
GROUPS: tuple[tuple[str, ...], ...] = (
    *((kind,) for kind in KINDS),
    (KILL,),
    tuple(KINDS),
    tuple(KINDS),
    tuple(KINDS),
    (*KINDS, KILL),
    (*KINDS, KILL),
    (*KINDS, KILL),
    (*KINDS, KILL),
    (*KINDS, KILL),
)
"""What a seed draws from, by its remainder: every kind alone, SIGKILL alone, all mixed, all mixed with SIGKILL."""


@dataclass(frozen=True)
class Plan:
    """One trial."""

    seed: int
    market: str  # spot or usdm
    kinds: tuple[str, ...]
    faults: tuple[Scheduled, ...]
    kills: tuple[float, ...]  # seconds after the faults begin

    @property
    def name(self) -> str:
        """Such as `seed 7 usdm: gap`."""
        kinds = "mixed" if len(self.kinds) > 2 else ", ".join(self.kinds)
        return f"seed {self.seed} {self.market}: {kinds}{' and kill' if self.kills and KILL not in kinds else ''}"


def plan_of(seed: int, market: str | None = None, kinds: Sequence[str] = (), seconds: float = FAULTY_S) -> Plan:
    """The trial of a seed; `market` and `kinds` override what the seed would draw."""
    draw = random.Random(f"trial {seed}")
    market = market or draw.choice(["spot", "usdm"])
    kinds = tuple(kinds) or GROUPS[seed % len(GROUPS)]
    venue_kinds = [kind for kind in kinds if kind != KILL]
    faults = draw_schedule(seed, seconds, venue_kinds) if venue_kinds else ()
    times = draw.randint(1, 2) if KILL in kinds else 0
    return Plan(seed, market, kinds, faults, tuple(sorted(draw.uniform(0, seconds) for _ in range(times))))
