"""Recordings into a store and back into batches: a folder of Parquet days and `store.json`."""

import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa

from jaxmm.data.arrow import array, column
from jaxmm.data.clock import ClockEnvelope, venue_stamped
from jaxmm.data.partitions import read_days, write_days
from jaxmm.data.readers import binance, gemini, tardis, tob
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.readers.tob import TobColumns
from jaxmm.data.schema import FORMAT_VERSION, Kind
from jaxmm.errors import InputError, nearest
from jaxmm.instrument import Instrument

Clocks = Literal["both", "exchange"]
META = "store.json"
BATCH_ROWS = 131_072


class Reader(Protocol):
    """What a reader module's `read` is."""

    def __call__(self, paths: Sequence[Path], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
        """Canonical batches of the recording's files; counts into `log` what is no event."""
        ...


READERS: dict[str, tuple[Reader, Clocks]] = {
    "binance": (binance.read, "both"),
    "gemini": (gemini.read, "exchange"),
    "tardis": (tardis.read, "both"),
    "tob": (tob.read, "both"),
}
FORMATS = tuple(READERS)


@dataclass(frozen=True)
class ImportReport:
    """What an import read and wrote."""

    format: str
    files: tuple[str, ...]
    lines: int
    rows: int
    kinds: dict[str, int]  # rows by kind
    snapshot_drops: int  # book messages that no snapshot is followed by
    duplicates: int  # book messages received again
    rounded: int  # quantities finer than the lot, rounded to it
    receiver_stamped: int  # messages without a venue time
    skipped: dict[str, int]  # lines without a market event, by what they are
    clock_offset_ns: int | None  # recorder minus exchange, as found; None where there is one clock
    clock_mended_ns: int  # subtracted from every local time

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Store:
    """An opened store; reading starts with `batches`."""

    path: Path
    instrument: Instrument
    meta: dict[str, Any]  # the whole of store.json
    clocks: Clocks
    report: ImportReport

    def batches(self, batch_rows: int = BATCH_ROWS, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Record batches of at most `batch_rows` rows in received order, with all columns or those named."""
        return read_days(self.path, batch_rows, columns)


def open_store(path: str | Path) -> Store:
    """Opens a store. Raises `InputError` where the folder is none, or of another format version."""
    path = Path(path)
    try:
        meta = json.loads((path / META).read_text())
        if meta["version"] != FORMAT_VERSION:
            raise InputError(
                f"{path}: store version {meta['version']}, this program reads {FORMAT_VERSION}; import again"
            )
        report = ImportReport(**{**meta["import"], "files": tuple(meta["import"]["files"])})
        instrument = Instrument.from_dict(meta["instrument"], where=str(path / META))
        return Store(path, instrument, meta, meta["clocks"], report)
    except OSError as error:
        raise InputError(
            f"{path}: no store here ({META}: {error.strerror}); make one with `jaxmm data import`"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path / META}: not a store description ({error}); import the recording again") from error


def import_recording(
    paths: Sequence[str | Path],
    format: str,
    instrument: Instrument,
    out: str | Path,
    fix_clock: bool = False,
    progress: Callable[[int], None] | None = None,
    columns: str | Path | None = None,
) -> ImportReport:
    """Reads the files of one recording into a new store at `out`, written whole or not at all.

    `fix_clock` subtracts the estimated clock offset from every local time. `progress` is told the rows written so far.
    `columns` is a YAML file with the column names of a dealer's files (format `tob`), see `TobColumns`. Raises
    `InputError` on an unknown format, a bad input (with file and line), an existing `out` or a full disk.
    """
    if format not in READERS:
        raise InputError(f"unknown format {format!r}; {nearest(format, READERS)}")
    reader, clocks = READERS[format]
    if columns is not None:
        reader = _reader_of_columns(format, columns)
    files = [Path(p) for p in paths]
    if not files:
        raise InputError("no files to import; give at least one path")
    return _write_whole(_Source(files, format, reader, clocks, instrument), Path(out), fix_clock, progress)


def store_batches(
    batches: Iterable[pa.RecordBatch],
    format: str,
    file: str | Path,
    instrument: Instrument,
    out: str | Path,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Writes canonical batches with both clocks, which somebody made of `file`, into a new store at `out`.

    `format` says what the file is. Raises `InputError` as `import_recording` does.
    """
    source = _Source([Path(file)], format, lambda paths, instrument, log: iter(batches), "both", instrument)
    return _write_whole(source, Path(out), False, progress)


@dataclass(frozen=True)
class _Source:
    files: Sequence[Path]
    format: str
    reader: Reader
    clocks: Clocks
    instrument: Instrument


def _reader_of_columns(format: str, columns: str | Path) -> Reader:
    if format != "tob":
        raise InputError(f"column names are for format 'tob', not {format!r}; leave them out")
    return partial(tob.read, columns=TobColumns.from_yaml(columns))


def _cannot_write(out: Path, error: OSError) -> InputError:
    if error.errno == errno.ENOSPC:
        return InputError(f"{out}: the disk is full; free some space or choose another folder")
    return InputError(f"{out}: cannot be written ({error.strerror or error}); choose another folder")


def _write_whole(source: _Source, out: Path, fix_clock: bool, progress: Callable[[int], None] | None) -> ImportReport:
    if out.exists():
        raise InputError(f"{out}: already there; choose another store, or remove it first")
    unfinished = out.with_name(out.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        report = _write(source, unfinished, fix_clock, progress or (lambda rows: None))
        os.replace(unfinished, out)
    except OSError as error:
        raise _cannot_write(out, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return report


def _write(source: _Source, folder: Path, fix_clock: bool, progress: Callable[[int], None]) -> ImportReport:
    instrument, clocks = source.instrument, source.clocks
    log = ReadLog()
    envelope = ClockEnvelope()
    kinds = np.zeros(len(Kind), dtype=np.int64)
    for batch in write_days(source.reader(source.files, instrument, log), folder, instrument, clocks=clocks):
        kinds += np.bincount(column(batch, "kind"), minlength=len(Kind))
        exch_ts, recv_ts = column(batch, "exch_ts"), column(batch, "recv_ts")
        two_clocks = venue_stamped(exch_ts, recv_ts, column(batch, "kind"))
        envelope.add(exch_ts[two_clocks], recv_ts[two_clocks])
        progress(int(kinds.sum()))
    if not kinds.sum():
        raise InputError(
            f"{source.files[0]}: line 1: no market event up to the end; is the format {source.format!r} right?"
        )
    offset = envelope.offset_ns() if clocks == "both" else None
    mended = offset if fix_clock and offset else 0
    if mended:
        _mend(folder, instrument, mended)
    report = ImportReport(
        format=source.format,
        files=tuple(f.name for f in source.files),
        rows=int(kinds.sum()),
        kinds={k.name.lower(): int(kinds[k]) for k in Kind if kinds[k]},
        clock_offset_ns=offset,
        clock_mended_ns=mended,
        lines=log.lines,
        snapshot_drops=log.snapshot_drops,
        duplicates=log.duplicates,
        rounded=log.rounded,
        receiver_stamped=log.receiver_stamped,
        skipped=dict(log.skipped),
    )
    meta = {"version": FORMAT_VERSION, "instrument": instrument.to_dict(), "clocks": clocks, "import": report.to_dict()}
    (folder / META).write_text(json.dumps(meta, indent=1) + "\n")
    return report


def _mend(folder: Path, instrument: Instrument, offset_ns: int) -> None:
    """Writes the days anew, `offset_ns` taken from every local time and from exchange times that are local ones."""
    raw = folder / "raw"
    raw.mkdir()
    for day in sorted(folder.glob("date=*")):
        os.replace(day, raw / day.name)
    for _ in write_days(_mended(read_days(raw, BATCH_ROWS), offset_ns), folder, instrument, clocks="both"):
        pass
    shutil.rmtree(raw)


def _mended(batches: Iterable[pa.RecordBatch], offset_ns: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        exch_ts, recv_ts = column(batch, "exch_ts"), column(batch, "recv_ts")
        exch_ts = np.where(venue_stamped(exch_ts, recv_ts, column(batch, "kind")), exch_ts, exch_ts - offset_ns)
        batch = batch.set_column(0, batch.schema.field(0), array(exch_ts, pa.int64()))
        yield batch.set_column(1, batch.schema.field(1), array(recv_ts - offset_ns, pa.int64()))
