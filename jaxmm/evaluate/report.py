"""One HTML file that says what was run, who won and how sure that is; it needs nothing beside itself."""

import html
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from matplotlib.figure import Figure

from jaxmm.evaluate.comparison import Comparison, Row
from jaxmm.evaluate.curves import TrainingCurves
from jaxmm.evaluate.drawing import to_svg
from jaxmm.evaluate.metrics import ENOUGH_BARS
from jaxmm.evaluate.plots import equity_plot, fills_plot, inventory_plot, mark_out_plot, quotes_plot, training_plot
from jaxmm.evaluate.result import Backtest
from jaxmm.evaluate.tables import (
    activity_table,
    adverse_table,
    decomposition_table,
    results_table,
    scores_table,
    to_html,
)
from jaxmm.instrument import Instrument

_CAVEATS = (
    "The replayed market does not react to our orders; a quoter of any size would move it.",
    "Recordings of displayed quantity do not say where in a queue an order stands. The three fill models differ in "
    "what they assume of it, from fewest fills to most; more fills are not always more money, because some of them are "
    "the ones to avoid. The one named calibrated is the risk-averse queue; it is not fitted to fills of our own yet.",
    "Intervals say how a score varies within this one span (stationary block bootstrap over time, and over seeds where "
    "there are several). They say nothing about another day or another market regime.",
    "The best baseline was chosen on the span it is compared on, which favours the baseline. Several policies compared "
    "here are not corrected for having had several tries.",
    "Latency is constant; a real venue's grows when it matters. Fees are those of the tiers that were given.",
    "Sharpe and Sortino are per bar and not annualised; a span this short does not carry a yearly figure.",
    "Fills with less recording behind them than a mark-out's horizon are left out of that mark-out.",
)


@dataclass(frozen=True)
class Split:
    """One time split of the data."""

    name: str  # train, validation or test
    start_ns: int
    stop_ns: int
    decisions: int


@dataclass(frozen=True)
class Provenance:
    """Where the results come from: all that a reader needs to make them again."""

    title: str
    data: str  # what was replayed
    config_hash: str
    device: str
    splits: tuple[Split, ...]
    commands: tuple[str, ...]
    versions: tuple[tuple[str, str], ...] = ()  # package, version
    caveats: tuple[str, ...] = ()  # of this data, beside those of every backtest


def write_report(
    path: str | os.PathLike[str],
    comparison: Comparison,
    provenance: Provenance,
    training: Sequence[tuple[str, TrainingCurves]] = (),
) -> None:
    """Writes the report, whole or not at all; `training` names the learned quoter of each set of curves."""
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(report_html(comparison, provenance, training), encoding="utf-8")
    os.replace(partial, target)


