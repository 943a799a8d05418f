"""Guéant, Lehalle & Fernandez-Tapia, "Dealing with the inventory risk", Mathematics and Financial Economics 7, 2013.

Units: prices in ticks, inventory q in clips (order sizes), time in seconds, so wealth is in tick·clips.
σ ticks/√s · A 1/s, rate of one-clip fills at the mid · k 1/tick · γ 1/(tick·clip).
"""

from types import ModuleType
from typing import NamedTuple

from jaxmm.policy.types import Array, Quotes, View
from jaxmm.strategies.quoting import inventory_clips, quotes_around_mid


def asymptotic_distances(
    q: Array, sigma: Array, A: Array, k: Array, gamma: Array, xp: ModuleType
) -> tuple[Array, Array]:
    """(δb, δa) far from the horizon: ln(1 + γ/k)/γ + (½ ± q)·√(σ²γ/(2kA)·(1 + γ/k)^(1 + k/γ)) (section 4)."""
    log_ratio = xp.log1p(gamma / k)
    step = xp.sqrt(sigma**2 * gamma / (2 * k * A) * xp.exp((1 + k / gamma) * log_ratio))
    half_spread = log_ratio / gamma + step / 2
    return half_spread + q * step, half_spread - q * step


class GLFT(NamedTuple):
    """The closed-form approximation of the stationary optimum under inventory limits."""

    sigma: Array = 1.0  # ticks/√s
    A: Array = 1.0  # 1/s
    k: Array = 1.0  # 1/tick
    gamma: Array = 0.01  # 1/(tick·clip), risk aversion
    lots: Array = 1  # one clip
    max_position_lots: Array = 10

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view."""
        q = inventory_clips(view, self.lots, xp)
        sigma, a, k, gamma = (xp.float32(value) for value in (self.sigma, self.A, self.k, self.gamma))
        bid, ask = asymptotic_distances(q, sigma, a, k, gamma, xp)
        return quotes_around_mid(bid, ask, self.lots, self.max_position_lots, view, xp)
