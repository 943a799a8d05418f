"""The pictures of a report: equity, inventory, quotes around the mid, fills on the price, mark-outs and training.

Each function returns a figure; `drawing.to_svg` and `drawing.save_png` write it. Letters: S seeds, D decisions.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from jaxmm.evaluate.comparison import Row
from jaxmm.evaluate.curves import TrainingCurves
from jaxmm.evaluate.drawing import (
    BUY,
    GRID,
    INK,
    SELL,
    band,
    canvas,
    dates,
    envelope,
    legend_below,
    style,
    thin,
    time_axis,
)
from jaxmm.evaluate.metrics import equity
from jaxmm.evaluate.result import Backtest

MOST_FILLS = 400


def equity_plot(rows: Sequence[Row]) -> Figure:
    """Net P&L since the start, one line per quoter; over seeds the mean, a band from worst to best and each seed."""
    figure, (axes,) = canvas(height=4.2)
    for index, row in enumerate(rows):
        at = thin(len(row.results[0].backtest.ts_ns))
        times = dates(row.results[0].backtest.ts_ns[at])
        lines = np.stack([equity(result.backtest)[at] for result in row.results])
        label = f"{row.quoter} ({len(lines)} seeds)" if len(lines) > 1 else row.quoter
        band(axes, times, lines, label, index)
        if len(lines) > 1:
            axes.plot(times, lines.T, color=style(index)[0], linewidth=0.5, alpha=0.6)
    axes.axhline(0, color=GRID, linewidth=0.8)
    axes.set_ylabel(f"net P&L ({rows[0].metrics[0].currency})")
    axes.set_title(f"Net P&L after fees, {rows[0].fills_model} fills", loc="left")
    time_axis(axes)
    legend_below(figure, axes)
    return figure


def inventory_plot(rows: Sequence[Row]) -> Figure:
    """Position in lots, one panel per quoter (its first seed), as ranges over short stretches: peaks survive."""
    figure, panels = canvas(len(rows), height=0.8 + 1.15 * len(rows))
    for index, (axes, row) in enumerate(zip(panels, rows, strict=True)):
        backtest, seed = row.results[0].backtest, row.results[0].seed
        starts, low, high = envelope(backtest.position)
        times = dates(backtest.ts_ns[starts])
        axes.fill_between(times, low, high, step="post", color=style(index)[0], linewidth=0.8, alpha=0.8)
        axes.axhline(0, color=GRID, linewidth=0.8)
        axes.set_ylabel("lots")
        axes.set_title(row.quoter + ("" if seed is None else f" (seed {seed})"), loc="left", fontsize=10)
    time_axis(panels[-1])
    return figure


def quotes_plot(backtest: Backtest, decisions: int = 60) -> Figure:
    """Own bid and ask around the mid, and fills, over the stretch of `decisions` with the most fills."""
    figure, (axes,) = canvas(height=4.2)
    start = _busiest(backtest, decisions)
    stop = min(start + decisions, len(backtest.ts_ns))
    span, tick = slice(start, stop), backtest.instrument.tick_size
    times = dates(backtest.ts_ns[span])
    axes.step(times, backtest.mid[span] * tick / 2, where="post", color=INK, linewidth=1.0, label="mid")
    for price, colour, label in ((backtest.bid, BUY, "own bid"), (backtest.ask, SELL, "own ask")):
        shown = np.where(price[span] != 0, price[span] * tick, np.nan)
        axes.step(times, shown, where="post", color=colour, linewidth=1.4, label=label)
    inside = (backtest.fills.decision > start) & (backtest.fills.decision < stop)
    _mark_fills(axes, backtest, np.flatnonzero(inside), size=42)
    axes.set_ylabel(f"price ({backtest.instrument.quote or 'quote currency'})")
    axes.set_title(
        f"{backtest.quoter}: quotes around the mid, the {stop - start} decisions with the most fills", loc="left"
    )
    time_axis(axes)
    legend_below(figure, axes, columns=5)
    return figure


def fills_plot(backtest: Backtest) -> Figure:
    """Fills on the mid over the whole span; of many fills, an even sample, and the title says so."""
    figure, (axes,) = canvas(height=4.2)
    starts, low, high = envelope(backtest.mid)
    half = backtest.instrument.tick_size / 2
    times = dates(backtest.ts_ns[starts])
    axes.fill_between(times, low * half, high * half, step="post", color=GRID, linewidth=1.0, label="mid")
    count = len(backtest.fills.qty)
    shown = thin(count, MOST_FILLS) if count else np.zeros(0, np.int64)
    _mark_fills(axes, backtest, shown, size=18)
    sample = f"{count:,} fills" if count == len(shown) else f"{len(shown):,} of {count:,} fills, evenly sampled"
    axes.set_ylabel(f"price ({backtest.instrument.quote or 'quote currency'})")
    axes.set_title(f"{backtest.quoter}: {sample}", loc="left")
    time_axis(axes)
    legend_below(figure, axes)
    return figure


def mark_out_plot(rows: Sequence[Row]) -> Figure:
    """What is left of the spread at the fill and after each horizon, ticks per lot, maker fills; a band over seeds."""
    figure, (axes,) = canvas(height=4.0)
    horizons = [mark.horizon_s for mark in rows[0].metrics[0].mark_outs]
    for index, row in enumerate(rows):
        curves = np.array([_mark_out_curve(row, seed) for seed in range(len(row.metrics))])
        band(axes, range(len(horizons) + 1), curves, row.quoter, index)
    axes.axhline(0, color=GRID, linewidth=0.8)
    axes.set_xticks(range(len(horizons) + 1), ["at the fill", *(f"{h:g} s later" for h in horizons)])
    axes.set_ylabel("side · (mid − price), ticks per lot")
    axes.set_title(f"Mark-outs of maker fills, {rows[0].fills_model} fills: below 0 a fill lost money", loc="left")
    legend_below(figure, axes)
    return figure


def training_plot(curves: TrainingCurves) -> Figure:
    """One panel per training metric over updates, mean and range over seeds."""
    columns = min(3, len(curves.series))
    rows = -(-len(curves.series) // columns)
    figure, panels = canvas(rows, columns, height=0.6 + 2.3 * rows)
    for axes, (name, values) in zip(panels, curves.series, strict=False):
        reported = np.flatnonzero(~np.isnan(values).all(1))
        at = reported[thin(len(reported))]
        band(axes, curves.x[at], values[at].T, name, 0)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xlabel(curves.x_name)
    for axes in panels[len(curves.series) :]:
        axes.set_axis_off()
    return figure


def _mark_out_curve(row: Row, seed: int) -> list[float]:
    """Realised ticks per lot of one seed: at the fill, then at each horizon."""
    marks = row.metrics[seed].mark_outs
    pnl, lots = row.metrics[seed].pnl, row.metrics[seed].maker_lots
    at_fill = pnl.spread_half_ticks / 2 / lots if lots else float("nan")
    return [at_fill, *(mark.ticks(mark.realised) for mark in marks)]


def _busiest(backtest: Backtest, decisions: int) -> int:
    """First decision of the stretch of `decisions` in which the most fills became known."""
    known = np.concatenate([[0], np.cumsum(np.bincount(backtest.fills.decision, minlength=len(backtest.ts_ns)))])
    width = min(decisions, len(backtest.ts_ns))
    return int(np.argmax(known[width:] - known[:-width]))


def _mark_fills(axes: Axes, backtest: Backtest, shown: np.ndarray, size: float) -> None:
    fills, tick = backtest.fills, backtest.instrument.tick_size
    for side, marker, colour, label in ((1, "^", BUY, "bought"), (-1, "v", SELL, "sold")):
        of_side = shown[fills.side[shown] == side]
        axes.scatter(
            dates(fills.ts_ns[of_side]),
            fills.price[of_side] * tick,
            s=size,
            marker=marker,
            color=colour,
            edgecolors="white",
            linewidths=0.3,
            zorder=3,
            label=label,
        )
