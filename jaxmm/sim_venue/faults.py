"""Faults on command: what goes wrong, where and for how long. The server asks here before it answers or sends."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from jaxmm.errors import InputError, nearest

KINDS: dict[str, tuple[str, ...]] = {
    "disconnect": ("market", "user"),
    "gap": ("market",),
    "duplicate": ("market", "user"),
    "delay": ("market", "user", "rest"),
    "reorder": ("market", "user"),
    "accepted_timeout": ("rest",),
    "cancel_timeout": ("rest",),
    "reject": ("rest",),
    "ban": ("rest",),
    "clock_jump": ("clock",),
    "outage": ("rest", "market", "user"),
}
"""Each kind and what it can strike."""

Mode = Literal["close", "hang", "busy"]
TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    float: ((int, float), "a number"),
    int: ((int,), "a whole number"),
    bool: ((bool,), "true or false"),
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: a name of `KINDS`.
        target: what it strikes; the first of its kind's where empty.
        duration_s: how long; 0 with a `count` lasts until that many were struck, a disconnect of 0 happens once.
        count: strike no more than so many requests or messages; 0: all while it lasts.
        delay_ms: of `delay` and `reorder`, at most.
        offset_ms: of `clock_jump`.
        executed: whether a request that times out is carried out nevertheless.
        mode: how a request fails: the connection closes, no answer comes, or a 503 of unknown outcome does.
        code: of `reject`; 429 as the code of a `ban` warns only.
    """

    kind: str
    target: str = ""
    duration_s: float = 0.0
    count: int = 0
    delay_ms: float = 50.0
    offset_ms: int = 0
    executed: bool = True
    mode: Mode = "close"
    code: int = -2010

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"fault: unknown kind {self.kind!r}; {nearest(self.kind, KINDS)}")
        targets = KINDS[self.kind]
        if not self.target:
            object.__setattr__(self, "target", targets[0])
        if self.target not in targets:
            raise InputError(f"fault {self.kind}: it cannot strike {self.target!r}; {nearest(self.target, targets)}")
        if self.mode not in ("close", "hang", "busy"):
            raise InputError(f"fault {self.kind}: mode {self.mode!r}; valid: busy, close, hang")
        if self.duration_s < 0 or self.count < 0 or self.delay_ms < 0:
            raise InputError(f"fault {self.kind}: duration_s, count and delay_ms cannot be negative")
        if not self.duration_s and not self.count and self.kind != "disconnect":
            raise InputError(f"fault {self.kind}: lasts neither a time nor a count; give duration_s or count")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Fault":
        """From JSON; `duration` is `duration_s`. Raises `InputError` on a name or type that is not known."""
        values = dict(values)
        if "duration" in values:
            values["duration_s"] = values.pop("duration")
        known = {f.name: f.type for f in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise InputError(f"fault: unknown parameter {name!r}; {nearest(name, known)}")
            takes, called = TYPES.get(known[name], ((str,), "a text"))
            if not isinstance(value, takes) or (isinstance(value, bool) and bool not in takes):
                raise InputError(f"fault: {name} is {value!r}; it is {called}")
        if "kind" not in values:
            raise InputError(f"fault: no kind; valid: {', '.join(sorted(KINDS))}")
        return cls(**values)


@dataclass
class _Active:
    fault: Fault
    until: float  # 0: until the count is used up
    left: int  # -1: without a count

    def lasts(self, now: float) -> bool:
        return self.left != 0 and (not self.until or now < self.until)


@dataclass
class Faults:
    """Those that are active, in the order in which they came."""

    seed: int = 0
    now: Callable[[], float] = time.monotonic
    struck: dict[str, int] = field(default_factory=dict)
    """How many requests and messages each kind has struck so far."""
    _active: list[_Active] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def add(self, fault: Fault) -> None:
        """Begins a fault."""
        until = self.now() + fault.duration_s if fault.duration_s else 0.0
        self._active.append(_Active(fault, until, fault.count or -1))

    def clear(self) -> None:
        """Ends all."""
        self._active.clear()

    def active(self, kind: str, target: str) -> Fault | None:
        """The fault of that kind which is on, without using it up."""
        entry = self._entry(kind, target)
        return entry.fault if entry else None

    def strike(self, kind: str, target: str) -> Fault | None:
        """The same, used once."""
        entry = self._entry(kind, target)
        if entry is None:
            return None
        entry.left -= 1 if entry.left > 0 else 0
        self.struck[kind] = self.struck.get(kind, 0) + 1
        return entry.fault

    def kinds(self) -> list[str]:
        """`kind:target` of all that are on."""
        now = self.now()
        return [f"{entry.fault.kind}:{entry.fault.target}" for entry in self._active if entry.lasts(now)]

    def copies(self, target: str, diff: bool = False) -> list[tuple[float, bool]]:
        """How one message is sent: (seconds late, whether later ones may overtake it) for each copy; none is lost."""
        if self.strike("outage", target) or (diff and self.strike("gap", target)):
            return []
        delay, reorder = self.strike("delay", target), self.strike("reorder", target)
        late = delay.delay_ms / 1000 if delay else 0.0
        copies = [(late + self._random.uniform(0, reorder.delay_ms) / 1000, True)] if reorder else [(late, False)]
        if self.strike("duplicate", target):
            copies.append((late + self._random.uniform(0, 0.02), True))
        return copies

    def _entry(self, kind: str, target: str) -> _Active | None:
        now = self.now()
        self._active = [entry for entry in self._active if entry.lasts(now)]
        return next((e for e in self._active if e.fault.kind == kind and e.fault.target == target), None)
