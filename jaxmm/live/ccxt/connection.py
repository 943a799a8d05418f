"""One of ccxt's web sockets, from its opening to its end, with questions that are answered by number."""

import asyncio
import contextlib
from typing import Any

from jaxmm.live.ccxt.failures import VenueAnswer, VenueRefused

_BROKEN = "broken"
FAREWELL_S = 0.25  # a peer that is gone does not answer our goodbye


class StreamBroke(Exception):
    """A stream ended, with the reason in its text."""


class Connection:
    """A socket that is ours alone; ccxt dials, pings and reads it."""

    def __init__(self, exchange: Any, url: str) -> None:
        self._exchange = exchange
        self._client = exchange.client(url)
        self._asked = 0

    async def open(self, timeout_s: float) -> None:
        """Connects. Raises what ccxt raises where it cannot."""
        async with asyncio.timeout(timeout_s):
            await self._client.connect(self._exchange.session)
        self._broken = self._future(_BROKEN)

    async def ask(self, question: dict[str, Any], timeout_s: float) -> Any:
        """Sends a question under a number of its own and returns the answer. Raises `VenueRefused`."""
        self._asked += 1
        number = str(self._asked)
        answer = self._future(number)
        async with asyncio.timeout(timeout_s):
            await self._client.send({"id": number, **question})
            return await answer

    def heard(self, client: Any, message: Any) -> bool:
        """Takes a message that answers a question of this connection."""
        if client is not self._client or not isinstance(message, dict) or "e" in message or "id" not in message:
            return False
        number, error = str(message["id"]), message.get("error")
        if error is None:
            client.resolve(message, number)
        else:
            status, code = int(message.get("status", 400)), error.get("code")
            text = f"{status} {code} {error.get('msg')}"
            client.reject(VenueRefused(VenueAnswer(status, code, text, None)), number)
        return True

    async def until_broken(self) -> None:
        """Waits for the end of the socket, which raises."""
        if self._client.closed():
            raise StreamBroke("the connection was closed")
        await self._broken

    async def close(self) -> None:
        """Closes the socket; nothing is heard from it afterwards."""
        client = self._client
        client.error = client.error or StreamBroke("closed by us")  # or ccxt forgets the next socket of this address
        if self._exchange.clients.get(client.url) is client:
            del self._exchange.clients[client.url]
        if not client.connected.done():
            client.connected.cancel()
        client.reject(StreamBroke("closed by us"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await client.close()

    def _future(self, name: str) -> Any:
        """A future that ccxt rejects when the socket breaks; nobody may be waiting any more when it does."""
        future = self._client.future(name)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future


async def first_of(*coroutines: Any) -> None:
    """Runs all until the first ends; cancels the others, waits for them, and raises what the first raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
