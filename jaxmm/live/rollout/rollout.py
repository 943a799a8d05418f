"""Staged rollout: which stage a quoter is in, how it does there, and what moves it up or down.

Up goes only a person's command whose gate is met; down goes a person's command, or the stage's floor on its own. Every
move is a row of the journal with the KPIs that it was made on; the KPIs count anew in the new stage.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from jaxmm.errors import InputError
from jaxmm.live.journal.rows import STATE, Row
from jaxmm.live.risk.events import Breach
from jaxmm.live.risk.limits import RiskLimits
from jaxmm.live.risk.reasons import Action
from jaxmm.live.rollout.gates import broken, criteria
from jaxmm.live.rollout.kpis import SECOND_NS, Meter, Sums
from jaxmm.live.rollout.stages import RolloutConfig, Stage, tightened

ROLLOUT = "rollout"
"""The journal's kind of rows that hold a move and the memory after it; a state holds the memory under this name."""


@dataclass(frozen=True)
class Memory:
    """What the journal keeps of a rollout."""

    stage: str
    sums: Sums = field(default_factory=Sums)  # what happened in it; empty at its beginning

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Memory":
        """The inverse of `to_dict`."""
        return cls(values["stage"], Sums.from_dict(values["sums"]))

    @classmethod
    def recovered(cls, rows: Iterable[Row]) -> "Memory | None":
        """The last one in the journal's rows since its last state; None where no rollout has begun."""
        found = None
        for row in rows:
            kept = (
                row.body.get("memory") if row.kind == ROLLOUT else row.body.get(ROLLOUT) if row.kind == STATE else None
            )
            found = cls.from_dict(kept) if kept else found
        return found


@dataclass(frozen=True)
class Move:
    """From one stage to another."""

    before: str
    after: str
    by: str  # a person, or "floor"
    why: str
    ts_ns: int


class Rollout:
    """The rollout of one quoter."""

    def __init__(self, config: RolloutConfig, limits: RiskLimits, memory: Memory) -> None:
        """Raises `InputError` where a stage's limits are above `limits` or the memory's stage is not configured."""
        self._config = config
        self._limits = {stage.name: tightened(limits, stage) for stage in config.stages}
        self._index = config.index(memory.stage)
        self.meter = self._meter(memory.sums)

    @property
    def stage(self) -> Stage:
        """The present one."""
        return self._config.stages[self._index]

    @property
    def limits(self) -> RiskLimits:
        """Those in force."""
        return self._limits[self.stage.name]

    def hindrance(self, live: bool) -> str | None:
        """Why a process that trades live, or on paper, may not quote in this stage; None where it may.

        A paper quoter goes on after its promotion out of paper; a live one does not trade in a paper stage.
        """
        if live and not self.stage.live:
            return f"stage {self.stage.name} is on paper; start with --paper, or promote it"
        return None

    def watch(self, now_ns: int) -> Move | None:
        """Demotes where the floor is broken and there is a stage below."""
        found = broken(self.stage.floor, self.meter.kpis())
        return self._down("floor", "; ".join(map(str, found)), now_ns) if found else None

    def on_breach(self, breach: Breach) -> Move | None:
        """Demotes where risk has halted for a reason that the floor names."""
        if breach.action is not Action.HALT or breach.reason not in self.stage.floor.halts:
            return None
        return self._down("floor", f"halted by {breach.reason}: {breach.text}", breach.ts_ns)

    def promote(self, by: str, note: str, expects: str, now_ns: int, sim_gap: float | None = None) -> Move:
        """A person's command. Raises `InputError` where it is about another stage or the gate is not met."""
        self._expect(expects)
        if self._index + 1 == len(self._config.stages):
            raise InputError(f"rollout: stage {self.stage.name} is the last one; there is none to promote to")
        self.meter.sums.sim_gap = sim_gap if sim_gap is not None else self.meter.sums.sim_gap
        missing = [str(one) for one in criteria(self.stage.gate, self.meter.kpis()) if not one.met]
        if missing:
            raise InputError(f"rollout: stage {self.stage.name} is not promoted: {'; '.join(missing)}")
        return self._move(self._index + 1, by, note, now_ns)

    def demote(self, by: str, note: str, expects: str, now_ns: int) -> Move:
        """A person's command. Raises `InputError` where it is about another stage or there is none below."""
        self._expect(expects)
        move = self._down(by, note, now_ns)
        if move is None:
            raise InputError(f"rollout: stage {self.stage.name} is the first one; halt the quoter instead")
        return move

    def memory(self) -> Memory:
        """What the journal keeps: in every state and after every move."""
        return Memory(self.stage.name, replace(self.meter.sums))

    def row(self, move: Move) -> dict[str, Any]:
        """The body of a journal row of kind `rollout`, written right after the move."""
        return {"move": asdict(move), "memory": self.memory().to_dict()}

    def _expect(self, stage: str) -> None:
        if stage != self.stage.name:
            raise InputError(f"rollout: the command is about stage {stage}, the quoter is in {self.stage.name} now")

    def _down(self, by: str, why: str, now_ns: int) -> Move | None:
        return self._move(self._index - 1, by, why, now_ns) if self._index else None

    def _move(self, index: int, by: str, why: str, now_ns: int) -> Move:
        before = self.stage.name
        self._index = index
        self.meter = self._meter(Sums())
        return Move(before, self.stage.name, by, why, now_ns)

    def _meter(self, sums: Sums) -> Meter:
        config = self._config
        return Meter(sums, int(config.mark_out_s * SECOND_NS), int(config.bucket_s * SECOND_NS))


def first_memory(config: RolloutConfig, live: bool, after: Memory | None) -> Memory:
    """Where a new journal begins: on paper in the first stage, live where the paper quoter's promotion led.

    Args:
        config: the stages.
        live: whether it trades at the venue.
        after: the rollout in the paper quoter's journal, `RolloutConfig.after`.

    Raises:
        InputError: a live quoter's paper stages are not behind it.
    """
    first = config.stages[0]
    if not live or first.live:
        return Memory(first.name)
    if after is None:
        raise InputError(
            "rollout: a live quoter begins where its paper quoter was promoted to; name that one's journal in "
            "rollout.after"
        )
    stage = config.stages[config.index(after.stage)]
    if not stage.live:
        raise InputError(f"rollout: the paper quoter is in stage {stage.name}; promote it out of paper first")
    return Memory(next(one.name for one in config.stages if one.live))
