"""Tardis CSV data sets (trades, quotes, incremental_book_L2, book_snapshot_5 and _25), both clocks, in µs.

Formats: https://docs.tardis.dev/downloadable-csv-files. For Binance futures the exchange time is the event's, not the
match's.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxmm.data.arrow import batch_of, column
from jaxmm.data.readers.delimited import Piece, family_of, read_header, read_pieces
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.readers.merge import merge
from jaxmm.data.readers.rows import NO_ID, event_batch, quote_batch, trade_batch
from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument

NS_PER_US = 1000
STAMPS = {"symbol": pa.string(), "timestamp": pa.int64(), "local_timestamp": pa.int64()}
LEVEL = {"side": pa.string(), "price": pa.float64(), "amount": pa.float64()}
QUOTE = {name: pa.float64() for name in ("bid_price", "bid_amount", "ask_price", "ask_amount")}
FIRST_LEVELS = {f"{side}[0].{what}": pa.float64() for side in ("bids", "asks") for what in ("price", "amount")}
TYPES = {
    "incremental_book_L2": {**STAMPS, "is_snapshot": pa.bool_(), **LEVEL},
    "trades": {**STAMPS, "id": pa.string(), **LEVEL},
    "quotes": {**STAMPS, **QUOTE},
    "book_snapshot": {**STAMPS, **FIRST_LEVELS},
}
ORDER = ("trades", "incremental_book_L2", "book_snapshot", "quotes")  # at equal times: a trade before what it changes


def read(paths: Sequence[Path], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    """Canonical batches of files of any of these data sets of one symbol, merged by local time.

    Raises `InputError` with file and line on another symbol, missing columns or a bad row.
    """
    headers = {path: read_header(path) for path in paths}
    families = {path: family_of(path, headers[path], TYPES) for path in paths}
    streams = [
        READERS[families[path]](_pieces(path, headers[path], families[path], instrument, log), instrument, log)
        for path in sorted(paths, key=lambda path: ORDER.index(families[path]))
    ]
    yield from merge(streams)


def _pieces(path: Path, header: Sequence[str], family: str, instrument: Instrument, log: ReadLog) -> Iterator[Piece]:
    types = dict(TYPES[family])
    if family == "book_snapshot":
        types |= {name: pa.float64() for name in header if re.fullmatch(r"(bids|asks)\[\d+\]\.(price|amount)", name)}
    for piece in read_pieces(path, types):
        log.lines += piece.batch.num_rows
        other = np.flatnonzero(~piece.is_text("symbol", instrument.symbol))
        if other.size:
            row = int(other[0])
            raise InputError(
                f"{piece.where(row)}: the row is of symbol {piece.batch.column('symbol')[row].as_py()!r} but the "
                f"instrument is {instrument.symbol!r}; give the instrument file of this recording"
            )
        yield piece


def _stamps(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    return piece.integers("timestamp") * NS_PER_US, piece.integers("local_timestamp") * NS_PER_US


def _trades(pieces: Iterator[Piece], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    for piece in pieces:
        exch_ts, recv_ts = _stamps(piece)
        yield trade_batch(
            exch_ts=exch_ts,
            recv_ts=recv_ts,
            aggressor=piece.sides("side", "buy", "sell"),
            price=piece.floats("price"),
            qty=piece.floats("amount"),
            id=_ids(piece),
            instrument=instrument,
            log=log,
            where=piece.where,
        )


def _ids(piece: Piece) -> np.ndarray:
    """Trade ids where they are whole numbers; other venues' ids are no number of ours."""
    ids = pc.fill_null(piece.batch.column("id"), "")
    whole = pc.match_substring_regex(ids, r"^[0-9]{1,18}$")
    numbers = pc.if_else(whole, ids, str(NO_ID)).cast(pa.int64())
    return column(pa.RecordBatch.from_arrays([numbers], ["id"]), "id")


def _quotes(pieces: Iterator[Piece], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    for piece in pieces:
        exch_ts, recv_ts = _stamps(piece)
        yield quote_batch(
            exch_ts=exch_ts,
            recv_ts=recv_ts,
            bid=(piece.floats("bid_price"), piece.floats("bid_amount")),
            ask=(piece.floats("ask_price"), piece.floats("ask_amount")),
            instrument=instrument,
            log=log,
            where=piece.where,
        )


def _diffs(pieces: Iterator[Piece], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    """Snapshot rows of one local time are a new book: a CLEAR goes before them. Diffs before the first are dropped."""
    book_is_known, last_recv, last_in_snapshot = False, -1, False
    for piece in pieces:
        exch_ts, recv_ts = _stamps(piece)
        snapshot = piece.integers("is_snapshot") == 1
        after = np.append(last_in_snapshot, snapshot[:-1])
        begins = snapshot & (~after | (np.diff(recv_ts, prepend=last_recv) != 0))
        last_recv, last_in_snapshot = int(recv_ts[-1]), bool(snapshot[-1])
        known = np.logical_or.accumulate(np.append(book_is_known, begins))[1:]
        log.snapshot_drops += int(np.count_nonzero(~known))
        book_is_known = bool(known[-1])
        rows = np.flatnonzero(known)
        kept = piece.pick(rows)
        batch = event_batch(
            exch_ts=exch_ts[rows],
            recv_ts=recv_ts[rows],
            kind=np.where(snapshot, int(Kind.SNAPSHOT), int(Kind.DEPTH))[rows],
            side=kept.sides("side", "bid", "ask"),
            price=kept.floats("price"),
            qty=kept.floats("amount"),
            id=np.full(len(rows), NO_ID),
            instrument=instrument,
            log=log,
            where=kept.where,
        )
        yield _with_clears(batch, np.flatnonzero(begins[rows]))


def _with_clears(batch: pa.RecordBatch, before: np.ndarray) -> pa.RecordBatch:
    """The batch with a CLEAR of both sides put before the rows of these indices, with their times."""
    clear = {"kind": int(Kind.CLEAR), "side": int(Side.NONE), "price": 0.0, "qty": 0.0}
    columns = {name: column(batch, name) for name in batch.schema.names}
    return batch_of(np.insert(values, before, clear.get(name, values[before])) for name, values in columns.items())


def _snapshots(pieces: Iterator[Piece], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    """Every row is a whole book of a few levels: a CLEAR and its levels, bids first."""
    for piece in pieces:
        exch_ts, recv_ts = _stamps(piece)
        depth = sum(name.startswith("bids[") and name.endswith(".price") for name in piece.batch.schema.names)
        price, qty = (
            np.stack([piece.floats(f"{s}[{k}].{what}") for s in ("bids", "asks") for k in range(depth)], axis=1)
            for what in ("price", "amount")
        )  # [rows, 2 * depth]
        row, level = np.nonzero(~np.isnan(price))
        levels = piece.pick(row)
        batch = event_batch(
            exch_ts=exch_ts[row],
            recv_ts=recv_ts[row],
            kind=np.full(len(row), int(Kind.SNAPSHOT)),
            side=np.where(level < depth, int(Side.BID), int(Side.ASK)),
            price=price[row, level],
            qty=qty[row, level],
            id=np.full(len(row), NO_ID),
            instrument=instrument,
            log=log,
            where=levels.where,
        )
        yield _with_clears(batch, np.flatnonzero(np.diff(row, prepend=-1)))


READERS = {"trades": _trades, "incremental_book_L2": _diffs, "quotes": _quotes, "book_snapshot": _snapshots}
