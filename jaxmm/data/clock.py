"""How far the recorder's clock is from the exchange's, told by what is sure: nothing arrives before it is sent.

The offset is the recorder's clock minus the exchange's, in ns: negative where the recorder runs behind. What can be
known is the lower envelope of `recv_ts - exch_ts`, which is the offset plus the shortest latency. So only an envelope
below zero proves an offset; a positive one is taken for latency, and the offset for 0. Mending subtracts the offset
from every local time, after which the fastest message has latency 0.
"""

from dataclasses import dataclass, field

import numpy as np

from jaxmm.data.schema import Kind

WINDOW_NS = 10**9
OUTLIER_SPREADS = 12.0  # windows this many median deviations below the median window are not the envelope


def venue_stamped(exch_ts: np.ndarray, recv_ts: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """bool [rows]: which rows carry both clocks; quotes and snapshots without a venue time repeat the local one."""
    return (exch_ts != recv_ts) | (kind == Kind.TRADE) | (kind == Kind.DEPTH)


@dataclass
class ClockEnvelope:
    """The smallest `recv_ts - exch_ts` of every second of local time, gathered batch by batch."""

    minima: dict[int, int] = field(default_factory=dict)  # window index → ns

    def add(self, exch_ts: np.ndarray, recv_ts: np.ndarray) -> None:
        """Takes in messages that carry both clocks; int64 [rows] each, in received order."""
        if not len(recv_ts):
            return
        window = recv_ts // WINDOW_NS
        latency = recv_ts - exch_ts
        starts = np.flatnonzero(np.diff(window, prepend=window[0] - 1))
        smallest = np.minimum.reduceat(latency, starts)
        for index, value in zip(window[starts].tolist(), smallest.tolist(), strict=True):
            self.minima[index] = min(value, self.minima.get(index, value))

    def envelope_ns(self) -> int | None:
        """The robust lower envelope; None where no message carried both clocks."""
        if not self.minima:
            return None
        minima = np.array(list(self.minima.values()), dtype=np.int64)
        median = np.median(minima)
        spread = np.median(np.abs(minima - median))
        return int(minima[minima >= median - OUTLIER_SPREADS * max(spread, 1.0)].min())

    def drift_ppm(self) -> float | None:
        """How fast the offset grows, in millionths, first third to last; None where less than a minute tells of it."""
        n = len(self.minima)
        if n < 60:
            return None
        windows, minima = np.array(sorted(self.minima.items()), dtype=np.int64).T
        seconds = np.median(windows[-n // 3 :]) - np.median(windows[: n // 3])
        grown = np.median(minima[-n // 3 :] - minima[0]) - np.median(minima[: n // 3] - minima[0])
        return float(grown / seconds / 1e3)

    def offset_ns(self) -> int | None:
        """Recorder minus exchange: the envelope where it is below zero, else 0; None where it cannot be known."""
        envelope = self.envelope_ns()
        return None if envelope is None else min(envelope, 0)
