"""The market features: one function of a book row and window sums, for numpy and JAX arrays alike.

K levels a side · H horizons · F features. Features are scale-free, in ticks, or logarithms of lots.
"""

from types import ModuleType
from typing import Any

import numpy as np

from jaxmm.features.sums import HORIZONS, Sums

Array = Any
DAY_NS = 86_400_000_000_000

FEATURES = (
    "spread_ticks",  # best ask − best bid
    "microprice_offset",  # (Q_b·ask + Q_a·bid)/(Q_b + Q_a) − mid, ticks; Gatheral, Oomen (2010)
    "imbalance_1",  # (Q_b − Q_a)/(Q_b + Q_a) at the best level; 0 where both are empty
    "imbalance_5",  # the same over the five best levels
    "imbalance_all",  # the same over all K levels
    "ofi_1",  # sign(e)·log(1 + |e|) of the order-flow imbalance, lots, last window; Cont, Kukanov, Stoikov (2014)
    "ofi_10",  # the same, last 10 windows
    "trade_imbalance_10",  # (bought − sold)/(bought + sold) by aggressors, last 10 windows; 0 where nothing traded
    "trade_imbalance_100",  # the same, last 100 windows
    "volatility_10",  # √(Σ (Δ mid)² / windows), ticks per √decision, last 10 windows; realised volatility
    "volatility_100",  # the same, last 100 windows
    "volatility_600",  # the same, last 600 windows
    "time_sin",  # sin 2π·(part of the UTC day)
    "time_cos",  # cos 2π·(part of the UTC day)
)


def market_features(book_price: Array, book_qty: Array, sums: Sums, time_of_day: Array, xp: ModuleType) -> Array:
    """The features of one decision or many, float32 [..., F], named by `FEATURES`.

    Args:
        book_price: int [..., 2, K], ticks; bids, then asks, best first. Only the best is read.
        book_qty: int [..., 2, K], lots.
        sums: window sums, each [..., H].
        time_of_day: float32 [...], from `time_of_day`.
        xp: `numpy` or `jax.numpy`, the module of the arrays.
    """
    lots = book_qty.astype(xp.float32)
    spread = (book_price[..., 1, 0] - book_price[..., 0, 0]).astype(xp.float32)
    depth_1, depth_5, depth_all = (xp.sum(lots[..., :k], axis=-1) for k in (1, 5, lots.shape[-1]))  # [..., 2]
    imbalance_1 = _imbalance(depth_1[..., 0], depth_1[..., 1], xp)
    angle = xp.float32(2 * np.pi) * time_of_day
    columns = [
        spread,
        xp.float32(0.5) * spread * imbalance_1,
        imbalance_1,
        _imbalance(depth_5[..., 0], depth_5[..., 1], xp),
        _imbalance(depth_all[..., 0], depth_all[..., 1], xp),
        *(_signed_log(sums.ofi_lots[..., HORIZONS.index(h)], xp) for h in (1, 10)),
        *(_imbalance(*_flow(sums, h, xp), xp) for h in (10, 100)),
        *(_volatility(sums, h, xp) for h in (10, 100, 600)),
        xp.sin(angle),
        xp.cos(angle),
    ]
    return xp.stack(columns, axis=-1)


def time_of_day(ts_ns: np.ndarray) -> np.ndarray:
    """The part of the UTC day that has passed at `ts_ns` (int64), float32 in [0, 1]. Host only: it needs 64 bits."""
    return (np.asarray(ts_ns) % DAY_NS / DAY_NS).astype(np.float32)


def _imbalance(bid: Array, ask: Array, xp: ModuleType) -> Array:
    return (bid - ask) / xp.maximum(bid + ask, xp.float32(1))


def _flow(sums: Sums, horizon: int, xp: ModuleType) -> tuple[Array, Array]:
    h = HORIZONS.index(horizon)
    return sums.buy_lots[..., h].astype(xp.float32), sums.sell_lots[..., h].astype(xp.float32)


def _signed_log(lots: Array, xp: ModuleType) -> Array:
    lots = lots.astype(xp.float32)
    return xp.sign(lots) * xp.log1p(xp.abs(lots))


def _volatility(sums: Sums, horizon: int, xp: ModuleType) -> Array:
    h = HORIZONS.index(horizon)
    windows = xp.maximum(sums.windows[..., h].astype(xp.float32), xp.float32(1))
    return xp.sqrt(sums.squared_moves[..., h].astype(xp.float32) / (xp.float32(4) * windows))
