"""What a backtest hands to the metrics, the plots and the report: increments, positions, quotes and fills, in integers.

Letters: D decisions, M fills, P fundings, N exchange events. Money is in units of `Worth`, integers for both kinds of
contract, unless a name says otherwise; a unit is `Backtest.unit` of the settlement currency (`Instrument.currency`).
"""

from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxmm.exchange.account import Margin, Worth, check_worth, funding_payment, lot_contract
from jaxmm.instrument import Instrument


class Fills(NamedTuple):
    """Own fills, in the order in which they became known. A fill that no decision learned of is not among them."""

    decision: np.ndarray  # int64 [M], in [1, D): the decision k at which it became known, non-decreasing
    event: np.ndarray  # int64 [M], index of the exchange event that filled us, -1 for an arrival that took
    ts_ns: np.ndarray  # int64 [M], exchange time
    side: np.ndarray  # int8 [M], +1 we bought, -1 we sold
    price: np.ndarray  # int64 [M], ticks
    qty: np.ndarray  # int64 [M], lots, positive
    maker: np.ndarray  # bool [M]
    mid: np.ndarray  # int64 [M], half-ticks, exchange mid after the event; the last one where a side is empty
    fee: np.ndarray  # float64 [M], settlement currency, positive is paid


class Fundings(NamedTuple):
    """Fundings, in the order in which they became known. One that no decision learned of is not among them."""

    decision: np.ndarray  # int64 [P], in [1, D): the decision at which it became known, non-decreasing
    ts_ns: np.ndarray  # int64 [P], exchange time
    position: np.ndarray  # int64 [P], lots held at the exchange, its fills at the same time included
    rate: np.ndarray  # float64 [P], fraction of notional; longs pay a positive one
    mark: np.ndarray  # float64 [P], price in quote currency
    paid: np.ndarray  # float64 [P], settlement currency


_FILL_TYPES = tuple(map(np.dtype, ("int64", "int64", "int64", "int8", "int64", "int64", "bool", "int64", "float64")))
_FUNDING_TYPES = tuple(map(np.dtype, ("int64", "int64", "int64", "float64", "float64", "float64")))
NO_FUNDINGS = Fundings._make(np.zeros(0, dtype) for dtype in _FUNDING_TYPES)


