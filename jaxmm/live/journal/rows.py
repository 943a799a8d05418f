"""Rows of the journal as bytes: each carries the hash of itself and of all before it.

A row is `head · kind · body · blob · link`: the head holds the lengths, the sequence number and the time, the body is
JSON, the blob raw bytes (observations, market data), and link = sha256(link of the row before · the row's other bytes).
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

import orjson

from jaxmm.errors import InputError

MAGIC = b"jaxmm journal 1\n"
"""How the file begins."""
FIRST_LINK = hashlib.sha256(MAGIC).digest()
LINK_BYTES = 32
STATE = "state"
"""The kind of rows that hold all that a restart needs of what came before."""
ROWS_LOST = "rows_lost"
"""The kind of the row behind a hole that was there when the journal was opened; it alone may skip numbers."""
MOST_BYTES = 1 << 26
"""Of a row; a longer one is a changed length."""

_HEAD = struct.Struct("<IIHQq")  # bytes of body, of blob, of kind; seq; ts_ns


@dataclass(frozen=True, slots=True)
class Row:
    """One entry."""

    seq: int  # 1, 2, 3, …
    ts_ns: int
    kind: str
    body: Mapping[str, Any]
    blob: bytes = field(default=b"", repr=False)


class Place(NamedTuple):
    """Between two rows: where the file goes on, and what the next row is chained to."""

    seq: int = 0  # of the row before
    offset: int = len(MAGIC)
    link: bytes = FIRST_LINK


class Torn(Exception):
    """The file ends within a row."""


class Broken(InputError):
    """A row is not what was written, or not where it was written."""


def encode(before: Place, ts_ns: int, kind: str, body: Any, blob: bytes = b"") -> tuple[bytes, Place]:
    """The bytes of the next row and the place behind it. `body` is what orjson writes; `Decimal`s become strings."""
    text, name = orjson.dumps(body, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY), kind.encode()
    data = b"".join((_HEAD.pack(len(text), len(blob), len(name), before.seq + 1, ts_ns), name, text, blob))
    link = hashlib.sha256(before.link + data).digest()
    return data + link, Place(before.seq + 1, before.offset + len(data) + LINK_BYTES, link)


def decode(file: BinaryIO, before: Place, path: object) -> tuple[Row, Place] | None:
    """The row at `before.offset`, where `file` stands, and the place behind it; None at the end of the file.

    Raises `Broken`, naming the row, where it or its place is not what was written; `Torn` where the file ends in it.
    """
    head = file.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise Torn
    body_bytes, blob_bytes, kind_bytes, seq, ts_ns = _HEAD.unpack(head)
    expected, size = before.seq + 1, kind_bytes + body_bytes + blob_bytes + LINK_BYTES
    if size > MOST_BYTES:
        raise Broken(f"{path}: row {expected} was changed: its length is {size} bytes")
    rest = file.read(size)
    if len(rest) < size:
        raise Torn
    content, link = rest[:-LINK_BYTES], rest[-LINK_BYTES:]
    if hashlib.sha256(before.link + head + content).digest() != link:
        if seq == expected:
            raise Broken(f"{path}: row {expected} was changed: its hash is not that of its bytes")
        raise Broken(f"{path}: row {expected} is missing or was changed: row {seq} stands in its place")
    body = orjson.loads(content[kind_bytes : kind_bytes + body_bytes])
    row = Row(seq, ts_ns, content[:kind_bytes].decode(), body, content[kind_bytes + body_bytes :])
    if seq != expected and row.kind != ROWS_LOST:
        raise Broken(f"{path}: row {expected} is missing: row {seq} stands in its place")
    return row, Place(seq, before.offset + len(head) + len(rest), link)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a journal")
