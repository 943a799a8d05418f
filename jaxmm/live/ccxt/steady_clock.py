"""Our clock: the wall's time at the start, and from then on only forwards, at an even pace.

Messages are ordered by when we received them, so a clock that an operator sets back may not reorder them; nor may it
stand still until the wall's has caught up.
"""

import time
from collections.abc import Callable


def steady_clock(
    wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
) -> Callable[[], int]:
    """A clock in ns since the epoch."""
    offset = wall_ns() - monotonic_ns()
    return lambda: monotonic_ns() + offset