@dataclass(frozen=True)
class Backtest:
    """One quoter on one tape under one fill model.

    Construction checks types, lengths, order, and that the fills explain every change of the position, every
    increment of the P&L, every fee and every position that paid funding; a `ValueError` names the first decision that
    does not add up.
    """

    instrument: Instrument
    quoter: str
    fills_model: str
    latency: str  # as `Latency.parse` reads it
    ts_ns: np.ndarray  # int64 [D], decision times t_k, strictly increasing
    mid: np.ndarray  # int64 [D], half-ticks, as seen locally
    position: np.ndarray  # int64 [D], lots, as known at t_k
    bid: np.ndarray  # int64 [D], ticks, own open bid after deciding; 0 is none
    ask: np.ndarray  # int64 [D], ticks
    pnl: np.ndarray  # int64 [D], over (t_{k-1}, t_k], before fees and funding; pnl[0] is 0
    fee: np.ndarray  # float64 [D], settlement currency over (t_{k-1}, t_k], positive is paid
    fills: Fills
    exch_ts: np.ndarray  # int64 [N], exchange clock, non-decreasing
    exch_mid: np.ndarray  # int64 [N], half-ticks after the event; the last one where a side is empty
    fundings: Fundings = NO_FUNDINGS
    margin: Margin | None = None  # None: no collateral was given, nothing is liquidated

    def __post_init__(self) -> None:
        self._check_arrays()
        self._check_order()
        self._check_sums()
        self._check_fundings()

    def _check_arrays(self) -> None:
        for field in fields(self):
            if field.type is np.ndarray:
                _check_type(self._name(field.name), getattr(self, field.name), _series_type(field.name))
        for name, array, dtype in zip(Fills._fields, self.fills, _FILL_TYPES, strict=True):
            _check_type(self._name(f"fills.{name}"), array, dtype)
        for name, array, dtype in zip(Fundings._fields, self.fundings, _FUNDING_TYPES, strict=True):
            _check_type(self._name(f"fundings.{name}"), array, dtype)
            _check_length(self._name(f"fundings.{name}"), array, len(self.fundings.decision), "fundings.decision")
        for name in ("mid", "position", "bid", "ask", "pnl", "fee"):
            _check_length(self._name(name), getattr(self, name), len(self.ts_ns), "ts_ns")
        for name, array in zip(Fills._fields, self.fills, strict=True):
            _check_length(self._name(f"fills.{name}"), array, len(self.fills.decision), "fills.decision")
        _check_length(self._name("exch_mid"), self.exch_mid, len(self.exch_ts), "exch_ts")

    def _check_order(self) -> None:
        fills, decisions = self.fills, len(self.ts_ns)
        rules = {
            "ts_ns is empty": decisions > 0,
            "ts_ns does not increase": bool((np.diff(self.ts_ns) > 0).all()),
            "exch_ts goes backward": bool((np.diff(self.exch_ts) >= 0).all()),
            "fills.decision goes backward": bool((np.diff(fills.decision) >= 0).all()),
            "fills.decision is outside [1, D)": bool(((fills.decision >= 1) & (fills.decision < decisions)).all()),
            "fills.event is outside [-1, N)": bool(((fills.event >= -1) & (fills.event < len(self.exch_ts))).all()),
            "fills.side is neither +1 nor -1": bool((np.abs(fills.side) == 1).all()),
            "fills.qty is not positive": bool((fills.qty > 0).all()),
            "fills.mid is not positive": bool((fills.mid > 0).all()),
            "mid is not positive": bool((self.mid > 0).all()),
            "fills.price is not positive": bool((fills.price > 0).all()),
            "fundings.decision goes backward": bool((np.diff(self.fundings.decision) >= 0).all()),
            "fundings.decision is outside [1, D)": bool(
                ((self.fundings.decision >= 1) & (self.fundings.decision < decisions)).all()
            ),
        }
        for sentence, holds in rules.items():
            if not holds:
                raise ValueError(self._name(sentence))

    def _check_sums(self) -> None:
        fills, position, mid = self.fills, self.position, self.worth_of(self.mid)
        signed = fills.side * fills.qty
        lots = int(max(np.abs(position).max(), fills.qty.max(initial=0)))
        check_worth(np.concatenate([mid, self.worth_of(2 * fills.price)]), lots, self._name("worth"))
        self._check_equal(
            "the position changes by other than its fills",
            np.diff(position, prepend=position[:1]),
            self.per_decision(signed),
        )
        pnl = pnl_of(fills, position, self.mid, self.worth)
        self._check_equal("pnl is not what fills and moves of the mid make", self.pnl, pnl)
        fee = np.bincount(fills.decision, weights=fills.fee, minlength=len(mid))
        if not np.allclose(self.fee, fee, rtol=1e-5, atol=1e-9 * np.abs(fills.fee).max(initial=0)):
            raise ValueError(self._name("fee is not the sum of the fills' fees"))

    def _check_fundings(self) -> None:
        fundings = self.fundings
        held = position_at(self.fills, fundings.ts_ns, int(self.position[0]))
        self._check_equal(
            "the position that paid funding is not what its fills make",
            self._per_decision(fundings.decision, fundings.position),
            self._per_decision(fundings.decision, held),
        )
        due = funding_payment(lot_contract(self.instrument), held, fundings.mark, fundings.rate)
        if not np.allclose(fundings.paid, due, rtol=1e-9, atol=0):
            raise ValueError(self._name("a funding paid is not position · mark · rate"))

    def _check_equal(self, sentence: str, got: np.ndarray, want: np.ndarray) -> None:
        wrong = np.flatnonzero(got != want)
        if len(wrong):
            k = int(wrong[0])
            raise ValueError(self._name(f"{sentence} at decision {k}: {int(got[k])} instead of {int(want[k])}"))

    def _name(self, rest: str) -> str:
        return f"backtest of {self.quoter} under {self.fills_model}: {rest}"

    def per_decision(self, values: np.ndarray) -> np.ndarray:
        """Sums int64 [M] values of fills into the decisions at which they became known, int64 [D], exactly."""
        return self._per_decision(self.fills.decision, values)

    def _per_decision(self, decision: np.ndarray, values: np.ndarray) -> np.ndarray:
        sums = np.zeros(len(self.ts_ns), np.int64)
        np.add.at(sums, decision, values)
        return sums

    @cached_property
    def worth(self) -> Worth:
        """What a lot is worth at a price, in integers."""
        return Worth.at(self.instrument, int(self.mid[0]))

    def worth_of(self, half_ticks: np.ndarray) -> np.ndarray:
        """Worth of a lot at these prices, int64, same shape; for a linear contract the half-ticks themselves."""
        return self.worth.of(half_ticks)

    @property
    def unit(self) -> Fraction:
        """Settlement currency of one unit of `pnl`, exactly."""
        return self.worth.unit

    @property
    def funding(self) -> np.ndarray:
        """Funding paid over (t_{k-1}, t_k], settlement currency, float64 [D]."""
        paid = np.bincount(self.fundings.decision, weights=self.fundings.paid, minlength=len(self.ts_ns))
        return paid.astype(np.float64)


def pnl_of(fills: Fills, position: np.ndarray, mid: np.ndarray, worth: Worth) -> np.ndarray:
    """P&L over (t_{k-1}, t_k], int64 [D]: fills · (worth at the mid − worth paid) + position before · Δ worth."""
    marked = worth.of(mid)
    pnl = np.diff(marked, prepend=marked[:1]) * np.concatenate([position[:1], position[:-1]])
    np.add.at(pnl, fills.decision, fills.side * fills.qty * (marked[fills.decision] - worth.of(2 * fills.price)))
    return pnl


def position_at(fills: Fills, ts_ns: np.ndarray, start: int) -> np.ndarray:
    """Lots held at the exchange at these times, fills at the same time included, int64 [P]."""
    order = np.argsort(fills.ts_ns, kind="stable")
    held = start + np.concatenate([[0], np.cumsum((fills.side * fills.qty)[order])])
    return held[np.searchsorted(fills.ts_ns[order], ts_ns, side="right")].astype(np.int64)


def _series_type(name: str) -> np.dtype:
    return np.dtype(np.float64 if name == "fee" else np.int64)


def _check_type(what: str, array: np.ndarray, dtype: np.dtype) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{what} is {got}; it must be a one-dimensional {dtype} array")


def _check_length(what: str, array: np.ndarray, length: int, like: str) -> None:
    if len(array) != length:
        raise ValueError(f"{what} has {len(array)} entries, {like} has {length}")
