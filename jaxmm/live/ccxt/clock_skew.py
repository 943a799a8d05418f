"""How far the venue's clock is ahead of ours, from requests for its time.

A request sent at s and answered at r (our clock) with the venue's time v bounds the difference: the venue read its
clock somewhere between, so v − r ≤ skew ≤ v − s. The shortest round trip of the latest samples has the narrowest
bounds, and their middle is the estimate (as in NTP, RFC 5905 §8).
"""

from collections import deque
from dataclasses import dataclass

KEPT = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One question for the time; ns, `venue_ns` on the venue's clock with an error of at most `resolution_ns`."""

    sent_ns: int
    venue_ns: int
    received_ns: int
    resolution_ns: int = 1_000_000

    @property
    def round_trip_ns(self) -> int:
        """From question to answer."""
        return self.received_ns - self.sent_ns

    @property
    def skew_ns(self) -> int:
        """The venue's clock minus ours if both ways took equally long; a clock that steps reads half a step low."""
        return self.venue_ns + self.resolution_ns // 2 - (self.sent_ns + self.received_ns) // 2

    @property
    def error_ns(self) -> int:
        """How wrong `skew_ns` may be."""
        return (self.round_trip_ns + self.resolution_ns) // 2

    def contradicts(self, other: "Sample") -> bool:
        """Whether no one skew explains both: a clock was set in between."""
        return abs(self.skew_ns - other.skew_ns) > self.error_ns + other.error_ns


class ClockSkew:
    """The estimate over the latest samples; those from before a clock was set are forgotten."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    def add(self, sample: Sample) -> bool:
        """Takes a sample; True where it shows that a clock was set since the samples before."""
        jumped = any(sample.contradicts(old) for old in self._samples)
        if jumped:
            self._samples.clear()
        self._samples.append(sample)
        return jumped

    @property
    def best(self) -> Sample | None:
        """The sample that the estimate rests on."""
        return min(self._samples, key=lambda sample: sample.round_trip_ns, default=None)

    @property
    def skew_ns(self) -> int:
        """The venue's clock minus ours; 0 before the first sample."""
        return self.best.skew_ns if self.best is not None else 0
