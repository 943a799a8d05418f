"""Is every row of a journal what was written, where it was written, and is none missing?"""

import re
from dataclasses import dataclass
from pathlib import Path

from jaxmm.errors import InputError
from jaxmm.live.journal.head import read_head
from jaxmm.live.journal.reading import read_placed
from jaxmm.live.journal.rows import LINK_BYTES, ROWS_LOST, Broken, Place


@dataclass(frozen=True)
class Verified:
    """What a whole journal proves."""

    rows: int
    head: str  # number and hash of the last row; noted elsewhere, they prove later that none up to there is missing
    unfinished_bytes: int  # behind the last row: what a killed process left of one that it never committed


def parse_head(text: str) -> tuple[int, bytes]:
    """The number and hash that `Verified.head` wrote. Raises `InputError` for anything else."""
    found = re.fullmatch(rf"(\d+):([0-9a-f]{{{2 * LINK_BYTES}}})", text.strip())
    if found is None:
        raise InputError(f"head {text!r}: write a row's number and its hash, such as 1207:9f86d0…")
    return int(found[1]), bytes.fromhex(found[2])


def verify(journal: str | Path, known_head: str | None = None) -> Verified:
    """Reads every row against the chain of hashes, and the end against the journal's head.

    `known_head` is a `Verified.head` noted earlier: without one, who rewrites the whole journal and its head is not
    found out.

    Raises:
        InputError: a changed byte, a missing row (also the last), rows in another order; the sentence names the row.
    """
    path = Path(journal)
    known = None if known_head is None else parse_head(known_head)
    head, place, holes = read_head(path), Place(), list[str]()
    for row, place in read_placed(path, Place()):
        if row.kind == ROWS_LOST:
            holes.append(f"rows {row.body['first']} to {row.body['last']}")
        if row.seq == head.end.seq and place != head.end:
            raise Broken(f"{path}: row {row.seq} was changed: its hash is not that of the journal's head")
        if known is not None and row.seq == known[0] and place.link != known[1]:
            raise Broken(f"{path}: row {row.seq} or one before it was changed: its hash is not the one that was noted")
    if place.seq < max(head.end.seq, known[0] if known else 0):
        last = max(head.end.seq, known[0] if known else 0)
        raise Broken(f"{path}: {_rows(place.seq + 1, last)} missing at the end, or row {place.seq + 1} is cut short")
    if holes:
        raise Broken(f"{path}: {', '.join(holes)} are missing: they were gone when the journal was opened again")
    return Verified(place.seq, f"{place.seq}:{place.link.hex()}", path.stat().st_size - place.offset)


def _rows(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"
