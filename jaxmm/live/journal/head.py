"""How far the journal has come, in a small file beside it: so that a missing last row is noticed.

The head is written after the rows that it counts, in one piece. A process killed in between leaves rows behind the
head, never a head beyond the rows.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

from jaxmm.errors import InputError
from jaxmm.live.journal.rows import Place

_PLACE = struct.Struct("<QQ32s")
_CHECK_BYTES = 16
_BYTES = 2 * _PLACE.size + _CHECK_BYTES


class Head(NamedTuple):
    """Where the journal ends, and where its last state begins."""

    end: Place = Place()
    state: Place = Place()  # before the last state row; the journal's beginning where there is none

    def encode(self) -> bytes:
        """As the file holds it."""
        data = b"".join(_PLACE.pack(*place) for place in self)
        return data + hashlib.sha256(data).digest()[:_CHECK_BYTES]


def head_path(journal: Path) -> Path:
    """The head's file of a journal."""
    return journal.with_name(journal.name + ".head")


def read_head(journal: Path) -> Head:
    """The head of a journal. Raises `InputError` where its file is missing or changed."""
    path = head_path(journal)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; the journal's end cannot be proven without it") from error
    places, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if len(data) != _BYTES or hashlib.sha256(places).digest()[:_CHECK_BYTES] != check:
        raise InputError(f"{path}: the journal's head was changed: its check sum is not that of its bytes")
    return Head(*(Place(*_PLACE.unpack_from(places, at)) for at in (0, _PLACE.size)))


def write_head(file: int, head: Head) -> None:
    """Writes it over the old one in one call, which a killed process has made or not made."""
    os.pwrite(file, head.encode(), 0)
