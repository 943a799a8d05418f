"""`jaxmm calibrate`: a model's parameters from a store, as plain values and as a file that a preset starts from."""

import importlib.metadata
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

import jaxmm
from jaxmm.calibrate.parameters import FITS, check_given, fit_model
from jaxmm.data.store import Store, open_store
from jaxmm.errors import InputError, nearest
from jaxmm.files import write_text
from jaxmm.tape.build import build_tape
from jaxmm.tape.rows import EventStore
from jaxmm.tape.tape import Tape

CLOCK = "100ms"
LEVELS = 20
Progress = Callable[[int, int], None]


def calibrate_store(
    store: Path, model: str, out: Path, settings: dict[str, Any], progress: Progress | None = None
) -> dict[str, Any]:
    """Measures the parameters of `model` and writes them to the YAML file `out`, whole or not at all."""
    if model not in FITS:
        raise InputError(f"--model {model}: {nearest(model, FITS)}")
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"--out {out}: no file can be there; name one in a folder that exists")
    check_given(model, settings)
    opened = open_store(store)
    if model == "queue-reactive" and not {"depth", "snapshot"} & set(opened.report.kinds):
        raise InputError(f"{store}: a recording of best quotes alone shows no queue's arrivals; it needs depth changes")
    with tape_of(opened, progress) as tape:
        fitted = fit_model(model, tape, settings)
        answer = {
            "model": model,
            "settings": fitted.settings,
            "standard_errors": fitted.standard_errors,
            "units": _units(tape),
            "chosen": fitted.chosen,
            "facts": fitted.facts,
            "source": _source(opened, tape),
            "versions": {"jaxmm": jaxmm.__version__}
            | {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "numba")},
        }
    write_text(out, yaml.safe_dump(answer, sort_keys=False, allow_unicode=True, width=120))
    return answer


@contextmanager
def tape_of(store: EventStore, progress: Progress | None = None) -> Iterator[Tape]:
    """The store cut every 100 ms, 20 levels a side, in a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="jaxmm-") as folder:
        yield build_tape(store, Path(folder) / "tape", CLOCK, LEVELS, progress)


def text(answer: dict[str, Any], out: Path) -> str:
    """The parameters for a reader."""
    errors = answer["standard_errors"]
    width = max(map(len, answer["settings"]))
    lines = [f"{answer['model']} from {answer['source']['symbol']}, {answer['source']['seconds']:.0f} s", ""]
    for name, value in answer["settings"].items():
        if name in errors:
            said = f"{_short(value)} ± {_short(errors[name])}"
        elif name in answer["chosen"]:
            said = f"{_short(value)}  ({answer['chosen'][name]})"
        else:
            said = _short(value)
        lines.append(f"{name:{width}}  {said}")
    return "\n".join([*lines, "", *(f"{name}: {unit}" for name, unit in answer["units"].items()), f"file: {out}"])


def _units(tape: Tape) -> dict[str, str]:
    instrument = tape.instrument
    return {
        "price": f"ticks of {instrument.tick_size:g} {instrument.quote or 'quote currency'}",
        "time": "seconds",
        "inventory": "fills of one order",
        "size": f"lots of {instrument.lot_size:g}",
    }


def _source(store: Store, tape: Tape) -> dict[str, Any]:
    first, last = int(tape.ts_ns[0]), int(tape.ts_ns[-1])
    return {
        "store": str(store.path),
        "sha256": tape.meta.source,
        "venue": tape.instrument.venue,
        "symbol": tape.instrument.symbol,
        "from": datetime.fromtimestamp(first / 1e9, UTC).isoformat(),
        "to": datetime.fromtimestamp(last / 1e9, UTC).isoformat(),
        "seconds": tape.span_s,
        "trades": tape.meta.trades,
    }


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
