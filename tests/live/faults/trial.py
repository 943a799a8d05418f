"""One trial: a venue, the real quoter, a seed's faults and kills, and what is to hold afterwards."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jaxmm.instrument import Instrument
from jaxmm.sim_venue import Recording, Scheduled, SimConfig, SimVenue, synthetic
from tests.live.faults.audit import audit, strangers
from tests.live.faults.plan import KILL, Plan
from tests.live.faults.process import ROOT, STOP_S, QuoterProcess, quote_config, until

SPEED = 5.0
MARKETS = 4
MARKET_S = 120.0
START_S = 90.0
BACK_S = 10.0
CALM_S = 0.5
REFUSED = 2
"""The exit code of a start that could not be, such as for want of an answer; it is tried again."""


@dataclass
class Outcome:
    """What a trial found."""

    plan: Plan
    broken: list[str] = field(default_factory=list)  # sentences; none: all is well
    halted: str = ""  # the reason, where it is halted
    back_s: float = 0.0  # from the last fault's end to the next order
    fills: int = 0
    orders: int = 0
    starts: int = 0
    took_s: float = 0.0
    struck: dict[str, int] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """For a person."""
        ended = (
            "BROKEN" if self.broken else f"halted ({self.halted})" if self.halted else f"back in {self.back_s:.1f} s"
        )
        counts = f"{self.orders} orders, {self.fills} fills, {self.starts} starts, {self.took_s:.0f} s"
        return f"{self.plan.name}: {ended}; {counts}; struck {self.struck}"


async def run_trial(plan: Plan, keep: Path | None = None) -> Outcome:
    """Runs a plan. What the quoter wrote stays in `keep`, if given."""
    folder = Path(tempfile.mkdtemp(prefix="jaxmm-faults-"))
    instrument = Instrument.from_yaml(ROOT / "configs" / "instruments" / f"binance_{plan.market}_btcusdt.yaml")
    outcome = Outcome(plan)
    began = time.monotonic()
    try:
        recording = _recording(instrument, plan.seed % MARKETS)
        async with SimVenue(SimConfig(instrument, speed=SPEED, seed=plan.seed), recording) as venue:
            quoter = QuoterProcess(venue, folder, plan.market)
            async with _supervised(quoter) as supervisor:
                await _run(plan, quoter, supervisor, outcome)
            limits = quote_config(venue, quoter.journal, plan.market)["risk"]
            if quoter.journal.exists():
                outcome.broken += audit(quoter, limits, plan.kinds)
            state = venue.state()
            outcome.fills, outcome.orders, outcome.starts = len(state["fills"]), state["orders"], quoter.starts
            outcome.struck = state["struck"]
    finally:
        outcome.took_s = time.monotonic() - began
        if keep is not None:
            shutil.copytree(folder, keep, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


@cache
def _recording(instrument: Instrument, seed: int) -> Recording:
    return synthetic(instrument, MARKET_S, seed)


class Supervisor:
    """Starts the quoter again when it has died, as a cluster would."""

    def __init__(self, quoter: QuoterProcess) -> None:
        self.quoter = quoter
        self.deaths: list[int] = []  # exit codes of those that ended by themselves and by a fault of ours
        self.stopping = False

    async def run(self) -> None:
        while not self.stopping:
            code = self.quoter.exit_code
            if code is not None:
                if code not in (-signal.SIGKILL, REFUSED):
                    self.deaths.append(code)
                self.quoter.start()
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _supervised(quoter: QuoterProcess) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(quoter)
    quoter.start()
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        supervisor.stopping = True
        await task
        await quoter.kill()


async def _run(plan: Plan, quoter: QuoterProcess, supervisor: Supervisor, outcome: Outcome) -> None:
    venue = quoter.venue
    if not await until(lambda: venue.state()["open_orders"], START_S):
        outcome.broken.append(f"it did not quote within {START_S:g} s of its first start")
        return
    await asyncio.gather(_strike(plan, venue), _kill(plan, quoter, outcome))
    await until(lambda: not venue.state()["faults"] and not venue.clock.ahead_ms, 30.0)
    outcome.broken += strangers(quoter)
    await _see_it_back(quoter, outcome)
    await asyncio.sleep(CALM_S)
    outcome.broken += strangers(quoter)
    supervisor.stopping = True
    await asyncio.sleep(0.05)
    code = await quoter.stop()
    if code is None:
        outcome.broken.append(f"it did not stop within {STOP_S:g} s")
    elif code != 0 and not outcome.halted:
        outcome.broken.append(f"it stopped with exit code {code}")
    if supervisor.deaths:
        outcome.broken.append(f"it ended by itself with exit codes {supervisor.deaths}")


async def _strike(plan: Plan, venue: SimVenue) -> None:
    began = time.monotonic()
    for scheduled in plan.faults:
        await asyncio.sleep(max(began + scheduled.at_s - time.monotonic(), 0))
        venue.fault(scheduled.fault)
    last = max((_ends(scheduled) for scheduled in plan.faults), default=0.0)
    await asyncio.sleep(max(began + last - time.monotonic(), 0))
    venue.faults.clear()  # those by count that met nothing to strike


def _ends(scheduled: Scheduled) -> float:
    return scheduled.at_s + scheduled.fault.duration_s


async def _kill(plan: Plan, quoter: QuoterProcess, outcome: Outcome) -> None:
    began = time.monotonic()
    for at_s in plan.kills:
        await asyncio.sleep(max(began + at_s - time.monotonic(), 0))
        await quoter.kill()
        outcome.broken += strangers(quoter)


async def _see_it_back(quoter: QuoterProcess, outcome: Outcome) -> None:
    venue, began = quoter.venue, time.monotonic()
    before = venue.state()["orders"]
    allowed = BACK_S + (START_S - BACK_S if KILL in outcome.plan.kinds else 0.0)  # a start has its own deadline
    back = await until(lambda: venue.state()["orders"] > before, allowed)
    outcome.back_s = time.monotonic() - began
    if not back:
        outcome.halted = quoter.halted()
        if not outcome.halted:
            outcome.broken.append(f"it neither quoted again within {allowed:g} s of the last fault's end nor halted")
        elif venue.state()["open_orders"]:
            outcome.broken.append("it is halted and orders are open")
