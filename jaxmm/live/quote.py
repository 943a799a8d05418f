"""`jaxmm quote`: everything that a configuration names, put together and run."""

import asyncio
import hashlib
import platform
from collections.abc import Callable
from enum import StrEnum
from importlib.metadata import version
from typing import Any

import structlog

from jaxmm.config import dump_config
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live import logs
from jaxmm.live.build import Quoters, core_of, order_manager, quoters_of
from jaxmm.live.ccxt.config import Credentials
from jaxmm.live.ccxt.gateway import CcxtGateway
from jaxmm.live.ccxt.steady_clock import steady_clock
from jaxmm.live.config import QuoteConfig
from jaxmm.live.gateway import Gateway
from jaxmm.live.journal import Journal
from jaxmm.live.journal.bodies import said_in
from jaxmm.live.journal.journal import INSTRUMENT, OPENED
from jaxmm.live.messages import Fill
from jaxmm.live.metrics import Metrics
from jaxmm.live.orders import Desk
from jaxmm.live.paper.live import LivePaperGateway
from jaxmm.live.process import Process, on_signals
from jaxmm.live.recovery import Recovery

NO_KEYS = Credentials("", "")


class Mode(StrEnum):
    """Where orders go."""

    PAPER = "paper"
    LIVE = "live"


class Reporter(Metrics):
    """Metrics, and a log entry for what a person would want to read of."""

    def event(self, name: str, **facts: Any) -> None:
        """Logs it."""
        structlog.get_logger("jaxmm.live").info(name, **facts)


def run(config: QuoteConfig, mode: Mode, recovery: Recovery | None = None) -> None:
    """Runs the quoter until a signal stops it. Raises `InputError` where it cannot or may not start."""
    credentials = Credentials.read() if mode is Mode.LIVE else NO_KEYS
    logs.configure(credentials.secrets)
    asyncio.run(_run(config, mode, credentials, recovery))


async def _run(config: QuoteConfig, mode: Mode, credentials: Credentials, recovery: Recovery | None) -> None:
    process = assemble(config, mode, credentials, steady_clock())
    on_signals(process)
    await process.run(recovery)


def assemble(config: QuoteConfig, mode: Mode, credentials: Credentials, now: Callable[[], int]) -> Process:
    """The process of a configuration; its journal is open and read, nothing is connected yet.

    Raises `InputError` where a file is not what it should be, or the journal is of the other mode.
    """
    instrument = Instrument.from_yaml(config.instrument)
    quoters = quoters_of(config, instrument)
    facts = {INSTRUMENT: instrument.to_dict(), **facts_of(config, mode, quoters)}
    journal = Journal.open(config.journal, quoter=config.name, facts=facts, now_ns=now())
    _check_mode(journal, mode)
    gateway = _gateway(config, mode, instrument, credentials, journal, now)
    desk = Desk(journal, order_manager(config, quoters, instrument, can_amend=gateway.can_amend))
    desk.load()
    metrics = Reporter(config.name, now)
    core = core_of(config, quoters, desk, gateway.submit, metrics, live=mode is Mode.LIVE)
    return Process(config, desk, gateway, core, metrics, now)


def facts_of(config: QuoteConfig, mode: Mode, quoters: Quoters) -> dict[str, Any]:
    """What the audit trail says of the program that runs, and how it looks at the market."""
    text = dump_config(config)
    return {
        "mode": mode,
        "observing": quoters.observing.model_dump(),
        "config": text,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "bundles_sha256": list(quoters.hashes),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("jaxmm", "ccxt", "numpy")},
        },
    }


def _check_mode(journal: Journal, mode: Mode) -> None:
    first = next(journal.rows(OPENED))
    if first.body["mode"] != mode:
        journal.close()
        raise InputError(
            f"{journal.path}: this journal is of {first.body['mode']} trading; name another one for {mode}, "
            "for the money in it is not the same"
        )


def _gateway(
    config: QuoteConfig,
    mode: Mode,
    instrument: Instrument,
    credentials: Credentials,
    journal: Journal,
    now: Callable[[], int],
) -> Gateway:
    venue = CcxtGateway(config.gateway, instrument, credentials, now_ns=now)
    if mode is Mode.LIVE:
        return venue
    if config.paper is None:
        raise InputError("paper: the configuration has no section paper; give at least its balances")
    fills = {row.body["trade_id"]: said_in(row) for row in journal.rows("fill")}
    history = [fill for fill in fills.values() if isinstance(fill, Fill)]
    return LivePaperGateway(config.paper.venue(instrument, history), venue, hold_ns=config.paper.hold_ns, now_ns=now)
