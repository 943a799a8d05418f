import os
import resource
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from jaxmm.errors import InputError
from jaxmm.exchange.types import OrderType
from jaxmm.live.journal import Journal
from jaxmm.live.journal.bodies import KINDS, said_in
from jaxmm.live.journal.head import head_path
from jaxmm.live.journal.market import BLOCK_BYTES, market_messages
from jaxmm.live.journal.reading import read_placed, read_rows
from jaxmm.live.journal.rows import Place as Where
from jaxmm.live.journal.verify import verify
from jaxmm.live.messages import (
    Account,
    Amend,
    Answered,
    Book,
    Cancel,
    CancelAll,
    Fill,
    Gap,
    Lost,
    Mark,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Skew,
    Stream,
    Trade,
    Transfer,
)

STATE = OrderState("jm1-1", "v1", 0, 100, 5, 2, OrderStatus.OPEN, 7, 8)


def opened(path: Path, quoter: str = "test") -> Journal:
    return Journal.open(path, quoter=quoter, facts={"config": "abc"}, now_ns=1)


def test_rows_are_numbered_and_come_back_as_they_were_written(tmp_path):
    journal = opened(tmp_path / "j")
    assert journal.append("decision", 5, {"bid": 100, "pnl": Decimal("0.10")}, b"\x00\xff") == 2
    journal.commit()
    first, second = journal.rows()
    assert (first.kind, first.body) == ("opened", {"quoter": "test", "config": "abc"})
    assert (second.seq, second.ts_ns, second.kind, second.blob) == (2, 5, "decision", b"\x00\xff")
    assert second.body == {"bid": 100, "pnl": "0.10"}
    assert [row.seq for row in journal.rows("decision")] == [2]
    assert list(journal.rows(after=2)) == []
    journal.close()


def test_a_row_is_there_only_after_the_commit(tmp_path):
    journal = opened(tmp_path / "j")
    journal.append("decision", 5, {})
    assert [row.seq for row in journal.rows()] == [1]
    journal.commit()
    assert [row.seq for row in journal.rows()] == [1, 2]
    journal.close()


def test_every_message_and_request_comes_back_as_it_was(tmp_path):
    journal = opened(tmp_path / "j")
    messages = [
        STATE,
        Fill("t1", "jm1-1", "v1", 0, 100, 2, Decimal("-0.000010"), "BNB", Decimal("1.50"), True, 7, 8),
        Fill("t2", "", "v1", 0, 100, 2, Decimal("0"), "BTC", None, False, 7, 8),
        Account({"USDT": Decimal("1000.00")}, -3, 9),
        Account({}, None, 9, whole=False),
        Transfer("x1", "funding_fee", Decimal("-0.10"), "USDT", 7, 8),
        Answered(3, 9, STATE),
        Answered(3, 9, None),
        Refused(3, 9, Refusal.RATE, "too many", 77),
        Lost(3, 9, "timed out"),
        Stream("user", False, 9, "closed"),
        Skew(9, -5, 6),
    ]
    for message in messages:
        journal.record(message, 10)
    requests = [
        Place(journal.next_seq, "jm1-13", 1, 100, 5, OrderType.POST_ONLY),
        Amend(journal.next_seq + 1, "jm1-13", 1, 100, 4),
        Cancel(journal.next_seq + 2, "jm1-13"),
        CancelAll(journal.next_seq + 3),
        Query(journal.next_seq + 4, "jm1-13"),
    ]
    for request in requests:
        journal.record(request, 10)
    journal.close()
    said = [*messages, *requests]
    assert [said_in(row) for row in read_rows(tmp_path / "j")] == [None, *said]
    assert {type(one) for one in said} == KINDS.keys()


def test_a_request_must_carry_the_number_of_its_row(tmp_path):
    journal = opened(tmp_path / "j")
    with pytest.raises(ValueError, match="request 7 is recorded as row 2"):
        journal.record(Query(7, "x"), 1)
    journal.close()


def test_market_messages_become_blocks_of_about_a_second_and_come_back(tmp_path):
    journal = opened(tmp_path / "j")
    ms = 1_000_000
    messages = [
        Book(1, 2 * ms, True, ((99, 5), (98, 6)), ((101, 7),), 10),
        Book(1, 3 * ms, False, (), ((101, 0),), 11),
        Trade(1, 4 * ms, 1, 99, 2, 12),
        Mark(5 * ms, 9.95),
        Gap(6 * ms, "Verbindung weg: ü"),
        Trade(1, 1003 * ms, 1, 99, 2, 13),
        Trade(1, 1004 * ms, 1, 99, 2, 14),
    ]
    for message in messages:
        journal.record_market(message)
    journal.close()
    rows = [row for row in read_rows(tmp_path / "j") if row.kind == "market"]
    assert [row.body["messages"] for row in rows] == [6, 1]
    assert [message for row in rows for message in market_messages(row)] == messages


