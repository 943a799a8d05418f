"""Requests at a venue: every kind of order, what refuses it, and money to the last digit."""

from collections import Counter
from decimal import Decimal

import pytest
from gateway_desk import BEST_ASK, BEST_BID, INSTRUMENTS, LOTS, Desk, desk_at, still, until

from jaxmm.exchange.types import OrderType
from jaxmm.live.messages import (
    ASK,
    BID,
    Account,
    Amend,
    Answered,
    Cancel,
    CancelAll,
    Fill,
    Mark,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Skew,
    Trade,
)

QTY = 1000


def place(id: int, side: int, ticks: int, lots: int = QTY, kind: OrderType = OrderType.POST_ONLY) -> Place:
    return Place(id, f"jmabcdef-{id}", side, ticks, lots, kind)


def order_of(answer: object) -> OrderState:
    assert isinstance(answer, Answered)
    assert answer.order is not None
    return answer.order


async def refusal_of(desk: Desk, request: Place | Amend | Cancel) -> Refusal:
    answer = await desk.do(request)
    assert isinstance(answer, Refused)
    return answer.reason


async def test_an_order_is_placed_found_and_cancelled_under_our_own_id(market):
    async with desk_at(market, still()) as desk:
        placed = order_of(await desk.do(place(1, BID, BEST_BID - 3)))
        assert (placed.client_id, placed.status, placed.price_ticks, placed.qty_lots, placed.filled_lots) == (
            "jmabcdef-1",
            OrderStatus.OPEN,
            BEST_BID - 3,
            QTY,
            0,
        )
        assert order_of(await desk.do(Query(2, "jmabcdef-1"))).venue_id == placed.venue_id
        assert [order.client_id for order in await desk.gateway.open_orders()] == ["jmabcdef-1"]
        assert order_of(await desk.do(Cancel(3, "jmabcdef-1"))).client_id == "jmabcdef-1"
        assert await desk.gateway.open_orders() == []
        told = await until(lambda: [o for o in desk.of(OrderState) if o.status == OrderStatus.CANCELED])
        assert {order.client_id for order in told} == {"jmabcdef-1"}


