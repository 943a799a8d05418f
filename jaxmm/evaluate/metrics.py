"""The P&L split into terms that add up exactly, and the scores of one backtest.

Letters: D decisions, M fills, B bars. Signs: every term is what it added to our P&L, so a cost is negative, except
fees and funding, which are positive when paid. Money is in the contract's settlement currency, or in integer units of
`Worth`, w(p) for a price p in half-ticks: p itself for a linear contract, proportional to −1/p for an inverse one.
"""

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from jaxmm.evaluate.markouts import HORIZONS_S, MarkOut, exact_sum, mark_outs
from jaxmm.evaluate.orders import filled_order_count, order_count
from jaxmm.evaluate.result import Backtest
from jaxmm.evaluate.statistics import sharpe, sortino
from jaxmm.exchange.account import liquidation_distance, unit_of

BAR_LENGTHS_S = (60, 10, 1)
ENOUGH_BARS = 100


@dataclass(frozen=True)
class Decomposition:
    """The P&L of one backtest in terms of their own definition each; integers are units of worth.

    spread + taker + until_known + inventory = Σ pnl, an identity of integers, because for a fill at price p, exchange
    mid m and the mid mid_k of the decision that learned of it: w(mid_k) − w(2p) = (w(m) − w(2p)) + (w(mid_k) − w(m)).
    """

    spread: int  # Σ over maker fills s·q·(w(m) − w(2p)): what resting earned against the mid at the fill
    taker: int  # the same sum over taker fills: what crossing the spread cost
    until_known: int  # Σ over fills s·q·(w(mid_k) − w(m)): the mid's move from the fill to the decision that learned
    inventory: int  # Σ_k position_{k−1}·(w(mid_k) − w(mid_{k−1})): the mid's moves on what we knew we held
    maker_fees: float  # settlement currency, paid; negative is a rebate
    taker_fees: float
    funding: float  # settlement currency, paid
    unit: Fraction  # settlement currency of one unit of worth
    spread_half_ticks: int  # Σ over maker fills s·q·(m − 2p), half-tick·lots, of either kind of contract

    @property
    def gross(self) -> int:
        """Units of worth before fees and funding."""
        return self.spread + self.taker + self.until_known + self.inventory

    @property
    def net(self) -> float:
        """Settlement currency after fees and funding: the exact total, rounded once."""
        paid = Fraction(self.maker_fees) + Fraction(self.taker_fees) + Fraction(self.funding)
        return float(self.gross * self.unit - paid)

    def money(self, units: int) -> float:
        """Units of worth as settlement currency, rounded once."""
        return float(units * self.unit)


@dataclass(frozen=True)
class Metrics:
    """The scores of one backtest. Sharpe and Sortino are per bar and not annualised; NaN where nothing defines them."""

    currency: str  # what money is in
    pnl: Decomposition
    mark_outs: tuple[MarkOut, ...]
    bar_s: int  # length of the bars that Sharpe, Sortino and the win rate count
    sharpe: float  # mean / standard deviation of the bars' net P&L
    sortino: float  # mean / root mean square of the bars' losses
    win_rate: float  # share of bars that gained, among those that gained or lost
    max_drawdown: float  # the largest fall of the net P&L from its highest point so far, 0 at the start
    orders: int  # stays of a quote at one price
    fill_ratio: float  # share of orders with at least one maker fill
    fills: int
    maker_lots: int
    taker_lots: int
    turnover: float  # Σ notional of all fills
    uptime: float  # share of time with a bid and an ask open
    mean_inventory: float  # lots, time-weighted mean of |position|
    max_inventory: int  # lots, largest |position|
    liquidation_distance: float  # least move of the mid, as a fraction of it, that would have liquidated us; NaN: none
    liquidated_s: float  # seconds from the start to the first decision at which equity is below maintenance; NaN: never

    def to_dict(self) -> dict[str, Any]:
        """Flat plain values for machines: money in `currency`, mark-outs a list, NaN as None."""
        scores = {name: value for name, value in asdict(self).items() if name not in ("pnl", "mark_outs")}
        pnl = self.pnl
        money = {
            "net_pnl": pnl.net,
            "gross_pnl": pnl.money(pnl.gross),
            "spread_captured": pnl.money(pnl.spread),
            "taker_cost": pnl.money(pnl.taker),
            "moves_until_known": pnl.money(pnl.until_known),
            "inventory_pnl": pnl.money(pnl.inventory),
            "maker_fees": pnl.maker_fees,
            "taker_fees": pnl.taker_fees,
            "funding": pnl.funding,
        }
        flat = {name: _plain(value) for name, value in (money | scores).items()}
        return flat | {"mark_outs": [{n: _plain(v) for n, v in m.to_dict().items()} for m in self.mark_outs]}


