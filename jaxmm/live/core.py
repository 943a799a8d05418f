"""The quoter without I/O: messages and time go in, journaled requests come out.

A decision at t sees every message received up to and including t and is made before a later one is handled; its time
stamp is the clock's, not the wall's. Whoever drives the core calls `handle` for every message in the order of
reception and `tick(now)` once all messages received before `now` are handled. In virtual time that means: at each
`next_decision_ns` t, handle what is due up to t, then `tick(t + 1)`. When the venue is to be asked for open orders,
fills and account stands in `asks`; `compared` takes what it said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jaxmm.exchange.reference_orders import Wanted
from jaxmm.features.clock import Clock, DecisionClock
from jaxmm.features.live import Seen
from jaxmm.features.observation import observation
from jaxmm.live.commands import Command, Done
from jaxmm.live.decider import Decider, Decision, view_of
from jaxmm.live.market import MarketState
from jaxmm.live.messages import (
    ASK,
    BID,
    Account,
    Book,
    Fill,
    Gap,
    Mark,
    Message,
    OrderState,
    Skew,
    Stream,
    Trade,
)
from jaxmm.live.observer import Observer, Status
from jaxmm.live.risk import Quoting, Release, State
from jaxmm.live.situation import RECONCILING, RECOVERING, Situation
from jaxmm.live.way_out import WayOut
from jaxmm.policy.types import Quotes, View

NOTHING = Wanted()
HURRY_NS = 200_000_000
"""Least time between two comparisons with the venue."""
DIFFERS_NS = 1_000_000_000
"""After which a comparison that found a difference, or orders where none should be, is repeated."""


@dataclass(frozen=True)
class Settings:
    """Numbers of the core."""

    clock: Clock
    levels: int  # book levels a side that are observed
    max_position_lots: int  # position that the observation counts as 1
    distance_ticks: float  # distance from the mid that it counts as 1
    max_lateness_ns: int  # a decision that falls due longer ago is not acted on
    chores_ns: int  # between two looks at limits and lost answers
    checkpoint_ns: int  # between two states in the journal
    compare_ns: int  # between two comparisons with the venue


class Core:
    """Market → decision → risk → orders → requests, one message at a time."""

    def __init__(
        self,
        settings: Settings,
        decider: Decider,
        out: WayOut,
        observer: Observer,
        dissimilarity: Callable[[np.ndarray], float] | None = None,
    ) -> None:
        self.market = MarketState(settings.levels)
        self.situation = Situation(self.market, out.orders)
        self.now_ns = 0
        """The core's present: of the message or decision at work, or of the last tick."""
        self.out = out
        self._settings, self._decider, self._observer = settings, decider, observer
        self._dissimilarity = dissimilarity
        self._clock = DecisionClock(settings.clock)
        self._market_began = False
        self._chores_at_ns = 0
        self._checkpoint_at_ns = 0
        self._compared_ns = 0

    @property
    def next_decision_ns(self) -> int | None:
        """When the next decision falls due, as far as it is known."""
        return self._clock.next_ns

    # --- what drives it ---------------------------------------------------------------------------------------------

    def handle(self, message: Message) -> None:
        """Takes one message, after the decisions that fall due before it."""
        if isinstance(message, Book | Trade | Mark | Gap):
            self._market_began = True
            self._decide_before(message.recv_ts)
            self._hear_market(message)
        else:
            self._decide_before(message.recv_ts)
            self._hear_own(message)

    def tick(self, now_ns: int) -> None:
        """Time has passed and every message received before `now_ns` has been handled."""
        self._decide_before(now_ns)
        self.now_ns = max(self.now_ns, now_ns)
        if self.now_ns >= self._chores_at_ns:
            self._chores_at_ns = self.now_ns + self._settings.chores_ns
            self._chores()

    def begin(self) -> None:
        """The start has been compared with the venue: from now on it quotes."""
        self.situation.begin()

    def obey(self, command: Command) -> Done:
        """Carries out a person's command, or says why not."""
        done = self.out.obey(command, self.now_ns)
        if isinstance(done.event, Release):
            self.situation.released()
        return done

    def stop(self, reason: str, *, flatten: bool) -> None:
        """No more quotes, for good; `out.done` says when nothing is open any more."""
        self.situation.stopping = reason
        self.out.flattening |= flatten
        self.out.sweep()

    # --- what the venue is asked ------------------------------------------------------------------------------------

    def asks(self, now_ns: int) -> bool:
        """Whether the venue is to be asked now for open orders, fills and account."""
        if self.situation.user_down == RECOVERING or now_ns < self._compared_ns + HURRY_NS:
            return False
        doubtful = self.situation.user_down == RECONCILING or self.out.orders.fills_owed(now_ns)
        quiet = self.out.orders.quiet or now_ns >= self._compared_ns + DIFFERS_NS
        unproven = self.out.sweeping and quiet
        differs = self.situation.differs and now_ns >= self._compared_ns + DIFFERS_NS
        return doubtful or unproven or differs or now_ns >= self._compared_ns + self._settings.compare_ns

    def asked(self, now_ns: int) -> None:
        """The venue is being asked; what it says, if anything, comes by `compared`."""
        self._compared_ns = now_ns

    def compared(self, open_orders: Sequence[OrderState], account: Account, asked_ns: int) -> None:
        """The venue's open orders, when all fills up to then have been heard, and its account."""
        self.handle(account)
        self.situation.compared(asked_ns)
        self.out.listed(len(open_orders), asked_ns)

    def status(self, now_ns: int) -> Status:
        """How the quoter stands."""
        return self.situation.status(self.out.risk, now_ns)

    # --- messages ---------------------------------------------------------------------------------------------------

    def _hear_market(self, message: Book | Trade | Mark | Gap) -> None:
        self.out.journal.record_market(message)
        self._clock.on_rows(self.market.apply(message))
        if isinstance(message, Book | Trade):
            self._observer.market("book" if isinstance(message, Book) else "trade", message.recv_ts - message.exch_ts)

    def _hear_own(self, message: Message) -> None:
        new = self.out.hear(message, self.now_ns)
        if isinstance(message, Stream | Skew | Account):
            self.situation.hear(message)
        elif isinstance(message, Fill) and new:
            self._observer.filled(message.side, message.qty_lots, message.maker)
        self._chores_at_ns = 0  # the next tick looks at what this means

    # --- decisions --------------------------------------------------------------------------------------------------

    def _decide_before(self, recv_ts: int) -> None:
        for ts_ns in self._clock.due(recv_ts) if self._market_began else ():
            self.now_ns = max(self.now_ns, ts_ns)
            seen = self.market.decide(ts_ns)
            if seen is None or self.situation.user_down or self.situation.stopping:
                continue
            if recv_ts - ts_ns > self._settings.max_lateness_ns:
                self._observer.late()
            elif self.out.risk.state is not State.HALTED:
                self._decide(seen)
        self.now_ns = max(self.now_ns, recv_ts)

    def _decide(self, seen: Seen) -> None:
        """Quotes for what is seen, through risk and orders, into the journal and out."""
        orders, risk = self.out.orders, self.out.risk
        view = view_of(seen, orders.position_lots, self._own())
        observed = self._observed(view)
        if self._dissimilarity is not None:
            self.situation.dissimilarity = self._dissimilarity(observed)
        decision = self._decider.decide(view, risk.unfit)
        changed = decision.level is not self.situation.level
        self.situation.decided(decision)
        if changed:
            self._observer.fell_back(str(decision.level))
        self._observer.decided(str(decision.level), decision.took_ns)
        facts = self.out.watch(self.situation.facts(seen.ts_ns))
        quoting = risk.quoting(seen.ts_ns)
        self.out.staging.decided(facts, quoting is Quoting.BOTH)
        wanted = wanted_of(decision.quotes, quoting, orders.position_lots, self.out.staging.most_lots)
        self.out.journal.append("decision", seen.ts_ns, _body(view, decision, quoting, wanted), observed.tobytes())
        self.out.want(wanted, facts)

    def _observed(self, view: View) -> np.ndarray:
        """The observation; of a ladder, for which there is none, the market's part of it."""
        if np.ndim(view.own_bid_lots):
            return view.features
        return observation(view, self._settings.max_position_lots, self._settings.distance_ticks, np)

    def _own(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Our quotes as a view shows them: scalars with one order a side, else int32 [M]."""
        sides = (self.out.orders.own(side) for side in (BID, ASK))
        arrays = [tuple(np.array(column, np.int32) for column in side) for side in sides]
        return tuple((p[0], q[0]) if len(p) == 1 else (p, q) for p, q in arrays)

    # --- chores -----------------------------------------------------------------------------------------------------

    def _chores(self) -> None:
        """Limits, lost answers, orphans, and orders that are to be gone."""
        if self.situation.user_down == RECOVERING:
            return
        facts = self.out.watch(self.situation.facts(self.now_ns))
        self.out.mend(facts)
        hindered = self.situation.user_down or self.situation.stopping
        if hindered or self.out.risk.quoting(self.now_ns) is Quoting.NONE:
            self.out.want(NOTHING, facts)
        if self.now_ns >= self._checkpoint_at_ns:
            self._checkpoint_at_ns = self.now_ns + self._settings.checkpoint_ns
            self.out.save(self.now_ns)
        self.out.journal.commit()


def wanted_of(quotes: Quotes | None, quoting: Quoting, position_lots: int, most_lots: int | None = None) -> Wanted:
    """What may rest of a quoter's answer, no order above `most_lots`: all, what reduces the position, or nothing."""
    if quotes is None or quoting is Quoting.NONE:
        return NOTHING
    bid, bid_lots, ask, ask_lots = (np.ravel(values).tolist() for values in quotes[:4])
    if most_lots is not None:
        bid_lots, ask_lots = ([min(one, most_lots) for one in lots] for lots in (bid_lots, ask_lots))
    if quoting is Quoting.REDUCE_ONLY:
        bid_lots, ask_lots = _capped(bid_lots, -position_lots), _capped(ask_lots, position_lots)
    return Wanted(bid, bid_lots, ask, ask_lots, bool(quotes.flatten))


def _capped(lots: list[int], room: int) -> list[int]:
    """The lots of a side, in order, as many as fit into `room` together."""
    capped = []
    for one in lots:
        capped.append(max(min(one, room), 0))
        room -= capped[-1]
    return capped


def _body(view: View, decision: Decision, quoting: Quoting, wanted: Wanted) -> dict[str, object]:
    """What the journal keeps of a decision; the observation itself is the row's blob, float32."""
    return {
        "level": decision.level,
        "trouble": decision.trouble,
        "quoting": quoting,
        "touch": [view.bid_ticks, view.ask_ticks],
        "position_lots": view.position_lots,
        "own": [view.own_bid_ticks, view.own_bid_lots, view.own_ask_ticks, view.own_ask_lots],
        "wanted": list(wanted),
        "took_ns": decision.took_ns,
    }
