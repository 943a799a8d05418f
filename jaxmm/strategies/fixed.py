"""The baseline that every other quoter has to beat: a constant spread around the mid."""

from types import ModuleType
from typing import NamedTuple

from jaxmm.policy.types import Array, Quotes, View
from jaxmm.strategies.quoting import quotes_around_mid


class FixedSpread(NamedTuple):
    """Quotes at mid ∓ `half_spread_ticks`, whatever the inventory, up to the position limit."""

    half_spread_ticks: Array = 0.5  # ticks
    lots: Array = 1  # size of each quote
    max_position_lots: Array = 10

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view."""
        distance = xp.float32(self.half_spread_ticks)
        return quotes_around_mid(distance, distance, self.lots, self.max_position_lots, view, xp)
