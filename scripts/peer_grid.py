"""Our side of the peer's grid strategy: the same whole numbers, as a quoter of many orders a side.

The half spread and the skew are GLFT's (Guéant, Lehalle & Fernandez-Tapia 2013), calibrated beforehand and rounded to
half-ticks; the orders lie on multiples of an interval behind them. M orders a side.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from jaxmm.policy.types import Array, Quotes, View


class GridParams(NamedTuple):
    """As `peer_hftbacktest.grid` takes them."""

    half_spread: int  # half-ticks
    skew: int  # half-ticks a clip of inventory
    interval: int  # ticks
    orders: int  # M
    lots: int
    max_position_lots: int

    @property
    def quoter(self) -> "Grid":
        """The same as a quoter of ours."""
        return Grid(*self, rungs=np.arange(self.orders, dtype=np.int32))


class Grid(NamedTuple):
    """Orders at multiples of `interval`, from the quotes around the leaning mid outwards."""

    half_spread: Array
    skew: Array
    interval: Array
    orders: Array
    lots: Array
    max_position_lots: Array
    rungs: Array  # int32 [M], 0 … M − 1

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view, int32 [M]; all orders of a side together respect the position limit."""
        rung, lots, position = xp.asarray(self.rungs), xp.int32(self.lots), view.position_lots
        half_spread, interval = xp.int32(self.half_spread), xp.int32(self.interval)
        centre = view.bid_ticks + view.ask_ticks - xp.int32(self.skew) * (position // lots)
        bid = xp.minimum((centre - half_spread) // 2, view.ask_ticks - 1) // interval
        ask = -(-xp.maximum(-((-centre - half_spread) // 2), view.bid_ticks + 1) // interval)
        after = (rung + 1) * lots
        buys = position + after <= xp.int32(self.max_position_lots)
        sells = position - after >= -xp.int32(self.max_position_lots)
        return Quotes(
            (bid - rung) * interval,
            xp.where(buys, lots, 0).astype(xp.int32),
            (ask + rung) * interval,
            xp.where(sells, lots, 0).astype(xp.int32),
            xp.asarray(False),
        )
