"""A day traded becomes a tape: the market data of a journal as a store of the data room."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from jaxmm.data.readers.log import ReadLog
from jaxmm.data.readers.rows import BATCH_ROWS, NO_ID, event_batch
from jaxmm.data.schema import Kind, Side
from jaxmm.data.store import ImportReport, store_batches
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.journal.journal import INSTRUMENT, OPENED
from jaxmm.live.journal.market import MARKET, market_messages
from jaxmm.live.journal.reading import read_rows
from jaxmm.live.journal.rows import ROWS_LOST
from jaxmm.live.messages import Book, Gap, Mark, Market, Trade

Entry = tuple[int, int, int, int, float, float, int]  # exch_ts, recv_ts, kind, side, price, qty, id


def export(journal: str | Path, out: str | Path, instrument: Instrument | None = None) -> ImportReport:
    """Writes the market data of a journal into a new store at `out`; `jaxmm tape build` accepts it.

    Between two runs of the process stands a gap. `instrument` is that of the journal's facts unless given.

    Raises:
        InputError: a changed row, a journal without market data or without an instrument, an existing `out`.
    """
    instrument = instrument or _instrument_of(Path(journal))
    return store_batches(_batches(Path(journal), instrument), "journal", journal, instrument, out)


def _instrument_of(journal: Path) -> Instrument:
    for row in read_rows(journal):
        if row.kind == OPENED and INSTRUMENT in row.body:
            return Instrument.from_dict(row.body[INSTRUMENT], where=f"{journal}: row {row.seq}: instrument")
    raise InputError(f"{journal}: no row names the instrument; give its YAML file")


def _batches(journal: Path, instrument: Instrument) -> Iterator[pa.RecordBatch]:
    entries, log = list[Entry](), ReadLog()
    for entry in _entries(journal, _Units(instrument)):
        entries.append(entry)
        if len(entries) >= BATCH_ROWS and entry[1] != entries[-2][1]:
            yield _batch(entries, instrument, log, journal)
            entries = []
    if entries:
        yield _batch(entries, instrument, log, journal)


def _batch(entries: list[Entry], instrument: Instrument, log: ReadLog, journal: Path) -> pa.RecordBatch:
    exch_ts, recv_ts, kind, side, price, qty, id = zip(*entries, strict=True)
    return event_batch(
        exch_ts=np.array(exch_ts, np.int64),
        recv_ts=np.array(recv_ts, np.int64),
        kind=np.array(kind, np.int64),
        side=np.array(side, np.int64),
        price=np.array(price, np.float64),
        qty=np.array(qty, np.float64),
        id=np.array(id, np.int64),
        instrument=instrument,
        log=log,
        where=lambda i: f"{journal}: market data received at {recv_ts[i]}",
    )


class _Units:
    """Ticks and lots as the decimals that the venue wrote."""

    def __init__(self, instrument: Instrument) -> None:
        self._tick, self._lot = Fraction(repr(instrument.tick_size)), Fraction(repr(instrument.lot_size))

    def price(self, ticks: int) -> float:
        return ticks * self._tick.numerator / self._tick.denominator

    def qty(self, lots: int) -> float:
        return lots * self._lot.numerator / self._lot.denominator


def _entries(journal: Path, units: _Units) -> Iterator[Entry]:
    missing, expected = False, NO_ID
    for row in read_rows(journal):
        if row.kind in (OPENED, ROWS_LOST):
            missing = expected != NO_ID
        elif row.kind == MARKET:
            for message in market_messages(row):
                if missing:
                    yield _gap(message.recv_ts, expected)
                    missing = False
                yield from _gap_or_entries(message, expected, units)
                expected = message.id if isinstance(message, Book) else expected


def _gap(recv_ts: int, expected: int) -> Entry:
    return recv_ts, recv_ts, Kind.GAP, Side.NONE, 0.0, 0.0, expected


def _gap_or_entries(message: Market, expected: int, units: _Units) -> Iterator[Entry]:
    if isinstance(message, Gap):
        yield _gap(message.recv_ts, expected)
    elif isinstance(message, Mark):
        yield message.recv_ts, message.recv_ts, Kind.MARK, Side.NONE, message.price, 0.0, NO_ID
    elif isinstance(message, Trade):
        price, qty = units.price(message.price_ticks), units.qty(message.qty_lots)
        yield message.exch_ts, message.recv_ts, Kind.TRADE, message.side, price, qty, message.id
    else:
        times = message.exch_ts, message.recv_ts
        if message.snapshot:
            yield *times, Kind.CLEAR, Side.NONE, 0.0, 0.0, message.id
        kind = Kind.SNAPSHOT if message.snapshot else Kind.DEPTH
        for side, levels in ((Side.BID, message.bids), (Side.ASK, message.asks)):
            for ticks, lots in levels:
                yield *times, kind, side, units.price(ticks), units.qty(lots), message.id
