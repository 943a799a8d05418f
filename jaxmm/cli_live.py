"""Commands about days traded: on a recording, and beside the simulator. `jaxmm.cli` takes them in."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from jaxmm.answers import Json
from jaxmm.answers import answer as _answer

live = typer.Typer(help="Days traded: on a recording, and beside the simulator.", no_args_is_help=True)

Set = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Override a value; may be repeated.")]


@live.command("replay")
def replay(
    config: Annotated[Path, typer.Argument(help="The quoter's YAML file; its section paper is the venue.")],
    store: Annotated[Path, typer.Argument(help="A recording: a store's folder.")],
    set_: Set = None,
    json_out: Json = False,
) -> None:
    """Trades a recorded day on paper in virtual time, as fast as the machine goes, into a new journal.

    Example: jaxmm live replay configs/quote/sim_usdm_btcusdt.yaml store --set journal=day/journal
    """
    from jaxmm.data.store import open_store
    from jaxmm.live.config import load_quote_config
    from jaxmm.live.recorded_day import trade_recorded

    loaded = load_quote_config(config, tuple(set_ or ()))
    status = trade_recorded(loaded, open_store(store))
    shown = ("state", "reason", "level", "position_lots", "open_orders", "realized", "fees", "unrealized", "pnl")
    _answer({"journal": loaded.journal, **{name: _plain(getattr(status, name)) for name in shown}}, json_out)


def _plain(value: int | str | Decimal) -> int | str:
    """As an answer says it: an amount of money to its last digit, without noughts behind."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value if isinstance(value, int) else str(value)


@live.command("compare")
def compare(
    journal: Annotated[Path, typer.Argument(help="A quoter's journal.")],
    out: Annotated[Path | None, typer.Option(help="Keep store, tape and report in this new folder.")] = None,
    latency: Annotated[
        str | None, typer.Option(help="Of the simulator; by default as the journal measured it.")
    ] = None,
    fills: Annotated[str | None, typer.Option(help="Fill model; by default the paper venue's, or the fitted.")] = None,
    exponents: Annotated[str, typer.Option(help="n of power3 to try; empty fits no model.")] = "0.5,1,2,3,5",
    tolerance_ms: Annotated[float, typer.Option(help="How far apart the executions of a pair may be.")] = 1000.0,
    json_out: Json = False,
) -> None:
    """Replays a day traded through the event engine with the decisions taken: fills, P&L by terms, drift, and fits.

    Example: jaxmm live compare quote/journal --json > compare.json
    """
    from jaxmm.errors import InputError
    from jaxmm.exchange.latency import Latency
    from jaxmm.exchange.types import FillModel
    from jaxmm.runs.live_comparing import compare_journal

    try:
        numbers = tuple(float(number) for number in exponents.split(",") if number.strip())
    except ValueError as error:
        raise InputError(f"--exponents {exponents!r}: write numbers with commas between, such as 1,2,3") from error
    told = compare_journal(
        journal,
        out=out,
        latency=None if latency is None else Latency.parse(latency),
        model=None if fills is None else FillModel.parse(fills),
        exponents=numbers,
        tolerance_ms=tolerance_ms,
    )
    if json_out:
        _answer(told, json_out)
    else:
        sys.stdout.write(_in_words(told))


def _in_words(told: dict[str, Any]) -> str:
    """The comparison for people."""
    fills = told["fills"]
    lines = [
        f"decisions {told['decisions']} · fills by {told['model']} · latency {told['latency']}",
        f"fills: {fills['hit']} hit, {fills['miss']} missed by the simulator, {fills['extra']} extra; "
        f"lots without a counterpart {told['gap']:.2%}; pairs apart {fills['apart_ms_p50']:.3g} ms (p50), "
        f"{fills['apart_ms_p99']:.3g} ms (p99)",
        "",
        f"{told['currency']:<12}{'live':>16}{'simulator':>16}{'gap':>16}",
    ]
    for name, term in told["terms"].items():
        lines.append(f"{name:<12}{term['live']:>16.8g}{term['sim']:>16.8g}{term['gap']:>16.8g}")
    if told["latency_fit"]:
        lines += ["", f"latency measured: {told['latency_fit']['constant']} or {told['latency_fit']['lognormal']}"]
    lines += [f"{one['model']:<24} gap {one['gap']:.2%}, {one['hit']} hit" for one in told["models"]]
    lines += ["", *(f"! {flag}" for flag in told["flags"] or ["no drift found"])]
    return "\n".join(lines) + "\n"
