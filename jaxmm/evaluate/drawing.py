"""What every picture shares: figures without global state, colours that colour-blind readers tell apart, thinning.

Axes and text are drawn in one ink, which becomes the page's own text colour when a figure is put into HTML.
"""

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#3b3f44"
GRID = "#8a9099"
BUY, SELL = "#0072b2", "#d55e00"
# Okabe & Ito's palette without its black and yellow, which vanish on a dark or a light page.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
DASHES = ("-", "--", "-.", ":")
MOST_POINTS = 500

_STYLE = {
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxmm",
}


def style(index: int) -> tuple[str, str]:
    """Colour and dash of the index-th quoter; no two of the first 24 are alike."""
    return COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]


def canvas(rows: int = 1, columns: int = 1, *, height: float = 3.6, width: float = 9.0) -> tuple[Figure, list[Axes]]:
    """A figure of rows × columns axes that share the time axis of their column; inches."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, sharex="col" if columns == 1 else False)
    return figure, list(axes.ravel())


def legend_below(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """Puts the legend under the axes, where it covers no data."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        with matplotlib.rc_context(_STYLE):
            figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))


def time_axis(axes: Axes) -> None:
    """UTC times of day in full at every tick, the date at the end of the axis."""
    locator = matplotlib.dates.AutoDateLocator(minticks=4, maxticks=9)
    formats = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"]
    zeros = ["%Y", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M:%S"]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        matplotlib.dates.ConciseDateFormatter(
            locator, formats=formats, zero_formats=zeros, offset_formats=["", "%Y", "%Y", *["%Y-%m-%d"] * 3]
        )
    )
    axes.set_xlabel("time (UTC)")


def dates(ts_ns: np.ndarray) -> np.ndarray:
    """int64 ns since the epoch as datetime64."""
    return ts_ns.astype("datetime64[ns]")


def thin(count: int, most: int = MOST_POINTS) -> np.ndarray:
    """At most `most` indices of `count`, evenly spread, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def envelope(values: np.ndarray, bins: int = MOST_POINTS // 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts of at most `bins` equal stretches of [D], and the least and greatest value in each: peaks survive."""
    starts = np.unique(np.linspace(0, len(values), min(len(values), bins), endpoint=False).astype(np.int64))
    return starts, np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)


def to_svg(figure: Figure) -> str:
    """An `<svg>` element without background, in the page's text colour, the same bytes for the same figure."""
    out = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(
            out, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    text = out.getvalue()
    unnamed = re.sub(r'<g id="[^"]*_\d+">', "<g>", text[text.index("<svg") :])  # these repeat from figure to figure
    return unnamed.replace(INK, "currentColor").strip()


def save_png(figure: Figure, path: str | os.PathLike[str], dpi: int = 130) -> None:
    """Writes a white-backed PNG, whole or not at all."""
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    with matplotlib.rc_context(_STYLE):
        figure.savefig(partial, format="png", dpi=dpi, facecolor="white")
    os.replace(partial, target)


def band(axes: Axes, x: np.ndarray | Sequence[float], lines: np.ndarray, label: str, index: int) -> None:
    """The mean of [S, X] lines, and a band from the least to the greatest where there are several; NaN is a gap."""
    colour, dash = style(index)
    known = np.ma.masked_invalid(lines)
    axes.plot(x, known.mean(0), dash, color=colour, linewidth=1.6, label=label)
    if len(lines) > 1:
        axes.fill_between(x, known.min(0), known.max(0), color=colour, alpha=0.2, linewidth=0)
