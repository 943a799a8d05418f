"""What venues and lines do to a gateway: each fault alone, and all at once, leaves it correct and connected."""

import asyncio
import random
import time

import pytest
from gateway_desk import BEST_BID, KEY, SECRET, Desk, desk_at, still, until

from jaxmm.exchange.types import OrderType
from jaxmm.live.messages import (
    BID,
    Answered,
    Book,
    Cancel,
    Fill,
    Gap,
    Lost,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Skew,
    Trade,
)
from jaxmm.sim_venue import Fault, RateLimits

QTY = 1000
MODES = ("close", "hang", "busy")


def place(id: int, ticks: int = BEST_BID - 3) -> Place:
    return Place(id, f"jmabcdef-{id}", BID, ticks, QTY, OrderType.POST_ONLY)


def refused(answer: object) -> Refused:
    assert isinstance(answer, Refused)
    return answer


# --- answers that do not come -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
async def test_an_order_whose_answer_is_lost_is_called_lost_and_a_query_finds_it(market, mode):
    async with desk_at(market, still(), {"timeout_ms": 300}) as desk:
        desk.venue.fault(Fault(kind="accepted_timeout", count=1, mode=mode))
        assert isinstance(await desk.do(place(1)), Lost)
        found = await desk.do(Query(2, "jmabcdef-1"))
        assert isinstance(found, Answered)
        assert found.order is not None
        assert found.order.status == OrderStatus.OPEN


@pytest.mark.parametrize("mode", MODES)
async def test_an_order_that_never_arrived_is_called_lost_too_and_a_query_knows_none(market, mode):
    async with desk_at(market, still(), {"timeout_ms": 300}) as desk:
        desk.venue.fault(Fault(kind="accepted_timeout", count=1, mode=mode, executed=False))
        assert isinstance(await desk.do(place(1)), Lost)
        found = await desk.do(Query(2, "jmabcdef-1"))
        assert isinstance(found, Answered)
        assert found.order is None


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancel_whose_answer_is_lost_is_not_asked_again_behind_our_back(market, mode):
    async with desk_at(market, still(), {"timeout_ms": 300}) as desk:
        await desk.do(place(1))
        desk.venue.fault(Fault(kind="cancel_timeout", count=1, mode=mode))
        requests = desk.venue.state()["requests"]
        assert isinstance(await desk.do(Cancel(2, "jmabcdef-1")), Lost)
        assert desk.venue.state()["requests"] == requests + 1
        found = await desk.do(Query(3, "jmabcdef-1"))
        assert isinstance(found, Answered)
        assert found.order is not None
        assert found.order.status == OrderStatus.CANCELED


async def test_a_venue_that_is_gone_refuses_and_questions_say_that_it_is_unreachable(market):
    from jaxmm.live.gateway import Unreachable

    async with desk_at(market, still()) as desk:
        await desk.venue.__aexit__()
        answer = refused(await desk.do(place(1)))
        assert answer.reason == Refusal.OTHER
        with pytest.raises(Unreachable) as unreachable:
            await desk.gateway.open_orders()
        assert unreachable.value.__cause__ is None
        for text in (answer.text, str(unreachable.value)):
            assert "signature=" not in text
        await desk.venue.__aenter__()


# --- too many requests --------------------------------------------------------------------------------------------


async def test_a_ban_silences_us_until_it_ends_and_asks_nothing_meanwhile(market):
    async with desk_at(market, still()) as desk:
        desk.venue.fault(Fault(kind="ban", duration_s=1.0))
        first = refused(await desk.do(place(1)))
        assert first.reason == Refusal.BANNED
        assert 0 < first.until_ns - first.recv_ts < 3 * 10**9
        requests = desk.venue.state()["requests"]
        second = refused(await desk.do(Cancel(2, "jmabcdef-1")))
        assert second.reason == Refusal.BANNED
        assert abs(second.until_ns - first.until_ns) < 50_000_000  # the estimate of the skew may move
        assert desk.venue.state()["requests"] == requests
        await until(lambda: time.time_ns() > first.until_ns + 5_000_000)
        assert isinstance(await desk.do(place(3)), Answered)


async def test_a_warning_for_too_many_requests_is_heeded(market):
    async with desk_at(market, still()) as desk:
        desk.venue.fault(Fault(kind="ban", count=1, code=429))
        first = refused(await desk.do(place(1)))
        assert first.reason == Refusal.RATE
        assert first.until_ns > first.recv_ts
        assert refused(await desk.do(place(2))).reason == Refusal.RATE
        assert desk.venue.state()["refused"] == {"-1003": 1}