async def test_an_order_is_amended_down_under_the_id_that_it_has(market):
    async with desk_at(market, still()) as desk:
        placed = order_of(await desk.do(place(1, ASK, BEST_ASK + 2)))
        amended = order_of(await desk.do(Amend(2, "jmabcdef-1", ASK, BEST_ASK + 2, QTY // 2)))
        assert (amended.qty_lots, amended.client_id, amended.venue_id) == (QTY // 2, "jmabcdef-1", placed.venue_id)
        assert desk.venue.state()["open_orders"][0]["lots"] == QTY // 2
        assert desk.gateway.can_amend == (market == "spot")  # futures send an amended order to the back


async def test_a_query_of_an_order_that_never_was_answers_that_there_is_none(market):
    async with desk_at(market, still()) as desk:
        assert await desk.do(Query(1, "jmabcdef-9")) == Answered(1, desk.answers(1)[0].recv_ts, None)


async def test_refusals_have_their_reasons(market):
    async with desk_at(market, still()) as desk:
        await desk.do(place(1, BID, BEST_BID))
        assert await refusal_of(desk, place(2, BID, BEST_ASK)) == Refusal.POST_ONLY
        assert await refusal_of(desk, place(3, ASK, BEST_ASK, 10**9)) in (Refusal.BALANCE, Refusal.FILTER)
        assert await refusal_of(desk, place(4, BID, BEST_BID, 0)) == Refusal.FILTER
        assert await refusal_of(desk, Place(5, "jmabcdef-1", BID, BEST_BID, QTY, OrderType.POST_ONLY)) == (
            Refusal.DUPLICATE
        )
        assert await refusal_of(desk, Cancel(6, "jmabcdef-0")) == Refusal.UNKNOWN_ORDER
        assert await refusal_of(desk, Amend(7, "jmabcdef-0", BID, BEST_BID, 1)) == Refusal.UNKNOWN_ORDER


async def test_all_orders_are_cancelled_and_cancelling_none_is_no_error(market):
    async with desk_at(market, still()) as desk:
        for id, ticks in enumerate((BEST_BID, BEST_BID - 1, BEST_BID - 2), 1):
            await desk.do(place(id, BID, ticks))
        for id in (4, 5):
            assert await desk.do(CancelAll(id)) == Answered(id, desk.answers(id)[0].recv_ts, None)
        assert desk.venue.state()["open_orders"] == []


async def test_takers_fill_at_once_and_the_stream_tells_the_fill_before_the_order(market):
    async with desk_at(market, still()) as desk:
        bought = order_of(await desk.do(place(1, BID, BEST_ASK + 1, 2 * QTY, OrderType.IOC)))
        assert (bought.status, bought.filled_lots) == (OrderStatus.FILLED, 2 * QTY)
        sold = Place(2, "jmabcdef-2", ASK, 0, QTY, OrderType.MARKET, reduce_only=True)
        assert order_of(await desk.do(sold)).filled_lots == QTY
        await until(lambda: len(desk.of(Fill)) == 2)
        kinds = [type(message) for message in desk.of(Fill, OrderState) if message.client_id == "jmabcdef-1"]
        assert kinds.index(Fill) == len(kinds) - 2
        nothing = await desk.do(place(3, BID, BEST_ASK, 10 * LOTS, OrderType.FOK))
        assert isinstance(nothing, Refused) or order_of(nothing).status == OrderStatus.EXPIRED
        assert len(desk.of(Fill)) == 2


async def test_money_is_the_venues_own_to_the_last_digit(market):
    async with desk_at(market, still()) as desk:
        instrument = INSTRUMENTS[market]
        start = (await desk.gateway.account()).balances
        await desk.do(place(1, BID, BEST_ASK, 2 * QTY, OrderType.IOC))
        await desk.do(place(2, ASK, BEST_BID, QTY, OrderType.IOC))
        fills = await until(lambda: desk.of(Fill) if len(desk.of(Fill)) == 2 else None)
        state, account = desk.venue.state(), await desk.gateway.account()
        assert account.balances == {name: Decimal(text) for name, text in state["balances"].items()}
        if market == "usdm":
            assert account.position_lots == state["position_lots"] == QTY
            wallet = start["USDT"] + sum(fill.realized - fill.fee for fill in fills)
            assert account.balances == {"USDT": wallet}
        else:
            assert account.position_lots is None
            tick, lot = Decimal(str(instrument.tick_size)), Decimal(str(instrument.lot_size))
            for fill in fills:
                sign = 1 if fill.side == BID else -1
                start["BTC"] += sign * fill.qty_lots * lot
                start["USDT"] -= sign * fill.qty_lots * lot * fill.price_ticks * tick
                start[fill.fee_currency] -= fill.fee
            assert account.balances == start
        assert desk.of(Account)[-1].balances == account.balances


async def test_fills_are_found_again_by_time_and_by_trade_id(market):
    async with desk_at(market, still()) as desk:
        before_ns = desk.venue.state()["time_ms"] * 10**6
        for id in (1, 2, 3):
            await desk.do(place(id, BID, BEST_ASK, QTY, OrderType.IOC))
        streamed = await until(lambda: desk.of(Fill) if len(desk.of(Fill)) == 3 else None)
        ids = [fill.trade_id for fill in streamed]
        found = await desk.gateway.fills_since(before_ns)
        assert [fill.trade_id for fill in found] == ids
        assert [(fill.price_ticks, fill.qty_lots, fill.fee, fill.venue_id) for fill in found] == [
            (fill.price_ticks, fill.qty_lots, fill.fee, fill.venue_id) for fill in streamed
        ]
        assert [fill.trade_id for fill in await desk.gateway.fills_since(0)] == ids
        assert [fill.trade_id for fill in await desk.gateway.fills_since(0, ids[0])] == ids[1:]
        assert await desk.gateway.fills_since(before_ns + 10**12) == []


async def test_a_moving_market_is_heard_whole_and_in_order(market):
    async with desk_at(market, speed=10.0) as desk:
        await until(lambda: len(desk.of(Trade)) >= 10 and desk.sees_the_venues_book())
        await until(lambda: desk.of(Mark) or market == "spot")
        stamps = [message.recv_ts for message in desk.heard]
        assert stamps == sorted(stamps)
        assert max(Counter(trade.id for trade in desk.of(Trade)).values()) == 1
        assert market == "usdm" or not desk.of(Mark)
        assert abs(desk.of(Skew)[-1].skew_ns) < 50_000_000


@pytest.mark.parametrize("timeout_ms", [60_000, 0])
async def test_the_dead_man_switch_is_armed_where_there_is_one(market, timeout_ms):
    async with desk_at(market, still()) as desk:
        requests = desk.venue.state()["requests"]
        await desk.gateway.arm(timeout_ms)
        assert desk.gateway.dead_man == (market == "usdm")
        assert desk.venue.state()["requests"] - requests == (1 if market == "usdm" else 0)


async def test_a_closed_gateway_says_nothing_more(market):
    async with desk_at(market, speed=10.0) as desk:
        desk.gateway.submit(place(1, BID, BEST_BID))
        await desk.gateway.close()
        said = len(desk.heard)
        played = desk.venue.state()["messages"]
        await until(lambda: desk.venue.state()["messages"] > played + 20)
        assert len(desk.heard) == said
