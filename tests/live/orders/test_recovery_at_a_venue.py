"""Start as recovery through ccxt, at a simulated venue: executions and funding in between are found."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from jaxmm.exchange.reference_orders import Wanted
from jaxmm.live.ccxt.config import Credentials
from jaxmm.live.ccxt.gateway import CcxtGateway
from jaxmm.live.journal import Journal
from jaxmm.live.messages import Book, Gap, Mark, Message, Trade
from jaxmm.live.orders import Desk, Ledger, OrderManager
from jaxmm.live.recovery import Recovery, account_of, recover
from jaxmm.sim_venue import SimConfig, SimVenue
from tests.live.ccxt.gateway_desk import BEST_ASK, BEST_BID, INSTRUMENTS, KEY, SECRET, config_at, still, until


@asynccontextmanager
async def gateway_at(venue: SimVenue) -> AsyncIterator[CcxtGateway]:
    gateway = CcxtGateway(config_at(venue, "usdm"), INSTRUMENTS["usdm"], Credentials(KEY, SECRET))
    try:
        yield gateway
    finally:
        await gateway.close()


async def test_a_quoter_that_died_learns_of_its_orders_and_of_funding_from_the_venue(tmp_path):
    def opened() -> Desk:
        manager = OrderManager("test", Ledger(INSTRUMENTS["usdm"]))
        desk = Desk(Journal.open(tmp_path / "j", quoter="test", facts={}, now_ns=time.time_ns()), manager)
        desk.load()
        return desk

    def hear(message: Message) -> None:
        if not isinstance(message, Book | Trade | Mark | Gap):
            desk.hear(message, time.time_ns())

    config = SimConfig(INSTRUMENTS["usdm"], api_key=KEY, secret=SECRET)
    async with SimVenue(config, still()) as venue, gateway_at(venue) as gateway:
        desk = opened()
        await gateway.start(hear)
        venue.pay(Decimal("3"))
        await recover(desk, gateway, time.time_ns)
        wanted = Wanted(BEST_BID - 5, 10, BEST_ASK + 5, 10)
        for request in desk.send(desk.manager.want(wanted, time.time_ns()), time.time_ns()):
            gateway.submit(request)
        await until(lambda: len(venue.state()["open_orders"]) == 2)
        desk.journal.close()

        desk = opened()
        venue.pay(Decimal("-0.12345678"))
        assert await recover(desk, gateway, time.time_ns, Recovery(attempts=2)) == []
        assert venue.state()["open_orders"] == []
        venue.pay(Decimal("10"), "TRANSFER")
        desk.transfers_asked_ns = None  # as if the last question were long ago
        account = await account_of(desk, gateway, time.time_ns)
        ledger = desk.manager.ledger
        assert ledger.differences(account) == []
        assert ledger.balances["USDT"] == Decimal(venue.state()["balances"]["USDT"])
        assert ledger.funding == {"USDT": Decimal("-0.12345678")}
        desk.journal.close()
