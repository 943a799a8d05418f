"""Risk: the one gate between what is wanted and what is sent, and the watch over where we stand.

The core asks `before` for every group of requests, and sends nothing that is not allowed by it; it calls `watch` at
every decision and tick. What comes back as a `Breach` has begun just now: it is journaled (`row`), metered and acted
on. `quoting` says what may rest at the venue from then on.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.messages import Request
from jaxmm.live.risk.facts import Facts
from jaxmm.live.risk.limits import MS, RiskLimits
from jaxmm.live.risk.memory import Memory
from jaxmm.live.risk.reasons import Action, Quoting, Reason, State
from jaxmm.live.risk.requests import Budget, RequestChecks, new_risk
from jaxmm.live.risk.standing import GRACED, STANDING

SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Breach:
    """A check has tripped."""

    reason: Reason
    action: Action
    text: str
    ts_ns: int
    flatten: bool = False  # whether the position is to be closed at the market


@dataclass(frozen=True, slots=True)
class Release:
    """A person took the state back up."""

    by: str
    note: str
    ts_ns: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """A request that is not sent."""

    draft: Request
    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a group of drafts."""

    allowed: tuple[Request, ...]
    blocked: tuple[Blocked, ...]
    breaches: tuple[Breach, ...]  # of checks whose action is more than to block


