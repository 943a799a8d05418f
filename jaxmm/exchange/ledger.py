"""The ledger of one step, for both engines: from fills to position, P&L, fees and funding, in increments.

Money is counted in ledger units: half-tick·lots of a linear contract, an exact int32, and lots per half-tick of an
inverse one, whose worth of a lot is −1/price. An inverse increment is such an exact integer divided by the two prices
it lies between, q·(1/p − 1/m) = q·(m − p)/(p·m), so that no large numbers are subtracted: it is wrong by a few units
in the last place of float32. `account.unit_of` says what one ledger unit is worth. D decisions.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmm.exchange.engine import Filled, SideFills
from jaxmm.instrument import Instrument

Array = Any


class Linear(NamedTuple):
    """Money of a contract that settles in its quote currency."""

    maker_fee: Array  # float32, fraction of notional
    taker_fee: Array  # float32
    funding: Array | None = None  # float32 [D], ledger units a lot held pays by the next decision; None: never any

    def edge(self, fills: Filled, mid: Array) -> Array:
        """Σ lots · (mid − price), int32; for asks all prices and the mid enter negated."""
        return fills.lots * (mid - 2 * fills.key) - 2 * fills.extra

    def carried(self, position: Array, mid_before: Array, mid: Array) -> Array:
        """What holding `position` while the mid moved brought, int32."""
        return position * (mid - mid_before)

    def held(self, position: Array, mid: Array) -> Array:
        """Notional of a position, float32."""
        return jnp.abs(position).astype(jnp.float32) * mid.astype(jnp.float32)

    def notional(self, fills: Filled) -> Array:
        """Σ lots · price, float32."""
        key = jnp.abs(fills.key).astype(jnp.float32)
        return 2.0 * (key * fills.lots.astype(jnp.float32) + (jnp.sign(fills.key) * fills.extra).astype(jnp.float32))


class Inverse(NamedTuple):
    """Money of a contract that settles in its base coin."""

    maker_fee: Array  # float32, fraction of notional
    taker_fee: Array  # float32
    funding: Array | None = None  # float32 [D], as in `Linear`

    def edge(self, fills: Filled, mid: Array) -> Array:
        """Σ lots · (1/price − 1/mid), float32; several prices of one taking enter as their average."""
        gain = fills.lots * (mid - 2 * fills.key) - 2 * fills.extra
        return gain.astype(jnp.float32) / (_price(fills) * mid.astype(jnp.float32))

    def carried(self, position: Array, mid_before: Array, mid: Array) -> Array:
        """What holding `position` while the mid moved brought, float32."""
        gain = position * (mid - mid_before)
        return gain.astype(jnp.float32) / (mid_before.astype(jnp.float32) * mid.astype(jnp.float32))

    def held(self, position: Array, mid: Array) -> Array:
        """Notional of a position, float32."""
        return jnp.abs(position).astype(jnp.float32) / mid.astype(jnp.float32)

    def notional(self, fills: Filled) -> Array:
        """Σ lots / price, float32."""
        return fills.lots.astype(jnp.float32) / jnp.abs(_price(fills))


Money = Linear | Inverse


class Step(NamedTuple):
    """What became known between two decisions. Money is in ledger units: int32 where linear, float32 where inverse."""

    position: Array  # int32 lots, known at the later decision
    pnl: Array  # before fees and funding: fills · (mid after − price) + position before · Δmid
    spread: Array  # the part of it that fills earned against the mid after
    carried: Array  # the other part, which the position before earned by the mid's move
    maker_notional: Array  # float32 ledger units
    taker_notional: Array  # float32
    fee: Array  # float32 ledger units, paid
    funding: Array  # float32 ledger units, paid on the position before
    bought: Array  # int32 lots
    sold: Array  # int32 lots
    bid_quote: Array  # int32, ticks of our open bid after deciding at the earlier decision; 0 where there is none
    ask_quote: Array  # int32
    outside: Array  # int32, new quotes beyond the K levels: 0, or fills are not exact
    bid: SideFills
    ask: SideFills


def money_of(instrument: Instrument, funding: Array | None = None) -> Money:
    """The rules of an instrument's money."""
    kind = Linear if instrument.kind == "linear" else Inverse
    return kind(jnp.float32(instrument.maker_fee), jnp.float32(instrument.taker_fee), funding)


def net_pnl(step: Step) -> Array:
    """P&L after fees and funding, float32 ledger units."""
    return step.pnl.astype(jnp.float32) - step.fee - step.funding


def book(
    money: Money,
    k: Array,
    position: Array,
    mid_before: Array,
    mid: Array,
    bid: SideFills,
    ask: SideFills,
    *,
    bid_quote: Array,
    ask_quote: Array,
    outside: Array,
) -> Step:
    """The step from decision k, at which `position` and `mid_before` were known, to the next, at which fills are.

    Mids are int32 half-ticks. Fields of `bid` and `ask` may be scalars or arrays of orders, which are summed.
    """
    bought, sold = _lots(bid), _lots(ask)
    spread = _edge(money, bid, mid) + _edge(money, ask, -mid)
    carried = money.carried(position, mid_before, mid)
    maker = _notional(money, bid.working, bid.leaving, ask.working, ask.leaving)
    taker = _notional(money, bid.taking, ask.taking)
    due = jnp.float32(0) if money.funding is None else money.funding[k]
    return Step(
        position=position + bought - sold,
        pnl=spread + carried,
        spread=spread,
        carried=carried,
        maker_notional=maker,
        taker_notional=taker,
        fee=maker * money.maker_fee + taker * money.taker_fee,
        funding=position.astype(jnp.float32) * due,
        bought=bought,
        sold=sold,
        bid_quote=bid_quote,
        ask_quote=ask_quote,
        outside=outside,
        bid=bid,
        ask=ask,
    )


def _price(fills: Filled) -> Array:
    """Average price in half-ticks with the key's sign, float32; 1 where nothing filled."""
    some = jnp.maximum(fills.lots, 1).astype(jnp.float32)
    average = 2.0 * (fills.key.astype(jnp.float32) + fills.extra.astype(jnp.float32) / some)
    return jnp.where(fills.lots > 0, average, jnp.float32(1))


def _lots(fills: SideFills) -> Array:
    return sum((jnp.sum(f.lots, dtype=jnp.int32) for f in fills), jnp.int32(0))


def _edge(money: Money, fills: SideFills, mid: Array) -> Array:
    first, *others = (_total(money.edge(f, mid)) for f in fills)
    return sum(others, first)


def _notional(money: Money, *orders: Filled) -> Array:
    first, *others = (_total(money.notional(f)) for f in orders)
    return sum(others, first)


def _total(values: Array) -> Array:
    return jnp.sum(values, dtype=values.dtype)
