"""Gemini, Tardis and dealer files into events."""

import gzip
from pathlib import Path

import pytest

from jaxmm.data.readers.tob import TobColumns
from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from tests.data.recordings import books, imported, store_rows, write

GEMINI = Instrument("gemini", "ETHUSD", 0.01, 1e-6)
TARDIS = Instrument("binance-futures", "BTCUSDT", 0.01, 0.001)
DEALER = Instrument("dealer", "BTC/USD_T+0", 0.01, 0.0001)

GEMINI_DEPTH = ["time_seconds,bid_price_bid_size,ask_price_ask_size", "1625097600,2271.58_1.6477,2279.63_28.479526"]
GEMINI_TRADE = ["time_seconds,price,size,is_buyer_maker", "1625097600,2278.15,0.0409,1"]
QUOTES = ["exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"]
TRADES = ["exchange,symbol,timestamp,local_timestamp,id,side,price,amount"]
DIFFS = ["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"]
TOB = ["exchange_time;local_time;instrument;bid_price;bid_qty;ask_price;ask_qty"]
TOB_TRADES = ["exchange_time;local_time;instrument;price;qty;side"]
SNAPSHOT_5 = [
    "exchange,symbol,timestamp,local_timestamp,"
    + ",".join(f"{side}[{k}].{what}" for k in range(2) for side in ("asks", "bids") for what in ("price", "amount"))
]


def tardis(local_us, rest, symbol="BTCUSDT"):
    return f"binance-futures,{symbol},{local_us - 5},{local_us},{rest}"


def dealer(second, rest, name="BTC/USD_T+0"):
    return f"2020-03-01 12:00:{second:09.6f};2020-03-01 12:00:{second + 0.01:09.6f};{name};{rest}"


def rows_from(tmp_path, format, instrument, **files):
    paths = [write(tmp_path / name, lines) for name, lines in files.items()]
    return store_rows(imported(paths, format, instrument, tmp_path / "store"))


def test_gemini_quotes_are_unpacked_and_trades_of_the_same_time_come_first(tmp_path):
    rows = rows_from(tmp_path, "gemini", GEMINI, depth=GEMINI_DEPTH, trade=GEMINI_TRADE)
    assert [(r["kind"], r["side"], r["price"], r["qty"]) for r in rows] == [
        (Kind.TRADE, Side.ASK, 2278.15, 0.0409),
        (Kind.TOP, Side.BID, 2271.58, 1.6477),
        (Kind.TOP, Side.ASK, 2279.63, 28.479526),
    ]
    assert {(r["exch_ts"], r["recv_ts"]) for r in rows} == {(1625097600 * 10**9,) * 2}


def test_gemini_fills_finer_than_a_millionth_are_rounded_and_counted(tmp_path):
    trades = [*GEMINI_TRADE, "1625097601.5,2278.15,1.57684476,0", "1625097602,2278.15,0.00000001,0"]
    store = imported([write(tmp_path / "t", trades)], "gemini", GEMINI, tmp_path / "store")
    assert [r["qty"] for r in store_rows(store)] == pytest.approx([0.0409, 1.576845, 0.000001], abs=1e-12)
    assert store.report.rounded == 2


