"""What the market does: messages of a recording, or of a synthetic market, in the order in which a venue lives them.

M messages, R rows. A message is one trade or one book change of several levels.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from jaxmm.data.arrow import column
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.schema import Kind
from jaxmm.data.store import META, READERS, open_store
from jaxmm.errors import InputError, nearest
from jaxmm.instrument import Instrument

SECOND_NS = 10**9
Level = tuple[int, int, int]
"""Side, price in ticks, displayed lots."""


class Message(NamedTuple):
    """One thing that the market does, `ts` ns after the first book."""

    ts: int
    trade: bool
    snapshot: bool  # the levels are all there are
    levels: list[Level]  # of a trade: the aggressor's side, price, lots


@dataclass(frozen=True)
class Recording:
    """A market that begins with a whole book and can be played again and again.

    Attributes:
        ts: int64 [M], ns since the first message, never falling.
        trade: bool [M].
        snapshot: bool [M].
        first: int64 [M + 1], where a message's rows begin.
        rows: int64 [R, 3]: side, ticks, lots.
    """

    ts: np.ndarray
    trade: np.ndarray
    snapshot: np.ndarray
    first: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def span_ns(self) -> int:
        """Length of one round; a second passes between its last message and its first."""
        return int(self.ts[-1]) + SECOND_NS

    def message(self, index: int) -> Message:
        """Message `index`, from 0."""
        levels = [
            (side, ticks, lots) for side, ticks, lots in self.rows[self.first[index] : self.first[index + 1]].tolist()
        ]
        return Message(int(self.ts[index]), bool(self.trade[index]), bool(self.snapshot[index]), levels)


def load(paths: tuple[Path, ...], format: str, instrument: Instrument, seconds: float | None = None) -> Recording:
    """A store's folder, or the raw files of one recording, at most `seconds` long.

    Raises `InputError` where nothing can be read, or where there is no whole book.
    """
    if len(paths) == 1 and (paths[0] / META).exists():
        store = open_store(paths[0])
        if store.instrument.symbol != instrument.symbol:
            raise InputError(
                f"{paths[0]}: holds {store.instrument.symbol}, not {instrument.symbol}; give its own instrument"
            )
        return from_batches(store.batches(), instrument, seconds)
    if format not in READERS:
        raise InputError(f"unknown format {format!r}; {nearest(format, READERS)}")
    return from_batches(READERS[format][0](paths, instrument, ReadLog()), instrument, seconds)


def from_batches(batches: Iterable[pa.RecordBatch], instrument: Instrument, seconds: float | None = None) -> Recording:
    """Canonical events put in the exchange's order: by its time, trades before the book changes that they cause."""
    parts = list(_book_and_trades(batches))
    if not parts:
        raise InputError(f"{instrument.symbol}: the recording holds no trades and no book changes; record diffs")
    exch, recv, kind, side, price, qty, ident = (np.concatenate(values) for values in zip(*parts, strict=True))
    trade = kind == Kind.TRADE
    starts = trade.copy()  # every print is a message; book rows of one time and id are one
    starts[0] = True
    for values in (exch, recv, ident, trade):
        starts[1:] |= values[1:] != values[:-1]
    begin = np.flatnonzero(starts)
    size = np.diff(np.append(begin, len(kind)))
    of_trade = trade[begin]
    ts = exch[begin].copy()
    ts[~of_trade] = np.maximum.accumulate(ts[~of_trade])
    order = np.lexsort((~of_trade, ts))
    snapshot = (kind[begin] == Kind.CLEAR)[order]
    if not snapshot.any():
        raise InputError(f"{instrument.symbol}: the recording has no snapshot of the book; record one")
    order = order[int(np.argmax(snapshot)) :]
    ts = ts[order] - ts[order[0]]
    if seconds is not None:
        order, ts = (values[ts <= seconds * SECOND_NS] for values in (order, ts))
    picked = np.concatenate([np.arange(begin[m], begin[m] + size[m]) for m in order])
    picked_message = np.repeat(np.arange(len(order)), size[order])
    levels = kind[picked] != Kind.CLEAR
    rows = np.stack([side[picked], instrument.to_ticks(price[picked]), instrument.to_lots(qty[picked])], axis=1)[levels]
    counts = np.bincount(picked_message[levels], minlength=len(order))
    first = np.concatenate([[0], np.cumsum(counts)])
    return Recording(ts, of_trade[order], kind[begin[order]] == Kind.CLEAR, first, rows.astype(np.int64))


def _book_and_trades(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[np.ndarray, ...]]:
    names = ("exch_ts", "recv_ts", "kind", "side", "price", "qty", "id")
    kinds = [int(kind) for kind in (Kind.TRADE, Kind.DEPTH, Kind.SNAPSHOT, Kind.CLEAR)]
    for batch in batches:
        columns = [column(batch, name) for name in names]
        kept = np.isin(columns[2], kinds) & ~((columns[2] == Kind.TRADE) & ((columns[3] > 1) | (columns[5] <= 0)))
        if kept.any():
            yield tuple(values[kept] for values in columns)


def synthetic(instrument: Instrument, seconds: float = 120.0, seed: int = 0, levels: int = 20) -> Recording:
    """A market without any file: a mid around 60,000 that walks, ten book changes and about six trades a second."""
    draw = np.random.default_rng(seed)
    mid_ticks, unit = round(60_000 / instrument.tick_size), max(round(0.001 / instrument.lot_size), 1)
    messages: list[Message] = []
    book: dict[tuple[int, int], int] = {}
    for step in range(max(int(seconds * 10), 2)):
        ts = step * SECOND_NS // 10
        mid_ticks += int(draw.integers(-1, 2)) if draw.random() < 0.3 else 0
        wanted = {}
        for side, sign in ((0, -1), (1, 1)):
            for level in range(levels):
                place = (side, mid_ticks + sign * (level + 1))
                stays = place in book and draw.random() < 0.7
                wanted[place] = book[place] if stays else unit * int(draw.integers(5, 200))
        for _ in range(draw.poisson(0.6) if book else 0):
            side = int(draw.integers(2))  # the aggressor's
            sign = 1 if side == 0 else -1
            touch = min((ticks for s, ticks in book if s == 1 - side), key=lambda ticks: sign * ticks)
            messages.append(Message(ts - 1, True, False, [(side, touch, unit * int(draw.geometric(0.03)))]))
        gone = [(side, ticks, 0) for side, ticks in book if (side, ticks) not in wanted]
        changed = [(*place, lots) for place, lots in wanted.items() if book.get(place) != lots]
        messages.append(Message(ts, False, not book, gone + changed))
        book = wanted
    return from_messages(messages)


def from_messages(messages: list[Message]) -> Recording:
    """A recording of messages in order, the first of which is a snapshot."""
    sizes = [len(message.levels) for message in messages]
    return Recording(
        np.array([message.ts for message in messages], np.int64),
        np.array([message.trade for message in messages]),
        np.array([message.snapshot for message in messages]),
        np.concatenate([[0], np.cumsum(sizes)]),
        np.array([level for message in messages for level in message.levels], np.int64).reshape(-1, 3),
    )
