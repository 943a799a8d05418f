"""Gemini day files: `market-depth` (top of book, once a second when it changed) and `trade`; the exchange's clock only.

A quote row packs `price_size` into one field. Gemini fills finer than its own increment of a millionth; such quantities
are rounded to a millionth and counted.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxmm.data.arrow import column
from jaxmm.data.readers.delimited import Piece, family_of, first, read_header, read_pieces
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.readers.merge import merge
from jaxmm.data.readers.rows import quote_batch, trade_batch
from jaxmm.data.schema import Side
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument

INCREMENT = 1e-6
FAMILIES = {
    "trade": ("time_seconds", "price", "size", "is_buyer_maker"),
    "market-depth": ("time_seconds", "bid_price_bid_size", "ask_price_ask_size"),
}
NUMBERS = pa.float64()
TYPES = {
    "trade": {"time_seconds": NUMBERS, "price": NUMBERS, "size": NUMBERS, "is_buyer_maker": pa.int64()},
    "market-depth": {"time_seconds": NUMBERS, "bid_price_bid_size": pa.string(), "ask_price_ask_size": pa.string()},
}


def read(paths: Sequence[Path], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    """Canonical batches of trade and market-depth files, merged by time; at equal times trades come first.

    Raises `InputError` with file and line on a file of another pair, missing columns or a bad row.
    """
    families = {path: family_of(path, read_header(path), FAMILIES) for path in paths}
    for path in paths:
        _check_pair(path, instrument)
    trades = [_trades(p, instrument, log) for p in paths if families[p] == "trade"]
    quotes = [_quotes(p, instrument, log) for p in paths if families[p] == "market-depth"]
    yield from merge([*trades, *quotes])


def _check_pair(path: Path, instrument: Instrument) -> None:
    """The pair stands only in the file's name."""
    named = re.match(r"gemini__([a-z0-9-]+)__", path.name.lower())
    if named and _letters(named.group(1)) != _letters(instrument.symbol):
        raise InputError(
            f"{path}: line 1: the file's name says {named.group(1)!r} but the instrument is {instrument.symbol!r}; "
            "give the instrument file of this recording"
        )


def _letters(pair: str) -> str:
    return re.sub(r"[^a-z0-9]", "", pair.lower())


def _times(piece: Piece, log: ReadLog) -> np.ndarray:
    log.lines += piece.batch.num_rows
    seconds = piece.floats("time_seconds")
    if np.isnan(seconds).any():
        raise InputError(f"{piece.where(int(np.isnan(seconds).argmax()))}: field 'time_seconds' is empty")
    return np.rint(seconds * 1e6).astype(np.int64) * 1000


def _rounded(qty: np.ndarray, log: ReadLog) -> np.ndarray:
    whole = np.rint(qty / INCREMENT) * INCREMENT
    whole = np.where((qty > 0) & (whole == 0), INCREMENT, whole)
    log.rounded += int(np.count_nonzero(np.abs(whole - qty) > 1e-3 * INCREMENT))
    return whole


def _trades(path: Path, instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    for piece in read_pieces(path, TYPES["trade"]):
        times = _times(piece, log)
        maker = piece.integers("is_buyer_maker")
        yield trade_batch(
            exch_ts=times,
            recv_ts=times,
            aggressor=np.where(maker == 1, int(Side.ASK), int(Side.BID)),
            price=piece.floats("price"),
            qty=_rounded(piece.floats("size"), log),
            instrument=instrument,
            log=log,
            where=piece.where,
        )


def _quotes(path: Path, instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    for piece in read_pieces(path, TYPES["market-depth"]):
        times = _times(piece, log)
        bid_price, bid_qty = _unpacked(piece, "bid_price_bid_size")
        ask_price, ask_qty = _unpacked(piece, "ask_price_ask_size")
        yield quote_batch(
            exch_ts=times,
            recv_ts=times,
            bid=(bid_price, _rounded(bid_qty, log)),
            ask=(ask_price, _rounded(ask_qty, log)),
            instrument=instrument,
            log=log,
            where=piece.where,
        )


def _unpacked(piece: Piece, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(prices, quantities) of a `price_size` field."""
    fields = pc.extract_regex(piece.batch.column(name), r"^(?P<price>[0-9.]+)_(?P<qty>[0-9.]+)$")
    if fields.null_count:
        row = first(pc.is_null(fields))
        value = piece.batch.column(name)[row].as_py()
        raise InputError(f"{piece.where(row)}: {name} is {value!r}; it is a price, an underscore and a size")
    numbers = pa.RecordBatch.from_arrays([f.cast(NUMBERS) for f in fields.flatten()], ["price", "qty"])
    return column(numbers, "price"), column(numbers, "qty")
