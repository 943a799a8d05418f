"""A person's commands to a quoter: files in a folder beside its journal, taken by the running process or the next one.

The journal has one writer, so a command is not written into it by whoever gives it. It says what the person saw when
giving it (`expects`), and is carried out only while that is still so: a release does not release another halt than the
one that was looked at, and a command that is carried out twice, because the process died in between, does nothing.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from jaxmm.errors import InputError
from jaxmm.live.risk.events import Breach, Release
from jaxmm.live.risk.reasons import Reason, State
from jaxmm.live.risk.risk import Risk
from jaxmm.live.rollout.rollout import Move, Rollout

COMMAND = "command"
"""The journal's kind of rows that hold a command and what became of it."""


class Verb(StrEnum):
    """What is asked for."""

    RELEASE = "release"
    HALT = "halt"
    PROMOTE = "promote"
    DEMOTE = "demote"


@dataclass(frozen=True)
class Command:
    """One command."""

    verb: Verb
    by: str  # the person who answers for it
    note: str
    ts_ns: int  # when it was given
    expects: str = ""  # what the person saw: of a release, `seen` of the state; of a move, the stage
    sim_gap: float | None = None  # of a promotion: the gap between live and simulator that a comparison found

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise InputError("a command needs a person who answers for it; give --by NAME")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"verb": str(self.verb)}


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    command: Command
    event: Breach | Release | Move | None  # None where it was refused
    refusal: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The body of its journal row; the event has a row of its own."""
        return {**self.command.to_dict(), "done": self.event is not None, "refusal": self.refusal}


def seen(state: State, since_ns: int) -> str:
    """A state as a release names it: another halt later is another one."""
    return f"{state} since {since_ns}"


def carry_out(command: Command, risk: Risk, rollout: Rollout | None, now_ns: int) -> Done:
    """Does what is asked, or says why not; whoever calls journals what comes back and acts on the event."""
    try:
        return Done(command, _event(command, risk, rollout, now_ns))
    except InputError as error:
        return Done(command, None, str(error))


def _event(command: Command, risk: Risk, rollout: Rollout | None, now_ns: int) -> Breach | Release | Move:
    by, note = command.by, command.note
    if command.verb is Verb.HALT:
        return risk.halt(Reason.COMMAND, f"{by}: {note}", now_ns)
    if command.verb is Verb.RELEASE:
        now = seen(risk.state, risk.memory.since_ns)
        if command.expects != now:
            raise InputError(f"release: it is about {command.expects!r}, the quoter is {now!r}; look again")
        return risk.release(by, note, now_ns)
    if rollout is None:
        raise InputError(f"{command.verb}: the quoter's configuration has no section rollout")
    if command.verb is Verb.PROMOTE:
        move = rollout.promote(by, note, command.expects, now_ns, command.sim_gap)
    else:
        move = rollout.demote(by, note, command.expects, now_ns)
    return move


def folder_of(journal: str | Path) -> Path:
    """Where the commands to the quoter of a journal wait."""
    path = Path(journal)
    return path.with_name(path.name + ".commands")


def give(journal: str | Path, command: Command) -> Path:
    """Leaves a command for the quoter. Raises `InputError` where its folder cannot be written."""
    folder = folder_of(journal)
    path = folder / f"{command.ts_ns:020d}-{command.verb}.json"
    partial = path.with_suffix(".partial")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        partial.write_bytes(orjson.dumps(command.to_dict()))
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; the command was not given") from error
    return path


def waiting(journal: str | Path) -> Iterator[tuple[Path, Command | str]]:
    """The commands that wait, oldest first, or why a file is none; whoever has carried one out removes its file."""
    try:
        names = sorted(name for name in os.listdir(folder_of(journal)) if name.endswith(".json"))
    except FileNotFoundError:
        return
    for name in names:
        path = folder_of(journal) / name
        try:
            values = orjson.loads(path.read_bytes())
            yield path, Command(**values | {"verb": Verb(values["verb"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield path, f"{path}: no command: {error}"
