"""The realism report: a table and a picture of the facts of a recording beside those of another market."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from jaxmm.calibrate.realism import Comparison, Fact
from jaxmm.evaluate.drawing import canvas, legend_below, save_png, style

FILES = ("realism.json", "realism.md", "realism.png")
_LOGARITHMIC = ("depth at the touch", "time between orders")
_COLUMNS = 3
_VERTICAL = {
    "depth by level": "size over the touch's",
    "excess kurtosis of returns": "excess kurtosis",
    "next move by imbalance": "mean direction",
}


def to_dict(compared: dict[str, Comparison], names: tuple[str, str], meta: dict[str, Any]) -> dict[str, Any]:
    """The report as plain values; a distance over its floor says how many times as far the other market is."""
    facts = {}
    for name, one in compared.items():
        facts[name] = {
            "kind": "curve" if one.other.is_curve else "samples",
            "number": one.other.number_is,
            "real": [half.number for half in one.halves],
            "other": one.other.number,
            "distance": one.distance._asdict(),
            "floor": one.floor._asdict(),
            "times_the_floor": _ratio(one),
        }
    return {"real": names[0], "other": names[1], "facts": facts} | meta


def write(folder: Path, compared: dict[str, Comparison], names: tuple[str, str], meta: dict[str, Any]) -> None:
    """Writes `FILES` into a folder."""
    values = to_dict(compared, names, meta)
    (folder / FILES[0]).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    (folder / FILES[1]).write_text(table(values), encoding="utf-8")
    draw(folder / FILES[2], compared, names)


def table(values: dict[str, Any]) -> str:
    """The report as a Markdown page."""
    lines = [
        f"# {values['other']} beside {values['real']}",
        "",
        "Distances of distributions are Wasserstein's and, as the largest, Kolmogorov's; those of curves the mean and",
        "the largest difference. The floor is the distance between the halves of the recording; the other market's is",
        "its distance to a half, the mean over both.",
        "",
        "| fact | in one number | first half | second half | other | distance | floor | times | largest | floor |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, fact in values["facts"].items():
        numbers = [
            *fact["real"],
            fact["other"],
            fact["distance"]["mean"],
            fact["floor"]["mean"],
            fact["times_the_floor"],
            fact["distance"]["largest"],
            fact["floor"]["largest"],
        ]
        lines.append("| " + " | ".join([name, fact["number"], *map(_short, numbers)]) + " |")
    return "\n".join([*lines, "", "![The facts, side by side](realism.png)", ""])


def draw(path: Path, compared: dict[str, Comparison], names: tuple[str, str]) -> None:
    """One panel a fact: both halves of the recording, and the other market."""
    rows = math.ceil(len(compared) / _COLUMNS)
    figure, panels = canvas(rows, _COLUMNS, height=2.7 * rows, width=11.0)
    labels = (f"{names[0]}, first half", "second half", names[1])
    for axes, (name, one) in zip(panels, compared.items(), strict=False):
        for index, (fact, label) in enumerate(zip((*one.halves, one.other), labels, strict=True)):
            _line(axes, fact, label, index)
        axes.set_title(name)
        axes.set_xlabel(one.other.axis)
        axes.set_ylabel(_VERTICAL.get(name, "autocorrelation" if one.other.is_curve else "share above"))
    for axes in panels[len(compared) :]:
        axes.set_visible(False)
    legend_below(figure, panels[0], columns=3)
    save_png(figure, path)


def _line(axes: Axes, fact: Fact, label: str, index: int) -> None:
    colour, dash = style(index)
    if fact.at is not None:
        axes.plot(fact.at, fact.values, dash, color=colour, linewidth=1.4, label=label)
        axes.axhline(0, color="#8a9099", linewidth=0.6)
        return
    values = np.sort(fact.values)
    share = 1 - np.arange(1, len(values) + 1) / len(values)
    axes.step(values, share, dash, where="post", color=colour, linewidth=1.4, label=label)
    axes.set_yscale("log")
    axes.set_ylim(max(0.5 / len(values), 1e-4), 1.3)
    if fact.name in _LOGARITHMIC:
        axes.set_xscale("log")
        axes.set_xlim(1e-3, None)


def _short(number: float) -> str:
    return f"{number:.3g}" if math.isfinite(number) else "–"


def _ratio(one: Comparison) -> float:
    return one.distance.mean / one.floor.mean if one.floor.mean > 0 else math.nan
