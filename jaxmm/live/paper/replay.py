"""A recorded day against the paper venue in virtual time, as fast as the machine goes.

The feed and the venue's messages reach the core merged by time, decisions fall between them, and the venue hears of
every market event at the moment at which it happened, because a recording can be read ahead.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from jaxmm.live.messages import Book, Market, Message, Trade
from jaxmm.live.paper.gateway import PaperGateway
from jaxmm.live.paper.market_queue import LONG_AGO, NEVER


class Driven(Protocol):
    """A core, as far as a shell drives it."""

    @property
    def next_decision_ns(self) -> int | None:
        """When the next decision falls due, as far as it is known."""
        ...

    def handle(self, message: Message) -> None:
        """Takes one message, after the decisions that fall due before it."""
        ...

    def tick(self, now_ns: int) -> None:
        """Every message received before `now_ns` has been handled."""
        ...


def replay(
    core: Driven,
    gateway: PaperGateway,
    feed: Iterable[Market],
    disorder_ns: int,
    after_decision: Callable[[int], None] = lambda now_ns: None,
) -> int:
    """Runs the core over the whole feed, whose exchange times run back by `disorder_ns` at most.

    `gateway` must have been started with an inbox that leads to `core.handle`. `after_decision` is called with the time
    of each. Returns the time of the last message; decisions up to and including then are made.
    """
    ahead = _Ahead(feed, gateway, disorder_ns)
    now = LONG_AGO
    while True:
        decision_ns = NEVER if core.next_decision_ns is None else core.next_decision_ns
        row_ns = max(ahead.next_ns, now)
        if row_ns == NEVER and decision_ns > now:
            return now
        until = min(row_ns, decision_ns)
        ahead.read(until)
        if gateway.venue.live_to_mail(until):
            until = gateway.venue.mail_ns
            gateway.deliver(gateway.venue.take_mail())
        elif row_ns <= decision_ns:
            now = row_ns
            gateway.deliver(ahead.take())
        else:
            core.tick(decision_ns + 1)
            after_decision(decision_ns)
        gateway.flush(until)


class _Ahead:
    """Reads the feed for the venue as far ahead as exchange time may run back, and keeps it for the core."""

    def __init__(self, feed: Iterable[Market], gateway: PaperGateway, disorder_ns: int) -> None:
        self._feed: Iterator[Market] = iter(feed)
        self._venue = gateway.venue
        self._disorder_ns = disorder_ns
        self._latest = LONG_AGO  # exchange time
        self._kept: deque[Market] = deque()
        self._ended = False
        self._step()

    @property
    def next_ns(self) -> int:
        """When the core receives the next message; `NEVER` after the last."""
        return self._kept[0].recv_ts if self._kept else NEVER

    def read(self, until_ns: int) -> None:
        """Tells the venue of everything that happens up to then."""
        while not self._ended and self._latest - self._disorder_ns <= until_ns:
            self._step()

    def take(self) -> Market:
        """The next message for the core."""
        message = self._kept.popleft()
        if isinstance(message, Book | Trade):
            self._venue.lag_ns = message.recv_ts - message.exch_ts
        if not self._kept:
            self._step()
        return message

    def _step(self) -> None:
        message = next(self._feed, None)
        if message is None:
            self._ended = True
            return
        self._kept.append(message)
        if isinstance(message, Book | Trade):
            self._latest = max(self._latest, message.exch_ts)
            self._venue.push(message)
