"""A recorded day as the quoter would have received it: the rows of a store, message by message.

A book message is all consecutive book rows of one (exchange time, receiver's time, id), as for the tape. Where the
book comes from tops alone a message is a snapshot of one level a side.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa

from jaxmm.data.arrow import column
from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.messages import ASK, BID, Book, Gap, Mark, Market, Trade

BATCH_ROWS = 1 << 15
_PRICED = (Kind.TRADE, Kind.DEPTH, Kind.SNAPSHOT, Kind.TOP)
_DIFFS = (Kind.DEPTH, Kind.SNAPSHOT)

Row = tuple[int, int, int, int, int, int, int]  # exch_ts, recv_ts, kind, side, ticks, lots, id


class Recording(Protocol):
    """What a feed is read from: `jaxmm.data.store.Store`, or anything that reads alike."""

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        ...

    def batches(self, batch_rows: int = ..., columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows in received order, only `columns` where given."""
        ...


class StoreFeed:
    """The market messages of a store in received order; may be read any number of times.

    Raises `InputError` where the store holds no rows.

    Attributes:
        instrument: what is traded.
        first_ns: when its first row was received.
        disorder_ns: how far exchange time runs back at most, against the latest before it in received order.
    """

    def __init__(self, store: Recording) -> None:
        self.instrument = store.instrument
        self._store = store
        self.first_ns, self.disorder_ns, self._has_diffs = _survey(store)

    def __iter__(self) -> Iterator[Market]:
        """Raises `InputError` on a price or quantity that is off the tick or lot."""
        return _Messages(self._has_diffs).of(self._rows())

    def _rows(self) -> Iterator[tuple[Row, float]]:
        """Rows in ticks and lots, and the price as it was written."""
        for batch in self._store.batches(batch_rows=BATCH_ROWS):
            kind, price, qty = (column(batch, name) for name in ("kind", "price", "qty"))
            priced = np.isin(kind, _PRICED) & ~((kind == Kind.TOP) & ~(qty > 0))
            ticks = self.instrument.to_ticks(np.where(priced, price, 0.0))
            lots = self.instrument.to_lots(np.where(priced, qty, 0.0))
            times, rest = (column(batch, "exch_ts"), column(batch, "recv_ts")), (column(batch, "side"), ticks, lots)
            columns = (*times, kind, *rest, column(batch, "id"))
            yield from zip(zip(*(c.tolist() for c in columns), strict=True), price.tolist(), strict=True)


def _survey(store: Recording) -> tuple[int, int, bool]:
    """First time, how far exchange time runs back, and whether diffs or snapshots make the book; where not, tops do."""
    first: int | None = None
    disorder, latest, has_diffs = 0, np.iinfo(np.int64).min, False
    for batch in store.batches(columns=["exch_ts", "recv_ts", "kind"]):
        if batch.num_rows:
            exch_ts = column(batch, "exch_ts")
            first = int(column(batch, "recv_ts")[0]) if first is None else first
            newest = np.maximum.accumulate(np.maximum(exch_ts, latest))
            latest, disorder = newest[-1], max(disorder, int((newest - exch_ts).max()))
            has_diffs |= bool(np.isin(column(batch, "kind"), _DIFFS).any())
    if first is None:
        raise InputError(f"{store.instrument.symbol}: the store holds no rows; import a recording first")
    return first, disorder, has_diffs


class _Messages:
    """Rows made into messages; holds the book message under way."""

    def __init__(self, has_diffs: bool) -> None:
        self._book_kinds = _DIFFS if has_diffs else (Kind.TOP,)
        self._tops: list[tuple[tuple[int, int], ...]] = [(), ()]  # of the last top of each side
        self._key: tuple[int, int, int] | None = None  # exch_ts, recv_ts, id of the book message under way
        self._levels: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        self._snapshot = False

    def of(self, rows: Iterable[tuple[Row, float]]) -> Iterator[Market]:
        for (exch_ts, recv_ts, kind, side, ticks, lots, id), price in rows:
            if kind in self._book_kinds or kind == Kind.CLEAR:
                if self._key != (exch_ts, recv_ts, id):
                    yield from self._whole()
                    self._key = exch_ts, recv_ts, id
                self._add(kind, side, ticks, lots)
            elif kind == Kind.TRADE and side != Side.NONE:
                yield from self._whole()
                yield Trade(exch_ts, recv_ts, side, ticks, lots, id)
            elif kind == Kind.MARK:
                yield from self._whole()
                yield Mark(recv_ts, price)
            elif kind == Kind.GAP:
                yield from self._whole()
                yield Gap(recv_ts, f"the recording misses messages after id {id}")
        yield from self._whole()

    def _add(self, kind: int, side: int, ticks: int, lots: int) -> None:
        if kind == Kind.TOP:
            self._tops[side], self._snapshot = ((ticks, lots),) if lots else (), True
        elif kind == Kind.CLEAR:
            for one in (BID, ASK) if side == Side.NONE else (side,):
                self._tops[one] = ()
                self._levels[one].clear()
            self._snapshot = True
        else:
            self._levels[side].append((ticks, lots))

    def _whole(self) -> Iterator[Book]:
        """The book message under way, where there is one."""
        if self._key is not None:
            exch_ts, recv_ts, id = self._key
            bids, asks = (tuple(levels) for levels in self._levels)
            if Kind.TOP in self._book_kinds:
                bids, asks = self._tops
            yield Book(exch_ts, recv_ts, self._snapshot, bids, asks, id)
            self._levels[BID].clear()
            self._levels[ASK].clear()
            self._key, self._snapshot = None, False
