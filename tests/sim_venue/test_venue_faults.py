"""Every fault kind strikes what it names, as a client feels it, and ends."""

import asyncio
import itertools

import aiohttp
import ccxt
import orjson
import pytest

from jaxmm.errors import InputError
from jaxmm.sim_venue import Fault, draw_schedule, synthetic
from jaxmm.sim_venue.faults import KINDS
from jaxmm.sim_venue.schedule import Scheduled
from jaxmm.sim_venue.server import SimVenue
from tests.sim_venue.conftest import BID, INSTRUMENTS, Trader, until

pytestmark = pytest.mark.parametrize("market", ["usdm"], indirect=True)
MOVING = synthetic(INSTRUMENTS["usdm"], seconds=60)


async def diffs(venue: SimVenue, count: int, found: list[dict] | None = None) -> list[dict]:
    """The next book messages of a raw connection, put into `found` as they come."""
    found = [] if found is None else found
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{venue.ws_url}/fstream/public/ws/btcusdt@depth@0ms") as ws,
    ):
        async for message in ws:
            found.append(orjson.loads(message.data))
            if len(found) == count:
                break
    return found


def breaks(messages: list[dict]) -> int:
    """Broken links of the update-id chain."""
    return sum(later["pu"] != earlier["u"] for earlier, later in itertools.pairwise(messages))


async def watch(trader: Trader, times: int) -> None:
    for _ in range(times):
        await trader.ccxt.watch_order_book(trader.symbol)


async def test_without_a_fault_the_chain_of_diffs_is_whole(start):
    trader = await start(MOVING, speed=20.0)
    assert breaks(await diffs(trader.venue, 50)) == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "gap", "count": 3},
        {"kind": "duplicate", "duration": 30.0},
        {"kind": "reorder", "duration": 30.0, "delay_ms": 100.0},
        {"kind": "outage", "target": "market", "count": 3},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_gap_a_duplicate_a_reordering_and_an_outage_break_the_chain_of_diffs(start, fault):
    trader = await start(MOVING, speed=20.0)
    heard: list[dict] = []
    task = asyncio.create_task(diffs(trader.venue, 60, heard))
    await until(lambda: heard)  # what is missing before the first message breaks no chain
    trader.venue.fault(fault)
    assert breaks(await task) > 0
    assert trader.venue.state()["struck"][fault["kind"]] > 0


async def test_a_gap_makes_ccxt_fetch_a_new_book(start):
    trader = await start(MOVING, speed=20.0)
    await trader.ccxt.watch_order_book(trader.symbol)
    trader.venue.fault({"kind": "gap", "count": 2})
    with pytest.raises(ccxt.ChecksumError):
        await watch(trader, 1000)
    book = await trader.ccxt.watch_order_book(trader.symbol)
    assert book["bids"][0][0] < book["asks"][0][0]


async def test_a_delay_keeps_the_order_of_messages(start):
    trader = await start(MOVING, speed=20.0)
    trader.venue.fault({"kind": "delay", "target": "market", "delay_ms": 100.0, "duration": 30.0})
    assert breaks(await diffs(trader.venue, 40)) == 0


async def test_a_disconnect_cuts_the_stream_and_keeps_the_door_shut_while_it_lasts(start):
    trader = await start(MOVING, speed=20.0)
    await trader.listen()
    trader.venue.fault({"kind": "disconnect", "target": "user", "duration": 0.5})
    await until(lambda: not trader.venue.state()["user_streams"])
    url = f"{trader.venue.ws_url}/fstream/private/ws?listenKey={max(trader.venue.desk.listen_keys)}"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        await until(lambda: not trader.venue.state()["faults"])
        async with session.ws_connect(url):
            assert trader.venue.state()["user_streams"] == 1


@pytest.mark.parametrize(
    ("mode", "error"),
    [("close", ccxt.NetworkError), ("hang", ccxt.RequestTimeout), ("busy", ccxt.OperationFailed)],
)
@pytest.mark.parametrize("executed", [True, False])
async def test_a_request_that_times_out_may_have_been_carried_out_or_not(start, mode, error, executed):
    trader = await start()
    trader.ccxt.timeout = 300
    trader.venue.fault({"kind": "accepted_timeout", "count": 1, "mode": mode, "executed": executed})
    with pytest.raises(error):
        await trader.place("buy", BID, 100, "jm1-1")
    assert len(trader.venue.state()["open_orders"]) == executed
    await trader.place("buy", BID, 100, "jm1-2")
    trader.venue.fault({"kind": "cancel_timeout", "count": 2, "mode": mode, "executed": executed})
    with pytest.raises((error, ccxt.OrderNotFound)):  # aiohttp repeats a DELETE whose connection was closed
        await trader.cancel("jm1-2")
    assert ("jm1-2" in {order["client_id"] for order in trader.venue.state()["open_orders"]}) != executed


