"""The whole quoter, over unmodified ccxt.pro, on the venue of the tests."""

import asyncio
import contextlib
import resource
import signal
import time
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.config import Credentials
from jaxmm.live.ccxt.steady_clock import steady_clock
from jaxmm.live.config import QuoteConfig
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.quote import Mode, assemble
from jaxmm.sim_venue import SimConfig, SimVenue
from tests.live.paper_core import WIDE

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "spot": ROOT / "configs" / "instruments" / "binance_spot_btcusdt.yaml",
    "usdm": ROOT / "configs" / "instruments" / "binance_usdm_btcusdt.yaml",
}
VENUES = {"spot": "binance", "usdm": "binanceusdm"}
LOTS = {"spot": 100, "usdm": 10}
DEADLINE_S = 60.0


async def until(true):
    """Waits for a condition and returns what it says; fails where it never holds."""
    ends = time.monotonic() + DEADLINE_S
    while not (found := true()):
        assert time.monotonic() < ends, "the condition did not come to hold"
        await asyncio.sleep(0.01)
    return found


@contextlib.asynccontextmanager
async def venue_of(market, **changes):
    instrument = Instrument.from_yaml(FILES[market])
    async with SimVenue(SimConfig(instrument, speed=10.0, **changes)) as venue:
        yield venue


def config_of(venue, path, **changes):
    market = "spot" if venue.config.units.spot else "usdm"
    lots = LOTS[market]
    quoter = {"half_spread_ticks": 1, "skew_ticks": 0.5, "lots": lots, "max_position_lots": 10 * lots}
    plain = {
        "name": "test",
        "instrument": str(FILES[market]),
        "journal": str(path),
        "gateway": {
            "venue": VENUES[market], "rest_url": venue.rest_url, "ws_url": venue.ws_url, "timeout_ms": 20_000,
            "recv_window_ms": 60_000, "reconnect_first_s": 0.05, "reconnect_last_s": 0.2,
        },
        "paper": {"spot": market == "spot", "balances": venue.config.start_balances(), "latency": "1ms"},
        "quoter": {"kind": "strategy", "name": "skewed_spread", "settings": quoter},
        "observing": {"clock": "50ms", "levels": 5},
        "deciding": {"timeout_ms": 10_000, "max_lateness_ms": 5_000},
        "serving": {"port": 0},
        "pace": {"compare_s": 2, "checkpoint_s": 1, "stop_s": DEADLINE_S, "dead_man_s": 60},
        "risk": WIDE | {"max_book_age_ms": 30_000, "pull_hold_ms": 50},
    }  # fmt: skip
    return QuoteConfig.model_validate(plain | changes)


@contextlib.asynccontextmanager
async def quoter_of(config, venue, mode=Mode.LIVE, now=None):
    """A quoter that quotes; stopped, and with it its errors told, at the end."""
    process = assemble(config, mode, Credentials(venue.api_key, venue.secret), now or steady_clock())
    running = asyncio.create_task(process.run())
    began = asyncio.create_task(process.quoting.wait())
    await asyncio.wait({running, began}, return_when=asyncio.FIRST_COMPLETED)
    began.cancel()
    try:
        if not running.done():
            yield process
    finally:
        process.stop()
        await running


def traded(venue, fills):
    return lambda: len(venue.state()["fills"]) >= fills


def resting(venue):
    return lambda: venue.state()["open_orders"]


def status(process):
    return process.core.status(process.core.now_ns)


def amounts(by_currency):
    return {currency: Decimal(amount) for currency, amount in by_currency.items() if Decimal(amount)}


def assert_the_books_agree(process, venue):
    state, orders = venue.state(), process.core.out.orders
    ledger = orders.ledger
    assert state["open_orders"] == []
    assert orders.open_orders() == []
    assert ledger.position_lots == state["position_lots"]
    assert ledger.fills == len(state["fills"])
    assert amounts(ledger.balances) == amounts(state["balances"])
    assert amounts(ledger.fees) == amounts(state["fees"])


@pytest.mark.parametrize("market", ["spot", "usdm"])
async def test_position_balances_fees_and_orders_are_the_venues_to_the_last_digit(tmp_path, market):
    async with venue_of(market) as venue:
        async with quoter_of(config_of(venue, tmp_path / "journal"), venue) as process:
            await until(traded(venue, 10))
        assert_the_books_agree(process, venue)
        assert venue.state()["orders"] > 10


async def test_broken_streams_are_survived_and_nothing_that_happened_meanwhile_is_missing(tmp_path):
    async with venue_of("usdm") as venue:
        async with quoter_of(config_of(venue, tmp_path / "journal"), venue) as process:
            await until(traded(venue, 3))
            for target in ("user", "market"):
                before = len(venue.state()["fills"])
                venue.fault({"kind": "disconnect", "target": target, "duration": 0.3})
                await until(lambda: not status(process).quoting)
                await until(lambda: status(process).quoting)
                await until(traded(venue, before + 3))
        assert_the_books_agree(process, venue)


