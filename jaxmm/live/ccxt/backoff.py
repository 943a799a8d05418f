"""How long to wait before trying again: doubling, bounded, spread, so that many quoters do not return at once."""

import random


class Backoff:
    """Waits first, 2 first, 4 first, … last seconds, each shortened by up to half at random."""

    def __init__(self, first_s: float, last_s: float, rng: random.Random) -> None:
        self._first, self._last, self._rng = first_s, last_s, rng
        self._tries = 0

    def next_s(self) -> float:
        """The next wait."""
        wait = min(self._last, self._first * 2 ** min(self._tries, 30))
        self._tries += 1
        return wait * (1 - 0.5 * self._rng.random())

    def reset(self) -> None:
        """It worked."""
        self._tries = 0