async def test_rejects_bans_and_outages_end_by_count_or_time(start):
    trader = await start()
    trader.venue.fault({"kind": "reject", "count": 1, "code": -2019})
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        await trader.place("buy", BID, 100, "jm1-1")
    await trader.place("buy", BID, 100, "jm1-1")
    trader.venue.fault({"kind": "outage", "target": "rest", "count": 1, "mode": "busy"})
    with pytest.raises(ccxt.OperationFailed):
        await trader.query("jm1-1")
    trader.venue.fault({"kind": "ban", "duration": 0.2})
    with pytest.raises(ccxt.DDoSProtection, match="418"):
        await trader.query("jm1-1")
    assert int(trader.ccxt.last_response_headers["Retry-After"]) >= 1
    await until(lambda: trader.venue.counted.banned_until < trader.venue.counted.now())
    assert (await trader.query("jm1-1"))["status"] == "open"


async def test_a_clock_that_jumps_refuses_signed_requests_until_it_jumps_back(start):
    trader = await start()
    trader.venue.fault({"kind": "clock_jump", "offset_ms": 20_000, "duration": 0.3})
    with pytest.raises(ccxt.InvalidNonce):
        await trader.ccxt.fetch_balance()
    assert await trader.ccxt.fetch_time() - trader.ccxt.milliseconds() > 15_000
    await until(lambda: trader.venue.clock.ahead_ms == 0)
    await trader.ccxt.fetch_balance()


async def test_during_an_outage_of_the_user_stream_events_are_lost_and_then_it_breaks(start):
    trader = await start()
    await trader.listen()
    trader.venue.fault({"kind": "outage", "target": "user", "duration": 0.3})
    await trader.place("buy", BID, 100, "jm1-1")
    await until(lambda: not trader.venue.state()["user_streams"])
    assert trader.heard == []


async def test_a_stream_that_is_out_answers_no_ping(start):
    trader = await start()
    url = f"{trader.venue.ws_url}/fstream/public/ws/1"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, autoping=False) as ws:
        await ws.ping(b"1")
        assert (await ws.receive(5)).data == b"1"
        trader.venue.fault({"kind": "outage", "target": "market", "count": 1})
        await ws.ping(b"2")
        await until(lambda: len(trader.venue.streams.clients) == 1)
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        with pytest.raises(TimeoutError):
            await ws.receive(0.2)
        trader.venue.clear_faults()
        await ws.ping(b"3")
        assert (await ws.receive(5)).data == b"3"


async def test_faults_come_by_http_too_and_are_cleared(start):
    trader = await start()
    async with aiohttp.ClientSession(trader.venue.rest_url) as session:
        async with session.post("/sim/fault", json={"kind": "outage", "target": "rest", "duration": 60}) as answer:
            assert await answer.json() == {"active": ["outage:rest"]}
        async with session.post("/sim/fault", json={"kind": "outtage"}) as answer:
            assert answer.status == 400
            assert "did you mean 'outage'" in (await answer.json())["error"]
        async with session.delete("/sim/fault") as answer:
            assert await answer.json() == {"active": []}
        async with session.get("/sim/state") as answer:
            assert (await answer.json())["open_orders"] == []


async def test_a_schedule_begins_its_faults_by_itself(start, instrument):
    trader = await start()
    scheduled = Scheduled(0.05, Fault("reject", count=1))
    async with SimVenue(trader.venue.config, trader.venue.recording, [scheduled]) as venue:
        await until(lambda: venue.state()["faults"] == ["reject:rest"])


def test_the_same_seed_draws_the_same_faults_and_every_kind_can_be_drawn(market):
    assert draw_schedule(7, 20.0) == draw_schedule(7, 20.0)
    assert draw_schedule(7, 20.0) != draw_schedule(8, 20.0)
    assert {s.fault.kind for seed in range(30) for s in draw_schedule(seed, 20.0)} == set(KINDS)
    assert {s.fault.kind for s in draw_schedule(1, 20.0, ["gap"])} == {"gap"}
    assert all(s.at_s + s.fault.duration_s <= 20.0 for seed in range(50) for s in draw_schedule(seed, 20.0))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "no kind"),
        ({"kind": "gap"}, "give duration_s or count"),
        ({"kind": "gap", "target": "rest", "count": 1}, "cannot strike 'rest'"),
        ({"kind": "gap", "coutn": 1}, "did you mean 'count'"),
        ({"kind": "gap", "count": "x"}, "count is 'x'; it is a whole number"),
        ({"kind": "outage", "duration": 1, "mode": "slow"}, "valid: busy, close, hang"),
        ({"kind": "gap", "duration": -1}, "cannot be negative"),
    ],
)
def test_a_wrong_fault_is_refused_by_a_sentence(market, values, says):
    with pytest.raises(InputError, match=says):
        Fault.parse(values)
