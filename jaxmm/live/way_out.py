"""The one way out: what is wanted goes through orders and risk into the journal, and only then to the venue.

A sweep takes every order of the symbol out and is over when the venue itself has shown that nothing is open. A halt and
a stop begin with one; what closes the position comes after it.
"""

from collections.abc import Callable, Sequence

from jaxmm.exchange.reference_orders import Wanted
from jaxmm.live.commands import COMMAND, Command, Done, carry_out
from jaxmm.live.journal.bodies import kind_of
from jaxmm.live.messages import Answered, CancelAll, Lost, Message, Refused, Request
from jaxmm.live.observer import Observer
from jaxmm.live.orders import Desk, Draft
from jaxmm.live.risk import Breach, Facts, Reason, Release, Risk, State
from jaxmm.live.risk.memory import RISK
from jaxmm.live.rollout import ROLLOUT, Move, Staging

AGAIN_NS = 500_000_000
"""Between two attempts of a sweep, or of closing the position."""
MEMORY_NS = 1_000_000_000
"""Between two rows of risk's memory, so that a restart knows peaks and budgets."""


class WayOut:
    """Sends requests, hears what became of them, and sees to it that nothing stays open that should not."""

    def __init__(
        self, desk: Desk, risk: Risk, submit: Callable[[Request], None], observer: Observer, staging: Staging
    ) -> None:
        self.orders, self.journal, self.risk, self.staging = desk.manager, desk.journal, risk, staging
        self.sweeping = False
        """Whether all orders are to be gone and the venue has not shown yet that they are."""
        self.flattening = False
        """Whether the position is to be closed once nothing is open."""
        self._desk, self._submit, self._observer = desk, submit, observer
        self._swept_once = False  # since the sweep began, and nothing has spoken against it
        self._sent: dict[int, tuple[str, int]] = {}  # kind and time of requests without an answer
        self._again_ns = 0
        self._memory_ns = 0

    @property
    def done(self) -> bool:
        """Whether a sweep, and the closing of the position where it was asked for, are over."""
        closed = not self.flattening or self.orders.position_lots == 0
        return closed and not self.sweeping and self.orders.quiet

    def hear(self, message: Message, now_ns: int) -> bool:
        """Journals a message and tells the order manager; False for a fill seen before and what is not of orders."""
        new = self._desk.hear(message, now_ns)
        if new or isinstance(message, Refused):
            self.staging.heard(message, now_ns)
        if isinstance(message, Answered | Refused | Lost):
            kind, sent_ns = self._sent.pop(message.request_id, ("unknown", message.recv_ts))
            self._observer.answered(kind, kind_of(message), message.recv_ts - sent_ns)
        if isinstance(message, Refused | Lost):
            self._swept_once &= kind != "cancel_all"
            self._observer.event(kind_of(message), kind=kind, request_id=message.request_id, text=message.text)
        return new

    def watch(self, facts: Facts) -> Facts:
        """Lets risk look at everything, and acts on what has begun; returns the same facts."""
        for breach in self.risk.watch(facts):
            self.enter(breach)
        if (move := self.staging.look(facts.now_ns)) is not None:
            self.enter_stage(move)
        if facts.now_ns >= self._memory_ns:
            self._memory_ns = facts.now_ns + MEMORY_NS
            self.journal.append(RISK, facts.now_ns, self.risk.row())
        return facts

    def halt(self, reason: Reason, text: str, now_ns: int) -> None:
        """Halts for a reason that no check sees."""
        self.enter(self.risk.halt(reason, text, now_ns))

    def enter(self, breach: Breach) -> None:
        """A check has tripped: it is journaled and told; a halt begins a sweep."""
        self.journal.append(RISK, breach.ts_ns, self.risk.row(breach))
        self._observer.breached(str(breach.reason))
        self._observer.event("breach", **breach.to_dict())
        self.flattening |= breach.flatten
        if self.risk.state is State.HALTED:
            self.sweep()
        if (move := self.staging.on_breach(breach)) is not None:
            self.enter_stage(move)

    def enter_stage(self, move: Move) -> None:
        """The rollout has moved: its limits are in force, and a live process in a paper stage halts."""
        assert self.staging.rollout is not None
        self.risk.limits = self.staging.rollout.limits
        self.journal.append(ROLLOUT, move.ts_ns, self.staging.rollout.row(move))
        self._observer.event("stage", before=move.before, after=move.after, by=move.by, why=move.why)
        if self.staging.hindrance is not None:
            self.halt(Reason.STAGE, self.staging.hindrance, move.ts_ns)

    def obey(self, command: Command, now_ns: int) -> Done:
        """Carries out a person's command, or says why not; either way the journal has it."""
        done = carry_out(command, self.risk, self.staging.rollout, now_ns)
        self.journal.append(COMMAND, now_ns, done.to_dict())
        self._observer.event("command", **done.to_dict())
        if isinstance(done.event, Breach):
            self.enter(done.event)
        elif isinstance(done.event, Move):
            self.enter_stage(done.event)
        elif isinstance(done.event, Release):
            self.flattening = False
            self.journal.append(RISK, now_ns, self.risk.row(done.event))
        self.journal.commit()
        return done

    def sweep(self) -> None:
        """Every order of the symbol is to go: asked for by the next `mend`, and again where it was not carried out."""
        self.sweeping, self._swept_once, self._again_ns = True, False, 0

    def listed(self, open_orders: int, now_ns: int) -> None:
        """The venue has shown so many open orders: none ends a sweep, others are to go once more."""
        if not self.sweeping:
            return
        if open_orders:
            self._swept_once = False
            return
        if not self.orders.quiet:
            return
        self.sweeping, self._again_ns = False, 0
        self.journal.append("swept", now_ns, {"position_lots": self.orders.position_lots})
        self._observer.event("swept", position_lots=self.orders.position_lots)

    def save(self, now_ns: int) -> None:
        """Writes a state, from which a restart goes on."""
        self._desk.save(now_ns)

    def want(self, wanted: Wanted, facts: Facts) -> None:
        """Sends the least set of requests that makes `wanted` our only quotes."""
        if not self.sweeping:
            self._send(self.orders.want(wanted, facts.now_ns), facts)

    def mend(self, facts: Facts) -> None:
        """Asks for what is unknown, takes out what is left behind, and goes on with a sweep."""
        for lost in self.orders.overdue(facts.now_ns):
            self.hear(lost, facts.now_ns)
        self._send(self.orders.due(facts.now_ns), facts)
        if facts.now_ns < self._again_ns:
            return
        if self.sweeping and not self._swept_once:
            self._again_ns, self._swept_once = facts.now_ns + AGAIN_NS, True
            self._send([CancelAll(0)], facts)
        elif self.flattening and not self.sweeping and self.orders.position_lots:
            self._again_ns = facts.now_ns + AGAIN_NS
            self._send(self.orders.want(Wanted(flatten=True), facts.now_ns), facts)

    def _send(self, drafts: Sequence[Draft], facts: Facts) -> None:
        if not drafts:
            return
        verdict = self.risk.before(drafts, facts)
        for one in verdict.blocked:
            self._observer.blocked(str(one.reason))
            self.journal.append("blocked", facts.now_ns, {"reason": one.reason, "text": one.text, "draft": one.draft})
        for breach in verdict.breaches:
            self.enter(breach)
        for request in self._desk.send(verdict.allowed, facts.now_ns):
            kind = kind_of(request)
            self._sent[request.request_id] = kind, facts.now_ns
            self._submit(request)
            self.staging.sent(request)
            self._observer.submitted(kind, facts.now_ns)
