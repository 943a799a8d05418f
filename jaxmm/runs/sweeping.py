"""`jaxmm backtest --grid` and `--sample`: many sets of parameters at once, to a table, a picture and the exact best."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmm.errors import InputError
from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.drawing import save_png
from jaxmm.evaluate.heat_map import heat_map
from jaxmm.evaluate.lockstep import fuse_outputs
from jaxmm.evaluate.metrics import decompose
from jaxmm.evaluate.sweep import Sweep, difference, sweep
from jaxmm.files import whole_folder, write_text
from jaxmm.runs.backtesting import Conditions
from jaxmm.runs.parameter_sets import ParameterSets, grid, sample
from jaxmm.tape.tape import Tape

TABLE, PICTURE, SUMMARY = "sweep.parquet", "heat_map.png", "sweep.json"


class Wanted(NamedTuple):
    """What is asked of a sweep."""

    grid: list[str]
    sample: int | None  # sets
    ranges: list[str]
    seed: int
    engine: str | None
    top: int  # sets that are run again
    out: Path | None  # folder


def sweep_settings(
    strategy: str,
    tape: Path,
    conditions: Conditions,
    settings: dict[str, Any],
    wanted: Wanted,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    """Sweeps `strategy` over the tape, runs the best sets again on the event engine, and returns plain values."""
    sets = _sets_of(strategy, settings, wanted)
    fuse_outputs()
    opened = Tape.open(tape)
    with _folder(wanted.out) as folder:
        began = time.perf_counter()
        result = sweep(
            opened,
            sets.strategies,
            engine=wanted.engine,
            progress=progress,
            **conditions._asdict(),
        )
        seconds = time.perf_counter() - began
        answer = {
            "strategy": strategy,
            "fills_model": result.fills_model,
            "latency": result.latency,
            "decisions": result.decisions,
            "sets": len(result),
            "swept": list(sets.swept),
            "currency": result.instrument.currency,
            "sets_on_windows": int(result.windows.sum()),
            "sets_on_events": int((~result.windows).sum()),
            "no_windows_because": result.refusal,
            "sets_with_unknown_fills": int((result.scores.outside > 0).sum()),
            "seconds": seconds,
            "top": [_again(opened, result, sets, int(i), conditions) for i in result.ranked()[: wanted.top]],
        }
        if folder is not None:
            _write(folder, result, sets, answer)
    out = wanted.out
    return answer | ({} if out is None else {"table": str(out / TABLE), "heat_map": str(out / PICTURE)})


def text(answer: dict[str, Any]) -> str:
    """The same for a reader."""
    engines = [f"{answer[f'sets_on_{engine}s']} on the {engine} engine" for engine in ("window", "event")]
    lines = [
        f"{answer['sets']} sets of {answer['strategy']} over {answer['decisions']} decisions in "
        f"{answer['seconds']:.1f} s, compilation included: {' and '.join(e for e in engines if e[:2] != '0 ')}"
    ]
    if answer["no_windows_because"]:
        lines.append(answer["no_windows_because"])
    if answer["sets_with_unknown_fills"]:
        lines.append(
            f"{answer['sets_with_unknown_fills']} sets quoted so far from the touch that their queues are unknown; "
            "they are not ranked, and `outside` in the table is not 0"
        )
    if answer["top"]:
        titles = ["rank", *answer["swept"], "net P&L", "maker fills", "max |position|", "backtest", "difference"]
        rows = [titles, *(_row(rank, top) for rank, top in enumerate(answer["top"], 1))]
        widths = [max(len(row[i]) for row in rows) for i in range(len(titles))]
        lines += ["", f"net P&L in {answer['currency']}; the best run again by exact backtests on the event engine:"]
        lines += ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += ["", *(f"{name}: {answer[name]}" for name in ("table", "heat_map") if name in answer)]
    return "\n".join(lines).rstrip()


def _row(rank: int, top: dict[str, Any]) -> list[str]:
    numbers = [*top["parameters"].values(), top["net_pnl"]]
    counts = f"{top['maker_fills']}", f"{top['max_inventory']}"
    shown = [f"{top['backtest_net_pnl']:.6g}", f"{top['difference']['net_pnl']:.6g}"]
    return [f"{rank}", *(f"{number:.6g}" for number in numbers), *counts, *shown]


def _sets_of(strategy: str, settings: dict[str, Any], wanted: Wanted) -> ParameterSets:
    if wanted.grid and (wanted.sample is not None or wanted.ranges):
        raise InputError("--grid and --sample are two ways to choose sets; give one of them")
    if wanted.top < 0:
        raise InputError(f"--top {wanted.top}: it is 0 or more sets")
    if wanted.grid:
        return grid(strategy, settings, wanted.grid)
    if wanted.sample is None:
        raise InputError(f"--range {wanted.ranges[0]}: say with --sample how many sets are drawn")
    return sample(strategy, settings, wanted.sample, wanted.ranges, wanted.seed)


def _again(tape: Tape, result: Sweep, sets: ParameterSets, index: int, conditions: Conditions) -> dict[str, Any]:
    """A set's row, its exact backtest, and by how much they differ."""
    strategy = result.strategy(index)
    exact = backtest(
        tape,
        strategy,
        name=f"set {index}",
        max_position_lots=strategy.max_position_lots,
        **conditions._asdict(),
    )
    row = {name: column[index].item() for name, column in result.columns().items()}
    return {
        "set": index,
        "parameters": {name: row[name] for name in sets.swept},
        **{name: row[name] for name in ("engine", *result.scores._fields)},
        "backtest_net_pnl": decompose(exact).net,
        "difference": difference(result, index, exact)._asdict(),
    }


@contextmanager
def _folder(out: Path | None) -> Iterator[Path | None]:
    """A folder that appears whole or not at all; None where none is wanted."""
    if out is None:
        yield None
        return
    with whole_folder(out, TABLE) as folder:
        yield folder


def _write(folder: Path, result: Sweep, sets: ParameterSets, answer: dict[str, Any]) -> None:
    facts = {name: answer[name] for name in ("strategy", "fills_model", "latency", "decisions", "swept", "currency")}
    columns = {name: pa.array(_plain(column)) for name, column in result.columns().items()}
    metadata = {"sweep": json.dumps(facts), "instrument": json.dumps(result.instrument.to_dict())}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), folder / TABLE)
    save_png(heat_map(result, sets.swept, sets.grid), folder / PICTURE)
    write_text(folder / SUMMARY, json.dumps(answer, indent=1) + "\n")


def _plain(column: np.ndarray) -> Any:
    """Not-a-number becomes an absent value."""
    if not np.issubdtype(column.dtype, np.floating):
        return column.tolist() if column.dtype.kind == "U" else column
    return np.ma.masked_invalid(column).tolist()
