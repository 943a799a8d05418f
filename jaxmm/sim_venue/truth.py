"""What a test may hold a quoter to: the largest that the venue ever saw of it."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_MS = 10_000


@dataclass
class Truth:
    """Extremes since the start."""

    max_position: int = 0  # lots, long or short
    max_open_orders: int = 0
    max_orders_10s: int = 0  # new orders and amends within any ten seconds
    requests: int = 0
    refused: dict[int, int] = field(default_factory=dict)  # by code
    _times: deque[int] = field(default_factory=deque)

    def see_position(self, lots: int) -> None:
        """After every fill."""
        self.max_position = max(self.max_position, abs(lots))

    def see_orders(self, open_orders: int) -> None:
        """After every order."""
        self.max_open_orders = max(self.max_open_orders, open_orders)

    def see_order(self, now_ms: int) -> None:
        """At every request that counts as an order."""
        self._times.append(now_ms)
        while self._times[0] <= now_ms - WINDOW_MS:
            self._times.popleft()
        self.max_orders_10s = max(self.max_orders_10s, len(self._times))

    def see_refusal(self, code: int) -> None:
        """At every refusal."""
        self.refused[code] = self.refused.get(code, 0) + 1