def test_tardis_files_are_merged_by_local_time_with_both_clocks_kept(tmp_path):
    quotes = [*QUOTES, tardis(100, "1,9682,9681.92,2"), tardis(300, "1,9682,9681.9,2")]
    trades = [*TRADES, tardis(200, "7,buy,9682,0.5"), tardis(300, "8,sell,9681.92,0.1")]
    rows = rows_from(tmp_path, "tardis", TARDIS, quotes=quotes, trades=trades)
    assert [(r["recv_ts"] // 1000, r["kind"], r["id"]) for r in rows] == [
        (100, Kind.TOP, -1),
        (100, Kind.TOP, -1),
        (200, Kind.TRADE, 7),
        (300, Kind.TRADE, 8),
        (300, Kind.TOP, -1),
        (300, Kind.TOP, -1),
    ]
    assert [r["side"] for r in rows] == [Side.BID, Side.ASK, Side.BID, Side.ASK, Side.BID, Side.ASK]
    assert all(r["recv_ts"] - r["exch_ts"] == 5000 for r in rows)


def test_a_quote_without_a_side_clears_that_side(tmp_path):
    rows = rows_from(tmp_path, "tardis", TARDIS, quotes=[*QUOTES, tardis(100, ",,9681.92,2")])
    assert [(r["kind"], r["side"]) for r in rows] == [(Kind.TOP, Side.BID), (Kind.CLEAR, Side.ASK)]


def test_tardis_diffs_start_at_a_snapshot_and_a_later_snapshot_replaces_the_book(tmp_path):
    lines = [*DIFFS, tardis(1, "false,bid,9.00,1")]
    lines += [tardis(2, "true,bid,10.00,1"), tardis(2, "true,ask,11.00,1"), tardis(3, "false,bid,10.00,0")]
    lines += [tardis(4, "true,bid,8.00,2"), tardis(5, "true,bid,7.00,3"), tardis(6, "false,ask,12.00,4")]
    store = imported([write(tmp_path / "l2", lines)], "tardis", TARDIS, tmp_path / "store")
    rows = store_rows(store)
    assert store.report.snapshot_drops == 1
    assert [r["kind"] for r in rows].count(Kind.CLEAR) == 3
    assert books(rows) == {Side.BID: {7.0: 3.0}, Side.ASK: {12.0: 4.0}}


def test_a_tardis_book_snapshot_is_a_whole_book_a_row(tmp_path):
    lines = [*SNAPSHOT_5, tardis(1, "11.0,1,10.0,2,12.0,3,9.0,4"), tardis(2, "11.0,5,10.0,2,,,,")]
    rows = rows_from(tmp_path, "tardis", TARDIS, snapshots=lines)
    assert books(rows[:5]) == {Side.BID: {10.0: 2.0, 9.0: 4.0}, Side.ASK: {11.0: 1.0, 12.0: 3.0}}
    assert books(rows) == {Side.BID: {10.0: 2.0}, Side.ASK: {11.0: 5.0}}
    assert [r["kind"] for r in rows].count(Kind.CLEAR) == 2


def test_dealer_files_of_both_families_become_one_stream_and_other_instruments_are_counted(tmp_path):
    tops = [*TOB, dealer(1.5, "100.01;2;100.05;3"), dealer(1.6, "1.1;2;1.2;3", "EUR/USD_T+0")]
    trades = [*TOB_TRADES, dealer(1.25, "100.05;0.5;Buy".lower())]
    paths = [write(tmp_path / "tob_20200301.csv", tops), write(tmp_path / "trades_20200301.csv", trades)]
    store = imported(paths, "tob", DEALER, tmp_path / "store")
    rows = store_rows(store)
    assert [(r["kind"], r["side"], r["price"]) for r in rows] == [
        (Kind.TRADE, Side.BID, 100.05),
        (Kind.TOP, Side.BID, 100.01),
        (Kind.TOP, Side.ASK, 100.05),
    ]
    assert {r["recv_ts"] - r["exch_ts"] for r in rows} == {10_000_000}
    assert rows[0]["exch_ts"] == 1583064001_250000000
    assert store.report.skipped == {"row of another instrument": 1}


def test_a_dealers_own_column_names_come_from_a_small_mapping(tmp_path):
    mapping = write(
        tmp_path / "m.yaml", ["exchange_time: t", "local_time: r", "time_unit: ms", "delimiter: '|'", "buy: B"]
    )
    lines = ["t|r|instrument|price|qty|side", "1000|1002|BTC/USD_T+0|100.05|0.5|B"]
    paths = [write(tmp_path / "deals.csv", lines)]
    (row,) = store_rows(imported(paths, "tob", DEALER, tmp_path / "store", columns=mapping))
    assert (row["exch_ts"], row["recv_ts"], row["side"]) == (10**9, 1002 * 10**6, Side.BID)


def test_the_written_mapping_is_the_default():
    path = Path(__file__).parents[2] / "configs" / "data" / "tob_columns.yaml"
    assert TobColumns.from_yaml(path) == TobColumns()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("exchange_tme: x", "did you mean 'exchange_time'"),
        ("time_unit: min", "time_unit"),
        ("buy: 1", "buy is 1"),
        ("[", "YAML"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        TobColumns.from_yaml(write(tmp_path / "m.yaml", [text]))


BAD = {
    "gemini columns": ("gemini", GEMINI, [GEMINI_TRADE[0].replace("size", "sz"), "1,2,3,1"], "line 1: .*columns size"),
    "gemini packing": ("gemini", GEMINI, [*GEMINI_DEPTH, "1625097601,2271.58,2279.86_1"], "line 3: bid_price_bid_size"),
    "gemini tick": ("gemini", GEMINI, [*GEMINI_TRADE, "1625097601,2278.155,1,1"], "line 3: price 2278.155"),
    "gemini lot": (
        "gemini",
        GEMINI,
        [*GEMINI_TRADE, "1625097601,2278.15,99999,1"],
        "line 3: .*lot_size of 0.0001 would",
    ),
    "tardis columns": ("tardis", TARDIS, ["exchange,symbol,price", "a,b,1"], "line 1: .*missing"),
    "tardis symbol": ("tardis", TARDIS, [*TRADES, tardis(9, "1,buy,1,1", "ETHUSDT")], "line 2: .*'ETHUSDT'"),
    "tardis number": ("tardis", TARDIS, [*TRADES, tardis(9, "1,buy,1,1"), tardis(9, "1,buy,x,1")], "line 3: .*'x'"),
    "tardis side": ("tardis", TARDIS, [*TRADES, tardis(9, "1,up,1,1")], "line 2: side is 'up'"),
    "tardis cut": ("tardis", TARDIS, [*TRADES, tardis(9, "1,buy,1,1"), "binance-futures,BTC"], "line 3: "),
    "tardis time": ("tardis", TARDIS, [*TRADES, "x,BTCUSDT,,5,1,buy,1,1"], "line 2: field 'timestamp' is empty"),
    "tob columns": ("tob", DEALER, ["exchange_time;local_time;instrument;bid_price", ";;;"], "line 1: .*ask_price"),
    "tob instrument": (
        "tob",
        DEALER,
        [*TOB, dealer(1, "1;1;2;1", "EUR/USD_T+0")],
        "line 2: no row is of .*'EUR/USD_T\\+0'",
    ),
    "empty": ("tob", DEALER, [], "line 1: the file is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_with_file_and_line(tmp_path, name):
    format, instrument, lines, sentence = BAD[name]
    path = write(tmp_path / "tob_bad.csv", lines)
    with pytest.raises(InputError, match=f"tob_bad.csv: {sentence}"):
        imported([path], format, instrument, tmp_path / "store")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tob_bad.csv"]


def test_a_gemini_file_of_another_pair_is_refused_by_its_name(tmp_path):
    path = write(tmp_path / "gemini__btc-usd__2021-07-01__trade.csv", GEMINI_TRADE)
    with pytest.raises(InputError, match="'btc-usd' but the instrument is 'ETHUSD'"):
        imported([path], "gemini", GEMINI, tmp_path / "store")


def test_gzip_csv_reads_alike_and_a_truncated_one_is_refused(tmp_path):
    lines = [*TRADES, *(tardis(10 * i, f"{i},buy,{i % 97 + 1},{i % 13 + 1}") for i in range(1, 30_000))]
    whole = gzip.compress("\n".join(lines).encode())
    (tmp_path / "whole.gz").write_bytes(whole)
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    assert imported([tmp_path / "whole.gz"], "tardis", TARDIS, tmp_path / "store").report.rows == 29_999
    with pytest.raises(InputError, match=r"cut.gz: .*line \d+: .*truncated"):
        imported([tmp_path / "cut.gz"], "tardis", TARDIS, tmp_path / "other")
    assert not (tmp_path / "other").exists()
