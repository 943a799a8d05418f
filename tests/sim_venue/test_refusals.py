"""What the venue does not take, with Binance's codes: wrong orders, signatures and times, too many requests."""

import time
from decimal import Decimal

import aiohttp
import ccxt
import pytest

from jaxmm.sim_venue import RateLimits
from tests.sim_venue.conftest import ASK, BID, Trader

POST_ONLY = {"spot": "immediately match", "usdm": "-5022"}
BALANCE = {"spot": "insufficient balance", "usdm": "-2019"}
DUPLICATE = {"spot": "Duplicate order sent", "usdm": "-4116"}
BAND = {"spot": "PERCENT_PRICE_BY_SIDE", "usdm": "-4024"}
SMALL = {"spot": "NOTIONAL", "usdm": "-4164"}
OPEN = {"spot": "MAX_NUM_ORDERS", "usdm": "-2025"}
LEAST = {"spot": Decimal(5), "usdm": Decimal(150)}


async def refused(trader: Trader, says: str, *order: object) -> None:
    """Placing an order is refused in those words, and nothing is there afterwards that was not before."""
    before = trader.venue.state()["open_orders"]
    with pytest.raises(ccxt.BaseError, match=says):
        await trader.place(*order)  # type: ignore[arg-type]
    assert trader.venue.state()["open_orders"] == before


async def test_orders_that_binance_refuses_are_refused_with_its_codes(start, market):
    trader = await start(max_open_orders=1, min_notional=LEAST[market])
    await refused(trader, POST_ONLY[market], "buy", ASK, 100, "jm1-1")
    await refused(trader, BALANCE[market], "sell", ASK, 10**9 if market == "spot" else 999_000, "jm1-2")
    await refused(trader, BAND[market], "buy", BID // 2, 100, "jm1-3")
    await refused(trader, SMALL[market], "buy", BID, 1, "jm1-4")
    await trader.place("buy", BID, 100, "jm1-5")
    await refused(trader, DUPLICATE[market], "buy", BID, 100, "jm1-5")
    await refused(trader, OPEN[market], "buy", BID - 1, 100, "jm1-6")


async def test_a_post_only_order_that_would_meet_our_own_is_refused(start, market):
    trader = await start()
    await trader.place("sell", ASK - 3, 100, "jm1-1")
    await refused(trader, POST_ONLY[market], "buy", ASK - 3, 100, "jm1-2")


async def test_an_order_that_is_not_open_is_neither_cancelled_nor_known(start):
    trader = await start()
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await trader.cancel("jm1-1")
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await trader.query("jm1-1")


async def test_prices_between_ticks_and_quantities_between_lots_are_refused(start, market):
    trader = await start()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    post = trader.ccxt.privatePostOrder if market == "spot" else trader.ccxt.fapiPrivatePostOrder
    units = trader.venue.config.units
    for change, code in (
        ({"price": "9999.987654", "quantity": units.qty(100)}, {"spot": "PRICE_FILTER", "usdm": "-4014"}),
        ({"price": units.price(BID), "quantity": "0.000000001"}, {"spot": "LOT_SIZE", "usdm": "-1111"}),
        ({"price": units.price(BID)}, {"spot": "-1102", "usdm": "-1102"}),
    ):
        with pytest.raises(ccxt.BaseError, match=code[market]):
            await post(order | change)


async def test_a_wrong_secret_a_wrong_key_and_a_wrong_clock_are_refused(start):
    trader = await start()
    exchange = trader.ccxt
    exchange.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        await exchange.fetch_balance()
    exchange.secret = trader.venue.secret
    exchange.apiKey = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        await exchange.fetch_balance()
    exchange.apiKey = trader.venue.api_key
    for offset, told in ((-11_000, "outside of the recvWindow"), (2000, "1000ms ahead")):
        exchange.nonce = lambda offset=offset: round(time.time() * 1000) + offset
        with pytest.raises(ccxt.InvalidNonce, match=told):
            await exchange.fetch_balance()


async def test_weights_are_told_then_refused_with_429_and_at_last_with_418(start, market):
    trader = await start(limits=RateLimits(weight_1m=200))
    path = "/api/v3/exchangeInfo" if market == "spot" else "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
    statuses = []
    async with aiohttp.ClientSession() as session:
        for _ in range(60):
            async with session.get(trader.venue.rest_url + path) as answer:
                statuses.append(answer.status)
                weight, wait = answer.headers["X-MBX-USED-WEIGHT-1M"], answer.headers.get("Retry-After")
                body = await answer.json()
            assert int(weight) > 0
            if answer.status != 200:
                assert body["code"] == -1003
                assert wait is not None
                assert int(wait) > 0
            if answer.status == 418:
                break
    assert [status for status in (200, 429, 418) if status in statuses] == [200, 429, 418]
    assert "banned until" in body["msg"]
    with pytest.raises(ccxt.DDoSProtection, match="418"):
        await trader.ccxt.fetch_balance()


async def test_orders_of_ten_seconds_are_counted_and_cancels_are_not(start):
    trader = await start(limits=RateLimits(orders_10s=3), balances={"USDT": Decimal(10**9), "BTC": Decimal(10)})

    async def place_and_cancel() -> None:
        for i in range(8):  # two windows at most
            await trader.place("buy", BID - i, 100, f"jm1-{i}")
            await trader.cancel(f"jm1-{i}")

    with pytest.raises(ccxt.DDoSProtection, match="-1015"):
        await place_and_cancel()
    assert "X-MBX-ORDER-COUNT-10S" in trader.ccxt.last_response_headers
    state = trader.venue.state()
    assert state["max_orders_10s"] >= 3
    assert state["refused"]["-1015"] == 1


async def test_limits_are_announced_in_exchange_info(start, market):
    trader = await start(speed=10.0)
    info = await (trader.ccxt.publicGetExchangeInfo() if market == "spot" else trader.ccxt.fapiPublicGetExchangeInfo())
    told = {(limit["rateLimitType"], limit["interval"], int(limit["intervalNum"])) for limit in info["rateLimits"]}
    assert {("REQUEST_WEIGHT", "MINUTE", 1), ("ORDERS", "SECOND", 10)} <= told
    assert {int(limit["limit"]) for limit in info["rateLimits"]} & {60_000, 24_000}, (
        "ten times Binance's at ten times its speed"
    )
