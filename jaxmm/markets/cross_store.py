"""A cross made of other pairs as a recording of its own: it reads like a store, so that it can be tabled and replayed.

The rows of several stores are merged on our clock (`recv_ts`); after every message of any of them the route's synthetic
book is made anew, rounded against us to the cross's tick and lot, and what changed becomes DEPTH rows. A message's
exchange time is the latest that any store has shown. A store without book messages is read by its quotes (TOP). Where
messages are missing (GAP), a pair has no book until its next snapshot, and the cross none either.
P stores · C book capacity · L legs · D levels shown a side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numba
import numpy as np
import pyarrow as pa

from jaxmm.data.arrow import array, column
from jaxmm.data.book import Book, clear, new_book, set_level
from jaxmm.data.readers.merge import merge
from jaxmm.data.schema import COLUMNS, Kind, Side, event_schema
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.markets.crosses import Pair, Route, back, routes, walk

DEPTH, TOP, SNAPSHOT, CLEAR, GAP = (int(k) for k in (Kind.DEPTH, Kind.TOP, Kind.SNAPSHOT, Kind.CLEAR, Kind.GAP))
NONE = int(Side.NONE)
_READ = 20  # levels of a leg that are walked


class EventStore(Protocol):
    """What is read of a store: a recording's, a synthetic one's, another cross."""

    @property
    def instrument(self) -> Instrument:
        """What its rows are of."""
        ...

    def batches(self, batch_rows: int = ..., columns: Any = None) -> Iterator[pa.RecordBatch]:
        """Canonical rows in received order."""
        ...


class _Legs(NamedTuple):
    """A route and its way back as the compiled loop reads them, [2, L]: bids are made one way, asks the other."""

    pair: np.ndarray  # int64
    sells: np.ndarray  # bool
    kept: np.ndarray  # float64, 1 − fee
    tick: np.ndarray  # float64 [P]
    lot: np.ndarray  # float64 [P]


class _Shown(NamedTuple):
    """The synthetic book as the rows so far have it; changed in place."""

    ticks: np.ndarray  # int64 [2, D], best first
    lots: np.ndarray  # int64 [2, D]
    n: np.ndarray  # int64 [2]
    said: np.ndarray  # int64 [2]: messages so far, latest exchange time


@dataclass(frozen=True)
class CrossStore:
    """One route's synthetic liquidity. Raises `InputError` where the stores do not make up the route.

    Attributes:
        stores: recordings of the pairs, on one clock.
        route: from `routes_of`.
        instrument: of the cross; its tick and lot are what prices and sizes are rounded to.
        levels: shown a side.
    """

    stores: tuple[EventStore, ...]
    route: Route
    instrument: Instrument
    levels: int = 5

    def __post_init__(self) -> None:
        if not all(0 <= leg.pair < len(self.stores) for leg in self.route) or len(self.route) < 2:
            raise InputError(
                f"{self.instrument.symbol}: the route names a pair that is none of {len(self.stores)} stores"
            )
        for leg in self.route:
            if self.stores[leg.pair].instrument.kind != "linear":
                symbol = self.stores[leg.pair].instrument.symbol
                raise InputError(f"{symbol}: an inverse contract is no pair to exchange coins in; give spot or linear")

    @property
    def meta(self) -> dict[str, Any]:
        """What `store.json` holds for a recording."""
        through = [self.stores[leg.pair].instrument.symbol for leg in self.route]
        return {"instrument": self.instrument.to_dict(), "source": "cross", "clocks": "both", "through": through}

    def batches(self, batch_rows: int = 1 << 17, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Canonical rows in received order; about `batch_rows` rows of the sources make a batch."""
        legs, shown = self._legs(), self._nothing_shown()
        books = [new_book() for _ in self.stores]
        stacked = Book(*(np.stack(arrays) for arrays in zip(*books, strict=True)))
        quotes_only = self._quotes_only()
        schema = event_schema(self.instrument, clocks="both", through=self.meta["through"])
        for rows in _whole_messages(merge([_tagged(store, i, batch_rows) for i, store in enumerate(self.stores)])):
            units = _in_units(rows, [store.instrument for store in self.stores])
            made = _follow(*units, quotes_only, stacked, legs, shown, *self._units())
            if made is None:
                raise InputError(
                    f"{self.instrument.symbol}: a pair's book has more levels than fit; is it well recorded?"
                )
            if len(made[0]):
                prices = made[4] * self.instrument.tick_size, made[5] * self.instrument.lot_size
                columns_made = [*made[:4], *(np.round(values, 12) for values in prices), made[6]]
                arrays = [array(c, f.type) for c, f in zip(columns_made, COLUMNS, strict=True)]
                batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
                yield batch if columns is None else batch.select(list(columns))

    def _units(self) -> tuple[float, float]:
        return self.instrument.tick_size, self.instrument.lot_size

    def _quotes_only(self) -> np.ndarray:
        """Which stores have no book messages in their first batch; bool [P]."""
        found = []
        for store in self.stores:
            kinds = column(next(iter(store.batches()), pa.RecordBatch.from_pylist([], schema=COLUMNS)), "kind")
            found.append(not np.isin(kinds, (DEPTH, SNAPSHOT)).any())
        return np.array(found)

    def _legs(self) -> _Legs:
        both = (self.route, back(self.route))
        instruments = [store.instrument for store in self.stores]
        return _Legs(
            pair=np.array([[leg.pair for leg in way] for way in both]),
            sells=np.array([[leg.sells for leg in way] for way in both]),
            kept=np.array([[1 - instruments[leg.pair].taker_fee for leg in way] for way in both]),
            tick=np.array([instrument.tick_size for instrument in instruments]),
            lot=np.array([instrument.lot_size * instrument.contract_size for instrument in instruments]),
        )

    def _nothing_shown(self) -> _Shown:
        shape = (2, self.levels)
        return _Shown(
            np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
        )