class Risk:
    """The checks and the state of one quoter."""

    def __init__(
        self,
        limits: RiskLimits,
        instrument: Instrument,
        memory: Memory | None = None,
        *,
        has_baseline: bool = False,
    ) -> None:
        self.limits = limits
        self.memory = memory or Memory()
        """What the journal keeps: `recovered` from it at the start."""
        self._instrument = instrument
        self._has_baseline = has_baseline
        self._since: dict[Reason, int] = {}  # when each check that finds something now began to
        self._told: dict[Reason, Action] = {}  # those of them that were reported, and as what
        self._hold_until_ns = 0
        self._sent: deque[int] = deque()
        self._dissimilar = 0
        self._decision = 0  # the last one whose observation was counted
        self._fell_back_at = 0  # the decision that made the baseline take over

    @property
    def state(self) -> State:
        """ACTIVE, REDUCING or HALTED."""
        return self.memory.state

    @property
    def lasting(self) -> frozenset[Reason]:
        """The checks that find something at present."""
        return frozenset(self._told)

    def quoting(self, now_ns: int) -> Quoting:
        """What may rest at the venue now."""
        pulled = Action.PULL in self._told.values()
        if self.state is State.HALTED or pulled or now_ns < self._hold_until_ns:
            return Quoting.NONE
        return Quoting.REDUCE_ONLY if self.state is State.REDUCING else Quoting.BOTH

    def watch(self, facts: Facts) -> list[Breach]:
        """Looks at everything; returns the breaches that have begun."""
        self.memory = self.memory.at(facts.now_ns, facts.pnl)
        found = {reason: text for reason, check in STANDING.items() if (text := check(facts, self.limits, self.memory))}
        found |= self._dissimilarity(facts)
        self._since = {reason: self._since.get(reason, facts.now_ns) for reason in found}
        grace_ns = self.limits.mismatch_grace_ms * MS
        lasting = [r for r in found if r not in GRACED or facts.now_ns - self._since[r] >= grace_ns]
        if Action.PULL in self._told.values():
            self._hold(facts.now_ns)
        self._told = {reason: action for reason, action in self._told.items() if reason in lasting}
        new = [self._tell(reason, found[reason], facts) for reason in lasting if self._news(reason, facts)]
        if self.state is State.REDUCING and facts.position_lots == 0:
            assert self.memory.reason is not None
            new.append(self.halt(self.memory.reason, f"flat after: {self.memory.text}", facts.now_ns))
        return new

    def before(self, drafts: Sequence[Request], facts: Facts) -> Verdict:
        """Checks a group of requests about to be sent together; what is allowed counts as sent.

        Where one of them is at fault by more than a block, nothing of the group that adds risk is sent.
        """
        checks = RequestChecks(self.limits, self._instrument, facts, self.quoting(facts.now_ns))
        memory, sent = self.memory.on_day(facts.now_ns), self._in_last_second(facts.now_ns)
        allowed: list[Request] = []
        blocked: list[Blocked] = []
        for draft in drafts:
            finding = checks.check(draft, Budget(sent + len(allowed), memory.messages + len(allowed)))
            if finding is None:
                allowed.append(draft)
            else:
                blocked.append(Blocked(draft, *finding))
        worst = {one.reason: one.text for one in blocked if self._action(one.reason) > Action.BLOCK}
        breaches = tuple(
            self._enter(reason, self._action(reason), text, facts.now_ns) for reason, text in worst.items()
        )
        if breaches:
            held = [draft for draft in allowed if new_risk(draft)]
            blocked += [Blocked(draft, Reason.NOT_QUOTING, f"its group breaks {breaches[0].reason}") for draft in held]
            allowed = [draft for draft in allowed if not new_risk(draft)]
        self._sent.extend([facts.now_ns] * len(allowed))
        self.memory = self.memory.sent(facts.now_ns, len(allowed))
        return Verdict(tuple(allowed), tuple(blocked), breaches)

    def halt(self, reason: Reason, text: str, now_ns: int) -> Breach:
        """Halts for a reason that no check here sees: a person's command, a recovery that fails, an internal error."""
        return self._enter(reason, Action.HALT, text, now_ns)

    def release(self, by: str, note: str, now_ns: int) -> Release:
        """A person's command: active again, the policy decides again, losses are counted anew.

        What still breaks a limit trips again at the next `watch`. Raises `InputError` where nobody stands behind it.
        """
        if not by.strip():
            raise InputError("release: `by` is empty; give the name of the person who releases")
        self.memory = self.memory.released(now_ns)
        self._told, self._since, self._dissimilar = {}, {}, 0
        self._hold(now_ns)
        return Release(by.strip(), note, now_ns)

    def row(self, event: Breach | Release | None = None) -> dict[str, Any]:
        """The body of a journal row of kind `risk`: the event, if any, and the memory after it.

        The core writes one for every event, and one without about every second, so that peaks survive.
        """
        return {"event": _event(event), "memory": self.memory.to_dict()}

    def _in_last_second(self, now_ns: int) -> int:
        while self._sent and self._sent[0] <= now_ns - SECOND_NS:
            self._sent.popleft()
        return len(self._sent)

    def _dissimilarity(self, facts: Facts) -> dict[Reason, str]:
        """Counts each decision's observation once; only a row of them is a breach."""
        far = facts.dissimilarity is not None and not facts.dissimilarity <= self.limits.max_dissimilarity
        if facts.decision != self._decision:
            self._decision = facts.decision
            self._dissimilar = self._dissimilar + 1 if far else 0
        if (
            self._dissimilar < self.limits.dissimilar_decisions
            or facts.dissimilarity is None
            or self.memory.fallen_back
        ):
            return {}
        text = f"{self._dissimilar} observations in a row beyond {self.limits.max_dissimilarity:g}"
        return {Reason.DISSIMILARITY: f"{text}, the last at {facts.dissimilarity:.3g}"}

    def _news(self, reason: Reason, facts: Facts) -> bool:
        """Whether a check has begun to find something, or the baseline has failed after the policy."""
        told = self._told.get(reason)
        later = facts.decision != self._fell_back_at
        return told is None or (told is Action.FALL_BACK and later and self._action(reason) is Action.HALT)

    def _tell(self, reason: Reason, text: str, facts: Facts) -> Breach:
        breach = self._enter(reason, self._action(reason), text, facts.now_ns)
        self._told[reason] = breach.action
        if breach.action is Action.FALL_BACK:
            self._fell_back_at = facts.decision
        return breach

    def _action(self, reason: Reason) -> Action:
        """The configured one; there is no falling back without a baseline, or from it."""
        action = self.limits.action(reason)
        nowhere = self.memory.fallen_back or not self._has_baseline
        return Action.HALT if action is Action.FALL_BACK and nowhere else action

    def _enter(self, reason: Reason, action: Action, text: str, now_ns: int) -> Breach:
        before = self.memory
        self.memory = before.tripped(reason, action, text, now_ns)
        if action >= Action.PULL:
            self._hold(now_ns)
        halts = self.state is State.HALTED and before.state is not State.HALTED
        return Breach(reason, action, text, now_ns, flatten=halts and reason in self.limits.flatten_on)

    def _hold(self, now_ns: int) -> None:
        self._hold_until_ns = max(self._hold_until_ns, now_ns + int(self.limits.pull_hold_ms * MS))


def _event(event: Breach | Release | None) -> dict[str, Any] | None:
    if event is None:
        return None
    if isinstance(event, Release):
        return {"release": {"by": event.by, "note": event.note, "ts_ns": event.ts_ns}}
    return {
        "breach": {
            "reason": str(event.reason),
            "action": event.action.name.lower(),
            "text": event.text,
            "ts_ns": event.ts_ns,
            "flatten": event.flatten,
        }
    }
