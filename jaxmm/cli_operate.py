"""Commands of a quoter's operator: what it may not do on its own. `jaxmm.cli` takes them in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from jaxmm.answers import Json
from jaxmm.answers import answer as _answer

rollout = typer.Typer(help="Staged rollout: how a quoter's stage does, and its next one.", no_args_is_help=True)

Config = Annotated[Path, typer.Argument(help="The quoter's YAML file.")]
By = Annotated[str, typer.Option(help="The person who answers for it.")]
Note = Annotated[str, typer.Option(help="Why; it stands in the journal.")]


def release(config: Config, by: By, note: Note, json_out: Json = False) -> None:
    """Makes a halted or reducing quoter active again, after a person has looked.

    Example: jaxmm release configs/quote/btcusdt.yaml --by ada --note "venue outage, books checked"
    """
    from jaxmm.live import operate

    _answer(operate.release(_load(config), by, note), json_out)


def halt(config: Config, by: By, note: Note, json_out: Json = False) -> None:
    """Halts a quoter: all its orders are cancelled and stay away until a person releases it.

    Example: jaxmm halt configs/quote/btcusdt.yaml --by ada --note "maintenance"
    """
    from jaxmm.live import operate

    _answer(operate.halt(_load(config), by, note), json_out)


@rollout.command("status")
def rollout_status(config: Config, json_out: Json = False) -> None:
    """Shows the stage, its KPIs and what its gate asks.

    Example: jaxmm rollout status configs/quote/btcusdt.yaml --json
    """
    from jaxmm.live import operate

    status = operate.status(_load(config))
    if json_out:
        _answer(status, json_out)
        return
    kpis = {name: value for name, value in status.pop("kpis").items() if value is not None}
    gate = {f"gate {one.pop('criterion')}": one for one in status.pop("gate")}
    _answer({**status, **kpis, **gate}, json_out)


@rollout.command("promote")
def rollout_promote(
    config: Config,
    by: By,
    note: Note = "",
    comparison: Annotated[Path | None, typer.Option(help="What jaxmm live compare --json printed.")] = None,
    json_out: Json = False,
) -> None:
    """Moves the quoter one stage up, if the gate is met.

    Example: jaxmm rollout promote configs/quote/btcusdt.yaml --by ada --comparison compare.json
    """
    from jaxmm.live import operate

    _answer(operate.promote(_load(config), by, note, comparison), json_out)


@rollout.command("demote")
def rollout_demote(config: Config, by: By, note: Note = "", json_out: Json = False) -> None:
    """Moves the quoter one stage down.

    Example: jaxmm rollout demote configs/quote/btcusdt.yaml --by ada --note "spreads doubled"
    """
    from jaxmm.live import operate

    _answer(operate.demote(_load(config), by, note), json_out)


def _load(path: Path) -> Any:
    from jaxmm.live.config import load_quote_config

    return load_quote_config(path)