def metrics(backtest: Backtest, bar_s: int | None = None) -> Metrics:
    """All scores of one backtest; `bar_s` defaults to `bar_length_s`."""
    bar_s = bar_length_s(backtest) if bar_s is None else bar_s
    net, fills = bars(backtest, bar_s), backtest.fills
    orders = order_count(backtest)
    net_equity = equity(backtest)
    distance, liquidated_s = liquidation(backtest, net_equity)
    return Metrics(
        currency=backtest.instrument.currency,
        pnl=decompose(backtest),
        mark_outs=tuple(mark_outs(backtest, HORIZONS_S)),
        bar_s=bar_s,
        sharpe=float(sharpe(net)),
        sortino=float(sortino(net)),
        win_rate=win_rate(net),
        max_drawdown=max_drawdown(net_equity),
        orders=orders,
        fill_ratio=filled_order_count(backtest) / orders if orders else math.nan,
        fills=len(fills.qty),
        maker_lots=exact_sum(fills.qty[fills.maker]),
        taker_lots=exact_sum(fills.qty[~fills.maker]),
        turnover=float(turnover(backtest)),
        uptime=_time_weighted(backtest, (backtest.bid != 0) & (backtest.ask != 0)),
        mean_inventory=_time_weighted(backtest, np.abs(backtest.position)),
        max_inventory=int(np.abs(backtest.position).max()),
        liquidation_distance=distance,
        liquidated_s=liquidated_s,
    )


def decompose(backtest: Backtest) -> Decomposition:
    """Splits the P&L."""
    fills, marked, at_fill = backtest.fills, backtest.worth_of(backtest.mid), backtest.worth_of(backtest.fills.mid)
    signed = fills.side * fills.qty
    edge = signed * (at_fill - backtest.worth_of(2 * fills.price))
    return Decomposition(
        spread=exact_sum(edge[fills.maker]),
        taker=exact_sum(edge[~fills.maker]),
        until_known=exact_sum(signed * (marked[fills.decision] - at_fill)),
        inventory=exact_sum(backtest.position[:-1] * np.diff(marked)),
        maker_fees=math.fsum(fills.fee[fills.maker]),
        taker_fees=math.fsum(fills.fee[~fills.maker]),
        funding=math.fsum(backtest.fundings.paid),
        unit=backtest.unit,
        spread_half_ticks=exact_sum((signed * (fills.mid - 2 * fills.price))[fills.maker]),
    )


def equity(backtest: Backtest) -> np.ndarray:
    """Net P&L since the start, settlement currency, float64 [D]; money is summed in integers before it is converted."""
    return np.cumsum(backtest.pnl) * float(backtest.unit) - np.cumsum(backtest.fee + backtest.funding)


def turnover(backtest: Backtest) -> Fraction:
    """Σ notional of all fills, settlement currency, as exact as `Worth` is."""
    fills = backtest.fills
    high, low = np.divmod(np.abs(backtest.worth_of(2 * fills.price)), 1 << 24)
    return ((exact_sum(high * fills.qty) << 24) + exact_sum(low * fills.qty)) * backtest.unit


def liquidation(backtest: Backtest, net_equity: np.ndarray) -> tuple[float, float]:
    """The least distance to liquidation, and when it came, in seconds since the start; NaN where neither is.

    The mid stands for the mark price, at decisions. What follows a liquidation is what a deeper pocket would have made.
    """
    margin, instrument = backtest.margin, backtest.instrument
    if margin is None:
        return math.nan, math.nan
    distance = liquidation_distance(
        margin.balance + net_equity,
        backtest.position,
        backtest.mid,
        float(unit_of(instrument)),
        margin.maintenance_rate,
        instrument.kind == "inverse",
    )
    gone = np.flatnonzero(distance == 0)
    when = float(backtest.ts_ns[gone[0]] - backtest.ts_ns[0]) / 1e9 if len(gone) else math.nan
    least = float(distance.min())
    return least if math.isfinite(least) else math.nan, when


def bar_length_s(backtest: Backtest) -> int:
    """The longest of 60, 10 and 1 s that cuts the backtest into at least 100 bars; 1 s for a shorter one."""
    return bar_seconds(backtest.ts_ns)


def bar_seconds(ts_ns: np.ndarray) -> int:
    """The same of decision times int64 [D]."""
    span_s = float(ts_ns[-1] - ts_ns[0]) / 1e9
    return next((length for length in BAR_LENGTHS_S if span_s / length >= ENOUGH_BARS), BAR_LENGTHS_S[-1])


def bar_of(ts_ns: np.ndarray, bar_s: int) -> np.ndarray:
    """The bar that each decision's increment counts in, int64 [D]."""
    return np.maximum(ts_ns - ts_ns[0] - 1, 0) // (bar_s * 10**9)


def bars(backtest: Backtest, bar_s: int) -> np.ndarray:
    """Net P&L of each bar (t_0 + b·bar, t_0 + (b+1)·bar], settlement currency, float64 [B]; the last may be short."""
    bar = bar_of(backtest.ts_ns, bar_s)
    pnl = np.zeros(int(bar[-1]) + 1, np.int64)
    np.add.at(pnl, bar, backtest.pnl)
    return pnl * float(backtest.unit) - np.bincount(bar, weights=backtest.fee + backtest.funding)


def win_rate(net: np.ndarray) -> float:
    """Share of gains among the entries of [B] that are not zero; NaN where all are."""
    decided = np.count_nonzero(net)
    return np.count_nonzero(net > 0) / decided if decided else math.nan


def max_drawdown(net_equity: np.ndarray) -> float:
    """Largest fall of [D] from its running maximum, which starts at 0."""
    return float((np.maximum.accumulate(np.maximum(net_equity, 0.0)) - net_equity).max())


def _time_weighted(backtest: Backtest, values: np.ndarray) -> float:
    """Mean of [D] values, each weighted by the time to the next decision; of one decision, its value."""
    held_ns = np.diff(backtest.ts_ns)
    return float(np.average(values[:-1], weights=held_ns)) if len(held_ns) else float(values[0])


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
