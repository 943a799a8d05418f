"""A venue by configuration alone: unmodified ccxt classes and unified methods, at the same simulated venues."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
from gateway_desk import BEST_ASK, BEST_BID, DEADLINE_S, INSTRUMENTS, KEY, SECRET, VENUES, Desk, still, until

from jaxmm.errors import InputError
from jaxmm.exchange.types import OrderType
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.config import Credentials, GatewayConfig, RequestLimit
from jaxmm.live.ccxt.gateway import CcxtGateway
from jaxmm.live.messages import (
    ASK,
    BID,
    Amend,
    Answered,
    Book,
    Cancel,
    CancelAll,
    Fill,
    Gap,
    Lost,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Trade,
)
from jaxmm.sim_venue import CCXT_OPTIONS, Fault, Recording, SimConfig, SimVenue

MARKET_NAMES = {"spot": "BTC/USDT", "usdm": "BTC/USDT:USDT"}
QTY = 1000


def addresses(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, branch in tree.items():
        if isinstance(branch, dict):
            yield from addresses(branch, f"{prefix}{name}.")
        elif not branch.endswith(":9"):
            yield prefix + name, branch


def config_of(venue: SimVenue, kind: str, **changes: Any) -> GatewayConfig:
    defaults: dict[str, Any] = {
        "venue": VENUES[kind],
        "market": MARKET_NAMES[kind],
        "urls": dict(addresses(venue.ccxt_urls())),
        "options": CCXT_OPTIONS[kind],
        "limits": (RequestLimit(window_s=1, most=100),),
        "depth_levels": 20,
        "timeout_ms": 1000,
        "reconnect_first_s": 0.05,
        "reconnect_last_s": 0.2,
        "start_timeout_s": DEADLINE_S,
    }
    return GatewayConfig(**defaults | changes)


@contextlib.asynccontextmanager
async def unified_desk(
    market: str, recording: Recording | None = None, gateway: dict[str, Any] | None = None, speed: float = 1.0
) -> AsyncIterator[Desk]:
    sim = SimConfig(INSTRUMENTS[market], api_key=KEY, secret=SECRET, speed=speed)
    async with SimVenue(sim, recording) as venue:
        config = config_of(venue, market, **(gateway or {}))
        desk = Desk(venue, CcxtGateway(config, INSTRUMENTS[market], Credentials(KEY, SECRET)))
        try:
            await desk.gateway.start(desk.heard.append)
            yield desk
        finally:
            await desk.gateway.close()
        assert not [message for message in desk.heard if KEY in repr(message) or SECRET in repr(message)]


def place(id: int, side: int, ticks: int, kind: OrderType = OrderType.POST_ONLY, **more: Any) -> Place:
    return Place(id, f"jmabcdef-{id}", side, ticks, QTY, kind, **more)


async def test_an_order_lives_and_ends_under_our_own_id(market):
    async with unified_desk(market, still()) as desk:
        assert not desk.gateway.can_amend
        placed = await desk.do(place(1, BID, BEST_BID - 2))
        assert isinstance(placed, Answered)
        assert placed.order is not None
        assert (placed.order.client_id, placed.order.status) == ("jmabcdef-1", OrderStatus.OPEN)
        found = await desk.do(Query(2, "jmabcdef-1"))
        assert isinstance(found, Answered)
        assert found.order is not None
        assert (found.order.price_ticks, found.order.qty_lots) == (BEST_BID - 2, QTY)
        assert [order.client_id for order in await desk.gateway.open_orders()] == ["jmabcdef-1"]
        assert isinstance(await desk.do(Cancel(3, "jmabcdef-1")), Answered)
        await until(lambda: [o for o in desk.of(OrderState) if o.status == OrderStatus.CANCELED])
        assert await desk.do(Query(4, "jmabcdef-9")) == Answered(4, desk.answers(4)[0].recv_ts, None)
        for id in (5, 6):
            assert isinstance(await desk.do(CancelAll(id)), Answered)


async def test_refusals_have_their_reasons(market):
    async with unified_desk(market, still()) as desk:
        await desk.do(place(1, BID, BEST_BID))
        for request, reason in (
            (place(2, BID, BEST_ASK), Refusal.POST_ONLY),
            (Place(3, "jmabcdef-1", BID, BEST_BID, QTY, OrderType.GTC), Refusal.DUPLICATE),
            (Cancel(4, "jmabcdef-0"), Refusal.UNKNOWN_ORDER),
            (Amend(5, "jmabcdef-1", BID, BEST_BID, 1), Refusal.OTHER),
        ):
            answer = await desk.do(request)
            assert isinstance(answer, Refused)
            assert answer.reason == reason


async def test_fills_and_balances_are_the_venues_own(market):
    async with unified_desk(market, still()) as desk:
        before_ns = desk.venue.state()["time_ms"] * 10**6
        await desk.do(place(1, BID, BEST_ASK, OrderType.IOC))
        await desk.do(Place(2, "jmabcdef-2", ASK, 0, QTY, OrderType.MARKET, reduce_only=True))
        fills = await until(lambda: desk.of(Fill) if len(desk.of(Fill)) >= 2 else None)
        truth = desk.venue.state()
        assert {(f.trade_id, f.price_ticks, f.qty_lots, f.fee, f.fee_currency) for f in fills} == {
            (str(f["trade_id"]), f["price_ticks"], f["lots"], Decimal(f["fee"]), f["fee_asset"]) for f in truth["fills"]
        }
        found = await desk.gateway.fills_since(before_ns)
        assert [fill.trade_id for fill in found] == [str(fill["trade_id"]) for fill in truth["fills"]]
        assert [fill.trade_id for fill in await desk.gateway.fills_since(before_ns, found[0].trade_id)] == [
            found[1].trade_id
        ]
        account = await desk.gateway.account()
        assert account.balances == {name: Decimal(text) for name, text in truth["balances"].items()}
        assert account.position_lots == (0 if market == "usdm" else None)


async def test_every_book_is_a_snapshot_of_the_best_levels_and_trades_come_once(market):
    async with unified_desk(market, speed=10.0) as desk:
        await until(lambda: len(desk.of(Trade)) >= 10)
        books = desk.of(Book)
        assert all(book.snapshot and len(book.bids) <= 20 for book in books)
        assert all(max(book.bids)[0] < min(book.asks)[0] for book in books)
        ids = [trade.id for trade in desk.of(Trade)]
        assert len(ids) == len(set(ids))


async def test_broken_streams_are_told_and_come_up_again(market):
    async with unified_desk(market, speed=10.0) as desk:
        for name in ("market", "user"):
            desk.venue.fault(Fault("disconnect", name))
            await until(lambda name=name: desk.stream(name)[-2:] == [False, True])
        assert desk.of(Gap)
        books = len(desk.of(Book))
        await until(lambda: len(desk.of(Book)) > books)
        await desk.do(place(1, BID, 1))
        await until(lambda: desk.of(Refused, OrderState))


async def test_a_lost_answer_is_called_lost(market):
    async with unified_desk(market, still()) as desk:
        desk.venue.fault(Fault("accepted_timeout", count=1))
        assert isinstance(await desk.do(place(1, BID, BEST_BID)), Lost)
        found = await desk.do(Query(2, "jmabcdef-1"))
        assert isinstance(found, Answered)
        assert found.order is not None


async def test_our_budget_and_the_venues_ban_hold_requests_back(market):
    limits = (RequestLimit(window_s=3600, most=40),)
    async with unified_desk(market, still(), {"limits": limits, "reserve": 0.5}) as desk:
        answers = [await desk.do(place(id, BID, BEST_BID)) for id in range(1, 40)]
        assert any(isinstance(answer, Refused) and answer.reason == Refusal.RATE for answer in answers)
        assert isinstance(await desk.do(CancelAll(50)), Answered)
        desk.venue.fault(Fault("ban", count=1, code=429))
        banned = await desk.do(CancelAll(51))
        assert isinstance(banned, Refused)
        assert banned.until_ns > banned.recv_ts
        assert isinstance(await desk.do(CancelAll(52)), Refused)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"venue": "binnace"}, "did you mean 'binance'"),
        ({"venue": "kraken", "market": ""}, "name the market of kraken as ccxt does"),
        ({"urls": {"pubic": "http://127.0.0.1:1"}}, "has no address 'pubic'"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_with_what_would_be_right(changes, says):
    async def build() -> None:
        config = GatewayConfig(**{"venue": "binance", "market": "BTC/USDT", **changes})
        CcxtGateway(config, INSTRUMENTS["spot"], Credentials(KEY, SECRET))

    with pytest.raises(InputError, match=says):
        asyncio.run(build())


async def test_another_market_or_other_steps_are_refused(market):
    async with SimVenue(SimConfig(INSTRUMENTS[market], api_key=KEY, secret=SECRET), still()) as venue:
        other = Instrument.from_dict(INSTRUMENTS[market].to_dict() | {"tick_size": 0.05})
        for config, instrument, says in (
            (config_of(venue, market), other, "tick_size of the instrument is 0.05"),
            (config_of(venue, market, market="XYZ/USDT"), INSTRUMENTS[market], "no market 'XYZ/USDT'"),
        ):
            with pytest.raises(InputError, match=says):
                await CcxtGateway(config, instrument, Credentials(KEY, SECRET)).start(lambda message: None)
