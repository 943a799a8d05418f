"""What keeps a gateway going: pauses that grow, a clock that only goes forwards, keys that are renewed."""

import asyncio
import random
from typing import Any

from gateway_desk import BEST_BID, desk_at, still, until
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.exchange.types import OrderType
from jaxmm.live.ccxt.backoff import Backoff
from jaxmm.live.ccxt.steady_clock import steady_clock
from jaxmm.live.messages import BID, Book, OrderState, Place, Stream


@given(st.floats(0.01, 1.0), st.floats(1.0, 60.0), st.integers(0, 2**32))
def test_pauses_double_within_bounds_and_are_never_the_same_for_all(first, last, seed):
    backoff = Backoff(first, last, random.Random(seed))
    for tries in range(40):
        assert min(last, first * 2**tries) / 2 <= backoff.next_s() <= min(last, first * 2**tries)
    backoff.reset()
    assert backoff.next_s() <= first


def test_a_clock_that_is_set_back_changes_nothing():
    wall, ticks = [10**18], [500]
    clock = steady_clock(lambda: wall[0], lambda: ticks[0])
    assert clock() == 10**18
    wall[0] -= 3600 * 10**9
    ticks[0] += 7
    assert clock() == 10**18 + 7


async def test_the_key_of_a_futures_user_stream_is_renewed_and_replaced_where_the_venue_forgot_it():
    async with desk_at("usdm", still(), {"listen_key_s": 0.05}) as desk:
        requests = desk.venue.state()["requests"]
        await until(lambda: desk.venue.state()["requests"] >= requests + 3)
        assert desk.stream("user") == [True]
        desk.venue.desk.listen_keys.clear()
        await until(lambda: desk.stream("user")[:3] == [True, False, True])


async def test_a_user_stream_that_the_venue_ends_is_opened_again(market):
    async with desk_at(market, still()) as desk:
        ended = "eventStreamTerminated" if market == "spot" else "listenKeyExpired"
        desk.venue.streams.tell_user([{"e": ended, "E": 1}])
        await until(lambda: desk.stream("user") == [True, False, True])
        assert (
            next(s for s in desk.of(Stream) if not s.up).reason
            == f"StreamBroke: the venue ended the user stream: {ended}"
        )
        await desk.do(Place(1, "jmabcdef-1", BID, BEST_BID, 1000, OrderType.POST_ONLY))
        await until(lambda: desk.of(OrderState))


async def test_an_inbox_that_fails_is_told_to_the_process_and_ends_no_stream(market):
    async with desk_at(market, speed=10.0) as desk:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, facts: told.append(facts))

        def fails(message: object) -> None:
            raise RuntimeError("the inbox is full")

        desk.gateway._inbox = fails
        await until(lambda: told)
        assert str(told[0]["exception"]) == "the inbox is full"
        desk.gateway._inbox = desk.heard.append
        books = len(desk.of(Book))
        await until(lambda: len(desk.of(Book)) > books + 3)
        assert desk.stream("market") == [True]
