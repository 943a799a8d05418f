"""Staged rollout: paper, canary, full; up by a person through a gate, down by a floor on its own."""

from jaxmm.live.rollout.gates import Criterion, broken, criteria
from jaxmm.live.rollout.kpis import Kpis, Meter, Sums, kpis_of
from jaxmm.live.rollout.rollout import ROLLOUT, Memory, Move, Rollout, first_memory
from jaxmm.live.rollout.stages import Floor, Gate, RolloutConfig, Stage, Tighter, tightened
from jaxmm.live.rollout.staging import Staging

__all__ = [
    "ROLLOUT",
    "Criterion",
    "Floor",
    "Gate",
    "Kpis",
    "Memory",
    "Meter",
    "Move",
    "Rollout",
    "RolloutConfig",
    "Stage",
    "Staging",
    "Sums",
    "Tighter",
    "broken",
    "criteria",
    "first_memory",
    "kpis_of",
    "tightened",
]