def report_html(
    comparison: Comparison, provenance: Provenance, training: Sequence[tuple[str, TrainingCurves]] = ()
) -> str:
    """The whole page as text. All names that come from outside are escaped."""
    sections = (
        _section("Verdict", _verdict(comparison)),
        _section("What was run", _provenance(comparison, provenance)),
        _section("Results", _results(comparison)),
        _section("Where the P&L comes from", _decomposition(comparison)),
        _section("Pictures", "".join(_pictures(comparison))),
        _section("Training", "".join(_training(training))) if training else "",
        _section("What this cannot tell", _caveats(comparison, provenance)),
        _section("Commands", f"<pre>{html.escape(chr(10).join(provenance.commands))}</pre>"),
    )
    style = files("jaxmm.evaluate").joinpath("report.css").read_text(encoding="utf-8")
    title = html.escape(provenance.title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _money(comparison: Comparison) -> str:
    return html.escape(comparison.currency)


def _liquidations(comparison: Comparison) -> Iterator[str]:
    """A sentence for each row in which a seed lost its collateral."""
    for row in comparison.rows:
        gone = [m.liquidated_s for m in row.metrics if not math.isnan(m.liquidated_s)]
        if gone:
            seeds = f" in {len(gone)} of {len(row.metrics)} seeds" if len(row.metrics) > 1 else ""
            yield (
                f"{row.quoter} under {row.fills_model} fills would have been liquidated{seeds}, first after "
                f"{min(gone):g} s. What it made after that it could not have made with this collateral."
            )


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{html.escape(title)}</h2>\n{body}\n</section>\n"


def _verdict(comparison: Comparison) -> str:
    """Every verdict, those of the calibrated fill model first and large."""
    gone = "".join(f'<p class="verdict loses">{html.escape(text)}</p>' for text in _liquidations(comparison))
    if not comparison.verdicts:
        return "<p>No learned policy was compared with a baseline here, so there is no verdict.</p>" + gone
    calibrated = comparison.fill_models.calibrated
    first = [v for v in comparison.verdicts if v.policy.fills_model == calibrated]
    others = [v for v in comparison.verdicts if v.policy.fills_model != calibrated]
    large = "".join(f'<p class="verdict {v.outcome.name.lower()}">{html.escape(v.sentence)}</p>' for v in first)
    small = "".join(f"<li>{html.escape(v.sentence)}</li>" for v in others)
    unit = f"<p>Net P&amp;L of the whole span in {_money(comparison)}, after all costs, with 95 % intervals.</p>"
    return large + gone + unit + (f"<ul>{small}</ul>" if small else "")


def _provenance(comparison: Comparison, provenance: Provenance) -> str:
    backtest = comparison.rows[0].results[0].backtest
    instrument = backtest.instrument
    facts = [
        ("data", provenance.data),
        (
            "instrument",
            f"{instrument.venue} {instrument.symbol}, tick {instrument.tick_size:g}, lot {instrument.lot_size:g}",
        ),
        ("contract", f"{instrument.kind}, settled in {instrument.currency}"),
        ("fees", _fees(instrument)),
        ("margin", _margin(backtest)),
        *((f"{split.name} split", _split_in_words(split)) for split in provenance.splits),
        ("scored span", f"{_span(backtest.ts_ns[0], backtest.ts_ns[-1])}, {len(backtest.ts_ns):,} decisions"),
        ("latency", f"{backtest.latency} (to the venue, and back)"),
        *((f"{place} fills", name) for place, name in comparison.fill_models._asdict().items()),
        ("bars", f"{comparison.bar_s} s, {comparison.rows[0].bars.shape[1]:,} of them"),
        ("config", provenance.config_hash),
        ("device", provenance.device),
        ("versions", ", ".join(f"{name} {version}" for name, version in provenance.versions)),
    ]
    lines = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>" for name, fact in facts if fact)
    return f"<dl>{lines}</dl>"


def _fees(instrument: Instrument) -> str:
    first = f"maker {instrument.maker_fee:.4%}, taker {instrument.taker_fee:.4%} of notional"
    tiers = (f"; from {volume:,g} in 30 days {maker:.4%}, {taker:.4%}" for volume, maker, taker in instrument.fee_tiers)
    return first + "".join(tiers)


def _margin(backtest: Backtest) -> str:
    margin = backtest.margin
    if margin is None:
        return ""
    return (
        f"{margin.balance:,g} {backtest.instrument.currency} at leverage {margin.leverage:g}, liquidated where equity "
        f"is under {margin.maintenance_rate:.2%} of notional"
    )


def _results(comparison: Comparison) -> str:
    tables = (
        (results_table, f"Net P&L over the whole span in {comparison.currency}. Brackets hold 95 % intervals."),
        (scores_table, f"Scores over bars of {comparison.bar_s} s, not annualised; drawdown in {comparison.currency}."),
        (activity_table, "What each quoter showed, traded and held: means over seeds, the maximum over all."),
    )
    return "".join(to_html(table(comparison), caption) for table, caption in tables)


def _decomposition(comparison: Comparison) -> str:
    currency = comparison.currency
    terms = f"In {currency}, means over seeds. The terms of a row add up to its net P&L; costs are negative."
    adverse = (
        f"Adverse selection: the mid's move after a maker fill, ticks per lot and in brackets {currency}. Negative "
        "is against us. Spread captured plus this is what a fill is worth at that horizon."
    )
    return to_html(decomposition_table(comparison), terms) + to_html(adverse_table(comparison), adverse)


def _pictures(comparison: Comparison) -> Iterator[str]:
    for model in comparison.fill_models:
        if rows := comparison.of(model):
            yield _figure(
                equity_plot(rows), f"Net P&L under {model} fills. A band spans the seeds of a learned policy."
            )
    rows = comparison.of(comparison.fill_models.calibrated) or comparison.rows
    shown = _shown(rows)
    yield _figure(inventory_plot(rows), f"Inventory under {rows[0].fills_model} fills.")
    yield _figure(mark_out_plot(rows), "What a maker fill is worth when marked at the mid, at the fill and later.")
    for row in shown:
        yield _figure(quotes_plot(row.results[0].backtest), f"{row.quoter}: own quotes around the mid.")
        yield _figure(fills_plot(row.results[0].backtest), f"{row.quoter}: fills on the mid.")


def _shown(rows: Sequence[Row]) -> list[Row]:
    """The learned policies, or the best quoter where there is none: those whose quotes and fills are drawn."""
    return [row for row in rows if row.learned] or [max(rows, key=lambda row: row.pnl.estimate)]


def _training(training: Sequence[tuple[str, TrainingCurves]]) -> Iterator[str]:
    for name, curves in training:
        yield _figure(training_plot(curves), f"{name}: training metrics, the mean and the range over seeds.")


def _caveats(comparison: Comparison, provenance: Provenance) -> str:
    bars = comparison.rows[0].bars.shape[1]
    few = (f"Only {bars} bars of {comparison.bar_s} s: every interval here is rough.",) if bars < ENOUGH_BARS else ()
    items = "".join(f"<li>{html.escape(caveat)}</li>" for caveat in (*provenance.caveats, *few, *_CAVEATS))
    return f"<ul>{items}</ul>"


def _figure(figure: Figure, caption: str) -> str:
    text = html.escape(caption)
    return f'<figure role="img" aria-label="{text}">{to_svg(figure)}<figcaption>{text}</figcaption></figure>\n'


def _split_in_words(split: Split) -> str:
    return f"{_span(split.start_ns, split.stop_ns)}, {split.decisions:,} decisions"


def _span(start_ns: int, stop_ns: int) -> str:
    start, stop = (datetime.fromtimestamp(ns // 10**9, UTC) for ns in (int(start_ns), int(stop_ns)))
    return f"{start:%Y-%m-%d %H:%M:%S} to {stop:%Y-%m-%d %H:%M:%S} UTC"
