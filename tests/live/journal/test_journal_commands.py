import json
from pathlib import Path

from jaxmm.data.check import check_store
from jaxmm.data.schema import Kind, Side
from jaxmm.data.store import import_recording, open_store
from jaxmm.live.journal import Journal
from jaxmm.live.journal.rows import MAGIC
from jaxmm.live.messages import Book, Gap, Mark, Market, Trade
from jaxmm.live.paper.feed import StoreFeed
from tests.commands import answer, jaxmm, process, recording_lines, refusal
from tests.data.recordings import USDM, store_rows, write

FACTS = {"instrument": USDM.to_dict()}


def journal_at(path: Path, messages: list[Market]) -> Path:
    journal = Journal.open(path, quoter="test", facts=FACTS, now_ns=1)
    for message in messages:
        journal.record_market(message)
    journal.close()
    return path


def test_a_recording_that_went_through_a_journal_is_the_same_store(tmp_path):
    lines = [text for text in recording_lines() if "bookTicker" not in text]
    import_recording([write(tmp_path / "raw", lines)], "binance", USDM, tmp_path / "store")
    store = open_store(tmp_path / "store")
    path = journal_at(tmp_path / "j", list(StoreFeed(store)))
    assert answer(jaxmm("journal", "export", path, "--out", tmp_path / "again", "--json"))["format"] == "journal"
    again = open_store(tmp_path / "again")
    assert store_rows(again) == store_rows(store)
    assert again.instrument == store.instrument
    assert check_store(again).bad_rows == 0
    built = answer(jaxmm("tape", "build", tmp_path / "again", "--clock", "100ms", "--out", tmp_path / "tape", "--json"))
    assert built["decisions"] > 30


def test_gaps_marks_and_restarts_stand_in_the_store(tmp_path):
    book = Book(5, 10, True, ((99, 5),), ((101, 7),), 77)
    journal_at(tmp_path / "j", [book, Mark(11, 9.95), Gap(12, "closed")])
    path = journal_at(tmp_path / "j", [Trade(20, 21, Side.ASK, 99, 2, 5)])
    answer(jaxmm("journal", "export", path, "--out", tmp_path / "store", "--json"))
    rows = [(row["kind"], row["recv_ts"], row["id"]) for row in store_rows(open_store(tmp_path / "store"))]
    assert rows == [
        (Kind.CLEAR, 10, 77),
        (Kind.SNAPSHOT, 10, 77),
        (Kind.SNAPSHOT, 10, 77),
        (Kind.MARK, 11, -1),
        (Kind.GAP, 12, 77),
        (Kind.GAP, 21, 77),
        (Kind.TRADE, 21, 5),
    ]


def test_a_journal_without_market_data_or_instrument_exports_nothing(tmp_path):
    path = journal_at(tmp_path / "j", [])
    assert "no market event" in refusal(jaxmm("journal", "export", path, "--out", tmp_path / "store"))
    Journal.open(tmp_path / "bare", quoter="test", facts={}, now_ns=1).close()
    said = refusal(jaxmm("journal", "export", tmp_path / "bare", "--out", tmp_path / "store"))
    assert "no row names the instrument" in said


def test_rows_are_shown_one_json_object_a_line(tmp_path):
    journal = Journal.open(tmp_path / "j", quoter="test", facts=FACTS, now_ns=1)
    for i in range(4):
        journal.append("decision", 1_700_000_000_000_000_000 + i, {"number": i}, b"abc")
        journal.append("risk", i, {})
    journal.close()
    done = jaxmm("journal", "show", tmp_path / "j", "--kind", "decision", "--last", "2")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["seq"], row["body"]["number"], row["blob_bytes"]) for row in rows] == [(6, 2, 3), (8, 3, 3)]
    assert rows[0]["time"] == "2023-11-14T22:13:20.000000002Z"
    assert len(jaxmm("journal", "show", tmp_path / "j", "--after", 8).stdout.splitlines()) == 1


def test_verify_proves_a_whole_journal_and_refuses_a_changed_one_by_its_row(tmp_path):
    path = journal_at(tmp_path / "j", [Trade(20, 21, Side.ASK, 99, 2, 5)])
    proven = answer(jaxmm("journal", "verify", path, "--json"))
    assert (proven["rows"], proven["head"][:2], proven["unfinished_bytes"]) == (2, "2:", 0)
    assert jaxmm("journal", "verify", path, "--head", proven["head"]).returncode == 0
    assert "row's number and its hash" in refusal(jaxmm("journal", "verify", path, "--head", "7"))
    data = path.read_bytes()
    path.write_bytes(data[: len(MAGIC) + 40] + b"#" + data[len(MAGIC) + 41 :])
    assert "row 1 was changed" in refusal(process("journal", "verify", path))
    path.write_bytes(b"something else altogether")
    assert "no journal" in refusal(jaxmm("journal", "verify", path))
    assert "No such file" in refusal(jaxmm("journal", "show", tmp_path / "none"))
