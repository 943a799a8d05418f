"""Dealer data sets: `;`-separated files, `tob_*.csv` with the top of book and others with trades, both clocks.

The header is the dealer's own, so the column names are one small mapping, `TobColumns`, that a YAML file can change.
Rows of other instruments in the same file are left out and counted; a file without ours is refused.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import yaml

from jaxmm.data.readers.delimited import Piece, family_of, read_header, read_pieces
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.readers.merge import merge
from jaxmm.data.readers.rows import quote_batch, trade_batch
from jaxmm.errors import InputError, nearest
from jaxmm.instrument import Instrument

Types = dict[str, dict[str, pa.DataType]]  # of families of files, by column
TimeUnit = Literal["iso", "s", "ms", "us", "ns"]
NS_PER = {"iso": 1, "ms": 10**6, "us": 10**3, "ns": 1}


@dataclass(frozen=True)
class TobColumns:
    """What the columns of a dealer's files are called, and how times and sides are written."""

    exchange_time: str = "exchange_time"
    local_time: str = "local_time"
    instrument: str = "instrument"
    bid_price: str = "bid_price"
    bid_qty: str = "bid_qty"
    ask_price: str = "ask_price"
    ask_qty: str = "ask_qty"
    trade_price: str = "price"
    trade_qty: str = "qty"
    trade_side: str = "side"  # the aggressor's
    buy: str = "buy"
    sell: str = "sell"
    delimiter: str = ";"
    time_unit: TimeUnit = "iso"  # `2020-03-01 12:00:00.123456` in UTC, or a count since 1970

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, str) or not value:
                raise InputError(f"dealer columns: {field.name} is {value!r}; it is a text such as {field.default!r}")
        if self.time_unit not in get_args(TimeUnit):
            hint = nearest(self.time_unit, get_args(TimeUnit))
            raise InputError(f"dealer columns: time_unit is {self.time_unit!r}; {hint}")

    @classmethod
    def from_yaml(cls, path: str | Path) -> "TobColumns":
        """A mapping file with any of these fields. Raises `InputError` on unknown ones."""
        try:
            values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; give the path of a YAML file of column names") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not YAML ({error})") from error
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(values, dict):
            raise InputError(f"{path}: a mapping of {', '.join(names)} is needed")
        for name in values:
            if name not in names:
                raise InputError(f"{path}: unknown field {name!r}; {nearest(str(name), names)}")
        return cls(**values)

    def types(self) -> Types:
        """The columns of both families of files."""
        times = {"iso": pa.timestamp("ns"), "s": pa.float64()}
        time = times.get(self.time_unit, pa.int64())
        shared = {self.exchange_time: time, self.local_time: time, self.instrument: pa.string()}
        numbers = (self.bid_price, self.bid_qty, self.ask_price, self.ask_qty)
        return {
            "tob": {**shared, **{name: pa.float64() for name in numbers}},
            "trades": {
                **shared,
                self.trade_price: pa.float64(),
                self.trade_qty: pa.float64(),
                self.trade_side: pa.string(),
            },
        }


def read(
    paths: Sequence[Path], instrument: Instrument, log: ReadLog, columns: TobColumns | None = None
) -> Iterator[pa.RecordBatch]:
    """Canonical batches of a dealer's files, merged by local time; at equal times trades come first.

    Raises `InputError` with file and line on a file without the instrument, missing columns or a bad row.
    """
    columns = columns or TobColumns()
    types = columns.types()
    families = {path: _family(path, read_header(path, columns.delimiter), types) for path in paths}
    pieces = {path: _pieces(path, types[families[path]], columns, instrument, log) for path in paths}
    trades = [_trades(pieces[p], columns, instrument, log) for p in paths if families[p] == "trades"]
    quotes = [_quotes(pieces[p], columns, instrument, log) for p in paths if families[p] == "tob"]
    yield from merge([*trades, *quotes])


def _family(path: Path, header: Sequence[str], types: Types) -> str:
    """By name where it says so, so that a missing column is named as one of the right family."""
    return family_of(path, header, {"tob": types["tob"]} if path.name.lower().startswith("tob_") else types)


def _pieces(
    path: Path, types: dict[str, pa.DataType], columns: TobColumns, instrument: Instrument, log: ReadLog
) -> Iterator[Piece]:
    """What the file says of the instrument."""
    found, other = False, ""
    for piece in read_pieces(path, types, columns.delimiter):
        log.lines += piece.batch.num_rows
        ours = piece.is_text(columns.instrument, instrument.symbol)
        if not ours.all():
            log.skipped["row of another instrument"] += int(np.count_nonzero(~ours))
            other = other or str(piece.batch.column(columns.instrument)[int(ours.argmin())].as_py())
        if ours.any():
            found = True
            yield piece.pick(np.flatnonzero(ours))
    if not found and other:
        raise InputError(
            f"{path}: line 2: no row is of instrument {instrument.symbol!r}, the file has {other!r}; "
            "give the instrument file of this recording"
        )


def _times(piece: Piece, name: str, columns: TobColumns) -> np.ndarray:
    if columns.time_unit == "s":
        return np.rint(piece.floats(name) * 1e6).astype(np.int64) * 1000
    return piece.integers(name) * NS_PER[columns.time_unit]


def _quotes(
    pieces: Iterator[Piece], columns: TobColumns, instrument: Instrument, log: ReadLog
) -> Iterator[pa.RecordBatch]:
    for piece in pieces:
        yield quote_batch(
            exch_ts=_times(piece, columns.exchange_time, columns),
            recv_ts=_times(piece, columns.local_time, columns),
            bid=(piece.floats(columns.bid_price), piece.floats(columns.bid_qty)),
            ask=(piece.floats(columns.ask_price), piece.floats(columns.ask_qty)),
            instrument=instrument,
            log=log,
            where=piece.where,
        )


def _trades(
    pieces: Iterator[Piece], columns: TobColumns, instrument: Instrument, log: ReadLog
) -> Iterator[pa.RecordBatch]:
    for piece in pieces:
        yield trade_batch(
            exch_ts=_times(piece, columns.exchange_time, columns),
            recv_ts=_times(piece, columns.local_time, columns),
            aggressor=piece.sides(columns.trade_side, columns.buy, columns.sell),
            price=piece.floats(columns.trade_price),
            qty=piece.floats(columns.trade_qty),
            instrument=instrument,
            log=log,
            where=piece.where,
        )
