"""A sweep as a picture: net P&L over the two parameters that were varied first, the best over the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure

from jaxmm.evaluate.drawing import GRID, INK, band, canvas
from jaxmm.evaluate.sweep import Sweep

MAP = "RdBu"
"""Losses red, gains blue: colour-blind readers tell them apart."""
MOST_TICKS = 12


def heat_map(sweep: Sweep, swept: Sequence[str], is_grid: bool) -> Figure:
    """Cells of a grid, points of a sample, and a line where only one parameter was varied; the best set is ringed.

    Sets whose fills are not known are left out.
    """
    known = sweep.scores.outside == 0
    columns = [getattr(sweep.strategies, name)[known] for name in swept[:2]]
    net = sweep.scores.net_pnl[known]
    figure, (axes,) = canvas(height=4.8, width=7.5)
    axes.set_xlabel(swept[0])
    if not len(net):
        axes.set_title("No set's fills are known", loc="left")
        return figure
    if len(swept) == 1:
        _line(axes, columns[0], net, sweep.instrument.currency)
    elif is_grid:
        _cells(figure, axes, columns, net, sweep.instrument.currency)
    else:
        _points(figure, axes, columns, net, sweep.instrument.currency)
    if len(swept) > 1:
        axes.set_ylabel(swept[1])
    others = f", the best over {', '.join(swept[2:])}" if len(swept) > 2 and is_grid else ""
    axes.set_title(f"Net P&L of {len(sweep):,} sets, {sweep.fills_model} fills{others} (ring: the best)", loc="left")
    return figure


def _line(axes: Axes, x: np.ndarray, net: np.ndarray, currency: str) -> None:
    order = np.argsort(x)
    band(axes, x[order], net[order][None], "net P&L", 0)
    axes.axhline(0, color=GRID, linewidth=0.8)
    _ring(axes, x[np.argmax(net)], net.max())
    axes.set_ylabel(f"net P&L ({currency})")


def _cells(figure: Figure, axes: Axes, columns: list[np.ndarray], net: np.ndarray, currency: str) -> None:
    (xs, x), (ys, y) = (np.unique(column, return_inverse=True) for column in columns)
    best = np.full((len(ys), len(xs)), -np.inf)
    np.maximum.at(best, (y, x), net)
    shown = np.ma.masked_invalid(best)
    drawn = axes.imshow(shown, origin="lower", aspect="auto", cmap=MAP, norm=_around_zero(net))
    axes.grid(visible=False)
    for axis, values in ((axes.xaxis, xs), (axes.yaxis, ys)):
        at = range(0, len(values), -(-len(values) // MOST_TICKS))
        axis.set_ticks(at, [f"{values[i]:g}" for i in at])
    row, column = np.unravel_index(np.argmax(best), best.shape)
    _ring(axes, float(column), float(row))
    _bar(figure, axes, drawn, net, currency)


def _points(figure: Figure, axes: Axes, columns: list[np.ndarray], net: np.ndarray, currency: str) -> None:
    order = np.argsort(net)
    x, y = (column[order] for column in columns)
    size = float(np.clip(20_000 / len(net), 6, 40))
    drawn = axes.scatter(x, y, c=net[order], s=size, cmap=MAP, norm=_around_zero(net), edgecolors=GRID, linewidths=0.3)
    for scale, values in ((axes.set_xscale, x), (axes.set_yscale, y)):
        if values.min() > 0 and values.max() > 30 * values.min():
            scale("log")
    _ring(axes, x[-1], y[-1])
    _bar(figure, axes, drawn, net, currency)


def _around_zero(net: np.ndarray) -> Normalize:
    """White is 0; where there are gains and losses, each side has a scale of its own."""
    low, high = float(net.min()), float(net.max())
    most = max(abs(low), abs(high)) or 1.0
    return TwoSlopeNorm(0.0, low, high) if low < 0 < high else Normalize(-most, most)


def _ring(axes: Axes, x: float, y: float) -> None:
    for colour, width in (("white", 3.2), (INK, 1.4)):  # seen on dark cells and on light ones
        axes.plot([x], [y], "o", markersize=11, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=width)


def _bar(figure: Figure, axes: Axes, drawn: Any, net: np.ndarray, currency: str) -> None:
    """From the largest loss to the largest gain that there is."""
    low, high = float(net.min()), float(net.max())
    ticks = [low, low / 2, 0, high / 2, high] if low < 0 < high else np.unique(np.linspace(low, high, 5))
    bar = figure.colorbar(drawn, ax=axes, ticks=ticks, format="{x:.3g}")
    if low < high:
        bar.ax.set_ylim(low, high)
    bar.set_label(f"net P&L ({currency})")
    bar.outline.set_visible(False)
