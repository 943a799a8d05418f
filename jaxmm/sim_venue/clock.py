"""The venue's clock: wall time, and what a fault puts it off by."""

import time
from dataclasses import dataclass


@dataclass
class VenueClock:
    """Milliseconds since the epoch as the venue knows them."""

    ahead_ms: int = 0

    def now_ms(self) -> int:
        """The time that every stamp of the venue tells."""
        return time.time_ns() // 1_000_000 + self.ahead_ms
