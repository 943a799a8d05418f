"""When a quoter decides: at a fixed interval, or after a count of market rows. One meaning for tape and live quoter."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from jaxmm.errors import InputError

_UNITS_NS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


class Clock(NamedTuple):
    """A decision clock; exactly one field is positive."""

    interval_ns: int
    """Decisions at the multiples of this since the epoch."""
    rows: int
    """A decision after every so many trades and book rows received."""


def parse_clock(text: str) -> Clock:
    """The clock that `100ms`, `1s`, `250us` or `50ev` names. Raises `InputError` for anything else."""
    match = re.fullmatch(r"(\d+)(us|ms|s|ev)", str(text).strip())
    if not match or int(match[1]) == 0:
        raise InputError(f"clock {text!r}: write an interval such as 100ms or 1s, or a count of events such as 50ev")
    count, unit = int(match[1]), match[2]
    return Clock(0, count) if unit == "ev" else Clock(count * _UNITS_NS[unit], 0)


class DecisionClock:
    """Says when decisions are due while rows arrive in the order of reception.

    A decision at t sees every row received up to and including t, so it is known only when a later row arrives. Rows of
    one instant make at most one decision, which keeps the times strictly increasing. Time that runs backwards stands
    still.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now_ns: int | None = None
        self._next_ns: int | None = None
        self._rows = 0

    @property
    def next_ns(self) -> int | None:
        """The time of the next decision as far as it is known; None before the first row, or until a count is full."""
        return self._next_ns

    def due(self, recv_ts: int) -> Iterator[int]:
        """The decision times before a row received at `recv_ts`; exhaust it before the row is applied."""
        if self._now_ns is None and self._clock.interval_ns:
            self._next_ns = -(-recv_ts // self._clock.interval_ns) * self._clock.interval_ns
        self._now_ns = recv_ts if self._now_ns is None else max(self._now_ns, recv_ts)
        while self._next_ns is not None and self._next_ns < self._now_ns:
            yield self._next_ns
            self._next_ns = self._next_ns + self._clock.interval_ns if self._clock.interval_ns else None

    def on_row(self) -> None:
        """Counts one trade or book row received at the time last given to `due`."""
        self.on_rows(1)

    def on_rows(self, count: int) -> None:
        """Counts so many of them, received at once."""
        before, self._rows = self._rows, self._rows + count
        if self._clock.rows and before // self._clock.rows != self._rows // self._clock.rows:
            self._next_ns = self._now_ns
