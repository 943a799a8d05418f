"""The core on the paper venue in virtual time."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel
from jaxmm.live.build import Quoters, core_of, order_manager
from jaxmm.live.config import QuoteConfig
from jaxmm.live.journal import Journal
from jaxmm.live.observer import Observer
from jaxmm.live.orders import Desk
from jaxmm.live.paper.account import PaperAccount
from jaxmm.live.paper.feed import StoreFeed
from jaxmm.live.paper.gateway import PaperGateway
from jaxmm.live.paper.replay import replay
from jaxmm.live.paper.venue import PaperVenue
from tests.tape.memory_store import INSTRUMENT

NAMED = replace(INSTRUMENT, base="ABC", quote="USD", maker_fee=0.0001, taker_fee=0.0005)
WIDE = {
    "max_position_lots": 10**6, "max_order_lots": 10**6, "max_order_notional": 10**9, "max_open_orders": 1000,
    "max_messages_per_s": 10**9, "max_messages_per_day": 10**9, "max_daily_loss": 10**9, "max_drawdown": 10**9,
    "stop_loss": 10**9, "price_band": 0.99, "max_book_age_ms": 10**9, "max_skew_ms": 10**9,
}  # fmt: skip
"""Limits that nothing reaches, in small units."""


class Told(Observer):
    """Keeps what it is told."""

    def __init__(self):
        self.events, self.breaches, self.levels = [], [], []

    def event(self, name, **facts):
        self.events.append((name, facts))

    def breached(self, reason):
        self.breaches.append(reason)

    def fell_back(self, level):
        self.levels.append(level)


def config(clock="1us", **changes):
    plain = {
        "name": "test",
        "instrument": "none",
        "journal": "none",
        "gateway": {"venue": "binanceusdm"},
        "quoter": {"kind": "strategy", "name": "fixed_spread"},
        "observing": {"clock": clock, "levels": 5},
        "risk": WIDE,
        "deciding": {"max_distance_ticks": 10**6, "timeout_ms": 1e6},
    }
    return QuoteConfig.model_validate(plain | changes)


class Rig:
    """One core, its journal and its paper venue."""

    def __init__(self, path, store, quoter, settings, *, baseline=None, latency=None, model="risk_averse", limits=None):
        self.feed = StoreFeed(store)
        account = PaperAccount.starting(store.instrument, False, {store.instrument.quote: Decimal(1_000_000)})
        venue = PaperVenue(account, latency or Latency(), FillModel.parse(model), limits or Limits())
        self.gateway = PaperGateway(venue, self.feed.first_ns)
        self.journal = Journal.open(path, quoter=settings.name, facts={}, now_ns=0)
        self.told = Told()
        quoters = Quoters(quoter, baseline, (), (), settings.observing)
        manager = order_manager(settings, quoters, store.instrument, can_amend=True)
        desk = Desk(self.journal, manager)
        self.core = core_of(settings, quoters, desk, self.gateway.submit, self.told, perf_ns=lambda: 0)
        asyncio.run(self.gateway.start(self.core.handle))
        desk.begin(asyncio.run(self.gateway.account()), 0)
        self.core.begin()

    def run(self):
        """The whole feed; returns the core."""
        replay(self.core, self.gateway, self.feed, self.feed.disorder_ns)
        self.journal.close()
        return self.core
