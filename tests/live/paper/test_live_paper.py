"""Paper trading on a market that happens now."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel, OrderType, QueueModel
from jaxmm.instrument import Instrument
from jaxmm.live.messages import ASK, BID, Account, Answered, Book, Fill, OrderStatus, Place, Skew, Stream, Trade
from jaxmm.live.paper.account import PaperAccount
from jaxmm.live.paper.gateway import PaperGateway
from jaxmm.live.paper.live import LivePaperGateway
from jaxmm.live.paper.venue import PaperVenue

INSTRUMENT = Instrument("test", "X", 0.1, 0.001, base="BTC", quote="USDT")
MS = 1_000_000
PATIENCE_S = 20.0


class Market:
    """A market that says what the test says."""

    instrument = INSTRUMENT

    async def start_market(self, inbox):
        self.inbox = inbox
        inbox(Stream("market", True, time.time_ns()))
        self.say(lambda now: Book(now, now, True, ((1000, 10),), ((1002, 10),), 1))

    async def close(self):
        self.inbox = None

    def say(self, message: Callable[[int], object]) -> None:
        self.inbox(message(time.time_ns()))


class Desk:
    """A gateway with its market, and all that it has told."""

    def __init__(self, hold_ns: int) -> None:
        account = PaperAccount.starting(INSTRUMENT, False, {"USDT": Decimal(1000)})
        venue = PaperVenue(account, Latency(MS, MS), FillModel(QueueModel.TOUCH, partial=True))
        self.market = Market()
        self.gateway = LivePaperGateway(venue, self.market, hold_ns=hold_ns)
        self.told: list = []

    async def until(self, kind: type, count: int = 1) -> list:
        """The messages of a kind, once there are so many."""
        deadline = time.monotonic() + PATIENCE_S
        while len(found := [message for message in self.told if isinstance(message, kind)]) < count:
            assert time.monotonic() < deadline, f"no {kind.__name__} came: {self.told}"
            await asyncio.sleep(0.001)
        return found


@pytest.fixture(params=[0, 5 * MS], ids=["at once", "some time behind"])
async def desk(request):
    made = Desk(request.param)
    await made.gateway.start(made.told.append)
    yield made
    await made.gateway.close()


async def test_an_order_rests_and_a_trade_at_its_price_fills_it(desk):
    desk.gateway.submit(Place(1, "jm-1", BID, 1000, 3, OrderType.POST_ONLY))
    (answer,) = await desk.until(Answered)
    assert answer.order.status is OrderStatus.OPEN
    desk.market.say(lambda now: Trade(now, now, ASK, 1000, 2, 1))
    (fill,) = await desk.until(Fill)
    assert (fill.price_ticks, fill.qty_lots, fill.client_id) == (1000, 2, "jm-1")
    assert (await desk.gateway.open_orders())[0].filled_lots == 2
    assert (await desk.gateway.account()).position_lots == 2
    assert [one.trade_id for one in await desk.gateway.fills_since(fill.exch_ts)] == [fill.trade_id]
    assert await desk.gateway.fills_since(0, after_trade_id=fill.trade_id) == []


async def test_what_is_submitted_in_one_go_is_answered_together(desk):
    for id, price in ((1, 1000), (2, 999)):
        desk.gateway.submit(Place(id, f"jm-{id}", BID, price, 3, OrderType.POST_ONLY))
    first, second = await desk.until(Answered, 2)
    assert first.order.exch_ts == second.order.exch_ts


async def test_the_market_is_passed_on_and_what_the_source_says_of_its_own_account_is_not(desk):
    desk.market.say(lambda now: Account({"USDT": Decimal(5)}, 77, now))
    desk.market.say(lambda now: Stream("user", False, now))
    desk.market.say(lambda now: Trade(now, now, ASK, 1000, 2, 1))
    await desk.until(Trade)
    assert not any(isinstance(message, Account) for message in desk.told)
    assert {(message.name, message.up) for message in desk.told if isinstance(message, Stream)} == {
        ("market", True),
        ("user", True),
    }


async def test_a_venue_whose_clock_is_ahead_stamps_by_its_own(desk):
    desk.market.say(lambda now: Skew(now, 3_600_000 * MS, MS))
    desk.gateway.submit(Place(1, "jm-1", BID, 1000, 3, OrderType.POST_ONLY))
    (answer,) = await desk.until(Answered)
    assert answer.order.exch_ts - answer.recv_ts > 3_000_000 * MS


async def test_nothing_arrives_after_the_gateway_was_closed(desk):
    desk.gateway.submit(Place(1, "jm-1", BID, 1000, 3, OrderType.POST_ONLY))
    await desk.until(Answered)
    told, inbox = list(desk.told), desk.market.inbox
    await desk.gateway.close()
    inbox(Trade(time.time_ns(), time.time_ns(), ASK, 1000, 2, 1))
    desk.gateway.venue.live_until(time.time_ns())
    inbox(Trade(time.time_ns() + 10 * MS, time.time_ns() + 10 * MS, ASK, 1000, 2, 2))
    assert desk.told == told


async def test_a_question_does_not_tell_of_a_fill_before_its_report_has_come():
    account = PaperAccount.starting(INSTRUMENT, False, {"USDT": Decimal(1000)})
    venue = PaperVenue(account, Latency(0, MS), FillModel(QueueModel.TOUCH, partial=True))
    gateway = PaperGateway(venue, 0)
    venue.push(Book(0, 0, True, ((1000, 10),), ((1002, 10),), 1))
    venue.send(0, [Place(1, "jm-1", BID, 1000, 3, OrderType.POST_ONLY)])
    venue.push(Trade(2 * MS, 2 * MS, ASK, 1000, 2, 1))
    venue.live_until(2 * MS)
    assert len(venue.fills) == 1
    assert await gateway.fills_since(0) == []
    while venue.live_to_mail(3 * MS):
        told = venue.take_mail()
    assert [fill.recv_ts for fill in await gateway.fills_since(0)] == [told.recv_ts] == [3 * MS]
