"""From distances around the mid to resting quotes: the step that all closed-form strategies share.

δ is a distance from the mid in ticks. Prices stay integers, so the height of the price costs no precision.
"""

from types import ModuleType

from jaxmm.policy.types import Array, Quotes, View, passive, within_position


def quotes_around_mid(
    bid_distance: Array, ask_distance: Array, lots: Array, max_position_lots: Array, view: View, xp: ModuleType
) -> Quotes:
    """Quotes at mid − δb (rounded down) and mid + δa (rounded up), at the worst one tick behind the opposite best.

    A side whose whole fill would carry the position beyond ±`max_position_lots` is not quoted.
    """
    half_spread = xp.float32(0.5) * xp.float32(view.ask_ticks - view.bid_ticks)
    bid, ask = passive(
        view.bid_ticks + xp.int32(xp.floor(half_spread - xp.float32(bid_distance))),
        view.ask_ticks + xp.int32(xp.ceil(xp.float32(ask_distance) - half_spread)),
        view,
        xp,
    )
    quotes = Quotes(bid, xp.int32(lots), ask, xp.int32(lots), xp.asarray(False))
    return within_position(quotes, view.position_lots, xp.int32(max_position_lots), xp)


def inventory_clips(view: View, lots: Array, xp: ModuleType) -> Array:
    """The position in order sizes (clips), float32: the unit of q in the models, whose fills are of one unit."""
    return xp.float32(view.position_lots) / xp.float32(lots)
