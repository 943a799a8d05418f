"""The integrity report: each thing it counts is put into a small recording and found, and nothing else is."""

import dataclasses
import json

import pytest

from jaxmm.data import store as store_module
from jaxmm.data.check import check_store
from tests.data.recordings import USDM, diff, imported, snapshot, ticker, trade, write

BIDS, ASKS = [["100.0", "1.000"], ["99.9", "2.000"]], [["100.1", "2.000"]]
SOUND = [
    snapshot(0, 10, BIDS, ASKS),
    ticker(1, 10, ("100.0", "1"), ("100.1", "2")),
    trade(10, 1, "100.1", "0.5", False),
    diff(12, 11, 12, 10, [], [["100.1", "1.500"]]),
    ticker(13, 12, ("100.0", "1"), ("100.1", "1.5")),
    diff(20, 13, 14, 12, [["100.0", "0.000"]], []),
    ticker(21, 14, ("99.9", "2"), ("100.1", "1.5")),
    trade(30, 2, "99.9", "0.1", True),
    trade(30, 3, "99.0", "0.1", True),  # a deeper level of the same sweep
    ticker(31, 16, ("99.9", "1.9"), ("100.1", "1.5")),
]


def report_of(tmp_path, lines, name="store"):
    return check_store(imported([write(tmp_path / name, lines)], "binance", USDM, tmp_path / f"{name}.out"))


def test_a_sound_recording_has_nothing_wrong(tmp_path):
    report = report_of(tmp_path, SOUND)
    assert (report.rows, report.quotes, report.trades, report.book_messages) == (4 + 2 * 4 + 3 + 2, 4, 3, 3)
    assert (report.top_match, report.top_mismatches, report.openers, report.trades_away) == (1.0, 0, 2, 0)
    assert report.span_s == pytest.approx(0.031)
    assert report.max_gap_s == pytest.approx(0.011)
    faults = ("crossed", "locked", "id_breaks", "negative_latency", "backward_recv", "backward_exch", "duplicates")
    assert {name: getattr(report, name) for name in faults} == dict.fromkeys(faults, 0)
    assert (report.bad_rows, report.first_bad_row) == (0, None)


FAULTS = {
    "crossed": [ticker(40, 20, ("100.2", "1"), ("100.1", "1"))],
    "locked": [ticker(40, 20, ("100.1", "1"), ("100.1", "1"))],
    "id_breaks": [diff(40, 20, 21, 19, [], [["100.3", "1.000"]])],
    "duplicates": [trade(40, 3, "99.9", "0.1", True)],
    "trades_away": [trade(40, 4, "98.0", "0.1", True)],
    "backward_recv": [ticker(31, 17, ("99.9", "1.9"), ("100.1", "1.4")).replace("031000000 ", "030999999 ", 1)],
    "backward_exch": [ticker(25, 17, ("99.9", "1.9"), ("100.1", "1.4")).replace("025000000 ", "040000000 ", 1)],
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_found_once_and_no_other_with_it(tmp_path, name):
    sound = dataclasses.asdict(report_of(tmp_path, SOUND))
    faulty = dataclasses.asdict(report_of(tmp_path, [*SOUND, *FAULTS[name]], "faulty"))
    changed = {k for k in FAULTS if faulty[k] != sound[k]}
    assert changed == {name}
    assert faulty[name] == 1


def test_messages_received_at_once_are_told_apart_by_their_ids(tmp_path):
    crosses, uncrosses = diff(1, 11, 12, 10, [["100.2", "1"]], []), diff(1, 13, 14, 12, [["100.2", "0"]], [])
    report = report_of(tmp_path, [SOUND[0], crosses, uncrosses])
    assert (report.book_messages, report.crossed) == (3, 1)


def test_a_crossed_book_is_found_where_there_are_no_quotes(tmp_path):
    lines = [snapshot(0, 10, BIDS, ASKS), diff(1, 11, 12, 10, [["100.2", "1.000"]], [])]
    report = report_of(tmp_path, lines)
    assert (report.crossed, report.quotes, report.top_match) == (1, 0, None)


@pytest.mark.parametrize("wrong", [["100.0", "0.999"], ["100.05", "1"]])
def test_a_top_that_differs_in_price_or_size_is_no_match(tmp_path, wrong):
    lines = [*SOUND[:4], ticker(13, 12, tuple(wrong), ("100.1", "1.5")), *SOUND[5:]]
    instrument = dataclasses.replace(USDM, tick_size=0.05)
    report = check_store(imported([write(tmp_path / "r", lines)], "binance", instrument, tmp_path / "out"))
    assert (report.top_match, report.top_mismatches) == (0.75, 1)


def test_the_quote_may_come_before_or_after_the_diff_it_belongs_to(tmp_path):
    early = [SOUND[0], SOUND[1], SOUND[4], SOUND[6], *SOUND[2:4], SOUND[5], *SOUND[7:]]
    assert report_of(tmp_path, early).top_match == 1.0


def test_a_clock_that_runs_behind_is_told_and_then_is_mended(tmp_path):
    behind = [f"{int(text.split()[0]) - 1_270_000_000} {text.split(' ', 1)[1]}" for text in SOUND]
    path = write(tmp_path / "r", behind)
    raw = check_store(imported([path], "binance", USDM, tmp_path / "raw"))
    mended = check_store(imported([path], "binance", USDM, tmp_path / "mended", fix_clock=True))
    assert (raw.clock_offset_ms, raw.clock_mended_ms, raw.negative_latency) == (-1270.0, 0.0, raw.rows)
    assert (mended.clock_offset_ms, mended.clock_mended_ms, mended.negative_latency) == (0.0, -1270.0, 0)
    assert "behind the exchange's: import again with --fix-clock" in raw.text()
    assert "this is mended" in mended.text()


@pytest.mark.parametrize("batch_rows", [1, 2, 5])
def test_the_report_does_not_depend_on_how_the_store_is_read(tmp_path, monkeypatch, batch_rows):
    store = imported([write(tmp_path / "r", SOUND)], "binance", USDM, tmp_path / "out")
    whole = check_store(store)
    read_days = store_module.read_days
    monkeypatch.setattr(store_module, "read_days", lambda path, rows, columns: read_days(path, batch_rows, columns))
    assert check_store(store) == whole


def test_a_row_the_instrument_does_not_have_is_counted_and_named(tmp_path):
    store = imported([write(tmp_path / "r", SOUND)], "binance", USDM, tmp_path / "out")
    coarse = dataclasses.replace(store, instrument=dataclasses.replace(USDM, tick_size=0.5))
    report = check_store(coarse)
    assert (report.bad_rows, report.first_bad_row) == (11, 2)
    assert "the first is row 2" in report.text()


def test_the_json_form_holds_what_the_command_promises(tmp_path):
    report = json.loads(json.dumps(report_of(tmp_path, SOUND).to_dict()))
    promised = "rows quotes trades span_s crossed id_breaks top_match clock_offset_ms max_gap_s"
    assert set(promised.split()) <= set(report)
