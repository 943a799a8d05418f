"""The queue study's results as Markdown tables and pictures; everything here is made from the study's JSON alone."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmm.evaluate.drawing import COLOURS, INK, canvas, legend_below
from jaxmm.evaluate.queue_study import LEVEL, TOUCH
from jaxmm.evaluate.tables import Table, to_markdown
from jaxmm.exchange.queues import behind
from jaxmm.exchange.types import FillModel

Results = dict[str, Any]
NONE = "–"


def pages(results: Results) -> dict[str, str]:
    """Markdown of every generated part of the page, by the name in its markers."""
    return {
        "integrity": to_markdown(_integrity(results)),
        "orders": to_markdown(_orders(results)),
        "cancellations": to_markdown(_cancellations(results)),
        "exponents": to_markdown(_exponents(results)),
        "scores": to_markdown(_scores(results)),
        "groups": to_markdown(_groups(results)),
        "made": _made(results),
        "findings": "\n".join(f"- {finding}" for finding in _findings(results)),
    }


def put_into(page: str, parts: dict[str, str]) -> str:
    """The page with the text between `<!-- study: NAME -->` and `<!-- end -->` replaced, for every part.

    Raises `ValueError` where a marker is missing.
    """
    for name, text in parts.items():
        begin, end = f"<!-- study: {name} -->\n", "\n<!-- end -->"
        head, found, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the page has no part {begin.strip()} … {end.strip()}")
        page = head + begin + text + end + tail
    return page


def _made(results: Results) -> str:
    settings, counts = results["settings"], results["orders"]
    ranks = ", ".join(map(str, settings["ranks"]))
    fit_until, score_from = _clock(settings["fit_until_h"]), _clock(settings["score_from_h"])
    return (
        f"Made on {results['made']} by `./scripts/queue_study`: an order every {settings['every_s']} s on either side "
        f"at ranks {ranks}; {counts['fit']:,} orders placed before {fit_until} UTC to fit, {counts['score']:,} placed "
        f"from {score_from} UTC on to score; {counts['times_skipped']} times skipped because an order was in flight. "
        f"Intervals: 95 %, {settings['draws']:,} draws of blocks of {settings['block_s'] // 60} minutes."
    )


def _findings(results: Results) -> list[str]:
    """What the tables say, in sentences."""
    found, touch = results["integrity"], results["orders"]["ranks"]["1"]
    horizon = results["settings"]["horizons_s"][1]
    rows, last = ({row["model"]: row for row in _rows(results, TOUCH, h)} for h in (horizon, LEVEL))
    power3 = f"power3({results['fit']['power3']['n']:g})"
    more = _interval(last[power3]["wrong_less_risk_averse"], _percent)
    return [
        f"The venue is first in, first out: {found['executions_of_the_oldest']:,} of {found['executions']:,} "
        "executions of resting orders were of the oldest order at its price.",
        f"Queues are short: {_percent(touch['one_order_ahead'])} of the orders at the touch have one order ahead, and "
        f"{_percent(touch['filled_at_the_price'])} fill at their price; the others that fill are passed.",
        *_on_cancellations(results),
        f"`touch` fills {_interval(rows['touch']['false_fills'], _percent)} of the orders falsely within {horizon} s, "
        f"`penetration` misses {_interval(rows['penetration']['missed_fills'], _percent)}.",
        f"`risk_averse` misses {_interval(rows['risk_averse']['missed_fills'], _percent)} within {horizon} s and fills "
        f"{_percent(rows['risk_averse']['false_fills'][1])} falsely (it cannot, see above); `{power3}` fills "
        f"{_interval(rows[power3]['false_fills'], _percent)} falsely.",
        "For an order that leaves with the last displayed lot: "
        f"{_percent(last[power3]['true_fills'][1])} truly fill, `risk_averse` says "
        f"{_percent(last['risk_averse']['fills'][1])}, `{power3}` {_percent(last[power3]['fills'][1])}; `{power3}` is "
        f"wrong on {more} more of the orders.",
        f"Fewest wrong orders at the touch: {'; '.join(_nearest(results))}.",
    ]


def _on_cancellations(results: Results) -> list[str]:
    of, losses = results["cancellations"]["score"], results["other_losses"]
    loss, name = min((fit["loss"]["score"], name) for name, fit in results["fit"].items())
    return [
        f"Those who came after us leave first: {_percent(of['behind'])} of the last part's undecided cancellations "
        f"were behind us, although {_percent(of['queue_behind'])} of the queue was.",
        f"One share for all cancellations loses {losses['one share for all']['score']:.3f} nats a cancellation on the "
        f"last part, the best of the fitted formulas ({name}) {loss:.3f}.",
    ]


def _nearest(results: Results) -> list[str]:
    says = []
    for horizon in (*results["settings"]["horizons_s"], LEVEL):
        rows = _rows(results, TOUCH, horizon)
        least = min(row["wrong"][1] for row in rows)
        names = ", ".join(f"`{row['model']}`" for row in rows if row["wrong"][1] == least)
        says.append(f"{_horizon(horizon)} {names} ({_percent(least)})")
    return says


def _clock(hours: float) -> str:
    return f"{int(hours):02d}:{round(60 * (hours % 1)):02d}"


def _integrity(results: Results) -> Table:
    found = results["integrity"]
    rows: list[tuple[str, ...]] = [
        ("messages", "created, deleted, changed orders", _counts(found, "created", "deleted", "changed")),
        ("messages", "trades, snapshots of 20 levels", _counts(found, "trades", "snapshots")),
        ("pruned", "messages on orders deleted before (ghosts)", _counts(found, "ghosts")),
        ("pruned", "deletions told twice", _counts(found, "repeated_deletes")),
        ("order", "creations received after a younger order's", _counts(found, "backward_ids")),
        ("order", "creations missing between the first and the last", _counts(found, "missing_ids")),
        ("queues", "executions of resting orders", _counts(found, "executions")),
        ("queues", "of those, of the oldest order at the price", _counts(found, "executions_of_the_oldest")),
        ("queues", "of those, with others behind it", _counts(found, "executions_with_others")),
        ("queues", "without a trade message", _counts(found, "executions_without_a_trade")),
        ("book", "snapshots with our best bid, best ask", _shares(found, "bid_match", "ask_match")),
        ("book", "and its quantity", _shares(found, "bid_match_with_size", "ask_match_with_size")),
    ]
    return Table(("of", "what", "found"), tuple(rows))


def _counts(found: dict[str, Any], *names: str) -> str:
    return " / ".join(f"{found[name]:,}" for name in names)


def _shares(found: dict[str, Any], *names: str) -> str:
    return " / ".join(_percent(found[name]) for name in names)


def _orders(results: Results) -> Table:
    rows = []
    for rank, of in results["orders"]["ranks"].items():
        shares = ("one_order_ahead", "filled", "filled_at_the_price", "emptied_first", "a_cancellation_undecided")
        where = "touch" if rank == "1" else f"{int(rank) - 1} behind the touch"
        cells = (f"{of['orders']:,}", f"{of['median_ahead_btc']:.2f}", *(f"{100 * of[name]:.1f} %" for name in shares))
        rows.append((rank, where, *cells))
    header = ("rank", "where", "orders", "median BTC ahead", "one order ahead", "filled in 15 min")
    return Table((*header, "of all, at its price", "level emptied first", "a cancellation undecided"), tuple(rows))


def _cancellations(results: Results) -> Table:
    rows = []
    for part, name in (("fit", "first part (fit)"), ("score", "last part (score)")):
        of = results["cancellations"][part]
        shares = (of["behind"], of["lots_behind"], of["queue_behind"])
        rows.append((name, f"{of['count']:,}", *(f"{100 * share:.1f} %" for share in shares)))
    return Table(("part of the day", "undecided", "were behind", "of lots", "share of the queue behind"), tuple(rows))


def _exponents(results: Results) -> Table:
    rows = []
    for name, fit in results["fit"].items():
        n = f"{fit['n']:g} [{fit['low']:g}, {fit['high']:g}]"
        least = f"{results['least_error'][name]['n']:g}"
        rows.append((f"{name}(n)", n, *_losses(fit["loss"]), least))
    rows += [(name, NONE, *_losses(loss), NONE) for name, loss in results["other_losses"].items()]
    header = ("model", "likeliest n [95 %]", "loss, first part", "loss, last part", "n of the least time error")
    return Table(header, tuple(rows))


def _losses(loss: dict[str, float]) -> tuple[str, str]:
    return f"{loss['fit']:.3f}", f"{loss['score']:.3f}"


def _rows(results: Results, group: str, horizon: int | str) -> list[dict[str, Any]]:
    return [row for row in results["scores"] if row["group"] == group and row["horizon"] == horizon]


def _scores(results: Results) -> Table:
    rows = []
    for horizon in (*results["settings"]["horizons_s"], LEVEL):
        for row in _rows(results, TOUCH, horizon):
            rows.append((_horizon(horizon), row["model"], *_cells(row)))
    header = ("within", "model", "true fills", "its fills", "false", "missed", "wrong, less risk_averse")
    return Table((*header, "later by, mean s", "error of time, s"), tuple(rows))


def _horizon(horizon: int | str) -> str:
    return "until the level is empty" if horizon == LEVEL else f"{horizon} s"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    fills = [_percent(row[name][1]) for name in ("true_fills", "fills")]
    errors = [_interval(row[name], _percent) for name in ("false_fills", "missed_fills", "wrong_less_risk_averse")]
    return (*fills, *errors, _interval(row["late_s"], _seconds), _interval(row["cut_error_s"], _seconds))


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{_signed(100 * value)} %"


def _seconds(value: float | None) -> str:
    return NONE if value is None else _signed(value)


def _signed(value: float) -> str:
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def _interval(values: list[float | None], text: Callable[[float | None], str]) -> str:
    low, middle, high = (text(value) for value in values)
    return f"{middle} [{low.removesuffix(' %')}, {high.removesuffix(' %')}]"


def _both(row: dict[str, Any]) -> str:
    return " / ".join(_percent(row[name][1]).removesuffix(" %") for name in ("false_fills", "missed_fills"))


def _groups(results: Results) -> Table:
    models = list(dict.fromkeys(row["model"] for row in results["scores"]))
    rows = []
    for horizon in (results["settings"]["horizons_s"][-1], LEVEL):
        for group in dict.fromkeys(row["group"] for row in results["scores"]):
            of = _rows(results, group, horizon)
            errors = [_both(row) for row in of]
            rows.append((_horizon(horizon), group, f"{of[0]['orders']:,}", _percent(of[0]["true_fills"][1]), *errors))
    return Table(("within", "orders at", "orders", "true fills", *models), tuple(rows))


# --- pictures -------------------------------------------------------------------------------------------------------


def pictures(results: Results) -> dict[str, Figure]:
    """The study's figures by file name."""
    return {"queue_study_errors.png": _errors(results), "queue_study_cancellations.png": _guessing(results)}


