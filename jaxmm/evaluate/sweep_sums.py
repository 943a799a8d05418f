"""What a sweep's stretches add up to, in 64 bits on the host, and the scores that follow.

B sets · C stretches of one call · bars as in `metrics.bars`.
"""

from typing import NamedTuple

import numpy as np

from jaxmm.evaluate import lockstep
from jaxmm.evaluate.lockstep import Stretch, Sum
from jaxmm.evaluate.statistics import sharpe
from jaxmm.exchange.account import unit_of
from jaxmm.instrument import Instrument


class Scores(NamedTuple):
    """One entry a set, named as in `metrics.Metrics`. Money is in settlement currency, NaN where nothing defines it."""

    net_pnl: np.ndarray  # float64, after fees and funding
    gross_pnl: np.ndarray  # float64
    maker_fees: np.ndarray  # float64, paid
    taker_fees: np.ndarray  # float64, paid
    funding: np.ndarray  # float64, paid
    sharpe: np.ndarray  # float64, per bar, not annualised
    max_drawdown: np.ndarray  # float64
    maker_fills: np.ndarray  # int64, resting orders of which something filled, counted in each decision
    lots: np.ndarray  # int64, traded
    turnover: np.ndarray  # float64
    mean_inventory: np.ndarray  # float64, lots, time-weighted mean of |position|
    max_inventory: np.ndarray  # int64, lots
    outside: np.ndarray  # int64, quotes whose queue was not known: where it is not 0, the other scores are a guess
    pnl: np.ndarray  # gross P&L in ledger units: int64 of a linear contract, float64 of an inverse one

    @classmethod
    def empty(cls, size: int, instrument: Instrument) -> "Scores":
        """Room for `size` sets."""
        whole = {"maker_fills", "lots", "max_inventory", "outside"} | (
            {"pnl"} if instrument.kind == "linear" else set()
        )
        return cls(*(np.zeros(size, np.int64 if name in whole else np.float64) for name in cls._fields))


class Sums:
    """Running totals of B sets."""

    def __init__(self, instrument: Instrument, bar: np.ndarray, size: int) -> None:
        self.linear = instrument.kind == "linear"
        self.unit = float(unit_of(instrument))
        self.rates = instrument.maker_fee, instrument.taker_fee
        self.bar = bar  # int64 [D], of the decision at which money became known
        money = np.int64 if self.linear else np.float64
        self.pnl, self.maker, self.taker = (np.zeros(size, money) for _ in range(3))
        self.funding, self.held = np.zeros(size), np.zeros(size)
        self.maker_fills, self.lots, self.most, self.outside = (np.zeros(size, np.int64) for _ in range(4))
        self.net, self.peak, self.fall = np.zeros(size), np.zeros(size), np.zeros(size)
        self.bars = np.zeros((int(bar[-1]) + 1, size))

    def add(self, stretches: Stretch, cuts: np.ndarray) -> None:
        """Adds consecutive stretches, arrays [C, B], between decisions `cuts` int32 [C, 2]."""
        some = cuts[:, 1] > cuts[:, 0]
        longest = int((cuts[:, 1] - cuts[:, 0]).max())
        pnl, maker, taker = (self._whole(s, longest) for s in (stretches.pnl, stretches.maker, stretches.taker))
        funding = stretches.funding.astype(np.float64)
        self._follow(stretches, self._net(pnl, maker, taker, funding), cuts, some)
        self.pnl += pnl.sum(axis=0)
        self.maker += maker.sum(axis=0)
        self.taker += taker.sum(axis=0)
        self.funding += funding.sum(axis=0)
        self.held += stretches.held.sum(axis=0, dtype=np.float64)
        self.maker_fills += stretches.maker_fills.sum(axis=0, dtype=np.int64)
        self.lots += stretches.lots.sum(axis=0, dtype=np.int64)
        self.outside += stretches.outside.sum(axis=0, dtype=np.int64)
        self.most = np.maximum(self.most, stretches.most.max(axis=0))

    def _whole(self, sums: Sum, longest: int) -> np.ndarray:
        return lockstep.whole(sums, longest) if self.linear else sums.about.astype(np.float64)

    def _net(self, pnl: np.ndarray, maker: np.ndarray, taker: np.ndarray, funding: np.ndarray) -> np.ndarray:
        """Settlement currency after fees and funding, float64."""
        return (pnl - maker * self.rates[0] - taker * self.rates[1] - funding) * self.unit

    def _follow(self, stretches: Stretch, net: np.ndarray, cuts: np.ndarray, some: np.ndarray) -> None:
        """Bars, and the drawdown: within a stretch that of the device, across stretches from the highest so far."""
        np.add.at(self.bars, self.bar[cuts[some, 0] + 1], net[some])
        after = self.net + np.cumsum(net, axis=0)
        before = after - net
        highest = np.maximum.accumulate(np.vstack([self.peak[None], before + stretches.high * self.unit]))
        falls = np.maximum(stretches.fall * self.unit, highest[:-1] - (before + stretches.low * self.unit))
        self.fall = np.maximum(self.fall, falls.max(axis=0))
        self.net, self.peak = after[-1], highest[-1]

    def scores(self, span_s: float) -> Scores:
        """Of all that was added, over `span_s` seconds."""
        return Scores(
            net_pnl=self._net(self.pnl, self.maker, self.taker, self.funding),
            gross_pnl=self.pnl * self.unit,
            maker_fees=self.maker * self.rates[0] * self.unit,
            taker_fees=self.taker * self.rates[1] * self.unit,
            funding=self.funding * self.unit,
            sharpe=sharpe(self.bars.T),
            max_drawdown=self.fall,
            maker_fills=self.maker_fills,
            lots=self.lots,
            turnover=(self.maker + self.taker) * self.unit,
            mean_inventory=self.held / span_s,
            max_inventory=self.most,
            outside=self.outside,
            pnl=self.pnl,
        )
