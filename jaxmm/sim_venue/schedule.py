"""Faults by seed: the same seed gives the same faults at the same times."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from jaxmm.errors import InputError, nearest
from jaxmm.sim_venue.faults import KINDS, Fault

MODES = ("close", "hang", "busy")
REJECTS = (-2010, -2019, -1013, -1015)
PAUSE_S = 2.0
"""Mean time between two faults."""


@dataclass(frozen=True)
class Scheduled:
    """A fault that begins so many seconds after the start."""

    at_s: float
    fault: Fault


def draw_schedule(seed: int, seconds: float, kinds: Sequence[str] = tuple(KINDS)) -> tuple[Scheduled, ...]:
    """At least one fault of those kinds within `seconds`, about one every two seconds; all end by then.

    Raises `InputError` on an unknown kind.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"fault: unknown kind {kind!r}; {nearest(kind, KINDS)}")
    if seconds <= 0 or not kinds:
        raise InputError("a schedule of faults needs a time above 0 and at least one kind")
    draw = random.Random(f"{seed} {seconds} {','.join(kinds)}")
    count = max(1, round(draw.uniform(0.5, 1.5) * seconds / PAUSE_S))
    found = []
    for _ in range(count):
        at = draw.uniform(0, 0.8 * seconds)
        found.append(Scheduled(at, _fault(draw, draw.choice(list(kinds)), seconds - at)))
    return tuple(sorted(found, key=lambda scheduled: scheduled.at_s))


def _fault(draw: random.Random, kind: str, most_s: float) -> Fault:
    target = draw.choice(KINDS[kind])
    duration = draw.uniform(0.1, 1.0) * min(most_s, 3.0)
    if kind == "disconnect":
        return Fault(kind, target, draw.choice([0.0, duration]))
    if kind in ("accepted_timeout", "cancel_timeout"):
        executed, mode = draw.random() < 0.6, draw.choice(MODES)
        return Fault(kind, target, duration, draw.randint(1, 5), executed=executed, mode=mode)  # type: ignore[arg-type]
    if kind == "reject":
        return Fault(kind, target, duration, draw.randint(1, 10), code=draw.choice(REJECTS))
    if kind == "ban":
        return Fault(kind, target, duration, 1, code=draw.choice([418, 429]))
    if kind == "clock_jump":
        return Fault(kind, target, duration, offset_ms=draw.choice([-1, 1]) * draw.randint(500, 20_000))
    if kind == "outage":
        return Fault(kind, target, duration, mode=draw.choice(MODES))  # type: ignore[arg-type]
    return Fault(kind, target, duration, delay_ms=draw.uniform(1, 500))
