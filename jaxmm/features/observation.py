"""What a policy sees: the market features and the quoter's own state, in one named vector.

F market features · P private ones. The names travel with every policy.
"""

from types import ModuleType
from typing import Any

from jaxmm.features.market import FEATURES

Array = Any

PRIVATE = (
    "inventory",  # position / max_position_lots
    "own_bid_distance",  # (mid − our open bid) / distance_ticks; 0 where there is none
    "own_ask_distance",  # (our open ask − mid) / distance_ticks; 0 where there is none
    "own_bid_open",  # 1 where our bid is open, else 0
    "own_ask_open",  # 1 where our ask is open, else 0
    "time_left",  # part of the horizon that is left
)

OBSERVATION = FEATURES + PRIVATE


def observation(view: Any, max_position_lots: Array, distance_ticks: Array, xp: ModuleType) -> Array:
    """The observation of one view, float32 [F + P], named by `OBSERVATION`.

    Args:
        view: a `jaxmm.policy.types.View`; arrays with leading axes in every field give leading axes in the answer.
        max_position_lots: position that counts as 1.
        distance_ticks: distance from the mid that counts as 1.
        xp: `numpy` or `jax.numpy`, the module of the arrays.
    """
    has_bid, has_ask = view.own_bid_lots > 0, view.own_ask_lots > 0
    bid = xp.where(has_bid, view.own_bid_ticks, view.bid_ticks)
    ask = xp.where(has_ask, view.own_ask_ticks, view.ask_ticks)
    half_spread = _float(view.ask_ticks - view.bid_ticks, xp) * xp.float32(0.5)
    private = [
        _float(view.position_lots, xp) / _float(max_position_lots, xp),
        _float(has_bid, xp) * (_float(view.bid_ticks - bid, xp) + half_spread) / _float(distance_ticks, xp),
        _float(has_ask, xp) * (_float(ask - view.ask_ticks, xp) + half_spread) / _float(distance_ticks, xp),
        _float(has_bid, xp),
        _float(has_ask, xp),
        _float(view.time_left, xp),
    ]
    return xp.concatenate([_float(view.features, xp), xp.stack(private, axis=-1)], axis=-1)


def _float(value: Array, xp: ModuleType) -> Array:
    return xp.asarray(value).astype(xp.float32)
