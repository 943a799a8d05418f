"""Risk: the one gate between what is wanted and what is sent, and the watch over where we stand.

The core asks `before` for every group of requests, and sends nothing that is not allowed by it; it calls `watch` at
every decision and tick. What comes back as a `Breach` has begun just now: it is journaled (`row`), metered and acted
on. `quoting` says what may rest at the venue from then on.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.orders.drafts import Draft
from jaxmm.live.risk.events import Blocked, Breach, Release, Verdict
from jaxmm.live.risk.facts import Facts
from jaxmm.live.risk.limits import MS, RiskLimits
from jaxmm.live.risk.memory import Memory
from jaxmm.live.risk.reasons import Action, Quoting, Reason, State
from jaxmm.live.risk.requests import Budget, RequestChecks, Size, new_risk
from jaxmm.live.risk.standing import GRACED, STANDING

SECOND_NS = 10**9


class Risk:
    """The checks and the state of one quoter.

    Attributes:
        limits: those in force; a rollout replaces them when the stage changes.
        memory: what the journal keeps; at the start, `Memory.recovered` from it.
    """

    def __init__(self, limits: RiskLimits, instrument: Instrument, memory: Memory | None = None) -> None:
        self.limits = limits
        self.memory = memory or Memory()
        self._size = Size(instrument)
        self._since: dict[Reason, int] = {}  # when each check that finds something now began to
        self._told: dict[Reason, Action] = {}  # those of them that were reported, and as what
        self._hold_until_ns = 0
        self._sent: deque[int] = deque()
        self._dissimilar = 0
        self._decision = 0  # the last one whose observation was counted

    @property
    def state(self) -> State:
        """ACTIVE, REDUCING or HALTED."""
        return self.memory.state

    @property
    def lasting(self) -> frozenset[Reason]:
        """The checks that find something at present."""
        return frozenset(self._told)

    @property
    def unfit(self) -> str | None:
        """Why the policy is not to decide at present, though it could: the next one in the chain does."""
        if self._told.get(Reason.DISSIMILARITY) is not Action.FALL_BACK:
            return None
        return f"{self._dissimilar} observations in a row were unlike those of training"

    def quoting(self, now_ns: int) -> Quoting:
        """What may rest at the venue now."""
        pulled = Action.PULL in self._told.values() or now_ns < self._hold_until_ns
        if self.state is State.HALTED or pulled:
            return Quoting.NONE
        return Quoting.REDUCE_ONLY if self.state is State.REDUCING else Quoting.BOTH

    def watch(self, facts: Facts) -> list[Breach]:
        """Looks at everything; returns the breaches that have begun."""
        now_ns = facts.now_ns
        self.memory = self.memory.at(now_ns, facts.pnl)
        found = {reason: text for reason, check in STANDING.items() if (text := check(facts, self.limits, self.memory))}
        found |= self._dissimilarity(facts)
        self._since = {reason: self._since.get(reason, now_ns) for reason in found}
        grace_ns = self.limits.mismatch_grace_ms * MS
        lasting = [reason for reason in found if reason not in GRACED or now_ns - self._since[reason] >= grace_ns]
        if Action.PULL in self._told.values():
            self._hold(now_ns)
        self._told = {reason: action for reason, action in self._told.items() if reason in lasting}
        new = [self._tell(reason, found[reason], now_ns) for reason in lasting if reason not in self._told]
        if self.state is State.REDUCING and facts.position_lots == 0:
            assert self.memory.reason is not None
            new.append(self.halt(self.memory.reason, f"flat after: {self.memory.text}", now_ns))
        return new

    def before(self, drafts: Sequence[Draft], facts: Facts) -> Verdict:
        """Checks a group of requests about to be sent together; what is allowed counts as sent.

        Where one of them is at fault by more than a block, nothing of the group that adds risk is sent.
        """
        now_ns, last_second = facts.now_ns, self._in_last_second(facts.now_ns)
        today = self.memory.on_day(now_ns).messages
        checks = RequestChecks(self.limits, self._size, facts, self.quoting(now_ns))
        allowed: list[Draft] = []
        blocked: list[Blocked] = []
        for draft in drafts:
            finding = checks.check(draft, Budget(last_second + len(allowed), today + len(allowed)))
            if finding is None:
                allowed.append(draft)
            else:
                blocked.append(Blocked(draft, *finding))
        graver = {one.reason: one.text for one in blocked if self.limits.action(one.reason) > Action.BLOCK}
        breaches = tuple(
            self._enter(reason, self.limits.action(reason), text, now_ns) for reason, text in graver.items()
        )
        if breaches:
            text = f"its group breaks {breaches[0].reason}"
            blocked += [Blocked(draft, Reason.NOT_QUOTING, text) for draft in allowed if new_risk(draft)]
            allowed = [draft for draft in allowed if not new_risk(draft)]
        self._sent.extend([now_ns] * len(allowed))
        self.memory = self.memory.sent(now_ns, len(allowed))
        return Verdict(tuple(allowed), tuple(blocked), breaches)

    def halt(self, reason: Reason, text: str, now_ns: int) -> Breach:
        """Halts for a reason that no check here sees: a person's command, a recovery that fails, an internal error."""
        return self._enter(reason, Action.HALT, text, now_ns)

    def release(self, by: str, note: str, now_ns: int) -> Release:
        """A person's command: active again, and losses are counted anew.

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
        return {"event": event.to_dict() if event else None, "memory": self.memory.to_dict()}

    def _in_last_second(self, now_ns: int) -> int:
        while self._sent and self._sent[0] <= now_ns - SECOND_NS:
            self._sent.popleft()
        return len(self._sent)

    def _dissimilarity(self, facts: Facts) -> dict[Reason, str]:
        """Counts each decision's observation once; only a row of them is a breach."""
        value, most = facts.dissimilarity, self.limits.max_dissimilarity
        if facts.decision != self._decision:
            self._decision = facts.decision
            self._dissimilar = self._dissimilar + 1 if value is not None and not value <= most else 0
        if value is None or self._dissimilar < self.limits.dissimilar_decisions:
            return {}
        return {Reason.DISSIMILARITY: f"{self._dissimilar} observations in a row beyond {most:g}, the last {value:.3g}"}

    def _tell(self, reason: Reason, text: str, now_ns: int) -> Breach:
        self._told[reason] = self.limits.action(reason)
        return self._enter(reason, self._told[reason], text, now_ns)

    def _enter(self, reason: Reason, action: Action, text: str, now_ns: int) -> Breach:
        before = self.memory.state
        self.memory = self.memory.tripped(reason, action, text, now_ns)
        if action >= Action.PULL:
            self._hold(now_ns)
        halts = self.state is State.HALTED and before is not State.HALTED
        return Breach(reason, action, text, now_ns, flatten=halts and reason in self.limits.flatten_on)

    def _hold(self, now_ns: int) -> None:
        self._hold_until_ns = max(self._hold_until_ns, now_ns + int(self.limits.pull_hold_ms * MS))
