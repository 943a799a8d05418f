"""A simulated venue of each market with a gateway at its door."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.config import Credentials, GatewayConfig
from jaxmm.live.ccxt.gateway import CcxtGateway
from jaxmm.live.messages import Answered, Book, Gap, Lost, Message, Refused, Request, Stream
from jaxmm.sim_venue import Recording, SimConfig, SimVenue
from jaxmm.sim_venue.recording import SECOND_NS, from_messages
from jaxmm.sim_venue.recording import Message as Played

FEES = {"maker_fee": 0.001, "taker_fee": 0.001, "base": "BTC", "quote": "USDT"}
INSTRUMENTS = {
    "spot": Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001, **FEES),
    "usdm": Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001, **FEES),
}
VENUES = {"spot": "binance", "usdm": "binanceusdm"}
MARKETS = tuple(VENUES)
BEST_BID, BEST_ASK = 1_000_000, 1_000_010  # ticks of the still market
LOTS = 10_000
KEY, SECRET = "the-key-of-the-account", "the-secret-of-the-account"
DEADLINE_S = 20.0


def still() -> Recording:
    """A market of five levels a side in which nothing happens."""
    sides = [(0, BEST_BID - level, LOTS) for level in range(5)] + [(1, BEST_ASK + level, LOTS) for level in range(5)]
    return from_messages([Played(0, False, True, sides), Played(3600 * SECOND_NS, False, False, [(0, BEST_BID, LOTS)])])


async def until(true: Callable[[], Any]) -> Any:
    """Waits for a condition and returns what it says; fails where it never holds."""
    ends = time.monotonic() + DEADLINE_S
    while not (found := true()):
        assert time.monotonic() < ends, "the condition did not come to hold"
        await asyncio.sleep(0.003)
    return found


@dataclass
class Desk:
    """A venue, the gateway to it, and all that the gateway has said."""

    venue: SimVenue
    gateway: CcxtGateway
    heard: list[Message] = field(default_factory=list)

    async def do(self, request: Request) -> Answered | Refused | Lost:
        """The answer to a request."""
        self.gateway.submit(request)
        return await until(lambda: next(iter(self.answers(request.request_id)), None))

    def answers(self, request_id: int) -> list[Answered | Refused | Lost]:
        """All answers to a request so far."""
        answers = self.of(Answered, Refused, Lost)
        return [answer for answer in answers if answer.request_id == request_id]

    def of(self, *kinds: type) -> list[Any]:
        """What was said of some kinds."""
        return [message for message in self.heard if isinstance(message, kinds)]

    def stream(self, name: str) -> list[bool]:
        """How a stream came up and went down."""
        return [stream.up for stream in self.of(Stream) if stream.name == name]

    def book(self) -> tuple[int, list[dict[int, int]]] | None:
        """The book that the messages make and its update id; None while it is not to be trusted."""
        sides: list[dict[int, int]] = [{}, {}]
        id = None
        for message in self.of(Book, Gap):
            if isinstance(message, Gap):
                id = None
                continue
            assert message.snapshot or id is not None, "a difference on a book that is not known"
            sides = [{}, {}] if message.snapshot else sides
            id = message.id
            for side, levels in zip(sides, (message.bids, message.asks), strict=True):
                side.update(levels)
        return None if id is None else (id, [{p: q for p, q in side.items() if q} for side in sides])

    def sees_the_venues_book(self) -> bool:
        """Whether the book is the venue's own, level by level."""
        book = self.book()
        shown = [{p: q for p, q in self.venue.exchange.venue.book[side].items() if q} for side in (0, 1)]
        return book is not None and book == (self.venue.player.update_id, shown)


def config_at(venue: SimVenue, market: str, **changes: Any) -> GatewayConfig:
    """A patient gateway's configuration at a simulated venue."""
    defaults = {"timeout_ms": 1000, "reconnect_first_s": 0.05, "reconnect_last_s": 0.2, "start_timeout_s": DEADLINE_S}
    urls = {"rest_url": venue.rest_url, "ws_url": venue.ws_url}
    return GatewayConfig(**{"venue": VENUES[market], **urls, **defaults, **changes})


@contextlib.asynccontextmanager
async def desk_at(
    market: str, recording: Recording | None = None, gateway: dict[str, Any] | None = None, **venue: Any
) -> AsyncIterator[Desk]:
    """A started gateway at a venue."""
    sim = SimConfig(INSTRUMENTS[market], api_key=KEY, secret=SECRET, **venue)
    async with SimVenue(sim, recording) as running:
        config = config_at(running, market, **(gateway or {}))
        desk = Desk(running, CcxtGateway(config, INSTRUMENTS[market], Credentials(KEY, SECRET)))
        try:
            await desk.gateway.start(desk.heard.append)
            yield desk
        finally:
            await desk.gateway.close()
        ask_in_vain = [message for message in desk.heard if KEY in repr(message) or SECRET in repr(message)]
        assert not ask_in_vain, "a secret was told"