def _errors(results: Results) -> Figure:
    """False fills to the right and missed fills to the left, by model, on a scale that shows hundredths and tens."""
    horizons = (*results["settings"]["horizons_s"][1:], LEVEL)
    figure, axes = canvas(1, len(horizons), height=3.6, width=11.0)
    for axis, horizon in zip(axes, horizons, strict=True):
        rows = _rows(results, TOUCH, horizon)[::-1]
        true = 100 * rows[0]["true_fills"][1]
        axis.set_title(f"{_horizon(horizon)}: {true:.1f} % fill")
        for name, sign, colour in (("false_fills", 1, COLOURS[1]), ("missed_fills", -1, COLOURS[0])):
            low, middle, high = 100 * np.array([row[name] for row in rows]).T
            reach = np.stack([middle - low, high - middle])
            reach = reach if sign > 0 else reach[::-1]
            axis.errorbar(sign * middle, np.arange(len(rows)), xerr=reach, fmt="o", color=colour, markersize=4)
            axis.plot([], [], "o", color=colour, label=name.replace("_", " "))
        axis.set_xscale("symlog", linthresh=0.1)
        axis.set_xticks([-10, -1, -0.1, 0, 0.1, 1, 10, 60], ["10", "1", "0.1", "0", "0.1", "1", "10", "60"])
        axis.set_xlim(-20, 90)
        axis.set_yticks(range(len(rows)), [row["model"] for row in rows] if axis is axes[0] else [""] * len(rows))
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlabel("% of orders at the touch")
    legend_below(figure, axes[0])
    return figure


