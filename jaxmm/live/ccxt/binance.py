"""Binance, spot and USD-margined futures, behind the gateway: raw requests through ccxt, streams with our own ears."""

import asyncio
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.backoff import Backoff
from jaxmm.live.ccxt.binance_market import BinanceMarket
from jaxmm.live.ccxt.binance_messages import BinanceMessages, Json
from jaxmm.live.ccxt.binance_user import BinanceUser
from jaxmm.live.ccxt.book_sync import Snapshot
from jaxmm.live.ccxt.budget import Budget, Cost, Wait, read_limits
from jaxmm.live.ccxt.config import Credentials, GatewayConfig
from jaxmm.live.ccxt.endpoints import (
    COUNTDOWN,
    INCOME,
    KEEP_LISTENING,
    LISTEN,
    SPOT,
    USDM,
    Endpoint,
    amend_parameters,
    depth_cost,
    place_parameters,
)
from jaxmm.live.ccxt.exchange import SpotWithEars, UsdmWithEars, close_session, open_session, prepare, settings
from jaxmm.live.ccxt.failures import VenueRefused, refusal_of, silence_until
from jaxmm.live.ccxt.redact import Redactor
from jaxmm.live.ccxt.units import Units
from jaxmm.live.ccxt.venue import MustWait, Up
from jaxmm.live.gateway import Inbox
from jaxmm.live.messages import (
    Account,
    Amend,
    Cancel,
    CancelAll,
    Fill,
    OrderState,
    Place,
    Query,
    Refusal,
    Request,
    Transfer,
)

NS_PER_MS = 1_000_000
PAGE = 1000  # executions a question
FEW_SPANS = 8
NAMES = ("binance", "binanceusdm")


