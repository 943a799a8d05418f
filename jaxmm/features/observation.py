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
        view: a `jaxmm.policy.types.View` of scalars, its features float32; callers batch with `vmap`.
        max_position_lots: position that counts as 1.
        distance_ticks: distance from the mid that counts as 1.
        xp: `numpy` or `jax.numpy`, the module of the arrays.
    """
    number = xp.float32
    has_bid, has_ask = number(view.own_bid_lots > 0), number(view.own_ask_lots > 0)
    half_spread = number(view.ask_ticks - view.bid_ticks) * number(0.5)
    distance = number(distance_ticks)
    private = [
        number(view.position_lots) / number(max_position_lots),
        has_bid * (number(view.bid_ticks - view.own_bid_ticks) + half_spread) / distance,
        has_ask * (number(view.own_ask_ticks - view.ask_ticks) + half_spread) / distance,
        has_bid,
        has_ask,
        number(view.time_left),
    ]
    return xp.concatenate([view.features, xp.asarray(private)])
