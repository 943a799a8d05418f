"""The fundings of a recording: when one was settled, its rate, and the mark price it was paid on.

A source without MARK rows before a funding leaves its mark to the exchange's mid.
"""

from collections.abc import Iterator

import numpy as np

from jaxmm.data.schema import Kind
from jaxmm.instrument import Instrument
from jaxmm.tape.rows import BATCH_ROWS, EventStore

COLUMNS = ["exch_ts", "kind", "price"]


def read_fundings(store: EventStore) -> tuple[np.ndarray, np.ndarray]:
    """Times, int64 [P] ascending, and (rate, mark price) of every funding, float64 [P, 2]; NaN where no mark is known.

    A mark price counts from its exchange time on, whenever it was received; of those of one time, the last.
    """
    columns = list(zip(*_rows(store), strict=True))
    if not columns:
        return np.zeros(0, np.int64), np.zeros((0, 2))
    ts, kind, price = (np.concatenate(column) for column in columns)
    fundings, marks = np.flatnonzero(kind == Kind.FUNDING), np.flatnonzero(kind == Kind.MARK)
    fundings = fundings[np.argsort(ts[fundings], kind="stable")]
    marks = marks[np.argsort(ts[marks], kind="stable")]
    before = np.searchsorted(ts[marks], ts[fundings], side="right")
    known = np.concatenate([[np.nan], price[marks]])
    return ts[fundings], np.stack([price[fundings], known[before]], axis=1)


def at_mid(
    fundings: np.ndarray, ts_ns: np.ndarray, exch_ts: np.ndarray, best: np.ndarray, instrument: Instrument
) -> np.ndarray:
    """The fundings [P, 2] with unknown marks replaced by the mid after the last event up to `ts_ns` with both sides.

    Where there is none before, the first one after; NaN stays where the book never has both sides.
    """
    unknown = np.flatnonzero(np.isnan(fundings[:, 1]))
    whole = np.flatnonzero((best > 0).all(axis=1)) if len(unknown) else unknown
    if not len(whole):
        return fundings
    event = np.searchsorted(exch_ts, ts_ns[unknown], side="right") - 1
    at = np.maximum(np.searchsorted(whole, event, side="right") - 1, 0)
    filled = fundings.copy()
    filled[unknown, 1] = best[whole[at]].sum(axis=1) * instrument.tick_size / 2
    return filled


def _rows(store: EventStore) -> Iterator[tuple[np.ndarray, ...]]:
    for batch in store.batches(batch_rows=BATCH_ROWS, columns=COLUMNS):
        ts, kind, price = (batch.column(name).to_numpy() for name in COLUMNS)
        kept = (kind == Kind.FUNDING) | (kind == Kind.MARK)
        if kept.any():
            yield ts[kept], kind[kept], price[kept]
