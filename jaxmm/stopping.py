"""Stopping a run when it is safe: a signal is noted, and acted on once the work in hand is done."""

import dataclasses
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@dataclasses.dataclass
class StopRequest:
    """Which signal asked to stop, if any."""

    signal: str | None = None

    def check(self) -> None:
        """Raises KeyboardInterrupt if there was one."""
        if self.signal is not None:
            raise KeyboardInterrupt


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Notes SIGINT and SIGTERM instead of dying of them; the second one kills as ever. Main thread only, else inert."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = signal.Signals(number).name
        signal.signal(number, before[signal.Signals(number)])

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
