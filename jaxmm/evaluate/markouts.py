"""Adverse selection: where the mid goes after our resting orders fill.

For a maker fill of q lots, side s (+1 bought), price p ticks, exchange mid m half-ticks at the fill and m_h a horizon
later: spread s·q·(m − 2p), adverse s·q·(m_h − m), realised = spread + adverse = s·q·(m_h − 2p). Negative adverse means
that the mid moved against us. A fill whose horizon lies behind the end of the recording is left out of all three.
Moves are counted in half-ticks, which compare over contracts, and in worth (`Worth`), which is money.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from jaxmm.evaluate.result import Backtest

HORIZONS_S = (0.1, 1.0, 10.0, 60.0)


@dataclass(frozen=True)
class MarkOut:
    """The maker fills of one backtest, marked one horizon later; integers are half-tick·lots, or units of worth."""

    horizon_s: float
    lots: int  # of maker fills whose horizon lies inside the recording
    spread: int  # Σ s·q·(m − 2p)
    adverse: int  # Σ s·q·(m_h − m)
    spread_worth: int  # the same sums of worths
    adverse_worth: int
    unit: Fraction  # settlement currency of one unit of worth

    @property
    def realised(self) -> int:
        """Σ s·q·(m_h − 2p): what is left of the spread after the horizon."""
        return self.spread + self.adverse

    def money(self, worth: int) -> float:
        """Units of worth as settlement currency, rounded once."""
        return float(worth * self.unit)

    def ticks(self, units: int) -> float:
        """Half-tick·lots as ticks per lot filled; NaN where nothing filled."""
        return units / 2 / self.lots if self.lots else math.nan

    def to_dict(self) -> dict[str, float]:
        """Plain values: money in settlement currency, ticks per lot."""
        return {
            "horizon_s": self.horizon_s,
            "lots": self.lots,
            "adverse": self.money(self.adverse_worth),
            "adverse_ticks": self.ticks(self.adverse),
            "realised": self.money(self.spread_worth + self.adverse_worth),
            "realised_ticks": self.ticks(self.realised),
        }


def mark_outs(backtest: Backtest, horizons_s: Sequence[float] = HORIZONS_S) -> Iterator[MarkOut]:
    """One mark-out per horizon, in the order given."""
    fills = backtest.fills
    signed = (fills.side * fills.qty)[fills.maker]
    price, mid, ts_ns = fills.price[fills.maker], fills.mid[fills.maker], fills.ts_ns[fills.maker]
    for horizon_s in horizons_s:
        inside, later = _mid_after(backtest, ts_ns, round(horizon_s * 1e9))
        paid, now = 2 * price[inside], mid[inside]
        halves = _sums(signed[inside], paid, now, later)
        worths = _sums(signed[inside], *(backtest.worth_of(at) for at in (paid, now, later)))
        yield MarkOut(horizon_s, exact_sum(np.abs(signed[inside])), *halves, *worths, backtest.unit)


def _sums(signed: np.ndarray, paid: np.ndarray, now: np.ndarray, later: np.ndarray) -> tuple[int, int]:
    """Spread and adverse move of fills [M]."""
    return exact_sum(signed * (now - paid)), exact_sum(signed * (later - now))


def _mid_after(backtest: Backtest, ts_ns: np.ndarray, horizon_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of [M] times have a mid `horizon_ns` later (bool [M]), and the exchange's last mid at those, int64."""
    end = backtest.exch_ts[-1] if len(backtest.exch_ts) else np.iinfo(np.int64).min
    inside = ts_ns + horizon_ns <= end
    last = np.searchsorted(backtest.exch_ts, ts_ns[inside] + horizon_ns, side="right") - 1
    return inside, backtest.exch_mid[last]


def exact_sum(values: np.ndarray) -> int:
    """Σ of int64 [M] as a Python integer, which cannot overflow: the halves of 32 bits are summed apart."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())