async def test_our_own_budget_refuses_before_the_venue_does_and_leaves_room_for_cancels(market):
    limits = RateLimits(orders_10s=10, orders_1m=1000, weight_1m=2000)
    async with desk_at(market, still(), {"reserve": 0.2}, limits=limits) as desk:
        answers = [await desk.do(place(id)) for id in range(1, 30)]
        held = [answer for answer in answers if isinstance(answer, Refused)]
        assert held
        assert {answer.reason for answer in held} == {Refusal.RATE}
        assert all(answer.until_ns > answer.recv_ts for answer in held)
        assert isinstance(await desk.do(Cancel(30, "jmabcdef-1")), Answered)
        assert desk.venue.state()["refused"] == {}
        assert desk.venue.state()["max_orders_10s"] <= 10
        assert 0 < max(desk.gateway.rate_used().values()) <= 1


# --- clocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset_ms", [8000, -8000])
async def test_a_venues_clock_that_was_set_is_measured_anew_and_orders_pass_again(market, offset_ms):
    async with desk_at(market, still()) as desk:
        desk.venue.fault(Fault(kind="clock_jump", offset_ms=offset_ms, duration_s=60.0))
        assert refused(await desk.do(place(1))).reason == Refusal.AUTH
        await until(lambda: abs(desk.of(Skew)[-1].skew_ns - offset_ms * 10**6) < 100_000_000)
        assert isinstance(await desk.do(place(2)), Answered)


# --- market data --------------------------------------------------------------------------------------------------


async def test_a_missing_message_is_a_gap_and_a_snapshot_mends_it(market):
    async with desk_at(market, speed=10.0) as desk:
        desk.venue.fault(Fault(kind="gap", count=1))
        await until(lambda: desk.of(Gap))
        await until(lambda: desk.sees_the_venues_book())
        assert len([book for book in desk.of(Book) if book.snapshot]) == 2
        assert desk.stream("market") == [True]


@pytest.mark.parametrize("kind", ["duplicate", "reorder", "delay"])
async def test_messages_that_come_twice_late_or_out_of_order_do_no_harm(market, kind):
    async with desk_at(market, speed=10.0) as desk:
        desk.venue.fault(Fault(kind=kind, target="market", duration_s=1.0, delay_ms=30.0))
        await until(lambda: not desk.venue.state()["faults"])
        await until(lambda: desk.sees_the_venues_book())
        ids = [trade.id for trade in desk.of(Trade)]
        assert len(ids) == len(set(ids))
        stamps = [message.recv_ts for message in desk.heard]
        assert stamps == sorted(stamps)


async def test_a_broken_market_stream_withdraws_the_book_and_comes_up_again(market):
    async with desk_at(market, speed=10.0) as desk:
        desk.venue.fault(Fault(kind="disconnect", target="market"))
        await until(lambda: desk.stream("market") == [True, False, True])
        await until(lambda: desk.sees_the_venues_book())
        kinds = [type(message) for message in desk.of(Gap, Book) if isinstance(message, Gap) or message.snapshot]
        assert kinds == [Book, Gap, Book]


async def test_a_venue_that_falls_silent_is_left_and_found_again(market):
    async with desk_at(market, gateway={"silence_s": 0.3, "timeout_ms": 300}, speed=10.0) as desk:
        desk.venue.fault(Fault(kind="outage", target="market", duration_s=1.0))
        await until(lambda: not desk.stream("market")[-1])
        await until(lambda: desk.stream("market")[-1] and desk.sees_the_venues_book())


async def test_a_snapshot_that_cannot_be_had_is_asked_for_again(market):
    async with desk_at(market, speed=10.0) as desk:
        desk.venue.fault(Fault(kind="outage", target="rest", duration_s=0.5))
        desk.venue.fault(Fault(kind="gap", count=1))
        await until(lambda: desk.of(Gap))
        await until(lambda: desk.sees_the_venues_book())


async def test_a_message_that_cannot_be_read_opens_the_stream_again(market):
    async with desk_at(market, speed=10.0) as desk:
        symbol = desk.gateway.instrument.symbol
        desk.venue.streams.publish("trade", {"e": "trade", "s": symbol, "p": "1.00000001", "q": "1", "m": True})
        await until(lambda: desk.stream("market") == [True, False, True])
        assert "could not be read" in next(gap.reason for gap in desk.heard if getattr(gap, "up", True) is False)


