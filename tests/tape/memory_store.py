"""Small stores in memory, and random ones with every kind of row."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from jaxmm.data.schema import COLUMNS, Kind, Side
from jaxmm.instrument import Instrument

STEP_NS = 100
INSTRUMENT = Instrument("test", "ABC", tick_size=0.1, lot_size=0.001)


@dataclass
class MemoryStore:
    """Rows (exch_ts, recv_ts, kind, side, ticks, lots, id) behind a store's interface."""

    rows: list[tuple]
    instrument: Instrument = INSTRUMENT
    meta: dict = field(default_factory=lambda: {"clocks": "both"})

    def batches(self, batch_rows=1 << 17, columns=None):
        for start in range(0, len(self.rows), batch_rows):
            values = list(zip(*self.rows[start : start + batch_rows], strict=True))
            values[4] = np.array(values[4]) / 10
            values[5] = np.array(values[5]) / 1000
            batch = pa.record_batch([pa.array(v, t.type) for v, t in zip(values, COLUMNS, strict=True)], schema=COLUMNS)
            yield batch if columns is None else batch.select(columns)


class RandomMarket:
    """A stream of messages around 1000 ticks; exchange time runs ahead of the receiver's by a random lag."""

    def __init__(self, seed, tops_only=False):
        self.rng = np.random.default_rng(seed)
        self.tops_only = tops_only
        self.exch = {"book": 0, "trade": 0}
        self.recv = 0
        self.rows = []

    def stream(self, messages):
        self._book(Kind.TOP if self.tops_only else Kind.SNAPSHOT)
        for n in range(messages):
            kind = self.rng.choice(3, p=[0.35, 0.62, 0.03])
            if kind == 0:
                self._add(Kind.TRADE, [(self.rng.integers(2), self._price(0), self.rng.integers(1, 9))], id=n)
            elif self.tops_only:
                self._book(Kind.TOP, id=n)
            else:
                self._book(Kind.DEPTH if kind == 1 else Kind.SNAPSHOT, id=n)
        return self.rows

    def _price(self, away):
        return 1000 + int(self.rng.integers(-8, 9)) + away

    def _book(self, kind, id=-1):
        rows = []
        for side, away in ((Side.BID, -9), (Side.ASK, 9)):
            if kind == Kind.TOP:
                rows.append((side, self._price(away), self.rng.integers(1, 9)))
                continue
            count = self.rng.integers(1, 6)
            prices = self.rng.choice(np.arange(-8, 9), count, replace=False) + 1000 + away
            empty = 0 if kind == Kind.DEPTH else 1
            rows += [(side, int(p), self.rng.integers(empty, 5)) for p in prices]
        self._add(kind, rows, id)

    def _add(self, kind, rows, id):
        channel = "trade" if kind == Kind.TRADE else "book"
        self.recv += int(self.rng.integers(0, 5))
        self.exch[channel] = max(self.exch[channel], self.recv - int(self.rng.integers(0, 20)))
        stamps = (self.exch[channel] * STEP_NS, self.recv * STEP_NS)
        if kind == Kind.SNAPSHOT:
            self.rows.append((*stamps, Kind.CLEAR, Side.NONE, 0, 0, id))
        self.rows += [(*stamps, kind, int(side), price, int(lots), id) for side, price, lots in rows]


def plain_book(rows):
    """The book after rows, as {(side, price): lots}: the definition, in a few lines."""
    book = {}
    for _, _, kind, side, price, lots, _ in rows:
        if kind in (Kind.CLEAR, Kind.TOP):
            book = {key: value for key, value in book.items() if side not in (key[0], Side.NONE)}
        if kind in (Kind.DEPTH, Kind.SNAPSHOT, Kind.TOP):
            book.pop((side, price), None)
            if lots:
                book[side, price] = lots
    return book
