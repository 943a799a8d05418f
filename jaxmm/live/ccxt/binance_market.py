"""Binance's market streams: sockets, a book that is whole or known not to be, trades once each, the mark price."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import ccxt

from jaxmm.live.ccxt.backoff import Backoff
from jaxmm.live.ccxt.binance_messages import BinanceMessages
from jaxmm.live.ccxt.book_sync import BookSync, Snapshot
from jaxmm.live.ccxt.connection import Connection, StreamBroke, first_of
from jaxmm.live.ccxt.failures import VenueRefused
from jaxmm.live.ccxt.trade_ids import TradeIds
from jaxmm.live.ccxt.venue import MustWait, Up
from jaxmm.live.gateway import Inbox


class BinanceMarket:
    """One run of the streams of one instrument; after a break a new one begins."""

    def __init__(
        self,
        *,
        exchange: Any,
        subscriptions: Sequence[tuple[str, Sequence[str]]],
        read: BinanceMessages,
        deliver: Inbox,
        now_ns: Callable[[], int],
        fetch_snapshot: Callable[[], Awaitable[Snapshot]],
        backoff: Backoff,
        timeout_s: float,
        silence_s: float,
    ) -> None:
        self._read, self._deliver, self._now_ns = read, deliver, now_ns
        self._fetch_snapshot, self._backoff = fetch_snapshot, backoff
        self._timeout_s, self._silence_s = timeout_s, silence_s
        self._connections = [(Connection(exchange, url), streams) for url, streams in subscriptions]
        self._sync = BookSync()
        self._trades = TradeIds()
        self._torn = asyncio.Event()  # the book needs a snapshot
        self._heard_ns = now_ns()
        self._unreadable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handlers: dict[str, Callable[[dict[str, Any], int], None]] = {
            "depthUpdate": self._on_diff,
            "trade": self._on_trade,
            "markPriceUpdate": self._on_mark,
        }

    async def run(self, up: Up) -> None:
        """Hears until the stream breaks, which raises; then what is known of the book is withdrawn."""
        reason = "the market stream was closed"
        try:
            for connection, streams in self._connections:
                await connection.open(self._timeout_s)
                await connection.ask({"method": "SUBSCRIBE", "params": list(streams)}, self._timeout_s)
            up()
            self._torn.set()
            ends = [connection.until_broken() for connection, _ in self._connections]
            await first_of(*ends, self._keep_whole(), self._until_silent(), self._until_unreadable())
        except Exception as error:
            reason = f"the market stream broke: {type(error).__name__}"
            raise
        finally:
            self._handlers = {}
            gap = self._sync.lost(self._now_ns(), reason)
            if gap is not None:
                self._deliver(gap)
            for connection, _ in self._connections:
                await connection.close()

    def heard(self, client: Any, message: Any) -> bool:
        """Takes a message of one of our sockets."""
        handler = self._handlers.get(message.get("e", "")) if isinstance(message, dict) else None
        if handler is None:
            return any(connection.heard(client, message) for connection, _ in self._connections)
        now = self._heard_ns = self._now_ns()
        if message["s"] == self._read.symbol:
            handler(message, now)
        return True

    def unreadable(self, error: Exception) -> None:
        """A message could not be read: the stream is opened again."""
        if not self._unreadable.done():
            self._unreadable.set_exception(StreamBroke(f"a message could not be read: {error!r}"))
            self._unreadable.exception()  # it is told by whoever waits, or nobody does any more

    def _on_diff(self, data: dict[str, Any], now: int) -> None:
        message = self._sync.diff(self._read.diff(data, now))
        if message is not None:
            self._deliver(message)
            if not self._sync.whole:
                self._torn.set()

    def _on_trade(self, data: dict[str, Any], now: int) -> None:
        trade = self._read.trade(data, now)
        if trade is not None and self._trades.is_new(trade.id):
            self._deliver(trade)

    def _on_mark(self, data: dict[str, Any], now: int) -> None:
        self._deliver(self._read.mark(data, now))

    async def _keep_whole(self) -> None:
        """Fetches snapshots, one after the other, until one fits; whenever one is needed."""
        while True:
            await self._torn.wait()
            self._torn.clear()
            while not await self._mended():
                await asyncio.sleep(self._backoff.next_s())
            self._backoff.reset()

    async def _mended(self) -> bool:
        try:
            snapshot = await self._fetch_snapshot()
        except (ccxt.BaseError, VenueRefused, MustWait):
            return False
        for message in self._sync.snapshot(snapshot):
            self._deliver(message)
        return self._sync.whole

    async def _until_silent(self) -> None:
        silence_ns = int(self._silence_s * 1e9)
        while (quiet_ns := self._now_ns() - self._heard_ns) < silence_ns:
            await asyncio.sleep((silence_ns - quiet_ns) / 1e9 + 0.001)
        raise StreamBroke(f"no market message for {self._silence_s:g} s")

    async def _until_unreadable(self) -> None:
        await self._unreadable
