"""Paper trading on a live market: the paper venue fed by another gateway's market stream, on the event loop.

A live market cannot be read ahead. So the paper venue runs some time behind the clock, long enough for messages of
different streams to come into the order in which they happened at the exchange; what comes later still happens at once
and is counted. Answers are as late as their latency says, or as late as the venue runs behind where that is more.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from jaxmm.instrument import Instrument
from jaxmm.live.gateway import Inbox
from jaxmm.live.messages import Book, Gap, Mark, Message, Request, Skew, Stream, Trade
from jaxmm.live.paper.gateway import PaperGateway
from jaxmm.live.paper.market_queue import NEVER
from jaxmm.live.paper.venue import PaperVenue, received


class MarketSource(Protocol):
    """Where market data comes from: a gateway whose account is not asked for."""

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        ...

    async def start_market(self, inbox: Inbox) -> None:
        """Connects; from now on market messages arrive. Returns once a snapshot came."""
        ...

    async def close(self) -> None:
        """Ends the streams."""
        ...


class LivePaperGateway(PaperGateway):
    """The paper venue on another's market data; `now_ns` is our clock."""

    def __init__(
        self, venue: PaperVenue, source: MarketSource, *, hold_ns: int, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        super().__init__(venue, now_ns())
        self._source = source
        self._hold_ns = hold_ns
        self._clock = now_ns
        self._skew_ns = 0  # how far the venue's clock is ahead of ours
        self._setting_out = False
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_ns = NEVER

    async def start(self, inbox: Inbox) -> None:
        """Connects to the market; returns once a snapshot came."""
        self._inbox = inbox
        self.deliver(Stream("user", True, self._clock()))
        await self._source.start_market(self._on_market)

    def submit(self, request: Request) -> None:
        """Takes a request; what is submitted in one go sets out together."""
        super().submit(request)
        if not self._setting_out:
            self._setting_out = True
            asyncio.get_running_loop().call_soon(self._set_out)

    async def close(self) -> None:
        """Ends the market's streams; nothing arrives afterwards."""
        if self._timer is not None:
            self._timer.cancel()
        await super().close()
        await self._source.close()

    def _set_out(self) -> None:
        self._setting_out = False
        self.flush(self._clock() + self._skew_ns)
        self._catch_up(self._clock())

    def _on_market(self, message: Message) -> None:
        """Passes on what is of the market; whatever else the source says is of another account."""
        if isinstance(message, Skew):
            self._skew_ns = message.skew_ns
        elif isinstance(message, Book | Trade):
            self.venue.lag_ns = message.recv_ts + self._skew_ns - message.exch_ts
            self.venue.push(message)
        elif not isinstance(message, Mark | Gap) and not (isinstance(message, Stream) and message.name == "market"):
            return
        self._catch_up(message.recv_ts)
        self.deliver(message)

    def _catch_up(self, now_ns: int) -> None:
        """Lets the venue live up to where it may, delivers what has reached us, and sees to the next time."""
        venue_ns = now_ns + self._skew_ns
        self.venue.live_until(venue_ns - self._hold_ns)
        while self.venue.mail_ns <= venue_ns:
            self.deliver(received(self.venue.take_mail(), now_ns))
        self._wake_at(min(self.venue.next_ns + self._hold_ns, self.venue.mail_ns) - self._skew_ns, now_ns)

    def _wake_at(self, at_ns: int, now_ns: int) -> None:
        if at_ns >= self._wakes_ns or self._inbox is None or at_ns > NEVER // 2:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_ns = at_ns
        self._timer = asyncio.get_running_loop().call_later(max(at_ns - now_ns, 0) / 1e9, self._wake)

    def _wake(self) -> None:
        self._timer, self._wakes_ns = None, NEVER
        self._catch_up(self._clock())
