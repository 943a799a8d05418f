"""Whatever the network does to messages: no exposure is missed, and in the end journal and venue agree."""

import asyncio
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.exchange.reference_orders import Wanted
from jaxmm.live.gateway import Unreachable
from jaxmm.live.messages import ASK, BID, Message
from jaxmm.live.orders import Desk, Patience
from jaxmm.live.recovery import catch_up
from tests.live.orders.rough_venue import RoughVenue
from tests.live.orders.venue import MS, desk_at

PATIENCE = Patience(first_ns=50 * MS, most_ns=500 * MS, settle_ns=2000 * MS, answer_ns=5000 * MS, fills_ns=200 * MS)
STEP_NS = 20 * MS


class Quoting:
    """A desk that quotes on a rough venue, and dies and comes back when told to."""

    def __init__(self, folder: Path, random: Random, count_: int) -> None:
        self.random = random
        self.venue = RoughVenue(random)
        self._path = folder / "journal"
        self._orders = count_
        self.desk = self._start()

    def _start(self) -> Desk:
        desk = desk_at(self._path, count=self._orders, patience=PATIENCE)
        desk.resume(self.venue.now)
        self.venue.inbox = self._hear
        return desk

    def _hear(self, message: Message) -> None:
        self.desk.hear(message, self.venue.now)
        self.check()

    def die(self) -> None:
        """The process ends at once, and starts anew."""
        self.desk.journal.close()
        self.desk = self._start()

    def step(self) -> None:
        self.venue.until(self.venue.now + STEP_NS)
        self._send(self.desk.send_due(self.venue.now))

    def want(self) -> None:
        bid, ask = self.random.randrange(90, 100), self.random.randrange(101, 110)
        many = range(self._orders)
        wanted = Wanted(
            [bid - i for i in many],
            [self.random.randrange(6) for _ in many],
            [ask + i for i in many],
            [self.random.randrange(6) for _ in many],
            self.random.random() < 0.05,
        )
        self._send(self.desk.send(self.desk.manager.want(wanted, self.venue.now), self.venue.now))

    def _send(self, requests) -> None:
        for request in requests:
            self.venue.submit(request)
        self.check()

    def check(self) -> None:
        """Position and what may still fill, as we have it, are never less than the truth."""
        manager = self.desk.manager
        assert manager.position_lots + manager.exposure(BID) >= self.venue.position + self.venue.open_lots(BID)
        assert manager.position_lots - manager.exposure(ASK) <= self.venue.position - self.venue.open_lots(ASK)

    async def ask(self) -> None:
        with suppress(Unreachable):
            await catch_up(self.desk, self.venue, lambda: self.venue.now)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 2))
def test_after_every_storm_journal_and_venue_agree_to_the_last_digit(seed, orders):
    with TemporaryDirectory() as folder:
        asyncio.run(storm(Quoting(Path(folder), Random(seed), orders)))


async def storm(quoting: Quoting) -> None:
    random = quoting.random
    for _ in range(150):
        quoting.step()
        chance = random.random()
        if chance < 0.5:
            quoting.want()
        elif chance < 0.8:
            quoting.venue.trade(random.randrange(1, 4))
        elif chance < 0.83:
            await quoting.ask()
        elif chance < 0.85:
            quoting.die()
        elif chance < 0.86:
            quoting.desk.save(quoting.venue.now)
    quoting.venue.rough = False
    quoting.desk.manager.leave_all()
    for rounds in count():
        quoting.step()
        if rounds % 50 == 0:
            await quoting.ask()
        if quoting.desk.manager.quiet:
            break
        assert rounds < 2000, quoting.desk.manager.orders.unsettled()
    await quoting.ask()
    ledger, venue = quoting.desk.manager.ledger, quoting.venue
    assert quoting.desk.manager.quiet
    assert venue.open_lots(BID) == venue.open_lots(ASK) == 0
    assert ledger.differences(await venue.account()) == []
    assert ledger.fills == len(venue.fills)