def routes_of(stores: Sequence[EventStore], base: str, quote: str, longest: int = 3) -> list[Route]:
    """Every route from `base` to `quote` over the stores' pairs but the direct one; `InputError` if there is none.

    Stores whose instrument does not name its coins are refused: nothing can be routed through them.
    """
    for store in stores:
        if not store.instrument.base or not store.instrument.quote:
            raise InputError(
                f"{store.instrument.symbol}: give base and quote in the instrument file, such as ETH and USDT"
            )
    pairs = [Pair(s.instrument.base, s.instrument.quote, s.instrument.taker_fee) for s in stores]
    return routes(pairs, base, quote, longest)


def quotes_at(store: EventStore, times_ns: np.ndarray) -> np.ndarray:
    """What a cross shows at times of our clock: bid, bid size, ask, ask size; float64 [len(times), 4], nan where none.

    A message received at a time is seen at that time.
    """
    seen, tops = _tops(store)
    at = np.searchsorted(seen, times_ns, side="right") - 1
    return np.where((at >= 0)[:, None], tops[np.maximum(at, 0)] if len(tops) else np.nan, np.nan)


def _tops(store: EventStore) -> tuple[np.ndarray, np.ndarray]:
    """(recv_ts [M], bid, bid size, ask, ask size [M, 4]) after every message of a store of DEPTH rows."""
    book, times, tops = new_book(), [], []
    instrument = store.instrument
    for batch in store.batches():
        ticks = np.rint(column(batch, "price") / instrument.tick_size).astype(np.int64)
        lots = np.rint(column(batch, "qty") / instrument.lot_size).astype(np.int64)
        recv_ts = column(batch, "recv_ts")
        after = _touches(book, column(batch, "kind"), column(batch, "side"), ticks, lots)
        last = np.append(np.diff(column(batch, "id")) != 0, True)
        times.append(recv_ts[last])
        units = [instrument.tick_size, instrument.lot_size] * 2
        tops.append(np.where(after[last] == 0, np.nan, after[last] * units))
    return np.concatenate([np.empty(0, np.int64), *times]), np.concatenate([np.empty((0, 4)), *tops])


