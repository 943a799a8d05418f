"""A book kept whole from one snapshot and the differences that follow it, by the venue's update ids.

A difference covers the ids (before, last]: Binance's `pu` and `u`, or `U − 1` and `u` where there is no `pu`. It
follows a book at id n when before ≤ n < last; last ≤ n says nothing new; before > n means that something is missing.
Levels carry absolute sizes, so one that overlaps what is known does no harm
(https://developers.binance.com/docs, how to manage a local order book correctly).
"""

from collections import deque
from dataclasses import dataclass, replace

from jaxmm.live.messages import Book, Gap, Levels

KEPT = 2000
"""Differences that wait for a snapshot; its answer takes seconds, this is minutes."""


@dataclass(frozen=True, slots=True)
class Diff:
    """One difference as received."""

    before: int
    last: int
    exch_ts: int
    recv_ts: int
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole book as answered. `exch_ts` is None where the venue does not say."""

    last: int
    exch_ts: int | None
    recv_ts: int
    bids: Levels
    asks: Levels


class BookSync:
    """Puts book messages into their place; says when one is missing and holds all back until a snapshot mends it."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._waiting: deque[Diff] = deque(maxlen=KEPT)

    @property
    def whole(self) -> bool:
        """Whether the book is known; where it is not, a snapshot is needed."""
        return self._last is not None

    def diff(self, diff: Diff) -> Book | Gap | None:
        """What a difference says, at its place: the change, that something is missing before it, or nothing yet."""
        if self._last is None:
            self._waiting.append(diff)
            return None
        if diff.last <= self._last:
            return None
        if diff.before > self._last:
            reason = f"the book stood at update {self._last}, the next message follows {diff.before}"
            self._last = None
            self._waiting.append(diff)
            return Gap(diff.recv_ts, reason)
        self._last = diff.last
        return Book(diff.exch_ts, diff.recv_ts, False, diff.bids, diff.asks, diff.last)

    def snapshot(self, snapshot: Snapshot) -> list[Book | Gap]:
        """The book anew and the differences that waited for it; empty where it is older than what waits."""
        if self._last is not None and snapshot.last < self._last:
            return []
        waiting = sorted((diff for diff in self._waiting if diff.last > snapshot.last), key=lambda diff: diff.before)
        if waiting and waiting[0].before > snapshot.last:
            return []
        exch_ts = _snapshot_time(snapshot, waiting or list(self._waiting)[-1:])
        self._last = snapshot.last
        self._waiting.clear()
        messages: list[Book | Gap] = [
            Book(exch_ts, snapshot.recv_ts, True, snapshot.bids, snapshot.asks, snapshot.last)
        ]
        for diff in waiting:  # known to us only now
            message = self.diff(replace(diff, recv_ts=max(diff.recv_ts, snapshot.recv_ts)))
            messages += [message] if message is not None else []
        return messages

    def lost(self, recv_ts: int, reason: str) -> Gap | None:
        """The stream broke: nothing received so far can be followed on. None where that is known already."""
        known = self._last is not None
        self._last = None
        self._waiting.clear()
        return Gap(recv_ts, reason) if known else None


def _snapshot_time(snapshot: Snapshot, around: list[Diff]) -> int:
    """Its own time or the receiver's, but not after a difference that continues it."""
    own = snapshot.recv_ts if snapshot.exch_ts is None else snapshot.exch_ts
    return min([own, *(diff.exch_ts for diff in around)])
