"""Avellaneda & Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008.

Units: prices in ticks, inventory q in clips (order sizes), time in seconds, so wealth is in tick·clips.
σ ticks/√s · k 1/tick · γ 1/(tick·clip) · τ = T − t seconds.
"""

from types import ModuleType
from typing import NamedTuple

from jaxmm.policy.types import Array, Quotes, View
from jaxmm.strategies.quoting import inventory_clips, quotes_around_mid


def distances(q: Array, tau: Array, sigma: Array, k: Array, gamma: Array, xp: ModuleType) -> tuple[Array, Array]:
    """(δb, δa): half of γσ²τ + (2/γ)ln(1 + γ/k) on each side of r = s − qγσ²τ (section 3.2)."""
    risk = gamma * sigma**2 * tau
    half_spread = risk / 2 + xp.log1p(gamma / k) / gamma
    return half_spread + q * risk, half_spread - q * risk


class AvellanedaStoikov(NamedTuple):
    """The approximate optimum over a horizon of `horizon_s`, of which `view.time_left` is left.

    Where a view has no horizon, `time_left` stays 1 and the quotes are those of a horizon that rolls on.
    """

    sigma: Array = 1.0  # ticks/√s
    k: Array = 1.0  # 1/tick, decay of the fill intensity A·exp(−kδ)
    gamma: Array = 0.01  # 1/(tick·clip), risk aversion
    horizon_s: Array = 10.0  # seconds
    lots: Array = 1  # one clip
    max_position_lots: Array = 10

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view."""
        q = inventory_clips(view, self.lots, xp)
        tau = xp.float32(self.horizon_s) * xp.float32(view.time_left)
        sigma, k, gamma = (xp.float32(value) for value in (self.sigma, self.k, self.gamma))
        bid, ask = distances(q, tau, sigma, k, gamma, xp)
        return quotes_around_mid(bid, ask, self.lots, self.max_position_lots, view, xp)