class Binance:
    """One instrument of one account. Implements `Venue`."""

    def __init__(
        self,
        config: GatewayConfig,
        instrument: Instrument,
        credentials: Credentials,
        *,
        deliver: Inbox,
        now_ns: Callable[[], int],
        redact: Redactor,
        rng: random.Random,
    ) -> None:
        self._spot = config.venue == "binance"
        self.can_amend = self._spot  # futures put an amended order at the back of the queue
        self.dead_man = not self._spot
        self.budget = Budget((), config.reserve)  # until the venue tells its limits
        self._config, self._instrument = config, instrument
        self._deliver, self._now_ns, self._redact, self._rng = deliver, now_ns, redact, rng
        self._at = SPOT if self._spot else USDM
        self._read, self._units = BinanceMessages(instrument), Units(instrument)
        self._skew_ns = 0
        self._market: BinanceMarket | None = None
        self._user: BinanceUser | None = None
        self._exchange: Any = (SpotWithEars if self._spot else UsdmWithEars)(settings(config, credentials))
        self._exchange.ear = self._hear
        self._exchange.header_ear = lambda headers: self.budget.heard(headers, self._venue_ns())
        servers = {"rest": config.rest_url, "ws": config.ws_url}
        own = bool(config.rest_url and config.ws_url)
        prepare(
            self._exchange,
            {name: url.format(**servers) if own else "" for name, url in self._at.addresses.items()},
            config,
            now_ns,
        )

    # --- requests ---

    async def send(self, request: Request) -> OrderState | None:
        """Sends a request and reads its answer; a query of an unknown order answers None."""
        symbol = self._instrument.symbol
        if isinstance(request, Place):
            price, qty = self._units.price_text(request.price_ticks), self._units.qty_text(request.qty_lots)
            parameters = place_parameters(request, symbol, price, qty, spot=self._spot)
            return self._order(await self._call(self._at.place, parameters), request.client_id)
        if isinstance(request, Amend):
            price, qty = self._units.price_text(request.price_ticks), self._units.qty_text(request.qty_lots)
            parameters = amend_parameters(request, symbol, price, qty, spot=self._spot)
            answer = await self._call(self._at.amend, parameters)
            return self._order({**answer, **answer.get("amendedOrder", {})}, request.client_id)
        if isinstance(request, CancelAll):
            await self._cancel_all()
            return None
        parameters = {"symbol": symbol, "origClientOrderId": request.client_id}
        if isinstance(request, Cancel):
            return self._order(await self._call(self._at.cancel, parameters, urgent=True), request.client_id)
        return await self._query(request, parameters)

    async def _cancel_all(self) -> None:
        try:
            await self._call(self._at.cancel_all, {"symbol": self._instrument.symbol}, urgent=True)
        except VenueRefused as error:
            if refusal_of(error) != Refusal.UNKNOWN_ORDER:  # spot says so where none is open
                raise

    async def _query(self, request: Query, parameters: Json) -> OrderState | None:
        try:
            return self._order(await self._call(self._at.query, parameters, urgent=True), request.client_id)
        except VenueRefused as error:
            if refusal_of(error) == Refusal.UNKNOWN_ORDER:
                return None
            raise

    def _order(self, answer: Json, client_id: str) -> OrderState:
        return self._read.order(answer, self._now_ns(), client_id)

    async def _call(self, at: Endpoint, parameters: Json, *, urgent: bool = False, cost: Cost | None = None) -> Any:
        wait = self.budget.take(cost or at.cost, self._venue_ns(), urgent=urgent)
        if wait is not None:
            raise MustWait(wait)
        try:
            return await self._exchange.request(at.path, [at.address], at.method, parameters)
        except VenueRefused as error:
            until = silence_until(error.answer, self._venue_ns())
            if until is None:
                raise
            ban = Wait(refusal_of(error) or Refusal.RATE, until, str(error))
            self.budget.banned(ban)
            raise MustWait(ban) from error

    # --- questions ---

    async def open(self) -> None:
        """Makes requests possible."""
        open_session(self._exchange)

    async def load(self) -> None:
        """Takes the limits from exchangeInfo and compares the instrument's tick and lot with the venue's."""
        symbol = self._instrument.symbol
        info = await self._call(self._at.info, {"symbol": symbol} if self._spot else {})
        self.budget = Budget(read_limits(info["rateLimits"]), self._config.reserve)
        found = next((entry for entry in info["symbols"] if entry["symbol"] == symbol), None)
        if found is None:
            raise InputError(f"{self._config.venue} has no symbol {symbol!r}; correct symbol of the instrument")
        filters = {entry["filterType"]: entry for entry in found["filters"]}
        for field, ours, theirs in (
            ("tick_size", self._units.tick, filters["PRICE_FILTER"]["tickSize"]),
            ("lot_size", self._units.lot, filters["LOT_SIZE"]["stepSize"]),
        ):
            if ours != Decimal(theirs):
                raise InputError(
                    f"{symbol}: {field} of the instrument is {ours} and at {self._config.venue} {theirs}; "
                    "correct the instrument file"
                )

    async def time_ms(self) -> int:
        """The venue's clock."""
        return int((await self._call(self._at.time, {}, urgent=True))["serverTime"])

    def set_skew(self, skew_ns: int) -> None:
        """Time stamps of requests are on the venue's clock from now on."""
        self._skew_ns = skew_ns
        self._exchange.options["timeDifference"] = -(skew_ns // NS_PER_MS)

    async def open_orders(self) -> list[OrderState]:
        """Every open order of the symbol."""
        answer = await self._call(self._at.open_orders, {"symbol": self._instrument.symbol}, urgent=True)
        now = self._now_ns()
        return [self._read.order(entry, now) for entry in answer]

    async def fills_since(self, exch_ts: int, after_trade_id: str | None) -> list[Fill]:
        """By trade id where one is known, else span by span of the longest that one question may cover."""
        fills: list[Fill] = []
        start_ms, now_ms = exch_ts // NS_PER_MS, self._venue_ns() // NS_PER_MS
        next_id = None if after_trade_id is None else int(after_trade_id) + 1
        if next_id is None and now_ms - start_ms > FEW_SPANS * self._at.fills_window_ms:
            next_id = 0  # all there are cost less than so many spans
        while True:
            page = await self._fills_page(next_id, start_ms)
            fills += [fill for fill in page if after_trade_id is not None or fill.exch_ts >= start_ms * NS_PER_MS]
            if len(page) == PAGE:
                next_id = int(page[-1].trade_id) + 1
            elif next_id is not None or start_ms + self._at.fills_window_ms > now_ms:
                return fills
            else:
                start_ms += self._at.fills_window_ms

    async def _fills_page(self, next_id: int | None, start_ms: int) -> list[Fill]:
        span = {"startTime": start_ms, "endTime": start_ms + self._at.fills_window_ms - 1}
        parameters = {"symbol": self._instrument.symbol, "limit": PAGE}
        answer = await self._call(
            self._at.fills, parameters | ({"fromId": next_id} if next_id is not None else span), urgent=True
        )
        now = self._now_ns()
        return sorted((self._read.fill(entry, now) for entry in answer), key=lambda fill: int(fill.trade_id))

    async def account(self) -> Account:
        """Balances and position."""
        answer = await self._call(self._at.account, {}, urgent=True)
        return self._read.account(answer, self._now_ns())

    async def transfers_since(self, exch_ts: int) -> list[Transfer]:
        """Funding and transfers of a futures wallet; spot tells of deposits elsewhere, and they are not asked for."""
        if self._spot:
            return []
        parameters = {"startTime": max(exch_ts, 0) // NS_PER_MS, "limit": PAGE}
        found: list[Transfer] = []
        for income in ("FUNDING_FEE", "TRANSFER"):
            answer = await self._call(INCOME, {"incomeType": income, **parameters}, urgent=True)
            found += [self._read.transfer(entry, self._now_ns()) for entry in answer]
        return found

    async def arm(self, timeout_ms: int) -> None:
        """Futures count down and then cancel all; spot has no such switch."""
        if self.dead_man:
            parameters = {"symbol": self._instrument.symbol, "countdownTime": timeout_ms}
            await self._call(COUNTDOWN, parameters, urgent=True)

    # --- streams ---

    async def run_market(self, up: Up) -> None:
        """Depth and trades, and on futures the mark price, until one of the sockets breaks."""
        name = self._instrument.symbol.lower()
        book = [f"{name}@depth@{self._config.depth_interval}", f"{name}@trade"]
        if self._spot:
            subscriptions = [(self._socket("spot", "public"), book)]
        else:
            subscriptions = [
                (self._socket("linear", "public"), book),
                (self._socket("linear", "market", 1), [f"{name}@markPrice@1s"]),
            ]
        self._market = BinanceMarket(
            exchange=self._exchange,
            subscriptions=subscriptions,
            read=self._read,
            deliver=self._deliver,
            now_ns=self._now_ns,
            fetch_snapshot=self._snapshot,
            backoff=Backoff(self._config.reconnect_first_s, self._config.reconnect_last_s, self._rng),
            timeout_s=self._config.timeout_ms / 1000,
            silence_s=self._config.silence_s,
        )
        await self._market.run(up)

    async def run_user(self, up: Up) -> None:
        """Reports of our orders, until the socket breaks or the venue ends the stream."""
        self._user = BinanceUser(
            read=self._read, deliver=self._deliver, now_ns=self._now_ns, timeout_s=self._config.timeout_ms / 1000
        )
        if self._spot:
            await self._user.run_signed(self._exchange, self._exchange.urls["api"]["ws"]["ws-api"]["spot"], up)
        else:
            key = (await self._call(LISTEN, {}, urgent=True))["listenKey"]
            self._redact.learn(key)
            url = self._exchange.get_private_ws_url("linear", key)
            await self._user.run_keyed(self._exchange, url, up, self._renew)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._config.listen_key_s)
            await self._call(KEEP_LISTENING, {}, urgent=True)

    def _socket(self, kind: str, category: str, number: int = 0) -> str:
        return f"{self._exchange.get_ws_url(kind, category)}/{number}"  # a number names no stream: we subscribe

    async def _snapshot(self) -> Snapshot:
        levels = self._config.depth_levels
        parameters = {"symbol": self._instrument.symbol, "limit": levels}
        answer = await self._call(self._at.depth, parameters, urgent=True, cost=depth_cost(self._at, levels))
        return self._read.snapshot(answer, self._now_ns())

    def _hear(self, client: Any, message: Any) -> None:
        for stream in (self._market, self._user):
            if stream is None:
                continue
            try:
                if stream.heard(client, message):
                    return
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                stream.unreadable(error)
                return

    def _venue_ns(self) -> int:
        return self._now_ns() + self._skew_ns

    async def close(self) -> None:
        """Closes all connections."""
        await close_session(self._exchange)
