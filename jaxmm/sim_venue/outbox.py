"""One web socket's way out: messages leave in order, unless a fault holds them, doubles them or lets them overtake."""

import asyncio
import contextlib
import heapq
import time
from itertools import count

from aiohttp import web

MOST_WAITING = 50_000
"""Messages that a client may fall behind before it is cut off."""


class Outbox:
    """Messages to one client; `push` never waits."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self._waiting: list[tuple[float, int, str]] = []
        self._order = count()
        self._latest = 0.0
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._send())

    def push(self, text: str, copies: list[tuple[float, bool]] | None = None) -> None:
        """Sends a text, or its copies as `Faults.copies` says."""
        now = time.monotonic()
        for late, overtaken in copies if copies is not None else [(0.0, False)]:
            due = now + late
            if not overtaken:
                due = self._latest = max(self._latest, due)
            heapq.heappush(self._waiting, (due, next(self._order), text))
        self._more.set()
        if len(self._waiting) > MOST_WAITING:
            self.abort()

    def abort(self) -> None:
        """Cuts the connection without a word."""
        self._task.cancel()
        transport = self.socket._req.transport if self.socket._req is not None else None
        if transport is not None:
            transport.abort()

    async def close(self) -> None:
        """Ends the task; called when the socket is gone."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _send(self) -> None:
        while True:
            self._more.clear()
            if not self._waiting:
                await self._more.wait()
                continue
            wait = self._waiting[0][0] - time.monotonic()
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), wait)
                continue
            try:
                await self.socket.send_str(heapq.heappop(self._waiting)[2])
            except ConnectionError:
                return
