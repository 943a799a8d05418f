"""How commands answer: for a person, or one JSON object."""

from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def answer(values: dict[str, Any], as_json: bool) -> None:
    """Prints names and values."""
    if as_json:
        import orjson

        print(orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY).decode())  # nan and inf become null
        return
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:{width}}  {value}")
