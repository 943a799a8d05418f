"""What `verify` must find: every changed byte, every missing row, every pair of rows in the wrong order."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from jaxmm.errors import InputError
from jaxmm.live.journal import Journal
from jaxmm.live.journal.head import head_path
from jaxmm.live.journal.reading import read_placed
from jaxmm.live.journal.rows import MAGIC, Place
from jaxmm.live.journal.verify import verify
from jaxmm.live.messages import Trade

ROWS = 9


def journal_at(folder: Path, rows: int = ROWS) -> Path:
    """That many rows, one of them with a blob and one of market data."""
    path = folder / "quoter.journal"
    journal = Journal.open(path, quoter="test", facts={"config": "abc"}, now_ns=1)
    for i in range(2, rows):
        journal.append("decision", i, {"number": i, "text": "x" * 20}, bytes(range(40)))
        journal.commit()
    journal.record_market(Trade(1, 2, 0, 100, 5, 7))
    journal.close()
    return path


def pieces(path: Path) -> list[bytes]:
    """The bytes of each row."""
    data, places = path.read_bytes(), [Place(), *(place for _, place in read_placed(path, Place()))]
    return [data[a.offset : b.offset] for a, b in pairwise(places)]


def refused(path: Path) -> str:
    with pytest.raises(InputError) as refusal:
        verify(path)
    return str(refusal.value)


def test_an_untouched_journal_is_whole(tmp_path):
    path = journal_at(tmp_path)
    assert verify(path).rows == ROWS
    assert verify(path).unfinished_bytes == 0


def test_every_changed_byte_is_found_and_its_row_named(tmp_path):
    path = journal_at(tmp_path, 4)
    data = path.read_bytes()
    ends = [place.offset for _, place in read_placed(path, Place())]
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << random.Random(at).randrange(8)]) + data[at + 1 :])
        said = refused(path)
        if at >= len(MAGIC):
            number = next(i for i, end in enumerate(ends, 1) if at < end)
            assert f"row {number} " in said or f"rows {number} to" in said, (at, said)


def test_every_changed_byte_of_the_head_is_found(tmp_path):
    path = journal_at(tmp_path)
    head = head_path(path)
    data = head.read_bytes()
    for at in range(len(data)):
        head.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        assert "head was changed" in refused(path)
    head.unlink()
    assert "cannot be proven" in refused(path)


@pytest.mark.parametrize("number", range(1, ROWS + 1))
def test_a_missing_row_is_found_and_named_also_the_first_and_the_last(tmp_path, number):
    path = journal_at(tmp_path)
    rows = pieces(path)
    path.write_bytes(MAGIC + b"".join(rows[: number - 1] + rows[number:]))
    assert f"row {number} is missing" in refused(path)


def test_several_missing_last_rows_are_named(tmp_path):
    path = journal_at(tmp_path)
    path.write_bytes(MAGIC + b"".join(pieces(path)[:-3]))
    assert f"rows {ROWS - 2} to {ROWS} are missing" in refused(path)


@pytest.mark.parametrize("number", range(1, ROWS))
def test_swapped_rows_are_found_and_the_first_of_them_named(tmp_path, number):
    path = journal_at(tmp_path)
    rows = pieces(path)
    rows[number - 1], rows[number] = rows[number], rows[number - 1]
    path.write_bytes(MAGIC + b"".join(rows))
    assert f"row {number} is missing or was changed: row {number + 1} stands in its place" in refused(path)


def test_a_journal_written_anew_with_its_head_is_found_by_a_head_that_was_noted(tmp_path):
    noted = verify(journal_at(tmp_path)).head
    other = tmp_path / "other"
    other.mkdir()
    path = other / "quoter.journal"
    journal = Journal.open(path, quoter="test", facts={"config": "forged"}, now_ns=1)
    journal.close()
    assert verify(path).rows == 1
    with pytest.raises(InputError, match=f"rows 2 to {ROWS} are missing"):
        verify(path, noted)
    journal = Journal.open(path, quoter="test", facts={}, now_ns=1)
    for i in range(ROWS):
        journal.append("decision", i, {})
    journal.close()
    with pytest.raises(InputError, match=f"row {ROWS} or one before it was changed"):
        verify(path, noted)
