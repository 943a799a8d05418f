"""The real quoter as a process: started, killed, stopped, and what its journal says."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml

from jaxmm.cli import main
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.journal.rows import Row
from jaxmm.live.operate import standing
from jaxmm.live.risk.reasons import State
from jaxmm.sim_venue import SimVenue

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = multiprocessing.get_context("forkserver")
"""A start is a fork of a process that has imported everything: ccxt alone takes seconds."""
PROCESSES.set_forkserver_preload(["jaxmm.live.quote"])
STOP_S = 30.0
TURN_S = 0.02
SCALE = {"usdm": 1, "spot": 100}  # lots of the same size


class QuoterProcess:
    """`jaxmm quote` on a simulated venue, in a folder of its own."""

    def __init__(self, venue: SimVenue, folder: Path, market: str) -> None:
        self.venue, self.folder, self.market = venue, folder, market
        self.config = folder / "quote.yaml"
        self.journal = folder / "journal" / "journal"
        self.starts = 0
        self._process: BaseProcess | None = None
        self.config.write_text(yaml.safe_dump(quote_config(venue, self.journal, market)))

    @property
    def log(self) -> Path:
        """What the process said."""
        return self.folder / "quoter.log"

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.exitcode

    def start(self) -> None:
        """Starts, or starts again after its death."""
        self.starts += 1
        keys = {"JAXMM_API_KEY": self.venue.api_key, "JAXMM_API_SECRET": self.venue.secret}
        self._process = PROCESSES.Process(target=_quote, args=(str(self.config), str(self.log), keys), daemon=True)
        self._process.start()

    async def kill(self) -> None:
        """SIGKILL: nothing is said, nothing is put in order."""
        if self._process is not None:
            self._process.kill()
            await self._ended(STOP_S)

    async def stop(self) -> int | None:
        """SIGTERM, and the exit code; None where it did not end in time."""
        assert self._process is not None
        assert self._process.pid is not None
        if self._process.exitcode is None:
            os.kill(self._process.pid, signal.SIGTERM)
        ended = await self._ended(STOP_S)
        code = self._process.exitcode if ended else None
        await self.kill()
        return code

    async def _ended(self, within_s: float) -> bool:
        assert self._process is not None
        return await until(lambda: self.exit_code is not None, within_s)

    def rows(self, *kinds: str) -> Iterator[Row]:
        """The journal's rows so far."""
        if self.journal.exists():
            yield from (row for row in read_rows(self.journal) if row.kind in kinds)

    def halted(self) -> str:
        """Why it is halted; empty where it is not."""
        memory = standing(self.journal).risk
        return f"{memory.reason}: {memory.text}" if memory.state is State.HALTED else ""


def _quote(config: str, log: str, keys: dict[str, str]) -> None:
    """The child: the command itself, its output in a file."""
    os.environ.update(keys)
    os.chdir(ROOT)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(out, number)
    sys.argv = ["jaxmm", "quote", config, "--live", "--yes-live"]
    main()


async def until(true: Callable[[], object], within_s: float) -> bool:
    """Whether a condition came to hold in time; time in which a busy machine let us wait does not count."""
    for _ in range(round(within_s / TURN_S)):
        if true():
            return True
        await asyncio.sleep(TURN_S)
    return bool(true())


def quote_config(venue: SimVenue, journal: Path, market: str) -> dict[str, Any]:
    """A configuration with short patience, so that ten seconds are enough to come back."""
    scale = SCALE[market]
    quoter = {"half_spread_ticks": 1, "skew_ticks": 0.5, "lots": 10 * scale, "max_position_lots": 100 * scale}
    limits = {"max_position_lots": 150 * scale, "max_order_lots": 20 * scale, "max_order_notional": 2000}
    return {
        "name": "faults",
        "instrument": str(ROOT / "configs" / "instruments" / f"binance_{market}_btcusdt.yaml"),
        "journal": str(journal),
        "gateway": {
            "venue": "binance" if market == "spot" else "binanceusdm",
            "rest_url": venue.rest_url,
            "ws_url": venue.ws_url,
            "timeout_ms": 1000,
            "recv_window_ms": 2000,
            "reconnect_first_s": 0.05,
            "reconnect_last_s": 0.5,
            "ping_s": 1.0,
            "silence_s": 2.0,
            "skew_every_s": 2.0,
        },
        "quoter": {"kind": "strategy", "name": "skewed_spread", "settings": quoter},
        "baseline": {"name": "fixed_spread", "settings": {"half_spread_ticks": 10, "lots": 5 * scale}},
        "observing": {"clock": "100ms", "levels": 20, "max_position_lots": 100 * scale, "distance_ticks": 10},
        "risk": {
            **limits,
            "max_open_orders": 8,
            "max_messages_per_s": 100,
            "max_messages_per_day": 2_000_000,
            "max_daily_loss": 5000,
            "max_drawdown": 5000,
            "stop_loss": 5000,
        },
        "serving": {"port": 0},
        "pace": {"compare_s": 2.0, "checkpoint_s": 2.0, "stop_s": 15.0},
    }
