"""The real process at a simulated venue whose market stands still, with a quoter that does what a test tells it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.instrument import Instrument
from jaxmm.live.build import core_of, order_manager, quoters_of
from jaxmm.live.ccxt.config import Credentials
from jaxmm.live.ccxt.gateway import CcxtGateway
from jaxmm.live.ccxt.steady_clock import steady_clock
from jaxmm.live.commands import Command, Verb, give, seen
from jaxmm.live.config import QuoteConfig
from jaxmm.live.core import Core
from jaxmm.live.journal import Journal
from jaxmm.live.metrics import Metrics
from jaxmm.live.orders import Desk
from jaxmm.live.process import Process, on_signals
from jaxmm.live.risk import Action, Reason, RiskLimits, State
from jaxmm.policy.types import Quotes
from jaxmm.sim_venue import SimConfig, SimVenue
from jaxmm.sim_venue.matching import Update
from jaxmm.sim_venue.recording import Message, Recording, from_messages
from tests.live.bundles import OBSERVING, bundle

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001, maker_fee=0.0002, taker_fee=0.0005, base="BTC", quote="USDT")
BID, ASK = 0, 1
BEST_BID, BEST_ASK, FAR = 1_000_000, 1_000_010, 10_000  # ticks
LOTS, SHOWN = 10, 10_000
BEAT_NS = 20_000_000
ROUNDS = 100  # of 10 ms on an event loop that nobody holds up: a second
PATIENCE_S = 20.0
LIMITS = {
    "max_position_lots": 100_000,
    "max_order_lots": 100,
    "max_order_notional": 1_000_000,
    "max_open_orders": 20,
    "max_messages_per_s": 10_000,
    "max_messages_per_day": 1_000_000,
    "max_daily_loss": 100_000,
    "max_drawdown": 100_000,
    "stop_loss": 100_000,
    "max_book_age_ms": 400,
    "mismatch_grace_ms": 300,
    "pull_hold_ms": 200,
    "max_dissimilarity": 1e9,
}


def levels(shift: int = 0) -> list[tuple[int, int, int]]:
    """Five levels a side, and one far off that goes on changing."""
    bids = [(BID, BEST_BID + shift - i, SHOWN) for i in range(5)]
    asks = [(ASK, BEST_ASK + shift + i, SHOWN) for i in range(5)]
    return [*bids, *asks, (BID, BEST_BID - FAR, SHOWN), (ASK, BEST_ASK + FAR, SHOWN)]


def still(seconds: float = 120.0) -> Recording:
    """A market in which only a level far off changes, 50 times a second."""
    beats = [
        Message(i * BEAT_NS, False, False, [(BID, BEST_BID - FAR, SHOWN + i % 2)])
        for i in range(1, int(seconds * 1e9 / BEAT_NS))
    ]
    return from_messages([Message(0, False, True, levels()), *beats])


@dataclass
class Told:
    """A quoter that joins the touch, some ticks behind it, unless it is told to answer otherwise."""

    behind: int = 0
    answer: Callable[[Any], Quotes] | None = None

    def quote(self, view: Any, xp: Any) -> Quotes:
        if self.answer is not None:
            return self.answer(view)
        bid, ask = int(view.bid_ticks) - self.behind, int(view.ask_ticks) + self.behind
        return Quotes(np.int32(bid), np.int32(LOTS), np.int32(ask), np.int32(LOTS), np.bool_(False))


class Listening(Metrics):
    """Metrics, and what was told since a test began."""

    def __init__(self, quoter: str, clock_ns: Callable[[], int]) -> None:
        super().__init__(quoter, clock_ns)
        self.breaches: list[dict[str, Any]] = []
        self.held_back: list[str] = []

    def event(self, name: str, **facts: Any) -> None:
        if name == "breach":
            self.breaches.append(facts)

    def blocked(self, reason: str) -> None:
        super().blocked(reason)
        self.held_back.append(reason)


@dataclass
class Bench:
    """A quoter's process and its venue."""

    venue: SimVenue
    process: Process
    core: Core
    journal: Journal
    told: Listening
    kill_file: Path
    quoter: Told = field(default_factory=Told)
    baseline: Told = field(default_factory=Told)
    undo: Callable[[], None] | None = None
    """Takes back what a test did to the venue's own books."""
    emptied_ns: int = 0
    """When the venue last had no order left."""

    # --- what a test looks at ---------------------------------------------------------------------------------------

    @property
    def open_orders(self) -> list[dict[str, Any]]:
        """As the venue has them."""
        return self.venue.state()["open_orders"]

    @property
    def position(self) -> int:
        """In lots, as the venue has it."""
        return self.venue.exchange.venue.position

    def quotes_both_sides(self) -> bool:
        """Whether both sides rest at the venue and the quoter may go on."""
        return {order["side"] for order in self.open_orders} == {"BUY", "SELL"} and self.calm

    @property
    def calm(self) -> bool:
        """Whether risk finds nothing and our books are the venue's."""
        risk, situation = self.core.out.risk, self.core.situation
        return risk.state is State.ACTIVE and not risk.lasting and not situation.differs and not situation.user_down

    # --- what a test does -------------------------------------------------------------------------------------------

    def limit(self, **changes: Any) -> None:
        """Puts other limits in force."""
        self.core.out.risk.limits = RiskLimits(**{**LIMITS, **changes})

    def requote(self) -> None:
        """Makes the quoter want other prices."""
        self.quoter.behind = 3 - self.quoter.behind

    def market(self, *rows: tuple[int, int, int], trade: bool = False, snapshot: bool = False) -> None:
        """Something happens in the market: displayed lots change, or a trade prints."""
        self.venue.player.step(Message(0, trade, snapshot, list(rows)))

    def fill_our_bid(self) -> None:
        """Somebody sells through all that is displayed at our bid."""
        self.market((ASK, max(o["price_ticks"] for o in self.open_orders if o["side"] == "BUY"), 3 * SHOWN), trade=True)

    async def trip(self, reason: Reason) -> dict[str, Any]:
        """Waits for the breach, then for the moment within a second of it at which the venue has no order left."""
        breach = await until(lambda: next((b for b in self.told.breaches if b["breach"] == reason), None))
        for _ in range(ROUNDS):
            if self.emptied_ns >= breach["ts_ns"]:
                return breach
            await asyncio.sleep(0.01)
        raise AssertionError(f"{reason}: still open after a second: {self.open_orders}")

    async def ready(self) -> None:
        """Undoes what a test did, releases what it halted, and waits until it is long and quotes both sides."""
        self.venue.clear_faults()
        if self.undo is not None:
            self.undo()
            self.undo = None
        self.quoter.answer = self.baseline.answer = None
        self.kill_file.unlink(missing_ok=True)
        self.market(*levels(), snapshot=True)
        self.limit()
        risk = self.core.out.risk
        await until(lambda: not self.core.situation.differs)
        if risk.state is not State.ACTIVE:
            expects = seen(risk.state, risk.memory.since_ns)
            give(self.journal.path, Command(Verb.RELEASE, "the test", "the next one", time.time_ns(), expects))
        await until(self.quotes_both_sides)
        while self.position < LOTS:
            self.fill_our_bid()
            await until(self.quotes_both_sides)
        self.told.breaches.clear()
        self.told.held_back.clear()


