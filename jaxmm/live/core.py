"""The quoter without I/O: messages and time go in, journaled requests come out.

A decision at t sees every message received up to and including t and is made before a later one is handled; its time
stamp is the clock's, not the wall's. Whoever drives the core calls `handle` for every message in the order of
reception and `tick(now)` once all messages received before `now` are handled. In virtual time that means: at each
`next_decision_ns` t, handle what is due up to t, then `tick(t + 1)`.
"""

from collections.abc import Callable

from jaxmm.features.clock import Clock, DecisionClock
from jaxmm.features.live import Seen
from jaxmm.live.market import MarketState
from jaxmm.live.messages import Book, Gap, Mark, Message, Request, Trade


class Core:
    """Market → decision → risk → orders → requests, one message at a time."""

    def __init__(self, clock: Clock, levels: int, submit: Callable[[Request], None]) -> None:
        self.market = MarketState(levels)
        self.now_ns = 0
        """The core's present: of the message or decision at work, or of the last tick."""
        self._clock = DecisionClock(clock)
        self._submit = submit

    @property
    def next_decision_ns(self) -> int | None:
        """When the next decision falls due, as far as it is known."""
        return self._clock.next_ns

    def handle(self, message: Message) -> None:
        """Takes one message, after the decisions that fall due before it."""
        self._decide_before(message.recv_ts)
        self._advance(message.recv_ts)
        if isinstance(message, Book | Trade | Mark | Gap):
            for _ in range(self.market.apply(message)):
                self._clock.on_row()

    def tick(self, now_ns: int) -> None:
        """Time has passed and every message received before `now_ns` has been handled."""
        self._decide_before(now_ns)
        self._advance(now_ns)

    def _advance(self, now_ns: int) -> None:
        self.now_ns = max(self.now_ns, now_ns)

    def _decide_before(self, recv_ts: int) -> None:
        for ts_ns in self._clock.due(recv_ts):
            self._advance(ts_ns)
            seen = self.market.decide(ts_ns)
            if seen is not None:
                self._decide(seen)

    def _decide(self, seen: Seen) -> None:
        """Quotes for what is seen, through risk and orders, into the journal and out."""
