"""The quoter's process: gateway and core on one event loop, start as recovery, stop with nothing left open."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from jaxmm.errors import InputError
from jaxmm.live.commands import Command, waiting
from jaxmm.live.config import QuoteConfig
from jaxmm.live.core import Core
from jaxmm.live.gateway import Gateway, Unreachable
from jaxmm.live.http import Endpoints
from jaxmm.live.messages import CancelAll
from jaxmm.live.metrics import Metrics
from jaxmm.live.orders import Desk
from jaxmm.live.pump import Pump
from jaxmm.live.recovery import Recovery, account_of, catch_up, recover
from jaxmm.live.risk.events import Release
from jaxmm.live.risk.reasons import Reason
from jaxmm.live.risk.switches import Switches

SECOND_NS = 1_000_000_000
LOOK_S = 0.05
"""Between two looks at switches, and at whether the venue is to be asked."""
STILL_NS = 5 * SECOND_NS
"""A pump that has not turned for so long stands still."""

log = structlog.get_logger("jaxmm.live")


class Process:
    """One quoter from its start to its end.

    >>> process = Process(config, desk, gateway, core, metrics, now)
    >>> await process.run(recovery)  # until `stop`, a signal or an error
    """

    def __init__(
        self, config: QuoteConfig, desk: Desk, gateway: Gateway, core: Core, metrics: Metrics, now: Callable[[], int]
    ) -> None:
        self.core = core
        self._config, self._desk, self._gateway, self._now = config, desk, gateway, now
        self._switches = Switches(Path(config.kill_file) if config.kill_file else None)
        self._pump = Pump(core, now, int(config.pace.tick_ms * 1e6))
        self._stop = asyncio.Event()
        metrics.watch(lambda: core.status(now()))
        self.endpoints = Endpoints(metrics, lambda: core.status(now()), self._turning)
        self.quoting = asyncio.Event()
        """Set once recovery is over."""

    def stop(self) -> None:
        """Asks for the end: no more quotes, everything cancelled."""
        self._stop.set()

    def press(self, number: int) -> None:
        """A kill signal came."""
        self._switches.press(number)
        self._look()

    async def run(self, recovery: Recovery | None = None) -> None:
        """Runs until `stop`. Nothing of ours is open afterwards, or the error says that it may be.

        Raises `InputError` where the venue cannot be reached, the books do not balance, or orders may still be open.
        """
        serving = self._config.serving
        await self.endpoints.start(serving.host, serving.port)
        log.info("serving", host=serving.host, port=self.endpoints.port)
        try:
            await self._trade(recovery)
        finally:
            self._pump.close()
            await self._gateway.close()
            await self.endpoints.close()
            self._desk.journal.close()

    # --- the stages of its life ---------------------------------------------------------------------------------------

    async def _trade(self, recovery: Recovery | None) -> None:
        try:
            await self._gateway.start(self._pump.put)
        except Unreachable as error:
            raise InputError(f"{error}; see whether the venue is up and the addresses are right") from error
        duties: list[asyncio.Task[None]] = []
        try:
            await self._unless_failed(recover(self._desk, self._gateway, self._now, recovery))
            self._begin()
            duties = [self._duty(work) for work in (self._watch(), self._sync(), self._stay_armed())]
            await self._unless_failed(self._stop.wait())
            await self._unless_failed(self._end())
        except Exception as error:
            if isinstance(error, InputError) and not self._pump.failed.done():
                raise  # nothing of ours is open, or the sentence says that it may be
            log.exception("our own error; everything is cancelled")
            self.core.out.halt(Reason.INTERNAL, f"{type(error).__name__}: {error}", self._now())
            await self._cancel_all()
            raise
        finally:
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)

    def _begin(self) -> None:
        self.core.begin()
        gc.collect()
        gc.freeze()  # what lives until the end need not be looked at in every collection
        self.quoting.set()
        log.info("begun", state=str(self.core.out.risk.state), position_lots=self._desk.manager.position_lots)

    async def _end(self) -> None:
        """Cancels all, verifies that nothing is open, closes the position if so configured, and says so."""
        self.core.stop("the process stops", flatten=self._config.flatten_on_stop)
        try:
            async with asyncio.timeout(self._config.pace.stop_s):
                while not self.core.out.done:
                    await asyncio.sleep(0.01)
        except TimeoutError as error:
            open_orders = [order.client_id for order in self._desk.manager.open_orders()]
            raise InputError(
                f"stopped after {self._config.pace.stop_s:g} s without proof that nothing is open "
                f"(perhaps {', '.join(open_orders) or 'nothing'}); look at the venue's own page"
            ) from error
        self._desk.save(self._now())
        log.info("stopped", position_lots=self._desk.manager.position_lots, open_orders=0)

    async def _cancel_all(self) -> None:
        """After an error of our own: no part of us is trusted but the gateway."""
        try:
            async with asyncio.timeout(self._config.pace.stop_s):
                while True:
                    self._gateway.submit(CancelAll(0))
                    await asyncio.sleep(0.2)
                    try:
                        if not await self._gateway.open_orders():
                            log.info("nothing is open")
                            return
                    except Unreachable as error:
                        log.warning("unreachable", text=str(error))
        except TimeoutError:
            log.error("orders may still be open; look at the venue's own page")

    # --- what goes on beside quoting ----------------------------------------------------------------------------------

    async def _unless_failed(self, work: Awaitable[object]) -> None:
        """Waits for work, or raises what the core has failed with."""
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._pump.failed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._pump.failed.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._pump.failed.result()
        task.result()

    def _duty(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work beside quoting, whose error is as grave as one of the core."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                self._pump.fail(error)

        return asyncio.create_task(guarded())

    async def _watch(self) -> None:
        """Looks at switches; asks the venue where the core wants to know, one question at a time."""
        while True:
            self._look()
            if self.core.asks(self._now()):
                await self._ask()
            await asyncio.sleep(LOOK_S)

    def _look(self) -> None:
        for path, command in waiting(self._desk.journal.path):
            self._obey(path, command)
        self.core.situation.kill_file = self._switches.kill_file
        self.core.situation.kill_signal = self._switches.pressed
        self._pump.wake()

    def _obey(self, path: Path, command: Command | str) -> None:
        if isinstance(command, str):
            log.warning("not a command", text=command)
        elif isinstance(self.core.obey(command).event, Release):
            self._switches.reset()
        path.unlink(missing_ok=True)

    async def _ask(self) -> None:
        asked_ns = self._now()
        self.core.asked(asked_ns)
        try:
            states = await catch_up(self._desk, self._gateway, self._now)
            account = await account_of(self._desk, self._gateway, self._now)
        except Unreachable as error:
            log.warning("unreachable", text=str(error))
            return
        self.core.compared(states, account, asked_ns)
        self._pump.wake()

    async def _sync(self) -> None:
        """Makes the journal survive the machine's end, not only ours."""
        while True:
            await asyncio.sleep(1.0)
            await asyncio.to_thread(self._desk.journal.sync)

    async def _stay_armed(self) -> None:
        """Tells the venue again and again not to cancel everything, where it would."""
        timeout_s = self._config.pace.dead_man_s
        while self._gateway.dead_man:
            try:
                await self._gateway.arm(int(timeout_s * 1000))
            except Unreachable as error:
                log.warning("unreachable", text=str(error))
            await asyncio.sleep(timeout_s / 3)

    def _turning(self) -> bool:
        return self._now() - self._pump.turned_ns < STILL_NS


def on_signals(process: Process) -> None:
    """SIGTERM and SIGINT stop the process, SIGUSR1 is the kill signal: it halts and stays up."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    loop.add_signal_handler(signal.SIGUSR1, process.press, signal.SIGUSR1)
