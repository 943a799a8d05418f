"""The gateway to a real venue: requests out, exactly one answer each; streams kept up; the clock watched."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import ccxt

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.backoff import Backoff
from jaxmm.live.ccxt.binance import NAMES, Binance
from jaxmm.live.ccxt.clock_skew import ClockSkew, Sample
from jaxmm.live.ccxt.config import Credentials, GatewayConfig
from jaxmm.live.ccxt.failures import CLOCK_CODES, VenueRefused, refusal_of
from jaxmm.live.ccxt.redact import Redactor
from jaxmm.live.ccxt.steady_clock import steady_clock
from jaxmm.live.ccxt.unified import Unified
from jaxmm.live.ccxt.venue import MustWait, Up, Venue
from jaxmm.live.gateway import Inbox, Unreachable
from jaxmm.live.messages import (
    Account,
    Answered,
    Book,
    Fill,
    Lost,
    Message,
    OrderState,
    Refused,
    Request,
    Skew,
    Stream,
    Transfer,
)

NS_PER_MS = 1_000_000
FIRST_SAMPLES = 5  # of the venue's clock, at the start
STEADY_S = 5.0  # a stream that lived so long did not fail at once: the next wait is short again
ERRORS = (ccxt.BaseError, VenueRefused, MustWait, OSError, TimeoutError, KeyError, ValueError, TypeError)
"""What asking a venue may end in: it refused, was not there, or said what cannot be read."""

Answer = TypeVar("Answer")


class CcxtGateway:
    """A venue through ccxt. Implements `Gateway`."""

    def __init__(
        self,
        config: GatewayConfig,
        instrument: Instrument,
        credentials: Credentials,
        *,
        now_ns: Callable[[], int] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.instrument = instrument
        self._config = config
        self._now_ns = now_ns if now_ns is not None else steady_clock()
        self._rng = rng if rng is not None else random.Random()
        self._redact = Redactor(credentials.secrets)
        self._inbox: Inbox | None = None
        self._failure = "none"
        self._skew = ClockSkew()
        self._clock_doubted = asyncio.Event()
        self._up = {name: asyncio.Event() for name in ("market", "user", "book")}
        self._tasks: set[asyncio.Task[None]] = set()
        kind: type[Binance] | type[Unified] = Binance if config.venue in NAMES and not config.market else Unified
        self._venue: Venue = kind(
            config,
            instrument,
            credentials,
            deliver=self._deliver,
            now_ns=self._now_ns,
            redact=self._redact,
            rng=self._rng,
        )
        self.can_amend = self._venue.can_amend
        self.dead_man = self._venue.dead_man

    # --- life ---

    async def start(self, inbox: Inbox) -> None:
        """Connects. Returns with streams up and a snapshot heard; raises `Unreachable` where the time is over.

        Raises `InputError` where the instrument is not the venue's.
        """
        await self._start(inbox, ("market", "user", "book"))

    async def start_market(self, inbox: Inbox) -> None:
        """The same without an account: market data alone, which needs no keys. Raises as `start` does."""
        await self._start(inbox, ("market", "book"))

    async def _start(self, inbox: Inbox, needed: tuple[str, ...]) -> None:
        self._inbox = inbox
        try:
            await self._venue.open()
            async with asyncio.timeout(self._config.start_timeout_s):
                await self._meet()
                self._spawn(self._keep_up("market", self._venue.run_market))
                if "user" in needed:
                    self._spawn(self._keep_up("user", self._venue.run_user))
                self._spawn(self._watch_clock())
                for name in needed:
                    await self._up[name].wait()
        except TimeoutError as error:
            missing = [name for name in needed if not self._up[name].is_set()]
            await self.close()
            raise Unreachable(
                f"{self._config.venue}: no {' and no '.join(missing)} within {self._config.start_timeout_s:g} s"
                f"; the last failure: {self._failure}"
            ) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends streams and requests under way; nothing arrives afterwards."""
        self._inbox = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._venue.close()

    def rate_used(self) -> dict[str, float]:
        """The share of each of the venue's limits that is used."""
        return self._venue.budget.used(self._venue_ns())

    async def _meet(self) -> None:
        backoff = self._backoff()
        while True:
            try:
                for _ in range(FIRST_SAMPLES):
                    await self._sample_clock()
                await self._venue.load()
                return
            except InputError:
                raise
            except ERRORS as error:
                self._heed(error)
                self._failure = self._text(error)
                await asyncio.sleep(backoff.next_s())

    # --- requests ---

    def submit(self, request: Request) -> None:
        """Sends a request; its one answer arrives in the inbox, never within this call."""
        self._spawn(self._carry_out(request))

    async def _carry_out(self, request: Request) -> None:
        try:
            order = await self._venue.send(request)
        except Exception as error:  # whatever happened, the request has an answer
            self._deliver(self._failed(request, error))
        else:
            self._deliver(Answered(request.request_id, self._now_ns(), order))

    def _failed(self, request: Request, error: Exception) -> Refused | Lost:
        now, text = self._now_ns(), self._text(error)
        if isinstance(error, MustWait):
            until = error.wait.until_ns - self._skew.skew_ns
            return Refused(request.request_id, now, error.wait.reason, text, until)
        self._heed(error)
        reason = refusal_of(error)
        return Lost(request.request_id, now, text) if reason is None else Refused(request.request_id, now, reason, text)

    def _heed(self, error: Exception) -> None:
        if isinstance(error, VenueRefused) and error.answer.code in CLOCK_CODES:
            self._clock_doubted.set()

    # --- questions ---

    async def open_orders(self) -> list[OrderState]:
        """Every open order of the symbol, ours or not."""
        return await self._asked(self._venue.open_orders())

    async def fills_since(self, exch_ts: int, after_trade_id: str | None = None) -> list[Fill]:
        """Our executions from that time on (ns, the venue's clock), or after that trade; oldest first."""
        return await self._asked(self._venue.fills_since(exch_ts, after_trade_id))

    async def account(self) -> Account:
        """Balances and position."""
        return await self._asked(self._venue.account())

    async def transfers_since(self, exch_ts: int) -> list[Transfer]:
        """Money that moved without an execution, from that time on (ns, the venue's clock)."""
        return await self._asked(self._venue.transfers_since(exch_ts))

    async def arm(self, timeout_ms: int) -> None:
        """Dead-man switch, where there is one."""
        await self._asked(self._venue.arm(timeout_ms))

    async def _asked(self, question: Awaitable[Answer]) -> Answer:
        try:
            return await question
        except ERRORS as error:
            self._heed(error)
            raise Unreachable(self._text(error)) from None  # the cause would quote signed addresses

    # --- what runs all the time ---

    async def _keep_up(self, name: str, run: Callable[[Up], Awaitable[None]]) -> None:
        """Opens a stream again and again, with pauses that grow while it fails at once."""
        backoff = self._backoff()
        while True:
            began = time.monotonic()
            try:
                await run(lambda: self._stream_up(name))
                reason = "it ended"
            except Exception as error:  # whatever it was, the stream is opened again and the reason is told
                self._heed(error)
                self._failure = reason = self._text(error)
            self._up[name].clear()
            self._deliver(Stream(name, False, self._now_ns(), reason))
            if time.monotonic() - began > STEADY_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_s())

    def _stream_up(self, name: str) -> None:
        self._up[name].set()
        self._deliver(Stream(name, True, self._now_ns()))

    async def _watch_clock(self) -> None:
        """Asks for the venue's time now and then, and at once where it finds our time stamps wrong."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.skew_every_s):
                    await self._clock_doubted.wait()
            self._clock_doubted.clear()
            try:
                await self._sample_clock()
            except ERRORS as error:
                self._heed(error)

    async def _sample_clock(self) -> None:
        sent = self._now_ns()
        venue_ms = await self._venue.time_ms()
        received = self._now_ns()
        self._skew.add(Sample(sent, venue_ms * NS_PER_MS, received))
        best = self._skew.best
        assert best is not None
        self._venue.set_skew(best.skew_ns)
        self._deliver(Skew(received, best.skew_ns, best.round_trip_ns))

    # --- small things ---

    def _deliver(self, message: Message) -> None:
        """Hands a message over. An inbox that fails is the process's to know; the socket lives on."""
        if self._inbox is None:
            return
        try:
            self._inbox(message)
        except Exception as error:
            facts = {"message": f"the inbox failed on {type(message).__name__}", "exception": error}
            asyncio.get_running_loop().call_exception_handler(facts)
        if isinstance(message, Book) and message.snapshot:
            self._up["book"].set()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _venue_ns(self) -> int:
        return self._now_ns() + self._skew.skew_ns

    def _backoff(self) -> Backoff:
        return Backoff(self._config.reconnect_first_s, self._config.reconnect_last_s, self._rng)

    def _text(self, error: BaseException) -> str:
        return self._redact(f"{type(error).__name__}: {error}")
