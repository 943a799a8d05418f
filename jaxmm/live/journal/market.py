"""Market messages as one row a second: packed as they come, so that keeping them costs microseconds each.

A message is a header and its levels. What `jaxmm journal export` makes of them are the rows of a data-room store.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from jaxmm.live.journal.rows import Row
from jaxmm.live.messages import Book, Gap, Levels, Mark, Market, Trade

MARKET = "market"
"""The kind of a row that holds a block of market messages."""
BLOCK_NS = 1_000_000_000
BLOCK_BYTES = 1 << 16  # compressing this much takes half a millisecond
_ZLIB_LEVEL = 1

_DIFF, _SNAPSHOT, _TRADE, _MARK, _GAP = range(5)
_HEADER = struct.Struct("<BqqqII")  # what it is, exch_ts, recv_ts, id, entries of each side
_PRICE = struct.Struct("<d")
_PRINT = struct.Struct("<Bqq")  # side, price_ticks, qty_lots


class MarketBlock:
    """Messages that are not yet a row."""

    def __init__(self) -> None:
        self.messages = 0
        self._data = bytearray()
        self._first_ns = self._last_ns = 0

    @property
    def full(self) -> bool:
        """Whether it is time to make a row of it."""
        return self._last_ns - self._first_ns >= BLOCK_NS or len(self._data) >= BLOCK_BYTES

    def add(self, message: Market) -> None:
        """Takes one more message."""
        if not self.messages:
            self._first_ns = message.recv_ts
        self._last_ns = message.recv_ts
        self.messages += 1
        self._data += _packed(message)

    def take(self) -> tuple[int, dict[str, Any], bytes]:
        """Time, body and blob of a row of all messages, which are forgotten."""
        blob = zlib.compress(self._data, _ZLIB_LEVEL)
        row = self._first_ns, {"messages": self.messages, "until_ns": self._last_ns}, blob
        self.messages = 0
        self._data = bytearray()
        return row


def market_messages(row: Row) -> Iterator[Market]:
    """The messages of a block, in the order in which they came."""
    data, at = zlib.decompress(row.blob), 0
    while at < len(data):
        what, exch_ts, recv_ts, id, bids, asks = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        if what in (_DIFF, _SNAPSHOT):
            sides, at = _levels(data, at, bids, asks)
            yield Book(exch_ts, recv_ts, what == _SNAPSHOT, *sides, id)
        elif what == _TRADE:
            side, price_ticks, qty_lots = _PRINT.unpack_from(data, at)
            at += _PRINT.size
            yield Trade(exch_ts, recv_ts, side, price_ticks, qty_lots, id)
        elif what == _MARK:
            yield Mark(recv_ts, *_PRICE.unpack_from(data, at))
            at += _PRICE.size
        else:
            yield Gap(recv_ts, data[at : at + bids].decode())
            at += bids


def _packed(message: Market) -> bytes:
    if isinstance(message, Book):
        what = _SNAPSHOT if message.snapshot else _DIFF
        bids, asks = message.bids, message.asks
        header = _HEADER.pack(what, message.exch_ts, message.recv_ts, message.id, len(bids), len(asks))
        flat = [number for level in bids for number in level]
        flat += [number for level in asks for number in level]
        return header + struct.pack(f"<{len(flat)}q", *flat)
    if isinstance(message, Trade):
        header = _HEADER.pack(_TRADE, message.exch_ts, message.recv_ts, message.id, 1, 0)
        return header + _PRINT.pack(message.side, message.price_ticks, message.qty_lots)
    if isinstance(message, Mark):
        return _HEADER.pack(_MARK, message.recv_ts, message.recv_ts, -1, 1, 0) + _PRICE.pack(message.price)
    reason = message.reason.encode()
    return _HEADER.pack(_GAP, message.recv_ts, message.recv_ts, -1, len(reason), 0) + reason


def _levels(data: bytes, at: int, bids: int, asks: int) -> tuple[tuple[Levels, Levels], int]:
    count = 2 * (bids + asks)
    flat = struct.unpack_from(f"<{count}q", data, at)
    pairs = tuple(zip(flat[::2], flat[1::2], strict=True))
    return (pairs[:bids], pairs[bids:]), at + 8 * count
