"""A venue of each market and ccxt.pro at its door."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import ccxt.pro
import pytest

from jaxmm.instrument import Instrument
from jaxmm.sim_venue import CCXT_OPTIONS, Recording, SimConfig, SimVenue
from jaxmm.sim_venue.recording import SECOND_NS, Message, from_messages

FEES = {"maker_fee": 0.0002, "taker_fee": 0.0005, "base": "BTC", "quote": "USDT"}
INSTRUMENTS = {
    "spot": Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001, **FEES),
    "usdm": Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001, **FEES),
}
SYMBOLS = {"spot": "BTC/USDT", "usdm": "BTC/USDT:USDT"}
BID, ASK = 1_000_000, 1_000_010  # ticks
LOTS = 10_000
DEADLINE_S = 20.0


def still(seconds: float = 3600.0) -> Recording:
    """A market of five levels a side in which nothing happens."""
    sides = [(0, BID - level, LOTS) for level in range(5)] + [(1, ASK + level, LOTS) for level in range(5)]
    last = Message(int(seconds * SECOND_NS), False, False, [(0, BID, LOTS)])
    return from_messages([Message(0, False, True, sides), last])


async def until(true: Callable[[], Any]) -> Any:
    """Waits for a condition and returns what it says; fails where it never holds."""
    ends = time.monotonic() + DEADLINE_S
    while not (found := true()):
        assert time.monotonic() < ends, "the condition did not come to hold"
        await asyncio.sleep(0.005)
    return found


class Trader:
    """Unmodified ccxt.pro on a venue, and the orders that its stream told."""

    def __init__(self, venue: SimVenue) -> None:
        self.market = "spot" if venue.config.units.spot else "usdm"
        kind = ccxt.pro.binance if self.market == "spot" else ccxt.pro.binanceusdm
        options = CCXT_OPTIONS[self.market]
        self.ccxt = kind({"apiKey": venue.api_key, "secret": venue.secret, "options": options, "timeout": 2000})
        self.ccxt.urls["api"] = venue.ccxt_urls()
        self.venue = venue
        self.symbol = SYMBOLS[self.market]
        self.heard: list[dict[str, Any]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def listen(self) -> None:
        """Begins to hear of our orders."""
        streams = self.venue.state()["user_streams"]
        self._tasks.append(asyncio.create_task(self._listen()))
        await until(lambda: self.venue.state()["user_streams"] > streams)

    async def _listen(self) -> None:
        while True:
            self.heard += await self.ccxt.watch_orders(self.symbol)

    async def place(self, side: str, ticks: int, lots: int, client_id: str, **params: Any) -> dict[str, Any]:
        """A limit order; post-only unless `params` say otherwise."""
        instrument = self.venue.config.instrument
        price, amount = ticks * instrument.tick_size, lots * instrument.lot_size
        wanted = {"clientOrderId": client_id, "postOnly": True} | params
        return await self.ccxt.create_order(self.symbol, "limit", side, amount, price, wanted)

    async def cancel(self, client_id: str) -> dict[str, Any]:
        return await self.ccxt.cancel_order(None, self.symbol, {"origClientOrderId": client_id})

    async def query(self, client_id: str) -> dict[str, Any]:
        return await self.ccxt.fetch_order(None, self.symbol, {"origClientOrderId": client_id})

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ccxt.close()


@pytest.fixture(params=["spot", "usdm"])
def market(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def instrument(market: str) -> Instrument:
    return INSTRUMENTS[market]


@pytest.fixture
async def start(instrument: Instrument) -> AsyncIterator[Callable[..., Any]]:
    """Starts a venue, of a still market if no other is given, and connects a trader."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(recording: Recording | None = None, **settings: Any) -> Trader:
            config = SimConfig(settings.pop("instrument", instrument), **settings)
            venue = await stack.enter_async_context(SimVenue(config, recording or still()))
            trader = Trader(venue)
            stack.push_async_callback(trader.close)
            await trader.ccxt.load_markets()
            return trader

        yield begin
