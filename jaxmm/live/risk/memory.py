"""What risk must not forget when the process dies: state, its reason, and what losses and budgets are counted from.

Every change is a pure function from one memory to the next. The state only goes down; `released` alone takes it up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, get_args

from jaxmm.live.journal.bodies import KINDS
from jaxmm.live.journal.rows import STATE, Row
from jaxmm.live.messages import Request
from jaxmm.live.risk.reasons import Action, Reason, State

DAY_NS = 86_400 * 10**9
RISK = "risk"
"""The journal's kind of rows that hold a memory."""
REQUESTS = frozenset(KINDS[kind] for kind in get_args(Request))
"""The kinds of rows that hold a request."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The part of risk that survives the process."""

    state: State = State.ACTIVE
    reason: Reason | None = None  # of the latched state
    text: str = ""
    since_ns: int = 0  # when the state was entered
    day: int = -1  # UTC day that `day_pnl` and `messages` belong to; -1 before the first moment
    day_pnl: Decimal | None = None  # P&L when the day began, or when a person released; None: at the next moment
    peak_pnl: Decimal | None = None  # highest P&L since the first moment, or since a person released
    messages: int = 0  # requests sent today

    def at(self, now_ns: int, pnl: Decimal) -> "Memory":
        """A moment has come: the day may be a new one, the P&L a new peak."""
        memory = self.on_day(now_ns)
        day_pnl = pnl if memory.day_pnl is None else memory.day_pnl
        peak_pnl = pnl if memory.peak_pnl is None else max(memory.peak_pnl, pnl)
        if memory is self and day_pnl is self.day_pnl and peak_pnl is self.peak_pnl:
            return self
        return replace(memory, day_pnl=day_pnl, peak_pnl=peak_pnl)

    def sent(self, now_ns: int, count: int = 1) -> "Memory":
        """Requests were sent."""
        memory = self.on_day(now_ns)
        return replace(memory, messages=memory.messages + count)

    def on_day(self, now_ns: int) -> "Memory":
        """The same on the day of `now_ns`: on a later one budgets and the daily loss count from zero."""
        day = now_ns // DAY_NS
        return self if day <= self.day else replace(self, day=day, day_pnl=None, messages=0)

    def tripped(self, reason: Reason, action: Action, text: str, ts_ns: int) -> "Memory":
        """After a breach. What does not take the state further down changes nothing of it."""
        after = {Action.REDUCE: State.REDUCING, Action.HALT: State.HALTED}.get(action, State.ACTIVE)
        if _DEPTH[after] <= _DEPTH[self.state]:
            return self
        return replace(self, state=after, reason=reason, text=text, since_ns=ts_ns)

    def released(self, ts_ns: int) -> "Memory":
        """A person has looked and answers for it: active, and losses are counted anew from here."""
        return Memory(since_ns=ts_ns, day=self.day, messages=self.messages)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the journal."""
        values = asdict(self)
        return values | {name: None if values[name] is None else str(values[name]) for name in ("day_pnl", "peak_pnl")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Memory":
        """The inverse of `to_dict`."""
        money = {n: None if values[n] is None else Decimal(values[n]) for n in ("day_pnl", "peak_pnl")}
        reason = None if values["reason"] is None else Reason(values["reason"])
        return cls(**{**values, **money, "state": State(values["state"]), "reason": reason})

    @classmethod
    def recovered(cls, rows: Iterable[Row]) -> "Memory":
        """From the journal's rows since its last state: the last memory, and the requests sent after it.

        A state's body holds `to_dict` under "risk", a row of kind `risk` under "memory".
        """
        memory = cls()
        for row in rows:
            if row.kind in _HOLDS and _HOLDS[row.kind] in row.body:
                memory = cls.from_dict(row.body[_HOLDS[row.kind]])
            elif row.kind in REQUESTS:
                memory = memory.sent(row.ts_ns)
        return memory


_HOLDS = {STATE: RISK, RISK: "memory"}
_DEPTH = {State.ACTIVE: 0, State.REDUCING: 1, State.HALTED: 2}
