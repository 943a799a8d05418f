"""What a person asks of a quoter from outside: how it stands, and commands after a look at that.

Reads the journal behind its last state; the quoter may be running or not.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from jaxmm.errors import InputError
from jaxmm.live.commands import Command, Verb, give, seen
from jaxmm.live.config import QuoteConfig
from jaxmm.live.journal.market import MARKET
from jaxmm.live.journal.reading import last_rows
from jaxmm.live.risk.memory import Memory as RiskMemory
from jaxmm.live.risk.reasons import State
from jaxmm.live.rollout.gates import criteria
from jaxmm.live.rollout.kpis import kpis_of
from jaxmm.live.rollout.rollout import Memory as RolloutMemory
from jaxmm.live.rollout.stages import RolloutConfig


@dataclass(frozen=True)
class Standing:
    """How a quoter stands, as its journal says."""

    risk: RiskMemory
    rollout: RolloutMemory | None


def standing(journal: str | Path) -> Standing:
    """Reads it. Raises `InputError` where there is no journal or its end was changed."""
    rows = [row for row in last_rows(journal) if row.kind != MARKET]
    return Standing(RiskMemory.recovered(rows), RolloutMemory.recovered(rows))


def release(config: QuoteConfig, by: str, note: str) -> dict[str, Any]:
    """Asks the quoter to be active again, out of the state that its journal shows now."""
    memory = standing(config.journal).risk
    if memory.state is State.ACTIVE:
        raise InputError(f"{config.journal}: the quoter is active; there is nothing to release")
    given = _give(config, Verb.RELEASE, by, note, seen(memory.state, memory.since_ns))
    return {"released": str(memory.state), "reason": str(memory.reason), "text": memory.text, "command": given}


def halt(config: QuoteConfig, by: str, note: str) -> dict[str, Any]:
    """Asks the quoter to halt."""
    return {"command": _give(config, Verb.HALT, by, note, "")}


def status(config: QuoteConfig) -> dict[str, Any]:
    """Stage, KPIs and what the gate asks."""
    stages, memory = _rollout(config)
    stage = stages.stages[stages.index(memory.stage)]
    kpis = kpis_of(memory.sums, stages.bucket_s)
    return {
        "stage": stage.name,
        "live": stage.live,
        "since_ns": memory.sums.since_ns,
        "stages": [one.name for one in stages.stages],
        "kpis": {name: getattr(kpis, name) for name in kpis.__dataclass_fields__},
        "gate": [one.to_dict() for one in criteria(stage.gate, kpis)],
    }


def promote(config: QuoteConfig, by: str, note: str, comparison: Path | None) -> dict[str, Any]:
    """Asks for the next stage. Raises `InputError` where the gate is not met; the quoter looks once more itself."""
    stages, memory = _rollout(config)
    stage = stages.stages[stages.index(memory.stage)]
    if stage is stages.stages[-1]:
        raise InputError(f"{config.journal}: stage {stage.name} is the last one")
    if comparison is not None:
        memory.sums.sim_gap = _sim_gap(comparison)
    missing = [str(one) for one in criteria(stage.gate, kpis_of(memory.sums, stages.bucket_s)) if not one.met]
    if missing:
        raise InputError(f"{config.journal}: stage {stage.name} is not promoted: {'; '.join(missing)}")
    after = stages.stages[stages.index(stage.name) + 1]
    given = _give(config, Verb.PROMOTE, by, note, stage.name, memory.sums.sim_gap)
    return {"from": stage.name, "to": after.name, "command": given}


def demote(config: QuoteConfig, by: str, note: str) -> dict[str, Any]:
    """Asks for the stage before."""
    stages, memory = _rollout(config)
    index = stages.index(memory.stage)
    if index == 0:
        raise InputError(f"{config.journal}: stage {memory.stage} is the first one; halt the quoter instead")
    given = _give(config, Verb.DEMOTE, by, note, memory.stage)
    return {"from": memory.stage, "to": stages.stages[index - 1].name, "command": given}


def _rollout(config: QuoteConfig) -> tuple[RolloutConfig, RolloutMemory]:
    if config.rollout is None:
        raise InputError("rollout: the configuration has no section rollout; list its stages there")
    memory = standing(config.journal).rollout
    if memory is None:
        raise InputError(f"{config.journal}: no rollout has begun; start the quoter once")
    return config.rollout, memory


def _give(config: QuoteConfig, verb: Verb, by: str, note: str, expects: str, sim_gap: float | None = None) -> str:
    return str(give(config.journal, Command(verb, by, note, time.time_ns(), expects, sim_gap)))


def _sim_gap(comparison: Path) -> float:
    try:
        return float(orjson.loads(comparison.read_bytes())["gap"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{comparison}: no comparison ({error}); write it with jaxmm live compare --json") from error