# --- our orders' stream -------------------------------------------------------------------------------------------


async def test_a_broken_user_stream_is_told_and_comes_up_again(market):
    async with desk_at(market, still()) as desk:
        desk.venue.fault(Fault(kind="disconnect", target="user"))
        await until(lambda: desk.stream("user") == [True, False, True])
        await desk.do(place(1))
        await until(lambda: desk.of(OrderState))


async def test_fills_while_the_user_stream_was_down_are_found_by_asking(market):
    async with desk_at(market, speed=10.0) as desk:
        before_ns = desk.venue.state()["time_ms"] * 10**6
        desk.venue.fault(Fault(kind="disconnect", target="user", duration_s=0.5))
        await until(lambda: desk.stream("user")[-1] is False)
        await desk.do(Place(1, "jmabcdef-1", BID, 0, QTY, OrderType.MARKET))
        await until(lambda: desk.stream("user")[-1])
        told = {fill.trade_id for fill in desk.of(Fill)}
        found = {fill.trade_id for fill in await desk.gateway.fills_since(before_ns)}
        assert found == {str(fill["trade_id"]) for fill in desk.venue.state()["fills"]}
        assert told < found


async def test_user_messages_that_come_twice_are_passed_on_for_the_orders_to_judge(market):
    async with desk_at(market, still()) as desk:
        desk.venue.fault(Fault(kind="duplicate", target="user", duration_s=5.0))
        await desk.do(Place(1, "jmabcdef-1", BID, 0, QTY, OrderType.MARKET))
        await until(lambda: len(desk.of(Fill)) == 2)
        assert len({fill.trade_id for fill in desk.of(Fill)}) == 1


# --- all at once --------------------------------------------------------------------------------------------------


async def ask_for_a_while(desk: Desk, rng: random.Random, requests: int) -> None:
    for id in range(1, requests + 1):
        known = f"jmabcdef-{rng.randint(1, id)}"
        desk.gateway.submit(rng.choice([place(id, rng.randint(1, 10**6)), Cancel(id, known), Query(id, known)]))
        await asyncio.sleep(rng.uniform(0, 0.02))


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_each_request_has_one_answer_and_the_book_is_whole_in_the_end(market, seed):
    rng = random.Random(seed)
    faults = [
        Fault(kind="disconnect", target="market"),
        Fault(kind="disconnect", target="user"),
        Fault(kind="gap", count=2),
        Fault(kind="reorder", target="market", duration_s=0.5, delay_ms=30.0),
        Fault(kind="accepted_timeout", count=2, mode=rng.choice(MODES)),
        Fault(kind="cancel_timeout", count=2, mode=rng.choice(MODES)),
        Fault(kind="outage", target="rest", duration_s=0.2, mode=rng.choice(MODES)),
        Fault(kind="clock_jump", offset_ms=8000, duration_s=0.5),
        Fault(kind="ban", count=1, code=429),
    ]
    async with desk_at(market, gateway={"timeout_ms": 300}, speed=10.0) as desk:
        asking = asyncio.create_task(ask_for_a_while(desk, rng, 80))
        for fault in rng.sample(faults, 5):
            desk.venue.fault(fault)
            await asyncio.sleep(rng.uniform(0, 0.2))
        await asking
        await until(lambda: all(desk.answers(id) for id in range(1, 81)))
        desk.venue.clear_faults()
        await until(lambda: desk.stream("market")[-1] and desk.stream("user")[-1] and desk.sees_the_venues_book())
        assert [len(desk.answers(id)) for id in range(1, 81)] == [1] * 80
        for order in await asked_until_heard(desk):
            assert not any(isinstance(answer, Refused) for answer in desk.answers(int(order.client_id.split("-")[1])))
        assert all(KEY not in repr(message) and SECRET not in repr(message) for message in desk.heard)


async def asked_until_heard(desk: Desk) -> list[OrderState]:
    """The open orders, once the venue listens again."""
    from jaxmm.live.gateway import Unreachable

    ends = time.monotonic() + 20
    while True:
        try:
            return await desk.gateway.open_orders()
        except Unreachable:
            assert time.monotonic() < ends
            await asyncio.sleep(0.05)