def _guessing(results: Results) -> Figure:
    """Where cancellations truly were, beside what the models suppose; and how the loss depends on n."""
    figure, (left, right) = canvas(1, 2, height=4.2, width=11.0)
    for part, marker in (("fit", "o"), ("score", "D")):
        bins = results["cancellations"][part]["bins"]
        known = [i for i, count in enumerate(bins["count"]) if count]
        x, y = (np.array([bins[name][i] for i in known]) for name in ("share_of_queue", "was_behind"))
        label = f"true, {'first' if part == 'fit' else 'last'} part"
        left.plot(x, y, marker, color=INK, markersize=6, label=label, markerfacecolor=INK if part == "fit" else "white")
    _curves(left, [f"{name}({fit['n']:g})" for name, fit in results["fit"].items()] + ["power3(3)", "power(1)"])
    left.set_xlabel("share of the queue that is behind us")
    left.set_ylabel("probability that a cancellation is behind")
    for index, (name, fit) in enumerate(results["fit"].items()):
        right.plot(fit["curve"]["n"], fit["curve"]["loss"], color=COLOURS[index], label=f"{name}(n)")
        right.plot(fit["n"], fit["loss"]["fit"], "o", color=COLOURS[index])
    constant = results["other_losses"]["one share for all"]["fit"]
    right.axhline(constant, color=INK, linewidth=1, linestyle=":", label="one share for all")
    right.set_xscale("log")
    right.set_ylim(0.2, 2.0)
    right.set_xlabel("n")
    right.set_ylabel("loss per cancellation, first part (nats)")
    with matplotlib.rc_context({"legend.frameon": False, "font.size": 9.0}):
        left.legend(loc="lower right")
        right.legend(loc="upper right")
    return figure


def _curves(axes: Axes, names: list[str]) -> None:
    share = np.linspace(0.002, 0.998, 200)
    for index, name in enumerate(names):
        model = FillModel.parse(name)
        supposed = behind(model.queue, model.n, 1 - share, share, np.float64(1), np)
        axes.plot(share, supposed, color=COLOURS[index], linewidth=1.6, label=name)
