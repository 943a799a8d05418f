"""The core on an event loop: messages in the order of reception, ticks when they are due, nothing in between."""

import asyncio
from collections import deque
from collections.abc import Callable

from jaxmm.live.core import Core
from jaxmm.live.messages import Message

BATCH = 256
"""Messages between two ticks at most: a burst may not keep decisions waiting."""


class Pump:
    """Hands messages and time to the core; `put` is the inbox of a gateway.

    Attributes:
        failed: set to the first error of the core, after which nothing is handed to it any more.
        turned_ns: when the last turn ended.
    """

    def __init__(self, core: Core, now: Callable[[], int], chores_ns: int) -> None:
        self._core, self._now, self._chores_ns = core, now, chores_ns
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Message] = deque()
        self._soon = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self.turned_ns = now()

    def put(self, message: Message) -> None:
        """Takes a message; the core hears it in the loop's next round."""
        self._inbox.append(message)
        self.wake()

    def wake(self) -> None:
        """Lets the core look at the time in the loop's next round."""
        if not self._soon and not self.failed.done():
            self._soon = True
            self._loop.call_soon(self._turn)

    def fail(self, error: Exception) -> None:
        """Hands nothing to the core any more, because of this."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def close(self) -> None:
        """Ends it."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.failed.done():
            self.failed.cancel()

    def _turn(self) -> None:
        self._soon = False
        if self.failed.done():
            return
        try:
            for _ in range(min(len(self._inbox), BATCH)):
                self._core.handle(self._inbox.popleft())
            now = self._now()
            if not self._inbox:
                self._core.tick(now)
        except Exception as error:  # whoever runs us sees to it that nothing stays open
            self.fail(error)
            return
        self.turned_ns = now
        if self._inbox:
            self.wake()
        else:
            self._wake_at(now)

    def _wake_at(self, now: int) -> None:
        """Sets the timer for the next decision or the next chores; one that fires too early does no harm."""
        due = now + self._chores_ns
        if self._core.next_decision_ns is not None:
            due = min(due, max(self._core.next_decision_ns + 1, now))
        if self._timer is not None and now < self._timer_ns <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = due
        self._timer = self._loop.call_later((due - now) / 1e9, self._turn)
