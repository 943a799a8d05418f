"""Commands about a quoter's journal: look into it, prove that it is whole, make a store of it."""

from pathlib import Path
from typing import Annotated

import typer

from jaxmm.answers import Json, answer

journal = typer.Typer(help="A quoter's audit trail: show, verify, export.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The journal's file.", metavar="JOURNAL")]


@journal.command("show")
def journal_show(
    path: File,
    kind: Annotated[list[str] | None, typer.Option(help="Only rows of this kind, such as fill; may repeat.")] = None,
    after: Annotated[int, typer.Option(help="Only rows behind this number.")] = 0,
    last: Annotated[int | None, typer.Option(help="Only so many from the end.", min=1)] = None,
) -> None:
    """Prints rows, one JSON object a line.

    Example: jaxmm journal show quoter.journal --kind fill --last 20
    """
    import orjson

    from jaxmm.live.journal.show import shown

    for row in shown(path, kind or (), after, last):
        print(orjson.dumps(row).decode())


@journal.command("verify")
def journal_verify(
    path: File,
    head: Annotated[str | None, typer.Option(help="A head that was noted elsewhere: NUMBER:HASH.")] = None,
    json_out: Json = False,
) -> None:
    """Proves that no row was changed, moved or taken away, also the last; else names the row.

    Prints the head: noted elsewhere, it proves later that nothing up to it was written anew.

    Example: jaxmm journal verify quoter.journal
    """
    from dataclasses import asdict

    from jaxmm.live.journal.verify import verify

    answer({"journal": str(path), **asdict(verify(path, head))}, json_out)


@journal.command("export")
def journal_export(
    path: File,
    out: Annotated[Path, typer.Option(help="The new store's folder.")],
    instrument: Annotated[Path | None, typer.Option(help="Instrument YAML file, if the journal names none.")] = None,
    json_out: Json = False,
) -> None:
    """Makes a store of the market data: a day traded becomes a tape.

    Example: jaxmm journal export quoter.journal --out store
    """
    from jaxmm.instrument import Instrument
    from jaxmm.live.journal.export import export

    known = None if instrument is None else Instrument.from_yaml(instrument)
    answer({"store": str(out), **export(path, out, known).to_dict()}, json_out)
