"""Window sums over horizons, as the features read them; apart from their making, so that a policy loads numpy alone."""

from typing import Any, NamedTuple

HORIZONS = (1, 10, 100, 600)
"""Decisions that the rolling sums reach back; index h of every `Sums` field."""


class Sums(NamedTuple):
    """Sums over the last windows; each [..., H], integers (or their floats on a device)."""

    buy_lots: Any  # lots that aggressors bought
    sell_lots: Any  # lots that aggressors sold
    ofi_lots: Any  # order-flow imbalance at the touch
    squared_moves: Any  # squared moves of bid + ask, half-ticks²
    windows: Any  # windows summed: the horizon, less at the start
