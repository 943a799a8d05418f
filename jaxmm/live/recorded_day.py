"""A recorded day traded on paper in virtual time: the whole quoter but its sockets, with a journal as of a live day."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.build import core_of, order_manager, quoters_of
from jaxmm.live.config import QuoteConfig
from jaxmm.live.core import Core
from jaxmm.live.gateway import Gateway
from jaxmm.live.journal import Journal
from jaxmm.live.journal.export import INSTRUMENT
from jaxmm.live.observer import Observer, Status
from jaxmm.live.orders import Desk
from jaxmm.live.paper.feed import Recording, StoreFeed
from jaxmm.live.paper.gateway import PaperGateway
from jaxmm.live.paper.replay import replay
from jaxmm.live.quote import Mode, facts_of
from jaxmm.live.recovery import catch_up, recover

T = TypeVar("T")


def trade_recorded(config: QuoteConfig, store: Recording, observer: Observer | None = None) -> Status:
    """Trades the whole recording and returns how the quoter stands at its end, its orders still open.

    No decision is ever late, and none takes time: the same recording and configuration give the same journal.

    Raises:
        InputError: the configuration has no section `paper`, its journal has been begun, or the instrument's tick and
            lot are not the recording's.
    """
    if config.paper is None:
        raise InputError("paper: the configuration has no section paper; give at least its balances")
    instrument, feed = _instrument(config, store), StoreFeed(store)
    quoters = quoters_of(config, instrument)
    facts = {INSTRUMENT: instrument.to_dict(), **facts_of(config, Mode.PAPER, quoters)}
    journal = Journal.open(config.journal, quoter=config.name, facts=facts, now_ns=feed.first_ns)
    try:
        if journal.next_seq > 2:
            raise InputError(f"{config.journal}: this journal holds another day; name a new one")
        gateway = PaperGateway(config.paper.venue(instrument), feed.first_ns)
        desk = Desk(journal, order_manager(config, quoters, instrument, can_amend=gateway.can_amend))
        core = core_of(config, quoters, desk, gateway.submit, observer or Observer(), perf_ns=lambda: 0)
        core.now_ns = feed.first_ns
        _done(gateway.start(core.handle))
        _done(recover(desk, gateway, lambda: core.now_ns))
        core.begin()
        asking = _Asking(core, desk, gateway)
        end_ns = replay(core, gateway, feed, feed.disorder_ns, asking.after_decision)
        desk.save(end_ns)
        return core.status(end_ns)
    finally:
        journal.close()


class _Asking:
    """Compares orders, fills and account with the venue where the core wants to, as the process does."""

    def __init__(self, core: Core, desk: Desk, gateway: Gateway) -> None:
        self._core, self._desk, self._gateway = core, desk, gateway

    def after_decision(self, now_ns: int) -> None:
        """Asks where it is time to."""
        if self._core.asks(now_ns):
            self._core.asked(now_ns)
            states = _done(catch_up(self._desk, self._gateway, lambda: now_ns))
            self._core.compared(states, _done(self._gateway.account()), now_ns)


def _done(question: Awaitable[T]) -> T:
    """The answer to a question that the paper venue answers at once."""

    async def asked() -> T:
        return await question

    return asyncio.run(asked())


def _instrument(config: QuoteConfig, store: Recording) -> Instrument:
    ours = Instrument.from_yaml(config.instrument)
    for name in ("symbol", "tick_size", "lot_size", "kind", "contract_size"):
        mine, theirs = getattr(ours, name), getattr(store.instrument, name)
        if mine != theirs:
            raise InputError(
                f"{config.instrument}: {name} is {mine!r}, of the recording {theirs!r}; name the recording's instrument"
            )
    return ours
