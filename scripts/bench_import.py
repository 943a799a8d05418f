"""Import of a raw recording, and the tape made of it. No JAX here."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench_measure import Figure, Plan, seconds_of, single, spread

from jaxmm.data.store import ImportReport, import_recording, open_store
from jaxmm.instrument import Instrument
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.tape.build import build_tape
from jaxmm.tape.rows import EventStore
from jaxmm.tape.tape import Tape

INSTRUMENT = "configs/instruments/binance_usdm_btcusdt.yaml"
CLOCK, LEVELS = "100ms", 20


def import_figures(plan: Plan) -> list[Figure]:
    """Lines and events a second of reading the recording into a store, whole import, one process."""
    recording = plan.recording
    if recording is None:
        return []
    folders = _folders(plan.work, "store")
    reports: list[ImportReport] = []

    def once(i: int) -> None:
        reports.append(_import(recording, next(folders), fix_clock=False))

    taken = seconds_of(once, plan.sizes.repeats)
    lines, rows = reports[0].lines, reports[0].rows
    return [
        spread("import", "raw lines", "lines/s", (lines / wall for wall, _ in taken)),
        spread("import", "events", "events/s", (rows / wall for wall, _ in taken)),
        spread("import", "raw lines a core", "lines/cpu-s", (lines / cpu for _, cpu in taken)),
        spread("import", "events a core", "events/cpu-s", (rows / cpu for _, cpu in taken)),
    ]


def tape_figures(plan: Plan) -> list[Figure]:
    """Rows a second from a store to a tape, and the tape's sizes; leaves the tape in the work folder."""
    store = _store(plan)
    folders = itertools.chain([plan.work / "tape"], _folders(plan.work, "tape-again"))
    taken = seconds_of(lambda i: build_tape(store, next(folders), CLOCK, LEVELS), plan.sizes.repeats)
    tape = Tape.open(plan.work / "tape")
    return [
        spread("tape", "build", "rows/s", (tape.meta.rows / wall for wall, _ in taken)),
        single("tape", "decisions", "", tape.decisions),
        single("tape", "events", "", tape.events),
        single("tape", f"a decision, {tape.levels} levels a side", "bytes", tape.bytes_per_decision),
        single("tape", "an event", "bytes", tape.bytes_per_event),
    ]


def _store(plan: Plan) -> EventStore:
    if plan.recording is None:
        return SyntheticStore(SyntheticMarket(), seed=7, seconds=plan.sizes.seconds)
    _import(plan.recording, plan.work / "mended", fix_clock=True)
    return open_store(plan.work / "mended")


def _import(recording: Path, out: Path, fix_clock: bool) -> ImportReport:
    return import_recording([recording], "binance", Instrument.from_yaml(INSTRUMENT), out, fix_clock)


def _folders(work: Path, name: str) -> Iterator[Path]:
    """New folders, the one before removed."""
    for i in itertools.count():
        folder = work / f"{name}-{i}"
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
