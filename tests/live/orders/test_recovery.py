"""Start is recovery, against a venue in memory whose clock runs beside the test's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from random import Random

import pytest

from jaxmm.errors import InputError
from jaxmm.exchange.reference_orders import Wanted
from jaxmm.live.journal import Journal
from jaxmm.live.messages import Account, Place
from jaxmm.live.orders import Desk, Ledger, OrderManager, Patience
from jaxmm.live.recovery import Recovery, recover
from tests.live.orders.rough_venue import RoughVenue
from tests.live.orders.venue import MS, USDM

PATIENCE = Patience(first_ns=50 * MS, most_ns=500 * MS, settle_ns=2000 * MS, answer_ns=5000 * MS, fills_ns=200 * MS)
IN_A_HURRY = Recovery(deadline_s=20, attempts=1)


@asynccontextmanager
async def running(venue: RoughVenue) -> AsyncIterator[None]:
    """Its time goes on, 10 ms at every turn of the event loop."""

    async def turn() -> None:
        while True:
            venue.until(venue.now + 10 * MS)
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    try:
        yield
    finally:
        turning.cancel()
        with suppress(asyncio.CancelledError):
            await turning


def desk_at(path, venue: RoughVenue) -> Desk:
    manager = OrderManager("test", Ledger(USDM), patience=PATIENCE)
    desk = Desk(Journal.open(path, quoter="test", facts={}, now_ns=venue.now), manager)
    desk.load()
    venue.inbox = lambda message: desk.hear(message, venue.now)
    return desk


async def recovered(path, venue: RoughVenue, recovery: Recovery = IN_A_HURRY) -> Desk:
    desk = desk_at(path, venue)
    async with running(venue):
        await recover(desk, venue, lambda: venue.now, recovery)
    return desk


def quote(desk: Desk, venue: RoughVenue) -> list:
    requests = desk.send(desk.manager.want(Wanted(100, 5, 110, 5), venue.now), venue.now)
    for request in requests:
        venue.submit(request)
    return requests


async def test_the_first_start_counts_from_the_account_and_not_from_older_executions(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    venue.submit(Place(1, "by-hand", 0, 100, 7, 1))
    venue.until(50 * MS)
    venue.trade(7)
    desk = await recovered(tmp_path / "j", venue)
    ledger = desk.manager.ledger
    assert (ledger.position_lots, ledger.fills, ledger.balances) == (7, 0, {"USDT": venue.balance})
    desk.journal.close()


@pytest.mark.parametrize("rough", [False, True])
async def test_a_killed_quoter_comes_back_knowing_all_fills_and_with_nothing_open(tmp_path, rough):
    venue = RoughVenue(Random(4), rough=False)
    desk = await recovered(tmp_path / "j", venue)
    quote(desk, venue)
    venue.until(venue.now + 20 * MS)
    venue.trade(2)
    desk.journal.close()  # nobody hears of the fill
    venue.inbox = None
    venue.until(venue.now + 20 * MS)
    venue.trade(3)
    venue.rough = rough
    desk = await recovered(tmp_path / "j", venue, Recovery(deadline_s=20))
    assert desk.manager.quiet
    assert all(order.status.final for order in venue.orders.values())
    assert desk.manager.ledger.differences(Account({"USDT": venue.balance}, venue.position, 0)) == []
    assert desk.manager.ledger.fills == len(venue.fills) == 2
    desk.journal.close()


async def test_requests_that_were_journaled_and_never_sent_are_found_to_be_nothing(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    desk = await recovered(tmp_path / "j", venue)
    desk.send(desk.manager.want(Wanted(100, 5), venue.now), venue.now)
    desk.journal.close()
    desk = await recovered(tmp_path / "j", venue)
    assert desk.manager.quiet
    place, lost = desk.journal.rows("place", "lost")
    assert lost.body["request_id"] == place.seq
    assert "the process ended" in lost.body["text"]
    desk.journal.close()


async def test_books_that_do_not_balance_are_refused_by_the_number_that_differs(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    desk = await recovered(tmp_path / "j", venue)
    desk.journal.close()
    venue.position, venue.balance = 3, Decimal("999.99")
    desk = desk_at(tmp_path / "j", venue)
    with pytest.raises(InputError) as refusal:
        async with running(venue):
            await recover(desk, venue, lambda: venue.now, IN_A_HURRY)
    assert "position is 3 lots at the venue and 0 lots here" in str(refusal.value)
    assert "balance is 999.99 USDT at the venue and 1000 USDT here" in str(refusal.value)
    desk.journal.close()


async def test_funding_and_deposits_are_counted_once_however_often_they_are_asked_for(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    venue.pay(Decimal("5"))  # before the first start
    (await recovered(tmp_path / "j", venue)).journal.close()
    for _ in range(3):
        venue.pay(Decimal("-0.25"))
        venue.pay(Decimal("100"), "transfer")
        (await recovered(tmp_path / "j", venue)).journal.close()
    desk = await recovered(tmp_path / "j", venue)
    ledger = desk.manager.ledger
    assert ledger.balances == {"USDT": venue.balance}
    assert ledger.funding == {"USDT": Decimal("-0.75")}
    assert ledger.profit(Decimal(100)) == Decimal("-0.75")
    assert len(list(desk.journal.rows("transfer"))) == 6
    desk.journal.close()


async def test_a_person_may_have_the_venues_numbers_adopted_and_the_journal_says_so(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    (await recovered(tmp_path / "j", venue)).journal.close()
    venue.balance = Decimal("1234.5")
    desk = await recovered(tmp_path / "j", venue, Recovery(attempts=1, adopt=True))
    (row,) = desk.journal.rows("adopted")
    assert row.body["differences"][0]["says"] == "balance is 1234.5 USDT at the venue and 1000 USDT here"
    desk.journal.close()
    (await recovered(tmp_path / "j", venue)).journal.close()


async def test_orders_that_are_not_this_quoters_are_refused_or_taken_over(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    venue.submit(Place(1, "by-hand", 0, 100, 7, 1))
    venue.until(50 * MS)
    desk = desk_at(tmp_path / "j", venue)
    async with running(venue):
        with pytest.raises(InputError, match="1 open orders of the symbol are not this quoter's"):
            await recover(desk, venue, lambda: venue.now, IN_A_HURRY)
        await recover(desk, venue, lambda: venue.now, Recovery(take_over=True))
    assert venue.orders["by-hand"].status.final
    desk.journal.close()


async def test_an_order_of_ours_that_the_journal_lost_is_cancelled(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    desk = await recovered(tmp_path / "j", venue)
    quote(desk, venue)
    venue.until(venue.now + 50 * MS)
    desk.journal.close()
    desk = await recovered(tmp_path / "another", venue)
    assert all(order.status.final for order in venue.orders.values())
    assert desk.manager.quiet
    desk.journal.close()


async def test_a_venue_that_does_not_answer_is_named_after_the_deadline(tmp_path):
    venue = RoughVenue(Random(1), rough=False)
    desk = await recovered(tmp_path / "j", venue)
    quote(desk, venue)
    desk.journal.close()
    desk = desk_at(tmp_path / "j", venue)
    with pytest.raises(InputError, match="2 orders may still be open"):  # its clock stands still
        await recover(desk, venue, lambda: venue.now, Recovery(deadline_s=0.2))
    desk.journal.close()
