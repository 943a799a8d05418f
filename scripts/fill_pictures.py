"""The pictures of docs/fills.md that explain the rules; ./.venv/bin/python scripts/fill_pictures.py [docs/images]

A ladder shows prices upwards, the displayed bids to the left and asks to the right. A queue is read from its front, at
the left: the next lots to be executed. What the models say is computed with the engine's own formulas.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxmm.evaluate.drawing import BUY, COLOURS, GRID, INK, SELL, canvas, save_png
from jaxmm.exchange.queues import after_depth
from jaxmm.exchange.types import FillModel

OURS = COLOURS[2]
OTHERS = "#c9cdd3"
Levels = dict[int, int]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures().items():
        save_png(figure, folder / name)
        print(folder / name)


def pictures() -> dict[str, Figure]:
    rules = (rule_1, rule_2, rule_3, rule_4, rule_5, rule_6, rule_7)
    drawn = {f"fill_rule_{i}.png": rule() for i, rule in enumerate(rules, start=1)}
    return {**drawn, "fill_algebra.png": algebra(), "fill_two_parts.png": two_parts()}


# --- pieces ---------------------------------------------------------------------------------------------------------


def bare(axes: Axes, title: str, width: float, height: float) -> None:
    axes.set_axis_off()
    axes.set_title(title, loc="left")
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)


def ladder(axes: Axes, title: str, bids: Levels, asks: Levels, ours: int, note: str) -> None:
    """Levels by price, with our bid of 3 lots marked at its price."""
    bare(axes, title, 12, 8.2)
    low = min(*bids, ours)
    for price in range(low, low + 5):
        y = 2.3 + 1.1 * (price - low)
        axes.text(6, y, str(price), ha="center", va="center", color=INK)
        if price in bids:
            bar(axes, 5.2 - 0.4 * bids[price], y, 0.4 * bids[price], BUY, str(bids[price]))
        if price in asks:
            bar(axes, 6.8, y, 0.4 * asks[price], SELL, str(asks[price]))
        if price == ours:
            bar(axes, 5.2 - 0.4 * (bids.get(price, 0) + 3), y, 1.2, OURS, "we: 3")
    axes.text(0, 0.15, note, color=INK, va="bottom")


def bar(axes: Axes, x: float, y: float, width: float, colour: str, text: str = "") -> None:
    axes.add_patch(Rectangle((x, y - 0.4), width, 0.8, facecolor=colour, edgecolor="white", linewidth=1.5))
    light = colour in (OTHERS, "white")
    axes.text(x + width / 2, y, text, ha="center", va="center", color=INK if light else "white", fontsize=9)


def queue(axes: Axes, y: float, parts: list[tuple[int, str, str]], label: str, start: float = 3.0) -> None:
    """Boxes from the front of the queue: (lots, colour, text), .6 a lot."""
    axes.text(start - 0.25, y, label, ha="right", va="center", color=INK)
    x = start
    for lots, colour, text in parts:
        bar(axes, x, y, 0.6 * lots, colour, text)
        x += 0.6 * lots


def arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    axes.annotate("", end, begin, arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.4})


# --- the rules ------------------------------------------------------------------------------------------------------


def rule_1() -> Figure:
    figure, (before, after) = canvas(1, 2, height=3.2, width=9)
    ladder(before, "We bid 3 at 102, behind 4", {100: 6, 101: 5, 102: 4}, {103: 5, 104: 7}, 102, "best ask 103")
    after_asks = {102: 5, 103: 5, 104: 7}
    note = "best ask 102 ≤ 102: whoever sells there would have met us\nfull: 3 fill; partial: min(5, 3) = 3 fill"
    ladder(after, "An ask of 5 comes to rest at 102", {100: 6, 101: 5}, after_asks, 102, note)
    return figure


def rule_2() -> Figure:
    figure, (before, after) = canvas(1, 2, height=3.2, width=9)
    ladder(before, "We bid 3 at 102, behind 4", {100: 6, 101: 5, 102: 4}, {103: 5, 104: 7}, 102, "best bid 102")
    note = "101 < 102: the seller passed our price\nfull: 3 fill; partial: min(2, 3) = 2 fill, nobody is ahead now"
    ladder(after, "A seller's trade of 2 prints at 101", {100: 6, 101: 3}, {103: 5, 104: 7}, 102, note)
    after.annotate("2 sold", (3.9, 3.4), (0.3, 4.6), arrowprops={"arrowstyle": "->", "color": SELL}, color=SELL)
    return figure


def rule_3() -> Figure:
    figure, (axes,) = canvas(1, 1, height=2.7, width=9)
    bare(axes, "A seller's trade of v = 7 prints at our price: 5 lots ahead go first, then we", 13, 4.6)
    axes.text(3, 4.1, "front of the queue", color=INK, fontsize=9)
    queue(axes, 3.3, [(5, OTHERS, "ahead: z = 5"), (3, OURS, "we: r = 3"), (4, OTHERS, "behind: 4")], "before")
    taken = [(5, SELL, "5 of v"), (2, SELL, "2 of v"), (1, OURS, "1"), (4, OTHERS, "behind: 4")]
    queue(axes, 2.2, taken, "the trade takes")
    queue(axes, 1.1, [(1, OURS, "1"), (4, OTHERS, "behind: 4")], "after", start=3 + 0.6 * 7)
    axes.text(0, 0.1, "z − v = 5 − 7 = −2: partial fills clip(2, 0, 3) = 2 lots; full fills all 3", color=INK)
    return figure


def rule_4() -> Figure:
    """The same cancellation as every model sees it: 10 lots shown, 6 ahead of us, 4 of all are cancelled."""
    names = ("penetration", "risk_averse", "power3(3)", "log2", "power2(2)", "power(1)", "log", "power(2)")
    figure, (axes,) = canvas(1, 1, height=3.4, width=9)
    values = [queue_after(FillModel.parse(name), 6, 10, 6) for name in names]
    order = np.argsort(values, kind="stable")
    rows = [(names[i], values[i]) for i in order if names[i] != "penetration"]
    rows.append(("touch: no queue", 0.0))
    for y, (name, value) in enumerate(rows):
        axes.barh(y, value, color=OTHERS, edgecolor=INK, linewidth=0.6)
        axes.text(value + 0.06, y, f"{value:.2f}", va="center", color=INK, fontsize=9)
        axes.text(-0.1, y, name, va="center", ha="right", color=INK, fontsize=9)
    axes.set_yticks([])
    axes.set_xlim(0, 7)
    axes.set_xlabel("lots ahead of us afterwards")
    axes.set_title("10 lots are shown, 6 of them ahead of us; without a trade 6 are shown. Who has left?", loc="left")
    return figure


def queue_after(model: FillModel, front: float, before: float, now: float) -> float:
    if not model.queue.probabilistic:
        return min(front, now)
    one = np.float64(1.0)
    moved = after_depth(
        model.queue, model.n, np.float64(front), np.float64(0), np.float64(before), np.float64(now), one, np
    )
    return float(moved)


def rule_5() -> Figure:
    figure, (axes,) = canvas(1, 1, height=2.8, width=9)
    bare(axes, "A request is late; what is displayed when it arrives is ahead of it", 14, 5)
    axes.plot([0.5, 13.5], [2, 2], color=INK, linewidth=1.2)
    for x, label in ((2, "sent at t"), (8, "arrives at t + entry"), (12, "we learn of it")):
        axes.plot([x, x], [1.8, 2.2], color=INK)
        axes.text(x, 1.5, label, ha="center", va="top", color=INK)
    arrow(axes, (2, 2.7), (8, 2.7), OURS)
    axes.text(5, 2.85, "entry latency", ha="center", color=OURS)
    arrow(axes, (8, 2.7), (12, 2.7), GRID)
    axes.text(10, 2.85, "response latency", ha="center", color=INK)
    axes.text(2, 3.7, "we see 4 lots at our price", ha="center", color=INK)
    axes.text(8, 3.7, "9 lots displayed: z = 9\n(events of this instant came first)", ha="center", color=INK)
    axes.text(
        0.3, 0.2, "Best ask ≤ our bid at arrival: post-only is rejected, any other order takes what crosses.", color=INK
    )
    return figure


def rule_6() -> Figure:
    figure, (axes,) = canvas(1, 1, height=3.2, width=9)
    bare(axes, "Amend and cancel", 14, 6)
    queue(axes, 5.2, [(4, OTHERS, "4"), (5, OURS, "we: 5"), (4, OTHERS, "4")], "before", start=4.2)
    queue(axes, 4.1, [(4, OTHERS, "4"), (3, OURS, "we: 3"), (4, OTHERS, "4")], "amend to 3: place kept", start=4.2)
    queue(
        axes,
        3.0,
        [(4, OTHERS, "4"), (4, OTHERS, "4"), (7, OURS, "we: 7")],
        "to 7, or a new price: to the end",
        start=4.2,
    )
    axes.plot([0.5, 13.5], [1.4, 1.4], color=INK, linewidth=1.2)
    for x, label, colour in (
        (3, "cancel sent", INK),
        (6, "a trade fills us", SELL),
        (9, "cancel arrives: too late", INK),
    ):
        axes.plot([x, x], [1.2, 1.6], color=colour)
        axes.text(x, 0.9, label, ha="center", va="top", color=colour)
    arrow(axes, (3, 1.9), (9, 1.9), OURS)
    return figure


def rule_7() -> Figure:
    figure, (axes,) = canvas(1, 1, height=3.0, width=9)
    bare(axes, "Partial: a seller's trade of 8 at 101 meets our bids at 102 (3 open) and 101 (4 open, 2 ahead)", 14, 5)
    queue(axes, 4.0, [(8, SELL, "8")], "the trade")
    queue(axes, 2.9, [(3, OURS, "3 fill"), (5, "white", "5 are left")], "at 102: through")
    queue(axes, 1.8, [(2, OTHERS, "2"), (3, OURS, "3 fill"), (2, "white", "1 open")], "at 101: at")
    text = (
        "Best price first, then the earlier. The bid at 101 is offered 8 − 3 = 5, of which 2 go to those ahead of it."
    )
    axes.text(0, 0.6, text, color=INK)
    axes.text(0, 0.05, "3 + 2 + 3 = 8: the trade is spent once.", color=INK)
    return figure


# --- the algebra ----------------------------------------------------------------------------------------------------


def algebra() -> Figure:
    figure, (one, two) = canvas(1, 2, height=3.4, width=9)
    z = np.linspace(-8, 14, 200)
    first, second = (3, 6), (4, 1)
    then = (first[0] + second[0], min(first[1] - second[0], second[1]))
    for axes, maps in ((one, (("first: a = 3, b = 6", first), ("second: a = 4, b = 1", second))), (two, ())):
        for i, (label, (a, b)) in enumerate(maps):
            axes.plot(z, np.minimum(z - a, b), color=COLOURS[i], label=label)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xlabel("z before")
        axes.set_ylim(-16, 8)
    one.set_ylabel("z after")
    both = np.minimum(np.minimum(z - first[0], first[1]) - second[0], second[1])
    two.plot(z, both, color=COLOURS[2], linewidth=3, alpha=0.5, label="first, then second")
    two.plot(z, np.minimum(z - then[0], then[1]), "--", color=INK, label=f"one map: a = {then[0]}, b = {then[1]}")
    two.fill_between(z, np.minimum(both, 0), 0, color=OURS, alpha=0.15, label="filled: −z")
    for axes in (one, two):
        axes.legend(loc="lower right", fontsize=9, frameon=False)
    one.set_title("An event is z ↦ min(z − a, b)", loc="left")
    two.set_title("Two events are one such map", loc="left")
    return figure


def two_parts() -> Figure:
    figure, (axes,) = canvas(1, 1, height=2.8, width=9)
    bare(axes, "A window in two parts: what is known at the next decision, and what is not yet", 14, 5)
    axes.plot([0.5, 13.5], [2.4, 2.4], color=INK, linewidth=1.2)
    marks = (
        (1, "decision k"),
        (3, "arrival A(k)"),
        (7.6, "cut C(k+1)"),
        (9.6, "decision k+1"),
        (11.6, "arrival A(k+1)"),
    )
    for x, label in marks:
        axes.plot([x, x], [2.2, 2.6], color=INK)
        axes.text(x, 1.9, label, ha="center", va="top", color=INK, fontsize=9)
    axes.add_patch(Rectangle((3, 2.75), 4.6, 0.8, facecolor=OURS, alpha=0.85))
    axes.text(5.3, 3.15, "part 1: fills are known at k+1", ha="center", va="center", color="white", fontsize=9)
    axes.add_patch(Rectangle((7.6, 2.75), 4, 0.8, facecolor=COLOURS[4], alpha=0.85))
    axes.text(9.6, 3.15, "part 2: known at k+2", ha="center", va="center", color="white", fontsize=9)
    for begin, end, y, label in ((1, 3, 4.2, "entry"), (7.6, 9.6, 4.2, "response"), (9.6, 11.6, 4.2, "entry")):
        arrow(axes, (begin, y), (end, y), INK)
        axes.text((begin + end) / 2, y + 0.15, label, ha="center", color=INK, fontsize=9)
    axes.text(0.3, 0.3, "An order of decision k rests from A(k) until, at the earliest, A(k+1).", color=INK)
    return figure


if __name__ == "__main__":
    main()
