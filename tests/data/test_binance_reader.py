"""Binance lines into events: the id chain, what is a trade, whose clock."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxmm.data.readers import binance
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from tests.data.recordings import START_MS, USDM, books, diff, line, read_binance, snapshot, ticker, trade, write

BOOK = snapshot(0, 10, [["100.0", "1.000"]], [["100.1", "2.000"]])
LEVEL = [["100.0", "5.000"]]
changes = st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=4)


def level(is_bid, step, qty):
    return [f"{100 - step if is_bid else 100 + step}.0", f"{qty}.000"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes, min_size=2, max_size=12), st.data())
def test_wherever_the_snapshot_comes_the_book_is_right(tmp_path, messages, data):
    taken = data.draw(st.integers(0, len(messages)), label="diffs inside the snapshot")
    arrives = data.draw(st.integers(taken, len(messages)), label="diffs received before it")
    lines, state, at_snapshot = [], {True: {}, False: {}}, None
    for i, message in enumerate(messages):
        if i == taken:
            at_snapshot = {side: dict(levels) for side, levels in state.items()}
        for is_bid, step, qty in message:
            price, size = level(is_bid, step, qty)
            state[is_bid].pop(price, None)
            if qty:
                state[is_bid][price] = size
        bids, asks = ([level(*c) for c in message if c[0] == side] for side in (True, False))
        lines.append(diff(i, 10 * i + 4, 10 * i + 10, 10 * i, bids, asks))
    at_snapshot = at_snapshot or {side: dict(levels) for side, levels in state.items()}
    whole = snapshot(arrives, 10 * taken, *([list(p) for p in at_snapshot[side].items()] for side in (True, False)))
    rows, log = read_binance(tmp_path / "r", [*lines[:arrives], whole, *lines[arrives:]])
    for side, levels in books(rows).items():
        assert levels == {float(p): float(q) for p, q in state[side == Side.BID].items()}
    assert not any(row["kind"] == Kind.GAP for row in rows)
    assert log.snapshot_drops == taken
    assert [row["recv_ts"] for row in rows] == sorted(row["recv_ts"] for row in rows)


def test_a_lost_message_is_a_gap_before_the_next_and_names_the_id_the_book_was_at(tmp_path):
    rows, _ = read_binance(tmp_path / "r", [BOOK, diff(1, 11, 12, 10, LEVEL, []), diff(2, 15, 16, 14, LEVEL, [])])
    assert [(row["kind"], row["id"]) for row in rows[-2:]] == [(Kind.GAP, 12), (Kind.DEPTH, 16)]


def test_a_message_received_twice_is_left_out_and_counted(tmp_path):
    first, second = diff(1, 11, 12, 10, LEVEL, []), diff(2, 13, 14, 12, [["100.0", "6.000"]], [])
    rows, log = read_binance(tmp_path / "r", [BOOK, first, second, second, first])
    assert books(rows)[Side.BID] == {100.0: 6.0}
    assert log.duplicates == 2


def test_a_snapshot_after_a_gap_is_followed_by_the_diffs_it_does_not_hold(tmp_path):
    lines = [BOOK, diff(1, 15, 16, 14, LEVEL, []), diff(2, 17, 18, 16, [["99.0", "1.000"]], [])]
    rows, _ = read_binance(tmp_path / "r", [*lines, snapshot(3, 16, [["100.0", "7.000"]], [])])
    assert books(rows) == {Side.BID: {100.0: 7.0, 99.0: 1.0}, Side.ASK: {}}


def test_a_snapshot_older_than_a_whole_book_changes_nothing(tmp_path):
    lines = [BOOK, diff(1, 11, 12, 10, LEVEL, []), snapshot(2, 11, [["90.0", "1.000"]], [])]
    rows, log = read_binance(tmp_path / "r", lines)
    assert books(rows)[Side.BID] == {100.0: 5.0}
    assert log.skipped["snapshot older than the book"] == 1


def test_in_exchange_order_a_snapshot_comes_before_the_diffs_that_continue_it(tmp_path):
    lines = [diff(5, 11, 12, 10, LEVEL, []), snapshot(9, 10, [["100.0", "1.000"]], [["100.1", "2.000"]])]
    rows, _ = read_binance(tmp_path / "r", lines)
    in_exchange_order = sorted(rows, key=lambda row: row["exch_ts"])
    assert [row["kind"] for row in in_exchange_order] == [Kind.CLEAR, Kind.SNAPSHOT, Kind.SNAPSHOT, Kind.DEPTH]
    assert {row["recv_ts"] / 1e6 - START_MS for row in rows} == {9}


def test_the_aggressor_is_the_side_that_did_not_make(tmp_path):
    rows, _ = read_binance(tmp_path / "r", [trade(0, 1, "100.0", "1", True), trade(1, 2, "100.1", "1", False)])
    assert [(row["side"], row["price"]) for row in rows] == [(Side.ASK, 100.0), (Side.BID, 100.1)]


def test_an_insurance_fund_booking_is_no_trade_but_is_counted(tmp_path):
    lines = [trade(0, 1, "100.0", "1", True), trade(1, 2, "100.0", "9", True, kind="INSURANCE_FUND")]
    rows, log = read_binance(tmp_path / "r", lines)
    assert [row["id"] for row in rows] == [1]
    assert log.skipped == {"trade INSURANCE_FUND": 1}


def test_futures_rows_carry_the_match_time_and_spot_quotes_the_receivers(tmp_path):
    spot = {"data": {"u": 7, "s": "BTCUSDT", "b": "100.0", "B": "1", "a": "100.1", "A": "1"}}
    rows, log = read_binance(tmp_path / "r", [ticker(5, 6, ("100.0", "1"), ("100.1", "1")), line(9.5, spot)])
    assert [row["exch_ts"] / 1e6 - START_MS for row in rows] == [5, 5, 9.5, 9.5]
    assert log.receiver_stamped == 1


def test_a_subscription_reply_is_counted_not_refused(tmp_path):
    rows, log = read_binance(tmp_path / "r", [line(0, {"result": None, "id": 1}), trade(0, 1, "100.0", "1", True)])
    assert len(rows) == 1
    assert log.skipped == {"other": 1}


GOOD = trade(0, 1, "100.0", "1", True)
BAD = {
    "cut in its JSON": (GOOD[:-20], "not a whole"),
    "no local time": (GOOD.split(" ", 1)[1], "not a whole"),
    "a lost field": (GOOD.replace('"p"', '"x"'), "without its field 'p'"),
    "another symbol": (GOOD.replace("BTCUSDT", "ETHUSDT"), "symbol 'ETHUSDT'.*'BTCUSDT'"),
    "a price that is no number": (GOOD.replace("100.0", "abc"), "'abc'"),
    "a price off the tick": (GOOD.replace("100.0", "100.05"), "100.05 is not a multiple of tick_size 0.1"),
    "a price below zero": (GOOD.replace("100.0", "-100.0"), "not a positive number"),
    "a quantity off the lot": (GOOD.replace('"q": "1"', '"q": "0.0005"'), "0.0005 is not a multiple of lot_size"),
    "a quantity too large": (GOOD.replace('"q": "1"', '"q": "3000000"'), "too large.* a lot_size of 0.01 would fit"),
    "local time in ms": (GOOD.replace("000000 ", " ", 1), "more than a day apart"),
    "a level of three": (diff(0, 11, 12, 10, [["1.0", "1", "1"]], []), "is not a price and a quantity"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_named_by_file_and_line(tmp_path, name):
    bad, sentence = BAD[name]
    with pytest.raises(InputError, match=rf"r: line 2: .*{sentence}"):
        read_binance(tmp_path / "r", [BOOK, bad])


def test_the_second_file_of_a_recording_counts_its_own_lines(tmp_path):
    first = write(tmp_path / "a", [GOOD] * 3)
    for number in (1, 2):
        second = write(tmp_path / "b", [*[GOOD] * (number - 1), GOOD[:-20]])
        with pytest.raises(InputError, match=f"b: line {number}: "):
            list(binance.read([first, second], USDM, ReadLog()))


def test_a_truncated_gzip_file_is_refused_where_it_ends(tmp_path):
    whole = gzip.compress(("".join(trade(i, i, "100.0", f"{i % 7}", True) + "\n" for i in range(5000))).encode())
    (tmp_path / "r.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"r.gz: line \d+: the gzip stream ends early"):
        list(binance.read([tmp_path / "r.gz"], USDM, ReadLog()))


def test_damaged_gzip_data_is_refused(tmp_path):
    whole = bytearray(gzip.compress(GOOD.encode() * 500))
    whole[len(whole) // 2] ^= 0xFF
    (tmp_path / "r.gz").write_bytes(whole)
    with pytest.raises(InputError, match=r"r.gz: line \d+: "):
        list(binance.read([tmp_path / "r.gz"], USDM, ReadLog()))


def test_an_empty_and_a_missing_file_are_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="empty: line 1: the file is empty"):
        list(binance.read([tmp_path / "empty"], USDM, ReadLog()))
    with pytest.raises(InputError, match="none: No such file"):
        list(binance.read([tmp_path / "none"], USDM, ReadLog()))


def test_a_little_dust_is_rounded_to_the_lot_and_counted_never_to_nothing(tmp_path):
    lines = [trade(i, i, "100.0", "1.000", True) for i in range(100)]
    dust = [trade(200, 200, "100.0", "1.0004", True), trade(201, 201, "100.0", "0.0001", True)]
    rows, log = read_binance(tmp_path / "r", lines + dust)
    assert [row["qty"] for row in rows[-2:]] == [1.0, 0.001]
    assert log.rounded == 2


def test_batches_come_before_the_file_is_read_to_its_end(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(binance, "BATCH_ROWS", 10)
    path = write(tmp_path / "r", [*[trade(i, i, "100.0", "1", True) for i in range(50)], "cut"])
    batches = binance.read([path], USDM, ReadLog())
    assert [next(batches).num_rows for _ in range(5)] == [10] * 5
    with pytest.raises(InputError, match="line 51"):
        next(batches)


def test_an_inverse_contract_reads_alike(tmp_path):
    coin = Instrument("binance-coinm", "BTCUSD_PERP", 0.1, 1.0, "inverse", 100.0)
    rows, _ = read_binance(tmp_path / "r", [GOOD.replace("BTCUSDT", "BTCUSD_PERP")], coin)
    assert rows[0]["qty"] == 1.0
