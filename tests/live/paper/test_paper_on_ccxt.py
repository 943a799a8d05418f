"""Paper trading on the market data of a venue that knows nothing of us: no keys, no orders there."""

import asyncio
import time
from decimal import Decimal

import pytest

from jaxmm.exchange.types import OrderType
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.config import Credentials, GatewayConfig
from jaxmm.live.ccxt.gateway import CcxtGateway
from jaxmm.live.messages import ASK, BID, Book, Fill, Place
from jaxmm.live.paper.config import PaperSection
from jaxmm.live.paper.live import LivePaperGateway
from jaxmm.sim_venue import SimConfig, SimVenue

PATIENCE_S = 30.0
COINS = {"base": "BTC", "quote": "USDT", "maker_fee": 0.0002}
MARKETS = {
    "binance": (
        Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001, **COINS),
        {"USDT": Decimal(10**6), "BTC": Decimal(10)},
    ),
    "binanceusdm": (Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001, **COINS), {"USDT": Decimal(10**6)}),
}


@pytest.mark.parametrize("name", MARKETS)
async def test_orders_on_paper_fill_from_another_venues_market_and_never_reach_it(name):
    instrument, balances = MARKETS[name]
    section = PaperSection(spot=name == "binance", balances=balances, latency="1ms", fills="touch:partial")
    async with SimVenue(SimConfig(instrument, speed=20.0)) as sim:
        config = GatewayConfig(venue=name, rest_url=sim.rest_url, ws_url=sim.ws_url)
        source = CcxtGateway(config, instrument, Credentials("", ""))
        paper = LivePaperGateway(section.venue(instrument), source, hold_ns=section.hold_ns)
        told: list = []
        await paper.start(told.append)
        try:
            book = next(message for message in told if isinstance(message, Book) and message.snapshot)
            touch = max(book.bids)[0], min(book.asks)[0]
            for id, (side, price) in enumerate(((BID, touch[0]), (ASK, touch[1]))):
                paper.submit(Place(id, f"jm-{id}", side, price, 1, OrderType.GTC))
            deadline = time.monotonic() + PATIENCE_S
            while not any(isinstance(message, Fill) for message in told):
                assert time.monotonic() < deadline, "nothing filled"
                await asyncio.sleep(0.01)
        finally:
            await paper.close()
        truth = sim.state()
    assert truth["open_orders"] == []
    assert truth["fills"] == []