@numba.njit(cache=True)
def _touches(book: Book, kind: np.ndarray, side: np.ndarray, ticks: np.ndarray, lots: np.ndarray) -> np.ndarray:
    """Best bid, its lots, best ask, its lots after every row, int64 [rows, 4]; 0 where a side is empty."""
    tops = np.zeros((len(kind), 4), np.int64)
    for i in range(len(kind)):
        if kind[i] == CLEAR:
            clear(book, side[i])
        elif kind[i] == DEPTH or kind[i] == SNAPSHOT:
            set_level(book, side[i], ticks[i], lots[i])
        for s in range(2):
            n = book.n[s]
            if n:
                tops[i, 2 * s] = book.keys[s, n - 1] if s == 0 else -book.keys[s, n - 1]
                tops[i, 2 * s + 1] = book.qtys[s, n - 1]
    return tops


def _tagged(store: EventStore, index: int, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a store that move its book, with a column that says which store it is."""
    for batch in store.batches(batch_rows):
        kinds = column(batch, "kind")
        wanted = np.isin(kinds, (DEPTH, TOP, SNAPSHOT, CLEAR, GAP))
        batch = batch.replace_schema_metadata(None).filter(pa.array(wanted))
        yield batch.append_column("store", array(np.full(batch.num_rows, index, np.int64), pa.int64()))


def _whole_messages(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, cut only where a message ends: where store, time or id change."""
    held: pa.RecordBatch | None = None
    for batch in batches:
        batch = batch if held is None else pa.concat_batches([held, batch])
        ends = np.flatnonzero(_ends(batch)[:-1])
        cut = int(ends[-1]) + 1 if len(ends) else 0
        if cut:
            yield batch.slice(0, cut)
        held = batch.slice(cut)
    if held is not None and held.num_rows:
        yield held


def _ends(batch: pa.RecordBatch) -> np.ndarray:
    """Whether each row is the last of its message, bool [rows]."""
    changes = [np.diff(column(batch, name)) != 0 for name in ("store", "recv_ts", "id")]
    return np.append(np.logical_or.reduce(changes), True)


def _in_units(batch: pa.RecordBatch, instruments: Sequence[Instrument]) -> tuple[np.ndarray, ...]:
    """Columns of the sources' rows: times, kind, side, ticks, lots, store, end of message."""
    store, price, qty = column(batch, "store"), column(batch, "price"), column(batch, "qty")
    tick = np.array([instrument.tick_size for instrument in instruments])[store]
    lot = np.array([instrument.lot_size for instrument in instruments])[store]
    ticks, lots = np.rint(price / tick).astype(np.int64), np.rint(qty / lot).astype(np.int64)
    times = column(batch, "exch_ts"), column(batch, "recv_ts")
    return *times, column(batch, "kind"), column(batch, "side"), ticks, lots, store, _ends(batch)


@numba.njit(cache=True)
def _follow(
    exch_ts: np.ndarray,
    recv_ts: np.ndarray,
    kind: np.ndarray,
    side: np.ndarray,
    ticks: np.ndarray,
    lots: np.ndarray,
    store: np.ndarray,
    ends: np.ndarray,
    quotes_only: np.ndarray,
    books: Book,
    legs: _Legs,
    shown: _Shown,
    tick: float,
    lot: float,
) -> tuple | None:
    """Rows of the synthetic book's changes: seven columns, price in ticks, size in lots; None if a book is full."""
    levels = shown.ticks.shape[1]
    most = 4 * levels * int(ends.sum()) + 1
    made_times = np.empty((2, most), np.int64)
    made_kinds = np.empty((2, most), np.int8)
    made = np.empty((3, most), np.int64)
    new_ticks, new_lots = np.zeros((2, levels), np.int64), np.zeros((2, levels), np.int64)
    rows = 0
    for i in range(len(kind)):
        book = Book(books.keys[store[i]], books.qtys[store[i]], books.n[store[i]])
        shown.said[1] = max(shown.said[1], exch_ts[i])
        if kind[i] == CLEAR:
            clear(book, side[i])
        elif kind[i] == GAP:
            clear(book, NONE)
        elif kind[i] == TOP and quotes_only[store[i]]:
            clear(book, side[i])
            set_level(book, side[i], ticks[i], lots[i])
        elif kind[i] != TOP and set_level(book, side[i], ticks[i], lots[i]) < 0:
            return None
        if not ends[i]:
            continue
        before = rows
        for s in range(2):
            n = _levels(books, legs, s, tick, lot, new_ticks[s], new_lots[s])
            rows = _changes(s, new_ticks[s], new_lots[s], n, shown, made_kinds, made, rows)
        for row in range(before, rows):
            made_times[0, row], made_times[1, row], made[2, row] = shown.said[1], recv_ts[i], shown.said[0]
        shown.said[0] += rows > before
    return (
        made_times[0, :rows].copy(),
        made_times[1, :rows].copy(),
        made_kinds[0, :rows].copy(),
        made_kinds[1, :rows].copy(),
        made[0, :rows].astype(np.float64),
        made[1, :rows].astype(np.float64),
        made[2, :rows].copy(),
    )


@numba.njit(cache=True)
def _levels(books: Book, legs: _Legs, s: int, tick: float, lot: float, ticks: np.ndarray, lots: np.ndarray) -> int:
    """Fills `ticks` and `lots` [D] with the synthetic levels of side `s`, rounded against us; returns how many."""
    count = legs.pair.shape[1]
    price, qty, n = np.ones((count, _READ)), np.zeros((count, _READ)), np.zeros(count, np.int64)
    for leg in range(count):
        pair, own = legs.pair[s, leg], 0 if legs.sells[s, leg] else 1
        n[leg] = min(books.n[pair, own], _READ)
        for k in range(n[leg]):
            key = books.keys[pair, own, books.n[pair, own] - 1 - k]
            price[leg, k] = abs(key) * legs.tick[pair]
            qty[leg, k] = books.qtys[pair, own, books.n[pair, own] - 1 - k] * legs.lot[pair]
    flow = np.empty((count * _READ, 2))
    found = walk(legs.sells[s], price, qty, n, legs.kept[s], flow)
    filled, size = 0, 0.0
    for level in range(found):
        given, got = flow[level, 0], flow[level, 1]
        exact = (got / given if s == 0 else given / got) / tick
        rounded = int(np.floor(exact + 1e-9)) if s == 0 else int(np.ceil(exact - 1e-9))
        amount = (given if s == 0 else got) / lot
        if filled == 0 or ticks[filled - 1] != rounded:
            if filled == len(ticks):
                break
            filled, size = filled + 1, 0.0
        size += amount
        ticks[filled - 1], lots[filled - 1] = rounded, int(np.floor(size + 1e-9))
    kept = 0
    for level in range(filled):
        if lots[level] > 0 and ticks[level] > 0:
            ticks[kept], lots[kept] = ticks[level], lots[level]
            kept += 1
    return kept


@numba.njit(cache=True)
def _changes(
    s: int,
    ticks: np.ndarray,
    lots: np.ndarray,
    n: int,
    shown: _Shown,
    kinds: np.ndarray,
    made: np.ndarray,
    rows: int,
) -> int:
    """Writes the rows that turn the side shown into the new one, and shows it; returns the rows written so far."""
    for old in range(shown.n[s]):
        gone = True
        for new in range(n):
            gone = gone and ticks[new] != shown.ticks[s, old]
        if gone:
            kinds[0, rows], kinds[1, rows], made[0, rows], made[1, rows] = DEPTH, s, shown.ticks[s, old], 0
            rows += 1
    for new in range(n):
        same = False
        for old in range(shown.n[s]):
            same = same or (ticks[new] == shown.ticks[s, old] and lots[new] == shown.lots[s, old])
        if not same:
            kinds[0, rows], kinds[1, rows], made[0, rows], made[1, rows] = DEPTH, s, ticks[new], lots[new]
            rows += 1
    shown.n[s] = n
    for new in range(n):
        shown.ticks[s, new], shown.lots[s, new] = ticks[new], lots[new]
    return rows
