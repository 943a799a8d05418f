"""What a venue accepts: an order outside these limits is rejected with a named reason, never an exception."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from jaxmm.errors import InputError, nearest
from jaxmm.exchange.types import INFINITE


class Reject(IntEnum):
    """Why the venue does not take an order, in the order in which it asks."""

    RATE = 1
    """More requests in this window than allowed; an amend that is one too many changes nothing."""
    TICK = 2
    """The price is not a multiple of the tick step."""
    LOT = 3
    """The quantity is not a multiple of the lot step, or below the smallest one."""
    NOTIONAL = 4
    """Price · quantity is below the smallest one."""
    POSITION = 5
    """With the orders of its side filled, the position would be beyond the largest one."""
    POST_ONLY = 6
    """It would take on arrival."""


@dataclass(frozen=True)
class Limits:
    """A venue's limits; the defaults limit nothing.

    Attributes:
        tick_step: ticks that a price is a multiple of.
        lot_step: lots that a quantity is a multiple of.
        min_lots: smallest quantity.
        min_notional: smallest price · quantity, tick·lots.
        max_position_lots: largest position, long or short.
        max_requests: amends and places that a window takes; cancels are free.
        window_ns: length of a window of the venue's clock, the first of which began at 0.
    """

    tick_step: int = 1
    lot_step: int = 1
    min_lots: int = 1
    min_notional: int = 0
    max_position_lots: int = INFINITE
    max_requests: int = INFINITE
    window_ns: int = 1_000_000_000

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "Limits":
        """From names and numbers. Raises `InputError` on a name that is not known and a value that is no number."""
        names = [field.name for field in fields(cls)]
        for name, value in settings.items():
            if name not in names:
                raise InputError(f"limits: unknown limit {name!r}; {nearest(name, names)}")
            if isinstance(value, bool) or not isinstance(value, int):
                raise InputError(f"limits: {name} is {value!r}; it is a whole number")
        return cls(**settings)

    def __post_init__(self) -> None:
        for field in fields(self):
            least = 0 if field.name in ("min_notional", "max_position_lots", "max_requests") else 1
            value = getattr(self, field.name)
            if value < least:
                raise InputError(f"limits: {field.name} is {value}; it is at least {least}")
