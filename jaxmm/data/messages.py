"""A store's rows as integer arrays, cut so that no message is spread over two: what the integrity report reads."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from jaxmm.data.arrow import column
from jaxmm.data.schema import Kind
from jaxmm.instrument import Instrument

PRICED = np.array([k in (Kind.TRADE, Kind.DEPTH, Kind.TOP, Kind.SNAPSHOT) for k in Kind])


class Rows(NamedTuple):
    """Columns of canonical events; all [rows]."""

    exch_ts: np.ndarray  # int64 ns
    recv_ts: np.ndarray  # int64 ns
    kind: np.ndarray  # int8, `Kind`
    side: np.ndarray  # int8, `Side`
    ticks: np.ndarray  # int64; 0 where the row is bad or has no price
    lots: np.ndarray  # int64
    id: np.ndarray  # int64
    bad: np.ndarray  # bool: an unknown kind or side, or a price or quantity that the instrument does not have

    def pick(self, which: np.ndarray | slice) -> "Rows":
        """The rows of a mask, an index or a slice."""
        return Rows(*(values[which] for values in self))


def rows_of(batch: pa.RecordBatch, instrument: Instrument) -> Rows:
    """One batch in ticks and lots; rows that have none are marked bad instead of refused."""
    kind, side = column(batch, "kind"), column(batch, "side")
    known = (kind >= 0) & (kind < len(PRICED))
    priced = known & PRICED[np.where(known, kind, 0)]
    ticks, off_tick = _units(column(batch, "price"), instrument.tick_size, priced)
    lots, off_lot = _units(column(batch, "qty"), instrument.lot_size, priced)
    bad = ~known | (side < 0) | (side > 2) | off_tick | off_lot | (priced & ((ticks <= 0) | (lots < 0)))
    ids = column(batch, "id")
    return Rows(column(batch, "exch_ts"), column(batch, "recv_ts"), kind, side, ticks, lots, ids, bad)


def _units(values: np.ndarray, unit: float, priced: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int64 units, whether a priced value is not a whole number of them)."""
    units = np.where(priced & np.isfinite(values), values, 0.0) / unit
    whole = np.rint(units)
    off = priced & (~np.isfinite(values) | (np.abs(units - whole) > 1e-6 * np.maximum(1.0, np.abs(units) * 1e-6)))
    return np.where(off, 0.0, whole).astype(np.int64), off


def whole_messages(pieces: Iterable[Rows]) -> Iterator[Rows]:
    """The same rows, cut only where local time or id change: rows of one message stay together."""
    held: Rows | None = None
    for piece in pieces:
        if held is not None:
            piece = Rows(*(np.concatenate(pair) for pair in zip(held, piece, strict=True)))
        changes = np.flatnonzero((np.diff(piece.recv_ts) != 0) | (np.diff(piece.id) != 0))
        cut = int(changes[-1]) + 1 if changes.size else 0
        if cut:
            yield piece.pick(slice(cut))
        held = piece.pick(slice(cut, None))
    if held is not None and len(held.kind):
        yield held
