"""Reading a journal, whoever writes it: every row is checked against the hash of all before it."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from jaxmm.errors import InputError
from jaxmm.live.journal.head import read_head
from jaxmm.live.journal.rows import MAGIC, Broken, Place, Row, Torn, decode


def open_log(path: Path) -> BinaryIO:
    """The file, behind its first bytes. Raises `InputError` where it is no journal."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the file of a journal") from error
    if file.read(len(MAGIC)) != MAGIC:
        file.close()
        raise InputError(f"{path}: no journal: it does not begin with {MAGIC.decode().strip()!r}")
    return file


def read_rows(path: str | Path, start: Place | None = None, until: int | None = None) -> Iterator[Row]:
    """Rows from `start` (the beginning) to the byte `until` (the last whole row).

    Raises `InputError` where the file is no journal or a row is not what was written, naming it.
    """
    for row, _ in read_placed(path, start or Place(), until):
        yield row


def last_rows(path: str | Path) -> Iterator[Row]:
    """Rows from the last state on, of a journal that may be written at the moment; all where there is no state.

    Raises `InputError` as `read_rows`, and where the journal's head is missing or changed.
    """
    return read_rows(path, read_head(Path(path)).state)


def read_placed(path: str | Path, start: Place, until: int | None = None) -> Iterator[tuple[Row, Place]]:
    """The same, each with the place behind it."""
    path, place = Path(path), start
    with open_log(path) as file:
        file.seek(place.offset)
        while until is None or place.offset < until:
            try:
                found = decode(file, place, path)
            except Torn as torn:
                if until is None:
                    return
                raise Broken(f"{path}: row {place.seq + 1} is cut short") from torn
            if found is None:
                return
            row, place = found
            yield row, place


def last_whole(path: Path, start: Place) -> Place:
    """The end of the last row from `start` on that is whole and what was written."""
    place = start
    try:
        for _, place in read_placed(path, start):  # noqa: B007 — the last one counts, also when the next is broken
            pass
    except Broken:
        pass
    return place
