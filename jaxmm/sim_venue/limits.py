"""What the venue counts: request weights and new orders in fixed windows, and the bans of those who do not listen."""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from jaxmm.sim_venue.config import SimConfig
from jaxmm.sim_venue.errors import VenueError

BAN_S = 120
PATIENCE = 20
"""Requests after a 429 that turn it into a ban."""


@dataclass(frozen=True)
class Limit:
    """So many in a window; `kind` and `interval` are the venue's words."""

    kind: str  # REQUEST_WEIGHT or ORDERS
    interval: str  # SECOND, MINUTE or DAY
    number: int  # of intervals
    most: int

    @property
    def seconds(self) -> int:
        """Length of the window."""
        return {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}[self.interval] * self.number

    @property
    def header(self) -> str:
        """The response header that tells the count."""
        name = "USED-WEIGHT" if self.kind == "REQUEST_WEIGHT" else "ORDER-COUNT"
        return f"X-MBX-{name}-{self.number}{self.interval[0]}"

    @property
    def body(self) -> dict[str, object]:
        """As exchangeInfo lists it."""
        return {"rateLimitType": self.kind, "interval": self.interval, "intervalNum": self.number, "limit": self.most}


def limits_of(config: SimConfig) -> list[Limit]:
    """Binance's own where nothing else is configured; time runs faster here, so they are larger by the speed."""
    spot, own, speed = config.units.spot, config.limits, max(config.speed, 1.0)

    def most(configured: int | None, real: int) -> int:
        return configured if configured is not None else math.ceil(real * speed)

    found = [
        Limit("REQUEST_WEIGHT", "MINUTE", 1, most(own.weight_1m, 6000 if spot else 2400)),
        Limit("ORDERS", "SECOND", 10, most(own.orders_10s, 100 if spot else 300)),
    ]
    if spot:
        return [*found, Limit("ORDERS", "DAY", 1, most(own.orders_1d, 200_000))]
    return [*found, Limit("ORDERS", "MINUTE", 1, most(own.orders_1m, 1200))]


@dataclass
class Counted:
    """Counts of the running windows."""

    limits: list[Limit]
    now: Callable[[], float] = time.time
    banned_until: float = 0.0
    _windows: dict[Limit, int] = field(default_factory=dict)
    _used: Counter[Limit] = field(default_factory=Counter)
    _warned: int = 0

    def ban(self, seconds: float) -> None:
        """Nobody is listened to for so long."""
        self.banned_until = max(self.banned_until, self.now() + seconds)

    def check_ban(self) -> None:
        """Raises what a banned client reads."""
        left = self.banned_until - self.now()
        if left > 0:
            text = f"Way too many requests; IP(127.0.0.1) banned until {round(self.banned_until * 1000)}. "
            text += "Please use the websocket for live updates to avoid bans."
            raise VenueError(-1003, text, 418, max(math.ceil(left), 1))

    def weigh(self, weight: int) -> None:
        """Counts a request. Raises `VenueError` where it is one too many."""
        for limit in self._of("REQUEST_WEIGHT"):
            used = self._add(limit, weight)
            if used > limit.most:
                self._warned += 1
                if self._warned > PATIENCE:
                    self._warned = 0
                    self.ban(BAN_S)
                    self.check_ban()
                text = f"Too much request weight used; current limit is {limit.most} request weight per 1 MINUTE. "
                text += "Please use WebSocket Streams for live updates to avoid polling the API."
                raise VenueError(-1003, text, 429, self._left(limit))

    def order(self) -> None:
        """Counts a new order. Raises `VenueError` where it is one too many, which does not count."""
        for limit in self._of("ORDERS"):
            if self._add(limit, 0) >= limit.most:
                text = f"Too many new orders; current limit is {limit.most} orders per {limit.number} {limit.interval}."
                raise VenueError(-1015, text, 429, self._left(limit))
        for limit in self._of("ORDERS"):
            self._add(limit, 1)

    def headers(self, orders: bool) -> dict[str, str]:
        """Counts as response headers; those of orders only in answers about them."""
        told = [limit for limit in self.limits if orders or limit.kind == "REQUEST_WEIGHT"]
        return {limit.header: str(self._add(limit, 0)) for limit in told}

    def _of(self, kind: str) -> list[Limit]:
        return [limit for limit in self.limits if limit.kind == kind]

    def _add(self, limit: Limit, amount: int) -> int:
        window = int(self.now()) // limit.seconds
        if self._windows.get(limit) != window:
            self._windows[limit] = window
            self._used[limit] = 0
            if limit.kind == "REQUEST_WEIGHT":
                self._warned = 0
        self._used[limit] += amount
        return self._used[limit]

    def _left(self, limit: Limit) -> int:
        return limit.seconds - int(self.now()) % limit.seconds
