"""Any other venue that ccxt.pro knows, through ccxt's unified methods alone: what is in a configuration is enough.

It tells less than a venue of our own: every book message is a snapshot of the best levels, a query finds orders by
client id only where ccxt can, and nothing says when a subscription has begun to count. Numbers are ccxt's strings.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import ccxt
import ccxt.pro

from jaxmm.errors import InputError, nearest
from jaxmm.exchange.types import OrderType
from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.budget import SECOND, Budget, Cost, Counted, Limit, Wait
from jaxmm.live.ccxt.config import Credentials, GatewayConfig
from jaxmm.live.ccxt.connection import first_of
from jaxmm.live.ccxt.exchange import close_session, open_session, prepare, settings
from jaxmm.live.ccxt.redact import Redactor
from jaxmm.live.ccxt.trade_ids import TradeIds
from jaxmm.live.ccxt.unified_messages import UnifiedMessages
from jaxmm.live.ccxt.units import Units
from jaxmm.live.ccxt.venue import MustWait, Up
from jaxmm.live.gateway import Inbox
from jaxmm.live.messages import (
    BID,
    Account,
    Cancel,
    CancelAll,
    Fill,
    Gap,
    Mark,
    OrderState,
    Place,
    Query,
    Refusal,
    Request,
    Transfer,
)

NS_PER_MS = 1_000_000
DAY_MS = 24 * 3600 * 1000
LOOK_EVERY_S = 0.02
SILENT_S = 10  # after a refusal for too many requests; ccxt does not pass on how long it lasts
_PARAMETERS: dict[OrderType, dict[str, Any]] = {
    OrderType.POST_ONLY: {"postOnly": True},
    OrderType.GTC: {},
    OrderType.IOC: {"timeInForce": "IOC"},
    OrderType.FOK: {"timeInForce": "FOK"},
    OrderType.MARKET: {},
}


class Unified:
    """One instrument of one account. Implements `Venue`."""

    can_amend = False

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
        if config.venue not in ccxt.pro.exchanges:
            known = nearest(config.venue, ccxt.pro.exchanges) if config.venue else "give one of ccxt.pro's"
            raise InputError(f"gateway venue {config.venue!r} is none that ccxt.pro knows; {known}")
        if not config.market:
            raise InputError(f"gateway: name the market of {config.venue} as ccxt does, such as BTC/USDT:USDT")
        limits = [Limit(Counted.REQUESTS, limit.window_s * SECOND, limit.most) for limit in config.limits]
        self.budget = Budget(limits, config.reserve)
        self._config, self._symbol = config, config.market
        self._deliver, self._now_ns, self._skew_ns = deliver, now_ns, 0
        self._units, self._read = Units(instrument), UnifiedMessages(instrument)
        common = settings(config, credentials)
        self._exchange: Any = getattr(ccxt.pro, config.venue)(
            {**common, "options": common["options"] | config.options, "number": str}
        )
        prepare(self._exchange, config.urls, config, now_ns)
        self.dead_man = bool(self._exchange.has.get("cancelAllOrdersAfter"))

    # --- requests ---

    async def send(self, request: Request) -> OrderState | None:
        """Sends a request and reads its answer; a query of an unknown order answers None."""
        if isinstance(request, Place):
            return await self._place(request)
        if isinstance(request, Cancel):
            answer = await self._call(
                lambda: self._exchange.cancel_order_with_client_order_id(request.client_id, self._symbol), urgent=True
            )
            return self._read.order_or_none(answer, request.client_id, self._now_ns())
        if isinstance(request, CancelAll):
            with contextlib.suppress(ccxt.OrderNotFound):  # some say so where none is open
                await self._call(lambda: self._exchange.cancel_all_orders(self._symbol), urgent=True)
            return None
        if isinstance(request, Query):
            return await self._query(request)
        raise ccxt.NotSupported(f"{self._config.venue}: amending is left to venues whose rules are known")

    async def _place(self, request: Place) -> OrderState | None:
        kind = "market" if request.order_type == OrderType.MARKET else "limit"
        price = None if kind == "market" else self._units.price_text(request.price_ticks)
        parameters: dict[str, Any] = {"clientOrderId": request.client_id, **_PARAMETERS[request.order_type]}
        if request.reduce_only and self._exchange.market(self._symbol)["contract"]:
            parameters["reduceOnly"] = True
        side, qty = "buy" if request.side == BID else "sell", self._units.qty_text(request.qty_lots)
        answer = await self._call(
            lambda: self._exchange.create_order(self._symbol, kind, side, qty, price, parameters), urgent=False
        )
        return self._read.order_or_none(answer, request.client_id, self._now_ns())

    async def _query(self, request: Query) -> OrderState | None:
        try:
            answer = await self._call(
                lambda: self._exchange.fetch_order_with_client_order_id(request.client_id, self._symbol), urgent=True
            )
        except ccxt.OrderNotFound:
            return None
        return self._read.order_or_none(answer, request.client_id, self._now_ns())

    async def _call(self, ask: Callable[[], Awaitable[Any]], *, urgent: bool) -> Any:
        now = self._now_ns() + self._skew_ns
        wait = self.budget.take(Cost(), now, urgent=urgent)
        if wait is not None:
            raise MustWait(wait)
        try:
            return await ask()
        except (ccxt.RateLimitExceeded, ccxt.DDoSProtection) as error:
            ban = Wait(Refusal.RATE, now + SILENT_S * SECOND, str(error))
            self.budget.banned(ban)
            raise MustWait(ban) from error

    # --- questions ---

    async def open(self) -> None:
        """Makes requests possible."""
        open_session(self._exchange)

    async def load(self) -> None:
        """Compares the instrument's tick and lot with the market's."""
        await self._call(self._exchange.load_markets, urgent=True)
        if self._symbol not in self._exchange.markets:
            known = nearest(self._symbol, self._exchange.markets)
            raise InputError(f"{self._config.venue} has no market {self._symbol!r}; {known}")
        precision = self._exchange.market(self._symbol)["precision"]
        for field, ours, theirs in (
            ("tick_size", self._units.tick, precision["price"]),
            ("lot_size", self._units.lot, precision["amount"]),
        ):
            step = self._exchange.precisionMode == ccxt.TICK_SIZE
            if step and theirs is not None and ours != Decimal(str(theirs)):
                raise InputError(
                    f"{self._symbol}: {field} of the instrument is {ours} and at {self._config.venue} {theirs}; "
                    "correct the instrument file"
                )

    async def time_ms(self) -> int:
        """The venue's clock, or ours where the venue does not tell its own."""
        if not self._exchange.has.get("fetchTime"):
            return self._now_ns() // NS_PER_MS
        return int(await self._call(self._exchange.fetch_time, urgent=True))

    def set_skew(self, skew_ns: int) -> None:
        """Time stamps of requests are on the venue's clock from now on, where ccxt lets them be."""
        self._skew_ns = skew_ns
        self._exchange.options["timeDifference"] = -(skew_ns // NS_PER_MS)

    async def open_orders(self) -> list[OrderState]:
        """Every open order of the symbol."""
        answer = await self._call(lambda: self._exchange.fetch_open_orders(self._symbol), urgent=True)
        now = self._now_ns()
        return [self._read.order(order, now) for order in answer]

    async def fills_since(self, exch_ts: int, after_trade_id: str | None) -> list[Fill]:
        """Page by page from that time to now, a day further where a page has nothing new.

        Many venues answer no more than a day a question. A known trade and its predecessors are left out.
        """
        fills: dict[str, Fill] = {}
        since_ms = exch_ts // NS_PER_MS
        while since_ms * NS_PER_MS <= self._now_ns() + self._skew_ns:
            page = await self._call(partial(self._exchange.fetch_my_trades, self._symbol, since_ms), urgent=True)
            now = self._now_ns()
            new = [self._read.fill(trade, now) for trade in page if trade["id"] not in fills]
            fills |= {fill.trade_id: fill for fill in new}
            since_ms = max(fill.exch_ts // NS_PER_MS for fill in new) if new else since_ms + DAY_MS
        found = sorted(fills.values(), key=lambda fill: fill.exch_ts)
        ids = [fill.trade_id for fill in found]
        return found[ids.index(after_trade_id) + 1 :] if after_trade_id in ids else found

    async def account(self) -> Account:
        """Balances and, of a contract, the position."""
        balance = await self._call(self._exchange.fetch_balance, urgent=True)
        positions: Sequence[dict[str, Any]] | None = None
        if self._exchange.market(self._symbol)["contract"]:
            positions = await self._call(lambda: self._exchange.fetch_positions([self._symbol]), urgent=True)
        return self._read.account(balance, positions, self._now_ns())

    async def transfers_since(self, exch_ts: int) -> list[Transfer]:
        """None: ccxt has no one way to ask for them."""
        return []

    async def arm(self, timeout_ms: int) -> None:
        """Dead-man switch, where ccxt knows of one."""
        if self.dead_man:
            await self._call(lambda: self._exchange.cancel_all_orders_after(timeout_ms), urgent=True)

    # --- streams ---

    async def run_market(self, up: Up) -> None:
        """Books and trades, and the mark price where there is one, until one of them fails."""
        watched = [self._watch_book(up), self._watch_trades()]
        if self._exchange.market(self._symbol)["contract"] and self._exchange.has.get("watchMarkPrice"):
            watched.append(self._watch_mark())
        try:
            await first_of(*watched)
        finally:
            self._deliver(Gap(self._now_ns(), "the market stream broke"))

    async def run_user(self, up: Up) -> None:
        """Our orders and executions, until one of them fails."""
        await first_of(self._watch_orders(), self._watch_fills(), self._tell_when_connected(up))

    async def _watch_book(self, up: Up) -> None:
        first = True
        while True:
            book = await self._exchange.watch_order_book(self._symbol, self._config.depth_levels)
            if first:
                up()
                first = False
            self._deliver(self._read.book(book, self._config.depth_levels, self._now_ns()))

    async def _watch_trades(self) -> None:
        seen = TradeIds()
        while True:
            trades = await self._exchange.watch_trades(self._symbol)
            for trade in trades:
                told = self._read.trade(trade, self._now_ns())
                if told.id < 0 or seen.is_new(told.id):
                    self._deliver(told)

    async def _watch_mark(self) -> None:
        while True:
            ticker = await self._exchange.watch_mark_price(self._symbol)
            self._deliver(Mark(self._now_ns(), float(ticker["markPrice"])))

    async def _watch_orders(self) -> None:
        while True:
            for order in await self._exchange.watch_orders(self._symbol):
                self._deliver(self._read.order(order, self._now_ns()))

    async def _watch_fills(self) -> None:
        while True:
            for trade in await self._exchange.watch_my_trades(self._symbol):
                self._deliver(self._read.fill(trade, self._now_ns()))

    async def _tell_when_connected(self, up: Up) -> None:
        """ccxt does not say when a private subscription stands: connected sockets are the nearest it tells."""
        while not any(client.isConnected and _of_orders(client) for client in self._exchange.clients.values()):
            await asyncio.sleep(LOOK_EVERY_S)
        up()
        await asyncio.get_running_loop().create_future()  # the others end this stream

    async def close(self) -> None:
        """Closes all connections."""
        await close_session(self._exchange)


def _of_orders(client: Any) -> bool:
    names = [name.lower() for name in client.futures]
    return any(name.startswith("order") and not name.startswith("orderbook") for name in names)
