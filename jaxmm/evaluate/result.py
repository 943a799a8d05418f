"""What a backtest hands to the metrics, the plots and the report: increments, positions, quotes and fills, in integers.

Letters: D decisions, M fills, N exchange events. Money is in half-tick·lots unless a name says otherwise.
"""

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError
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
    fee: np.ndarray  # float64 [M], quote currency, positive is paid


_FILL_TYPES = tuple(map(np.dtype, ("int64", "int64", "int64", "int8", "int64", "int64", "bool", "int64", "float64")))


@dataclass(frozen=True)
class Backtest:
    """One quoter on one tape under one fill model.

    Construction checks types, lengths, order, and that the fills explain every change of the position, every
    increment of the P&L and every fee; a `ValueError` names the first decision that does not add up.
    """

    instrument: Instrument
    quoter: str
    fills_model: str
    latency_ns: tuple[int, int]  # entry, response
    ts_ns: np.ndarray  # int64 [D], decision times t_k, strictly increasing
    mid: np.ndarray  # int64 [D], half-ticks, as seen locally
    position: np.ndarray  # int64 [D], lots, as known at t_k
    bid: np.ndarray  # int64 [D], ticks, own open bid after deciding; 0 is none
    ask: np.ndarray  # int64 [D], ticks
    pnl: np.ndarray  # int64 [D], half-tick·lots over (t_{k-1}, t_k], before fees; pnl[0] is 0
    fee: np.ndarray  # float64 [D], quote currency over (t_{k-1}, t_k], positive is paid
    fills: Fills
    exch_ts: np.ndarray  # int64 [N], exchange clock, non-decreasing
    exch_mid: np.ndarray  # int64 [N], half-ticks after the event; the last one where a side is empty

    def __post_init__(self) -> None:
        self._check_arrays()
        self._check_order()
        self._check_sums()

    def _check_arrays(self) -> None:
        for field in fields(self):
            if field.type is np.ndarray:
                _check_type(self._name(field.name), getattr(self, field.name), _series_type(field.name))
        for name, array, dtype in zip(Fills._fields, self.fills, _FILL_TYPES, strict=True):
            _check_type(self._name(f"fills.{name}"), array, dtype)
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
        }
        for sentence, holds in rules.items():
            if not holds:
                raise ValueError(self._name(sentence))

    def _check_sums(self) -> None:
        fills, position, mid = self.fills, self.position, self.mid
        signed = fills.side * fills.qty
        moves = np.diff(mid, prepend=mid[:1])
        held = np.concatenate([position[:1], position[:-1]])
        pnl = self.per_decision(signed * (mid[fills.decision] - 2 * fills.price)) + held * moves
        self._check_equal(
            "the position changes by other than its fills",
            np.diff(position, prepend=position[:1]),
            self.per_decision(signed),
        )
        self._check_equal("pnl is not what fills and moves of the mid make", self.pnl, pnl)
        fee = np.bincount(fills.decision, weights=fills.fee, minlength=len(mid))
        if not np.allclose(self.fee, fee, rtol=1e-5, atol=1e-9):
            raise ValueError(self._name("fee is not the sum of the fills' fees"))

    def _check_equal(self, sentence: str, got: np.ndarray, want: np.ndarray) -> None:
        wrong = np.flatnonzero(got != want)
        if len(wrong):
            k = int(wrong[0])
            raise ValueError(self._name(f"{sentence} at decision {k}: {int(got[k])} instead of {int(want[k])}"))

    def _name(self, rest: str) -> str:
        return f"backtest of {self.quoter} under {self.fills_model}: {rest}"

    def per_decision(self, values: np.ndarray) -> np.ndarray:
        """Sums int64 [M] values of fills into the decisions at which they became known, int64 [D], exactly."""
        sums = np.zeros(len(self.ts_ns), np.int64)
        np.add.at(sums, self.fills.decision, values)
        return sums

    @property
    def unit(self) -> Fraction:
        """Quote currency of one half-tick·lot, exactly; raises `InputError` for an inverse contract."""
        return unit_of(self.instrument)


def unit_of(instrument: Instrument) -> Fraction:
    """Quote currency of one half-tick·lot: tick/2 · lot · contract size, of the decimals as they are written."""
    if instrument.kind != "linear":
        raise InputError(
            f"instrument {instrument.symbol}: evaluating an inverse contract is not built yet, because its P&L is not "
            "linear in the price; use a linear contract (kind: linear)"
        )
    sizes = (instrument.tick_size, instrument.lot_size, instrument.contract_size)
    tick, lot, contract = (Fraction(repr(float(size))) for size in sizes)
    return tick / 2 * lot * contract


def _series_type(name: str) -> np.dtype:
    return np.dtype(np.float64 if name == "fee" else np.int64)


def _check_type(what: str, array: np.ndarray, dtype: np.dtype) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        got = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{what} is {got}; it must be a one-dimensional {dtype} array")


def _check_length(what: str, array: np.ndarray, length: int, like: str) -> None:
    if len(array) != length:
        raise ValueError(f"{what} has {len(array)} entries, {like} has {length}")
