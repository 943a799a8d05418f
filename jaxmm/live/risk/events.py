"""What risk says: a check has tripped, a request is held back, a person took the state back up."""

from dataclasses import dataclass
from typing import Any

from jaxmm.live.orders.drafts import Draft
from jaxmm.live.risk.reasons import Action, Reason


@dataclass(frozen=True, slots=True)
class Breach:
    """A check has tripped."""

    reason: Reason
    action: Action
    text: str
    ts_ns: int
    flatten: bool = False  # whether the position is to be closed at the market

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the journal."""
        return {
            "breach": str(self.reason),
            "action": self.action.name.lower(),
            "text": self.text,
            "ts_ns": self.ts_ns,
            "flatten": self.flatten,
        }


@dataclass(frozen=True, slots=True)
class Release:
    """A person took the state back up."""

    by: str
    note: str
    ts_ns: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the journal."""
        return {"release": self.by, "note": self.note, "ts_ns": self.ts_ns}


@dataclass(frozen=True, slots=True)
class Blocked:
    """A request that is not sent."""

    draft: Draft
    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a group of drafts."""

    allowed: tuple[Draft, ...]
    blocked: tuple[Blocked, ...]
    breaches: tuple[Breach, ...]  # of checks whose action is more than to block