async def until(true: Callable[[], Any]) -> Any:
    """Waits for a condition and returns what it says; fails where it never holds."""
    ends = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < ends, "the condition did not come to hold"
        await asyncio.sleep(0.01)
    return found


def _config(folder: Path, venue: SimVenue) -> QuoteConfig:
    return QuoteConfig.model_validate(
        {
            "name": "bench",
            "instrument": "none",
            "journal": str(folder / "journal"),
            "gateway": {
                "venue": "binanceusdm",
                "rest_url": venue.rest_url,
                "ws_url": venue.ws_url,
                "timeout_ms": 1000,
                "reconnect_first_s": 0.05,
                "reconnect_last_s": 0.2,
                "skew_every_s": 0.2,
            },
            "quoter": {"kind": "strategy", "name": "fixed_spread"},
            "baseline": {"name": "fixed_spread"},
            "observing": {"clock": "20ms", "levels": 5},
            "deciding": {"recover_after": 2, "timeout_ms": 10_000, "max_lateness_ms": 10_000},
            "risk": LIMITS,
            "kill_file": str(folder / "kill"),
            "serving": {"port": 0},
            "pace": {"tick_ms": 10, "compare_s": 0.3},
        }
    )


@contextlib.asynccontextmanager
async def bench_at(folder: Path) -> AsyncIterator[Bench]:
    """The process at its venue, quoting; stopped at the end with nothing left open."""
    async with SimVenue(SimConfig(BTC), still()) as venue:
        config, now = _config(folder, venue), steady_clock()
        policy = bundle(folder / "bundle", BTC, observing=replace(OBSERVING, clock="20ms", levels=5))
        told, instead = Told(), Told(behind=20)
        quoters = replace(quoters_of(config, BTC), primary=told, baseline=instead, bundles=(policy,))
        journal = Journal.open(config.journal, quoter=config.name, facts={"mode": "live"}, now_ns=now())
        gateway = CcxtGateway(config.gateway, BTC, Credentials(venue.api_key, venue.secret), now_ns=now)
        desk = Desk(journal, order_manager(config, quoters, BTC, can_amend=gateway.can_amend))
        metrics = Listening(config.name, now)
        core = core_of(config, quoters, desk, gateway.submit, metrics)
        process = Process(config, desk, gateway, core, metrics, now)
        on_signals(process)
        running = asyncio.create_task(process.run())
        bench = Bench(venue, process, core, journal, metrics, folder / "kill", told, instead)
        tell = venue.exchange.tell

        def watch(update: Update) -> None:
            tell(update)
            if not venue.exchange.venue.orders:
                bench.emptied_ns = now()

        venue.exchange.tell = watch
        try:
            await asyncio.wait({running, asyncio.ensure_future(process.quoting.wait())}, return_when="FIRST_COMPLETED")
            yield bench
        finally:
            process.stop()
            await running
            assert venue.state()["open_orders"] == []


def action_of(breach: dict[str, Any]) -> Action:
    """As the journal names it."""
    return Action[breach["action"].upper()]
