"""What a quoter is told and what it answers: the one interface of strategies, policies, environments and quoter.

Every field is a scalar, of numpy or of JAX alike; callers batch with `vmap`.
"""

from types import ModuleType
from typing import Any, NamedTuple, Protocol

Array = Any  # a numpy or JAX array, or a scalar of one


class View(NamedTuple):
    """What a quoter knows at one decision."""

    bid_ticks: Array  # int32, best displayed bid, as seen locally
    ask_ticks: Array  # int32, best displayed ask, as seen locally
    position_lots: Array  # int32, signed, as known locally
    features: Array  # float32 [F], named by `jaxmm.features.market.FEATURES`
    own_bid_ticks: Array  # int32, price of our own open bid; meaningless where own_bid_lots is 0
    own_bid_lots: Array  # int32, its open quantity
    own_ask_ticks: Array  # int32
    own_ask_lots: Array  # int32
    time_left: Array  # float32 in [0, 1]: part of the horizon that is left; 1 where there is none


class Quotes(NamedTuple):
    """What a quoter wants resting from now on: one order a side, or a ladder of M, then int32 [M] each."""

    bid_ticks: Array  # int32
    bid_lots: Array  # int32, 0 is no quote
    ask_ticks: Array  # int32
    ask_lots: Array  # int32, 0 is no quote
    flatten: Array  # bool: cancel both sides and close the position with a market order


class Quoter(Protocol):
    """A strategy or a policy. Implementations are NamedTuples of numbers, so that JAX can batch over parameters.

    One that quotes ladders says how many orders a side they have at most by a property `orders`.
    """

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Quotes for one view; `xp` is `numpy` or `jax.numpy`."""
        ...


def passive(bid_ticks: Array, ask_ticks: Array, view: View, xp: ModuleType) -> tuple[Array, Array]:
    """The prices moved, where they would cross, to one tick behind the opposite best: int32, int32."""
    bid = xp.minimum(xp.int32(bid_ticks), xp.int32(view.ask_ticks) - 1)
    ask = xp.maximum(xp.int32(ask_ticks), xp.int32(view.bid_ticks) + 1)
    return bid, ask


def orders_of(quoter: Quoter) -> int:
    """The most orders a side that the quoter wants at once."""
    return int(getattr(quoter, "orders", 1))


def within_position(quotes: Quotes, position_lots: Array, max_position_lots: Array, xp: ModuleType) -> Quotes:
    """The quotes without a side whose whole fill would carry the position beyond ±`max_position_lots`.

    Of a ladder the first orders stay, as many as may be filled together.
    """
    ladder = getattr(quotes.bid_lots, "ndim", 0)
    bids, asks = (xp.cumsum(lots) if ladder else lots for lots in (quotes.bid_lots, quotes.ask_lots))
    bid_fits = position_lots + bids <= max_position_lots
    ask_fits = position_lots - asks >= -max_position_lots
    return quotes._replace(
        bid_lots=quotes.bid_lots * xp.int32(bid_fits),  # a product is ten times faster than `where` on numpy's scalars
        ask_lots=quotes.ask_lots * xp.int32(ask_fits),
    )
