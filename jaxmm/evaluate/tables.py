"""The tables of a report as text cells, once for HTML and for Markdown."""

import html
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from jaxmm.evaluate.comparison import Comparison, FillModels, Row, Verdict, in_words
from jaxmm.evaluate.metrics import Metrics
from jaxmm.evaluate.statistics import Interval

NONE = "–"
TEXT_COLUMNS = 2  # fill model and quoter; the rest are numbers


class Table(NamedTuple):
    """Text cells under a header; the first `TEXT_COLUMNS` are names."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def results_table_markdown(comparison: Comparison) -> str:
    """P&L, scores and the P&L split of all quoters as Markdown, for `docs/`."""
    tables = (results_table(comparison), scores_table(comparison), decomposition_table(comparison))
    return "\n\n".join(to_markdown(table) for table in tables) + "\n"


def results_table(comparison: Comparison) -> Table:
    """Net P&L and its paired difference from the best baseline under the same fill model."""
    net = f"net P&L in {comparison.currency}, mean of seeds [95 %]"
    header = ("fills", "quoter", net, "each seed", "minus best baseline [95 %]", "verdict")
    verdicts = {(v.policy.fills_model, v.policy.quoter): v for v in comparison.verdicts}
    best = {(v.baseline.fills_model, v.baseline.quoter) for v in comparison.verdicts}
    digits = _digits(score.pnl.net for row in comparison.rows for score in row.metrics)
    rows = tuple(
        (
            *_names(comparison.fill_models, row),
            in_words(row.pnl),
            ", ".join(_signed(score.pnl.net, digits) for score in row.metrics),
            *_against(verdicts.get((row.fills_model, row.quoter)), (row.fills_model, row.quoter) in best),
        )
        for row in comparison.rows
    )
    return Table(header, rows)


def scores_table(comparison: Comparison) -> Table:
    """The scores over bars, with the length of a bar in the header; means over seeds."""
    sharpe = f"Sharpe per {comparison.bar_s} s [95 %]"
    digits = _digits(score.max_drawdown for row in comparison.rows for score in row.metrics)
    rows = tuple(
        (
            *_names(comparison.fill_models, row),
            _ratio_in_words(row.sharpe),
            _number(row.mean(lambda m: m.sortino), 3),
            _number(row.mean(lambda m: m.max_drawdown), digits),
            _percent(row.mean(lambda m: m.win_rate)),
        )
        for row in comparison.rows
    )
    return Table(("fills", "quoter", sharpe, "Sortino per bar", "maximum drawdown", "bars won"), rows)


def activity_table(comparison: Comparison) -> Table:
    """How much each quoter quoted, traded and held; means over seeds."""
    header = (
        *("fills", "quoter", "orders", "fill ratio", "fills (number)", "turnover", "net P&L / turnover"),
        *("both sides quoted", "mean |position|, lots", "max. |position|, lots"),
    )
    digits = _digits(score.turnover for row in comparison.rows for score in row.metrics)
    rows = tuple(
        (
            *_names(comparison.fill_models, row),
            _number(row.mean(lambda m: m.orders), 0),
            _percent(row.mean(lambda m: m.fill_ratio)),
            _number(row.mean(lambda m: m.fills), 0),
            _number(row.mean(lambda m: m.turnover), digits),
            _basis_points(row),
            _percent(row.mean(lambda m: m.uptime)),
            _number(row.mean(lambda m: m.mean_inventory), 1),
            _number(max(m.max_inventory for m in row.metrics), 0),
        )
        for row in comparison.rows
    )
    return Table(header, rows)


_TERMS: tuple[tuple[str, Callable[[Metrics], float]], ...] = (
    ("spread captured", lambda m: m.pnl.money(m.pnl.spread)),
    ("taker cost", lambda m: m.pnl.money(m.pnl.taker)),
    ("mid's move until the fill was known", lambda m: m.pnl.money(m.pnl.until_known)),
    ("mid's moves on inventory", lambda m: m.pnl.money(m.pnl.inventory)),
    ("maker fees", lambda m: -m.pnl.maker_fees),
    ("taker fees", lambda m: -m.pnl.taker_fees),
)
_FUNDING: tuple[str, Callable[[Metrics], float]] = ("funding", lambda m: -m.pnl.funding)
_NET: tuple[str, Callable[[Metrics], float]] = ("net P&L", lambda m: m.pnl.net)


def decomposition_table(comparison: Comparison) -> Table:
    """The terms whose sum is the net P&L, costs negative; means over seeds."""
    paid = any(score.pnl.funding for row in comparison.rows for score in row.metrics)
    terms = (*_TERMS, *([_FUNDING] if paid else []), _NET)
    values = [[row.mean(term) for _, term in terms] for row in comparison.rows]
    digits = _digits([value for line in values for value in line])
    rows = tuple(
        (*_names(comparison.fill_models, row), *(_signed(value, digits) for value in line))
        for row, line in zip(comparison.rows, values, strict=True)
    )
    return Table(("fills", "quoter", *(name for name, _ in terms)), rows)


def adverse_table(comparison: Comparison) -> Table:
    """Adverse selection of maker fills at each horizon: ticks per lot (money), means over seeds."""
    horizons = [mark.horizon_s for mark in comparison.rows[0].metrics[0].mark_outs]
    rows = tuple(
        (*_names(comparison.fill_models, row), *(_adverse(row, index) for index in range(len(horizons))))
        for row in comparison.rows
    )
    return Table(("fills", "quoter", *(f"after {horizon:g} s" for horizon in horizons)), rows)


def to_markdown(table: Table) -> str:
    """A GitHub table; numbers to the right."""
    rule = ["---"] * TEXT_COLUMNS + ["---:"] * (len(table.header) - TEXT_COLUMNS)
    return "\n".join(_markdown_line(cells) for cells in (table.header, rule, *table.rows))


def to_html(table: Table, caption: str) -> str:
    """A `<table>` with escaped cells; rows of one fill model stand together."""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in table.header)
    body, before = [], ""
    for row in table.rows:
        names = "".join(f"<td>{html.escape(cell)}</td>" for cell in row[:TEXT_COLUMNS])
        numbers = "".join(f'<td class="number">{html.escape(cell)}</td>' for cell in row[TEXT_COLUMNS:])
        opens = ' class="opens"' if row[0] != before else ""
        body.append(f"<tr{opens}>{names}{numbers}</tr>")
        before = row[0]
    return (
        f'<div class="wide"><table><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _names(fill_models: FillModels, row: Row) -> tuple[str, str]:
    place = FillModels._fields[fill_models.index(row.fills_model)]
    seeds = f" ({len(row.metrics)} seeds)" if len(row.metrics) > 1 else ""
    return f"{place} ({row.fills_model})", row.quoter + seeds


def _against(verdict: Verdict | None, is_best: bool) -> tuple[str, str]:
    if verdict is None:
        return NONE, "best baseline" if is_best else NONE
    return in_words(verdict.difference), verdict.outcome.value.removeprefix("is ")


def _adverse(row: Row, index: int) -> str:
    ticks = row.mean(lambda m: m.mark_outs[index].ticks(m.mark_outs[index].adverse))
    money = row.mean(lambda m: m.mark_outs[index].money(m.mark_outs[index].adverse_worth))
    return f"{_signed(ticks, 3)} ({_signed(money, _digits([money]))})" if math.isfinite(ticks) else NONE


def _basis_points(row: Row) -> str:
    turnover = row.mean(lambda m: m.turnover)
    return f"{_signed(1e4 * row.pnl.estimate / turnover, 3)} bp" if turnover else NONE


def _ratio_in_words(values: Interval) -> str:
    if not math.isfinite(values.estimate):
        return NONE
    if math.isnan(values.low):
        return _signed(values.estimate, 3)
    return f"{_signed(values.estimate, 3)} [{_signed(values.low, 3)}, {_signed(values.high, 3)}]"


def _digits(values: Iterable[float]) -> int:
    """Decimals that show the largest of the values with four digits."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(max(0, 3 - math.floor(math.log10(largest))), 8) if largest > 0 else 2


def _signed(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return NONE
    text = f"{value:+,.{digits}f}"
    return text[1:] if not any(c in "123456789" for c in text) else text.replace("-", "−")


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", "−") if math.isfinite(value) else NONE


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %" if math.isfinite(value) else NONE


def _markdown_line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
