"""A constant spread whose centre leans against the inventory, the trader's rule of thumb before any model."""

from types import ModuleType
from typing import NamedTuple

from jaxmm.policy.types import Array, Quotes, View
from jaxmm.strategies.quoting import inventory_clips, quotes_around_mid


class SkewedSpread(NamedTuple):
    """Quotes at mid − `skew_ticks`·q ∓ `half_spread_ticks`, q the position in order sizes."""

    half_spread_ticks: Array = 0.5  # ticks
    skew_ticks: Array = 0.1  # ticks by which one order size of inventory moves both quotes
    lots: Array = 1  # size of each quote
    max_position_lots: Array = 10

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view."""
        half_spread = xp.float32(self.half_spread_ticks)
        shift = xp.float32(self.skew_ticks) * inventory_clips(view, self.lots, xp)
        return quotes_around_mid(half_spread + shift, half_spread - shift, self.lots, self.max_position_lots, view, xp)
