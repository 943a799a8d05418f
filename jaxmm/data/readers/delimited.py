"""Delimited text, plain or gzip, read in pieces that know their file and line."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jaxmm.data.arrow import array, column
from jaxmm.data.readers.lines import LineNames, is_gzip, raw_lines
from jaxmm.data.schema import Side
from jaxmm.errors import InputError

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Some rows of a file."""

    path: Path
    lines: np.ndarray  # int64 [rows], line numbers
    batch: pa.RecordBatch

    def where(self, row: int) -> str:
        """`file: line n` of a row of this piece."""
        return f"{self.path}: line {self.lines[row]}"

    def pick(self, rows: np.ndarray) -> "Piece":
        """The rows of these indices."""
        return Piece(self.path, self.lines[rows], self.batch.take(array(rows, pa.int64())))

    def floats(self, name: str) -> np.ndarray:
        """A float64 column [rows], NaN where the field is empty."""
        return _column(pc.fill_null(self.batch.column(name), float("nan")))

    def integers(self, name: str) -> np.ndarray:
        """An int64 column [rows] of integers, times (ns) or booleans. Raises `InputError` where a field is empty."""
        values = self.batch.column(name)
        if values.null_count:
            raise InputError(f"{self.where(first(pc.is_null(values)))}: field {name!r} is empty")
        return _column(values.cast(pa.int64()))

    def is_text(self, name: str, value: str) -> np.ndarray:
        """bool [rows]: whether a text field is `value`."""
        return _column(pc.equal(pc.fill_null(self.batch.column(name), ""), value).cast(pa.int8())).astype(bool)

    def sides(self, name: str, bid: str, ask: str) -> np.ndarray:
        """`Side` of every row, NONE where it is `unknown`. Raises `InputError` on a text that is none of the three."""
        is_bid, is_ask = self.is_text(name, bid), self.is_text(name, ask)
        bad = np.flatnonzero(~(is_bid | is_ask | self.is_text(name, "unknown")))
        if bad.size:
            value = self.batch.column(name)[int(bad[0])].as_py()
            raise InputError(f"{self.where(int(bad[0]))}: {name} is {value!r}; it is {bid!r}, {ask!r} or 'unknown'")
        return np.where(is_bid, int(Side.BID), np.where(is_ask, int(Side.ASK), int(Side.NONE)))


def _column(values: pa.Array) -> np.ndarray:
    return column(pa.RecordBatch.from_arrays([values], ["values"]), "values")


def first(condition: pa.Array) -> int:
    """The index of the first true entry."""
    return int(pc.index(condition, True).as_py())


def read_header(path: Path, delimiter: str = ",") -> list[str]:
    """The column names in line 1. Raises `InputError` on an empty or damaged file."""
    lines = raw_lines([path], LineNames())
    try:
        _, line = next(lines)
        return [name.strip().strip('"') for name in line.decode().rstrip("\r\n").split(delimiter)]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: line 1: not text; give a CSV file, plain or gzip") from error
    finally:
        lines.close()  # type: ignore[attr-defined]


def family_of(path: Path, header: Collection[str], families: Mapping[str, Collection[str]]) -> str:
    """The first family whose columns the header has. Raises `InputError` naming what the nearest one misses."""
    for name, columns in families.items():
        if set(columns) <= set(header):
            return name
    nearest = max(families, key=lambda name: len(set(families[name]) & set(header)) / len(families[name]))
    missing = [c for c in families[nearest] if c not in header]
    raise InputError(f"{path}: line 1: {nearest} files need the columns {', '.join(missing)}, which are missing")


def read_pieces(path: Path, types: Mapping[str, pa.DataType], delimiter: str = ",") -> Iterator[Piece]:
    """The columns in `types`, a megabyte at a time.

    Raises `InputError` with file and line on a field that is not of its type, a row with too few fields, damaged gzip.
    """
    line = 2
    try:
        with _open(path, types, delimiter) as reader:
            for batch in reader:
                if batch.num_rows:
                    yield Piece(path, np.arange(line, line + batch.num_rows), batch)
                line += batch.num_rows
    except pa.ArrowInvalid as error:
        raise _refused(path, line, error) from error
    except OSError as error:
        raise InputError(
            f"{path}: after line {line - 1}: the file is truncated or damaged ({error}); fetch it again"
        ) from error


def _open(path: Path, types: Mapping[str, pa.DataType], delimiter: str) -> csv.CSVStreamingReader:
    return csv.open_csv(
        pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None),
        read_options=csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=csv.ParseOptions(delimiter=delimiter),
        convert_options=csv.ConvertOptions(
            column_types=dict(types), include_columns=list(types), null_values=[""], strings_can_be_null=True
        ),
    )


def _refused(path: Path, line: int, error: pa.ArrowInvalid) -> InputError:
    """Arrow counts rows from 1 with the header, so its row number is the line."""
    what = str(error)
    row = re.search(r"Row #(\d+): ", what)
    where = f"line {row.group(1)}" if row else f"after line {line - 1}"
    what = what[row.end() :] if row else what
    return InputError(
        f"{path}: {where}: {what.partition(chr(10))[0].rstrip('.')}; mend the row or fetch the file again"
    )