def test_a_block_ends_early_where_it_would_take_long_to_compress(tmp_path):
    journal = opened(tmp_path / "j")
    book = Book(1, 2, False, tuple((i, i) for i in range(1000)), (), 3)
    for _ in range(2 * BLOCK_BYTES // 16_000):
        journal.record_market(book)
    journal.commit()
    assert len(list(journal.rows("market"))) == 1
    journal.close()


def test_a_restart_reads_from_the_last_state_on(tmp_path):
    journal = opened(tmp_path / "j")
    for i in range(5):
        journal.checkpoint(i, {"number": i})
        journal.append("decision", i, {})
    journal.close()
    journal = opened(tmp_path / "j")
    state, decision, again = journal.since_state()
    assert (state.kind, state.body["number"], decision.kind, again.kind) == ("state", 4, "decision", "opened")
    journal.close()


def test_two_processes_cannot_write_one_journal(tmp_path):
    journal = opened(tmp_path / "j")
    with pytest.raises(InputError, match="another process writes this journal"):
        opened(tmp_path / "j")
    journal.close()
    opened(tmp_path / "j").close()


def test_another_quoters_journal_is_refused(tmp_path):
    opened(tmp_path / "j").close()
    with pytest.raises(InputError, match="journal of quoter 'test', not of 'other'"):
        opened(tmp_path / "j", "other")


@pytest.mark.parametrize("text", ["my only copy of something else, which is long enough", "short"])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "j"
    path.write_text(text)
    with pytest.raises(InputError):
        opened(path)
    assert path.read_text() == text


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="name a journal in a folder that can be written"):
        opened(tmp_path / "file" / "j")


def test_on_a_full_disk_nothing_is_half_written_and_the_rows_are_kept_for_later(tmp_path):
    path = tmp_path / "j"
    journal = opened(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, hard))
    try:
        journal.append("decision", 1, {"text": "x" * 100})
        with pytest.raises(OSError, match="too large") as full:
            journal.commit()
        assert full.value.filename == str(path)
        assert verify(path).unfinished_bytes == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append("decision", 2, {})
    journal.close()
    assert verify(path).rows == 3


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_an_unfinished_row_is_cut_off_and_the_journal_goes_on(tmp_path, cut):
    journal = opened(tmp_path / "j")
    journal.append("decision", 5, {"text": "x" * 50})
    journal.commit()
    killed, size = tmp_path / "killed", (tmp_path / "j").stat().st_size
    head_path(killed).write_bytes(head_path(tmp_path / "j").read_bytes())
    journal.append("decision", 6, {"text": "x" * 50})
    journal.close()
    killed.write_bytes((tmp_path / "j").read_bytes()[: size + cut])  # within the write, before the head's
    assert verify(killed).unfinished_bytes == cut
    journal = opened(killed)
    assert [row.kind for row in journal.rows()] == ["opened", "decision", "opened"]
    journal.close()
    assert verify(killed).rows == 3


def test_rows_that_a_machine_lost_are_named_for_ever_and_their_numbers_never_used_again(tmp_path):
    journal = opened(tmp_path / "j")
    for i in range(10):
        journal.append("decision", i, {})
    journal.close()
    places = [place for _, place in read_placed(tmp_path / "j", Where())]
    os.truncate(tmp_path / "j", places[6].offset)
    journal = opened(tmp_path / "j")
    assert [(row.seq, row.kind) for row in journal.rows(after=7)] == [(12, "rows_lost"), (13, "opened")]
    journal.close()
    with pytest.raises(InputError, match="rows 8 to 11 are missing"):
        verify(tmp_path / "j")


def test_a_journal_that_lost_everything_still_goes_on_behind_its_numbers(tmp_path):
    opened(tmp_path / "j").close()
    os.truncate(tmp_path / "j", 3)
    for _ in range(2):
        opened(tmp_path / "j").close()
    with pytest.raises(InputError):
        verify(tmp_path / "j")


def test_rows_behind_a_broken_one_are_put_aside_before_the_journal_goes_on(tmp_path):
    path = tmp_path / "j"
    journal = opened(path)
    for i in range(10):
        journal.append("decision", i, {})
    journal.close()
    data = bytearray(path.read_bytes())
    places = [place for _, place in read_placed(path, Where())]
    data[places[6].offset + 30] ^= 1
    path.write_bytes(data)
    opened(path).close()
    assert (tmp_path / "j.lost-8").read_bytes() == data[places[6].offset :]
    assert [row.seq for row in read_rows(path)] == [1, 2, 3, 4, 5, 6, 7, 12, 13]


WRITER = """
import sys
from jaxmm.live.journal import Journal
from jaxmm.live.messages import Trade
journal = Journal.open(sys.argv[1], quoter="test", facts={}, now_ns=1)
for i in range(10**9):
    journal.append("decision", i, {"text": "x" * (i * 37 % 5000)})
    journal.record_market(Trade(1, i * 10**7, 0, 100, 5, i))
    if i % 3 == 0:
        journal.commit()
        print(journal.end.seq, flush=True)
    if i % 50 == 0:
        journal.checkpoint(i, {"i": i})
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_process_leaves_a_journal_that_is_whole_and_goes_on(tmp_path, seed):
    path = tmp_path / "j"
    committed = 0
    for life in range(2):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(20 + 83 * seed + 11 * life):
            committed = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        said = writer.stdout.read().splitlines()
        writer.stdout.close()
        committed = int(said[-1]) if said else committed
        assert verify(path).rows >= committed
    journal = opened(path)
    assert journal.next_seq > committed
    assert next(journal.since_state()).kind == "state"
    journal.close()
    assert verify(path).unfinished_bytes == 0
