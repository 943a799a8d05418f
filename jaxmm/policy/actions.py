"""What an action of a learned policy means: decoders from network outputs to quotes, the same under numpy and JAX.

Offsets count ticks from the best price of the same side: 0 joins it, positive is further away.
Decoders hold integers and exact thresholds only, so both libraries decode every action alike.
Letters: N actions · M the largest offset in ticks.
"""

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError, nearest
from jaxmm.policy.types import Array, Quotes, View, passive

NO_QUOTE = -1
"""The offset that means: no order on this side."""
NO_QUOTE_FROM = 0.8
"""Continuous offsets above this value, the top tenth of [−1, 1], mean no order on that side."""
FLATTEN_ABOVE = 0.9
"""The third continuous action above this value means flatten."""


class DiscreteActions(NamedTuple):
    """A table of quotes, one row an action; the last row flattens."""

    bid_offset: Array  # int32 [N], ticks, or NO_QUOTE
    ask_offset: Array  # int32 [N]
    lots: Array  # int32 [N], of each quoted side

    @classmethod
    def grid(cls, bid_offsets: Iterable[int], ask_offsets: Iterable[int], lots: Iterable[int]) -> "DiscreteActions":
        """Every (bid offset, ask offset, size), then *no quote*, then *flatten*.

        An offset may be `NO_QUOTE` for one-sided rows. Raises `InputError` on an empty list, a repeat or a value
        that is out of range.
        """
        bids = _checked(bid_offsets, "bid_offsets", NO_QUOTE)
        asks = _checked(ask_offsets, "ask_offsets", NO_QUOTE)
        sizes = _checked(lots, "lots", 1)
        rows = [(b, a, q) for b in bids for a in asks for q in sizes if (b, a) != (NO_QUOTE, NO_QUOTE)]
        rows += [(NO_QUOTE, NO_QUOTE, 0)] * 2
        return cls(*np.array(rows, np.int32).T)

    @property
    def n(self) -> int:
        """Number of actions, N."""
        return len(self.lots)

    def decode(self, action: Array, view: View, xp: ModuleType) -> Quotes:
        """Quotes of action 0 … N−1 (a scalar integer)."""
        return _quotes(
            xp.asarray(self.bid_offset)[action],
            xp.asarray(self.ask_offset)[action],
            xp.asarray(self.lots)[action],
            xp.int32(action) == self.n - 1,
            view,
            xp,
        )

    def describe(self) -> dict[str, Any]:
        """Plain values that `from_description` reads."""
        return {"kind": "discrete", **{name: np.asarray(v).tolist() for name, v in self._asdict().items()}}


class ContinuousActions(NamedTuple):
    """A point of [−1, 1]³: bid offset, ask offset, flatten. Values beyond the box count as its border, NaN as no quote.

    [−1, .8] is cut into M+1 bins whose centres are 0 … M ticks (the two at the ends are half as wide).
    """

    edges: Array  # float32 [M+1]: the offset is the number of edges at or below the action; M+1 is no quote
    lots: Array  # int32, of each quoted side

    @classmethod
    def up_to(cls, max_offset: int, lots: int) -> "ContinuousActions":
        """Offsets 0 … `max_offset` ticks, `lots` a side. Raises `InputError` where a number is below 1."""
        for name, value in (("max_offset", max_offset), ("lots", lots)):
            if not _is_integer(value) or value < 1:
                raise InputError(f"actions: {name} is {value!r}; it must be an integer of at least 1")
        between = -1.0 + (np.arange(max_offset) + 0.5) * (NO_QUOTE_FROM + 1.0) / max_offset
        above = np.nextafter(np.float32(NO_QUOTE_FROM), np.float32(1))
        return cls(np.append(between.astype(np.float32), above), np.int32(lots))

    @property
    def shape(self) -> tuple[int]:
        """Shape of one action."""
        return (3,)

    def decode(self, action: Array, view: View, xp: ModuleType) -> Quotes:
        """Quotes of one action, float32 [3]."""
        edges = xp.asarray(self.edges)
        max_offset = edges.shape[0] - 1
        counts = xp.sum(~(action[:2, None] < edges[None]), axis=-1, dtype=xp.int32)
        offsets = xp.where(counts > max_offset, xp.int32(NO_QUOTE), counts)
        return _quotes(offsets[0], offsets[1], xp.int32(self.lots), action[2] > xp.float32(FLATTEN_ABOVE), view, xp)

    def describe(self) -> dict[str, Any]:
        """Plain values that `from_description` reads."""
        return {"kind": "continuous", "max_offset": len(self.edges) - 1, "lots": int(self.lots)}


Actions = DiscreteActions | ContinuousActions


def from_description(description: dict[str, Any]) -> Actions:
    """The decoder that `describe` wrote down. Raises `InputError` where the description is not one of ours."""
    try:
        kind = description["kind"]
        if kind == "discrete":
            return _discrete(*(description[name] for name in DiscreteActions._fields))
        if kind == "continuous":
            return ContinuousActions.up_to(description["max_offset"], description["lots"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"actions: {description!r} does not describe a decoder ({error})") from error
    raise InputError(f"actions: unknown kind {kind!r}; {nearest(str(kind), ('discrete', 'continuous'))}")


def _discrete(bid_offset: Sequence[int], ask_offset: Sequence[int], lots: Sequence[int]) -> DiscreteActions:
    table = np.array([bid_offset, ask_offset, lots])
    if table.ndim != 2 or table.dtype.kind != "i" or table.shape[1] < 2:
        raise InputError("actions: the columns must be integers, of one length of at least 2")
    if table.min() < NO_QUOTE or table[2].min() < 0 or (table[:, -1] != (NO_QUOTE, NO_QUOTE, 0)).any():
        raise InputError("actions: offsets are at least −1, lots at least 0, and the last row (flatten) is (−1, −1, 0)")
    return DiscreteActions(*table.astype(np.int32))


def _quotes(bid_offset: Array, ask_offset: Array, lots: Array, flatten: Array, view: View, xp: ModuleType) -> Quotes:
    # Products with a condition instead of `where` and `maximum`: on numpy's scalars they are ten times faster.
    has_bid, has_ask = bid_offset >= 0, ask_offset >= 0
    bid, ask = passive(
        view.bid_ticks - bid_offset * xp.int32(has_bid), view.ask_ticks + ask_offset * xp.int32(has_ask), view, xp
    )
    return Quotes(bid, lots * xp.int32(has_bid & ~flatten), ask, lots * xp.int32(has_ask & ~flatten), flatten)


def _checked(values: Iterable[int], name: str, least: int) -> list[int]:
    values = list(values)
    if not values or len(set(values)) < len(values) or not all(_is_integer(v) and v >= least for v in values):
        raise InputError(f"actions: {name} is {values!r}; give different integers of at least {least}")
    return values


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
