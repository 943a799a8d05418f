"""Binance's user streams: what happens to our orders and balances, from a signed subscription or a listen key."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jaxmm.live.ccxt.binance_messages import BinanceMessages
from jaxmm.live.ccxt.connection import Connection, StreamBroke, first_of
from jaxmm.live.ccxt.venue import Up
from jaxmm.live.gateway import Inbox

ENDED = ("listenKeyExpired", "eventStreamTerminated")


class BinanceUser:
    """One run of a user stream; what happens between two runs is not heard."""

    def __init__(
        self,
        *,
        read: BinanceMessages,
        deliver: Inbox,
        now_ns: Callable[[], int],
        timeout_s: float,
    ) -> None:
        self._read, self._deliver, self._now_ns, self._timeout_s = read, deliver, now_ns, timeout_s
        self._connection: Connection | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run_signed(self, exchange: Any, url: str, up: Up) -> None:
        """Spot: a signed subscription on the web-socket API. Ends by raising."""
        await self._run(Connection(exchange, url), up, lambda: exchange.sign_params({}))

    async def run_keyed(self, exchange: Any, url: str, up: Up, renew: Callable[[], Awaitable[None]]) -> None:
        """Futures: an address that holds a listen key, which `renew` keeps alive. Ends by raising."""
        await self._run(Connection(exchange, url), up, None, renew)

    def heard(self, client: Any, message: Any) -> bool:
        """Takes a message of our socket."""
        if self._connection is None or not isinstance(message, dict):
            return False
        data = message.get("event", message)
        if "e" not in data:
            return self._connection.heard(client, message)
        if data["e"] in ENDED:
            self.unreadable(StreamBroke(f"the venue ended the user stream: {data['e']}"))
        now = self._now_ns()
        for told in self._read.user(data, now):
            self._deliver(told)
        return True

    def unreadable(self, error: Exception) -> None:
        """A message could not be read, or ended the stream: it is opened again."""
        if not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # it is told by whoever waits, or nobody does any more

    async def _run(
        self, connection: Connection, up: Up, sign: Callable[[], Any] | None, *meanwhile: Callable[[], Awaitable[None]]
    ) -> None:
        self._connection = connection
        try:
            await connection.open(self._timeout_s)
            if sign is not None:
                question = {"method": "userDataStream.subscribe.signature", "params": sign()}
                await connection.ask(question, self._timeout_s)
            up()
            await first_of(connection.until_broken(), self._until_ended(), *(work() for work in meanwhile))
        finally:
            self._connection = None
            await connection.close()

    async def _until_ended(self) -> None:
        await self._ended
