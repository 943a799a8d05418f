"""A store's rows as integer columns: only those that a tape is built from, in ticks and lots that fit int32."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.instrument import INT32_MAX, Instrument
from jaxmm.tape.delays import FEED, Delay, Recorded

BATCH_ROWS = 1 << 17

# compiled code reads plain integers
TRADE, TOP, SNAPSHOT, CLEAR = int(Kind.TRADE), int(Kind.TOP), int(Kind.SNAPSHOT), int(Kind.CLEAR)
RECORDED = Recorded()
_DIFF_KINDS = (Kind.DEPTH, Kind.SNAPSHOT)


class EventStore(Protocol):
    """What a tape is built from: `jaxmm.data.store.Store`, or anything that reads alike."""

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        ...

    @property
    def meta(self) -> dict[str, Any]:
        """What `store.json` holds; `clocks` is `both` or `exchange`."""
        ...

    def batches(self, batch_rows: int = ..., columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows in received order, only `columns` where given."""
        ...


class Rows(NamedTuple):
    """Columns of the same length, in received order."""

    exch_ts: np.ndarray  # int64, ns
    recv_ts: np.ndarray  # int64, ns
    kind: np.ndarray  # int8, Kind: TRADE, CLEAR, and TOP or DEPTH and SNAPSHOT
    side: np.ndarray  # int8, Side
    price: np.ndarray  # int64, ticks; 0 in a CLEAR and where a TOP says that its side is empty
    qty: np.ndarray  # int64, lots
    id: np.ndarray  # int64

    def take(self, index: Any) -> "Rows":
        """The rows that a mask, a slice or an array of positions names."""
        return Rows(*(column[index] for column in self))


def no_rows() -> Rows:
    """Columns of the right types without a row."""
    return Rows(*(np.zeros(0, np.int8 if name in ("kind", "side") else np.int64) for name in Rows._fields))


@dataclass(frozen=True)
class Scan:
    """What must be known of a store before the first pass over it."""

    rows: int
    """All rows."""
    has_diffs: bool
    """Whether DEPTH or SNAPSHOT rows make the book; where not, TOP rows do."""
    disorder_ns: int
    """How far exchange time runs back at most, against the latest before it in received order."""
    gaps: int
    """GAP rows."""
    unsided: int
    """Trades without an aggressor (auctions), which no tape holds."""
    fundings: int = 0
    """FUNDING rows."""


def scan(store: EventStore) -> Scan:
    """One quick pass over the columns that matter. Raises `InputError` where there is no row."""
    rows = gaps = unsided = disorder = fundings = 0
    latest = np.iinfo(np.int64).min
    has_diffs = False
    for batch in store.batches(batch_rows=BATCH_ROWS, columns=["exch_ts", "kind", "side"]):
        if batch.num_rows == 0:
            continue
        exch_ts, kind, side = (batch.column(name).to_numpy() for name in ("exch_ts", "kind", "side"))
        newest = np.maximum.accumulate(np.concatenate([[latest], exch_ts]))[1:]
        latest = newest[-1]
        rows += batch.num_rows
        disorder = max(disorder, int((newest - exch_ts).max()))
        has_diffs |= bool(np.isin(kind, _DIFF_KINDS).any())
        gaps += int(np.count_nonzero(kind == Kind.GAP))
        fundings += int(np.count_nonzero(kind == Kind.FUNDING))
        unsided += int(np.count_nonzero((kind == Kind.TRADE) & (side == Side.NONE)))
    if rows == 0:
        raise InputError(f"{store.instrument.symbol}: the store holds no rows; import a recording first")
    return Scan(rows, has_diffs, disorder, gaps, unsided, fundings)


def tape_rows(store: EventStore, has_diffs: bool, feed: Delay = RECORDED) -> Iterator[tuple[int, Rows]]:
    """Batches of (store rows read, the rows that a tape is built from).

    With another `feed` than the recorded one a row is received that much after the exchange's time, or with the row
    before it where it would overtake.

    Raises:
        InputError: a price or quantity is off the tick or lot, or is so many of them that int32 overflows.
    """
    book_kinds = _DIFF_KINDS if has_diffs else (Kind.TOP,)
    latest = np.iinfo(np.int64).min
    wanted = np.isin(np.arange(len(Kind)), (Kind.TRADE, Kind.CLEAR, *book_kinds))
    for batch in store.batches(batch_rows=BATCH_ROWS):
        columns = {name: batch.column(name).to_numpy() for name in Rows._fields}
        kept = wanted[columns["kind"]] & ~((columns["kind"] == Kind.TRADE) & (columns["side"] == Side.NONE))
        rows = Rows(**columns).take(kept)
        if feed != RECORDED and len(rows.exch_ts):
            delays = feed.at(rows.exch_ts, rows.recv_ts - rows.exch_ts, FEED)
            rows = rows._replace(recv_ts=np.maximum(np.maximum.accumulate(rows.exch_ts + delays), latest))
            latest = rows.recv_ts[-1]
        yield batch.num_rows, _in_units(rows, store.instrument)


def _in_units(rows: Rows, instrument: Instrument) -> Rows:
    unpriced = (rows.kind == CLEAR) | ((rows.kind == TOP) & ~(rows.qty > 0))
    price = instrument.to_ticks(np.where(unpriced, 0.0, rows.price))
    qty = instrument.to_lots(np.where(unpriced, 0.0, rows.qty))
    _check_fits(price, instrument.tick_size, f"{instrument.symbol}: a price", "tick_size")
    _check_fits(qty, instrument.lot_size, f"{instrument.symbol}: a quantity", "lot_size")
    return rows._replace(price=price, qty=qty)


def _check_fits(units: np.ndarray, unit: float, what: str, field: str) -> None:
    largest = int(np.abs(units).max(initial=0))
    if largest > INT32_MAX:
        fitting = unit * 10 ** math.ceil(math.log10(largest / INT32_MAX))
        raise InputError(
            f"{what} of {largest * unit:g} is {largest} times {field} {unit:g}, more than {INT32_MAX}; "
            f"a {field} of {fitting:g} would fit"
        )
