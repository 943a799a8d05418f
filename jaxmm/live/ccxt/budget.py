"""What the venue lets us ask: weights and orders a window, kept by us so that the venue never has to refuse.

Binance counts in fixed windows of its own clock (https://developers.binance.com/docs, limits). Other programs of the
same address count too, so the venue's own count in the response headers lifts ours. A share of every window is kept
for cancels and questions: a quoter that may not cancel is worse off than one that may not quote.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jaxmm.live.messages import Refusal

SECOND = 1_000_000_000
_UNITS = {"S": SECOND, "M": 60 * SECOND, "H": 3600 * SECOND, "D": 86400 * SECOND}
_INTERVALS = {"SECOND": "S", "MINUTE": "M", "HOUR": "H", "DAY": "D"}
_HEADER = re.compile(r"(?i)^x-mbx-(used-weight|order-count)-(\d+)([smhd])$")
_UNSETTLED = SECOND // 2  # a header this early in a window may speak of the one before


class Counted(StrEnum):
    """What a limit counts."""

    WEIGHT = "weight"
    ORDERS = "orders"
    REQUESTS = "requests"


_TYPES = {"REQUEST_WEIGHT": Counted.WEIGHT, "ORDERS": Counted.ORDERS, "RAW_REQUESTS": Counted.REQUESTS}
_HEADERS = {"used-weight": Counted.WEIGHT, "order-count": Counted.ORDERS}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of what is counted in any window of `window_ns`."""

    counted: Counted
    window_ns: int
    most: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request takes."""

    weight: int = 1
    orders: int = 0

    def of(self, counted: Counted) -> int:
        """Its share of one kind of limit."""
        return {Counted.WEIGHT: self.weight, Counted.ORDERS: self.orders, Counted.REQUESTS: 1}[counted]


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a request may not be sent now, and when to ask again (ns, the venue's clock)."""

    reason: Refusal  # RATE or BANNED
    until_ns: int
    text: str


class Budget:
    """Counts what is sent. All times are ns of the venue's clock."""

    def __init__(self, limits: Iterable[Limit], reserve: float) -> None:
        self._limits = tuple(limits)
        self._reserve = reserve
        self._windows = dict.fromkeys(self._limits, 0)
        self._used = dict.fromkeys(self._limits, 0)
        self._ban: Wait | None = None

    def take(self, cost: Cost, now_ns: int, *, urgent: bool) -> Wait | None:
        """Counts a request that is about to be sent; or says why it must wait, and counts nothing.

        Only what is `urgent` may use the reserve.
        """
        if self._ban is not None and now_ns < self._ban.until_ns:
            return self._ban
        for limit in self._limits:
            share = cost.of(limit.counted)
            allowed = limit.most if urgent else int(limit.most * (1 - self._reserve))
            if share and self._count(limit, now_ns) + share > allowed:
                until = (now_ns // limit.window_ns + 1) * limit.window_ns
                text = f"{self._used[limit]} of {limit.most} {limit.counted} a {limit.window_ns // SECOND} s are used"
                return Wait(Refusal.RATE, until, text)
        for limit in self._limits:
            self._used[limit] += cost.of(limit.counted)
        return None

    def heard(self, headers: Mapping[str, str], now_ns: int) -> None:
        """Lifts the counts to the venue's own, as its response headers tell them."""
        for name, value in headers.items():
            told = _HEADER.match(name)
            if told is not None and value.isdigit():
                self._correct(_HEADERS[told[1].lower()], int(told[2]) * _UNITS[told[3].upper()], int(value), now_ns)

    def banned(self, wait: Wait) -> None:
        """The venue does not listen before that time."""
        if self._ban is None or wait.until_ns > self._ban.until_ns:
            self._ban = wait

    def used(self, now_ns: int) -> dict[str, float]:
        """The share of each limit that is used, by names such as `weight/60s`."""
        return {
            f"{limit.counted}/{limit.window_ns // SECOND}s": self._count(limit, now_ns) / limit.most
            for limit in self._limits
        }

    def _count(self, limit: Limit, now_ns: int) -> int:
        window = now_ns // limit.window_ns
        if window > self._windows[limit]:
            self._windows[limit], self._used[limit] = window, 0
        return self._used[limit]

    def _correct(self, counted: Counted, window_ns: int, used: int, now_ns: int) -> None:
        for limit in self._limits:
            same = limit.counted == counted and limit.window_ns == window_ns
            if same and now_ns % window_ns >= _UNSETTLED:
                self._used[limit] = max(self._count(limit, now_ns), used)


def read_limits(rate_limits: Iterable[Mapping[str, Any]]) -> tuple[Limit, ...]:
    """The `rateLimits` of Binance's exchangeInfo; kinds that we do not know are left out."""
    return tuple(
        Limit(
            _TYPES[entry["rateLimitType"]],
            _UNITS[_INTERVALS[entry["interval"]]] * int(entry["intervalNum"]),
            int(entry["limit"]),
        )
        for entry in rate_limits
        if entry["rateLimitType"] in _TYPES
    )