async def test_a_start_after_a_crash_goes_on_where_the_last_one_ended(tmp_path):
    async with venue_of("usdm") as venue:
        config = config_of(venue, tmp_path / "journal")
        process = assemble(config, Mode.LIVE, Credentials(venue.api_key, venue.secret), steady_clock())
        running = asyncio.create_task(process.run())
        await until(traded(venue, 3))
        await until(resting(venue))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        left, fills = venue.state()["open_orders"], len(venue.state()["fills"])
        assert left
        async with quoter_of(config, venue) as process:
            open_now = {order["client_id"] for order in venue.state()["open_orders"]}
            assert not open_now & {order["client_id"] for order in left}
            await until(traded(venue, fills + 3))
        assert_the_books_agree(process, venue)


async def test_the_kill_signal_empties_the_venue_and_the_process_stays_up_to_say_so(tmp_path):
    async with venue_of("usdm") as venue:
        async with quoter_of(config_of(venue, tmp_path / "journal"), venue) as process:
            await until(resting(venue))
            process.press(signal.SIGUSR1)
            await until(lambda: status(process).state == "halted")
            await until(lambda: not venue.state()["open_orders"])
            async with aiohttp.ClientSession(f"http://127.0.0.1:{process.endpoints.port}") as client:
                answer = await client.get("/ready")
                assert answer.status == 503
                assert "SIGUSR1" in (await answer.json())["why"]
                assert (await client.get("/health")).status == 200
        assert_the_books_agree(process, venue)
        async with quoter_of(config_of(venue, tmp_path / "journal"), venue) as process:
            assert status(process).state == "halted"
        assert venue.state()["open_orders"] == []


async def test_a_stop_closes_the_position_where_it_is_asked_to(tmp_path):
    async with venue_of("usdm") as venue:
        config = config_of(venue, tmp_path / "journal", flatten_on_stop=True)
        async with quoter_of(config, venue) as process:
            await until(lambda: venue.state()["position_lots"])
        assert_the_books_agree(process, venue)
        assert venue.state()["position_lots"] == 0


async def test_an_error_of_our_own_leaves_no_order_open_and_the_next_start_is_halted(tmp_path):
    def fail(now_ns):
        raise ZeroDivisionError(f"of our own, at {now_ns}")

    async with venue_of("usdm") as venue:
        config = config_of(venue, tmp_path / "journal")
        process = assemble(config, Mode.LIVE, Credentials(venue.api_key, venue.secret), steady_clock())
        running = asyncio.create_task(process.run())
        await until(resting(venue))
        process.core.tick = fail
        with pytest.raises(ZeroDivisionError, match="of our own"):
            await asyncio.wait_for(running, DEADLINE_S)
        assert venue.state()["open_orders"] == []
        async with quoter_of(config, venue) as process:
            assert status(process).state == "halted"
        rows = [row.body["event"] for row in read_rows(tmp_path / "journal") if row.kind == "risk"]
        assert [event["breach"] for event in rows if event] == ["internal"]


async def test_a_full_disk_leaves_no_order_open(tmp_path):
    async with venue_of("usdm") as venue:
        config = config_of(venue, tmp_path / "journal")
        running = asyncio.create_task(
            assemble(config, Mode.LIVE, Credentials(venue.api_key, venue.secret), steady_clock()).run()
        )
        await until(lambda: resting(venue)() and (tmp_path / "journal").stat().st_size > 200_000)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "journal").stat().st_size, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                await asyncio.wait_for(running, DEADLINE_S)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert venue.state()["open_orders"] == []


async def test_on_paper_nothing_reaches_the_venue_and_no_keys_are_needed(tmp_path):
    async with venue_of("usdm") as venue:
        config = config_of(venue, tmp_path / "journal")
        process = assemble(config, Mode.PAPER, Credentials("", ""), steady_clock())
        running = asyncio.create_task(process.run())
        await until(lambda: process.core.out.orders.ledger.fills >= 3)
        process.stop()
        await running
        assert venue.state()["orders"] == 0
        with pytest.raises(InputError, match="journal is of paper trading"):
            assemble(config, Mode.LIVE, Credentials("k", "s"), steady_clock())


async def test_no_secret_is_in_the_journal_or_what_is_served(tmp_path):
    async with venue_of("usdm", api_key="open-sesame-key", secret="open-sesame-secret") as venue:
        async with quoter_of(config_of(venue, tmp_path / "journal"), venue) as process:
            await until(traded(venue, 1))
            venue.fault({"kind": "outage", "target": "rest", "duration": 0.3})
            async with aiohttp.ClientSession(f"http://127.0.0.1:{process.endpoints.port}") as client:
                served = [await (await client.get(path)).text() for path in ("/metrics", "/status", "/ready")]
        assert "open-sesame" not in "".join(served)
        assert b"open-sesame" not in b"".join(
            path.read_bytes() + b"".join(row.blob for row in read_rows(path)) for path in [tmp_path / "journal"]
        )
