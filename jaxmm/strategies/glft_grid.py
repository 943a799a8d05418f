"""A ladder around the quotes of Guéant, Lehalle & Fernandez-Tapia: the nearest order where GLFT has it, more behind.

Units as in `glft`. M places for orders a side.
"""

from types import ModuleType
from typing import NamedTuple

from jaxmm.policy.types import Array, Quotes, View
from jaxmm.strategies.glft import asymptotic_distances
from jaxmm.strategies.quoting import inventory_clips, quotes_around_mid

PLACES = 20
"""M: the most orders a side."""


class GLFTGrid(NamedTuple):
    """`levels` orders a side on a grid of `step_ticks` that stands still while the mid moves: orders keep places."""

    sigma: Array = 1.0  # ticks/√s
    A: Array = 1.0  # 1/s
    k: Array = 1.0  # 1/tick
    gamma: Array = 0.01  # 1/(tick·clip), risk aversion
    lots: Array = 1  # one clip, the size of each order
    max_position_lots: Array = 10
    levels: Array = 10
    step_ticks: Array = 1

    @property
    def orders(self) -> int:
        """Places for orders a side."""
        return PLACES

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view, int32 [M]; lots are 0 beyond `levels` and where fills together would pass the limit."""
        q = inventory_clips(view, self.lots, xp)
        sigma, a, k, gamma = (xp.float32(value) for value in (self.sigma, self.A, self.k, self.gamma))
        bid, ask = asymptotic_distances(q, sigma, a, k, gamma, xp)
        near = quotes_around_mid(bid, ask, self.lots, self.max_position_lots, view, xp)
        place, step, lots = xp.arange(PLACES, dtype=xp.int32), xp.int32(self.step_ticks), xp.int32(self.lots)
        room = xp.int32(self.max_position_lots)
        used = lots * (place + 1)
        return Quotes(
            near.bid_ticks - near.bid_ticks % step - step * place,
            lots * xp.int32((place < self.levels) & (view.position_lots + used <= room)),
            near.ask_ticks + (-near.ask_ticks) % step + step * place,
            lots * xp.int32((place < self.levels) & (view.position_lots - used >= -room)),
            near.flatten,
        )
