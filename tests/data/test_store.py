"""Stores: days, order, clocks, and nothing left behind when an import fails."""

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jaxmm.data.store import FORMATS, import_recording, open_store
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from tests.data.recordings import START_MS, USDM, imported, line, snapshot, store_rows, ticker, trade, write

MIDNIGHT_MS = 1_723_161_600_000 - START_MS
LINES = [snapshot(0, 10, [["100.0", "1.000"]], [["100.1", "2.000"]]), trade(1, 1, "100.0", "1", True)]


@pytest.fixture
def recording(tmp_path) -> Path:
    return write(tmp_path / "recording", LINES)


def test_rows_come_back_in_received_order_over_midnight(tmp_path):
    late = trade(MIDNIGHT_MS - 5, 2, "100.0", "1", True).split(" ", 1)[1]
    lines = [
        trade(MIDNIGHT_MS - 10, 1, "100.0", "1", True),
        ticker(MIDNIGHT_MS + 1, 5, ("100.0", "1"), ("100.1", "1")),
        f"{(START_MS + MIDNIGHT_MS + 2) * 10**6} {late}",  # of the old day, received in the new one
        trade(MIDNIGHT_MS + 3, 3, "100.0", "1", True),
    ]
    store = imported([write(tmp_path / "r", lines)], "binance", USDM, tmp_path / "store")
    assert [row["id"] for row in store_rows(store)] == [1, 5, 5, 2, 3]
    days = sorted(path.relative_to(store.path).as_posix() for path in store.path.rglob("*.parquet"))
    assert days == ["date=2024-08-08/part-0.parquet", "date=2024-08-09/part-0.parquet"]


def test_a_store_says_what_it_is(tmp_path, recording):
    report = import_recording([recording], "binance", USDM, tmp_path / "store")
    store = open_store(tmp_path / "store")
    assert store.instrument == USDM
    assert store.report == report
    assert (store.clocks, store.report.kinds) == ("both", {"trade": 1, "snapshot": 2, "clear": 1})
    file = next(store.path.rglob("*.parquet"))
    assert Instrument.from_dict(json.loads(pq.read_schema(file).metadata[b"instrument"])) == USDM
    assert str(tmp_path) not in (store.path / "store.json").read_text()


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_batches_of_any_size_hold_the_same_rows(tmp_path, recording, batch_rows):
    store = imported([recording], "binance", USDM, tmp_path / "store")
    sizes = [batch.num_rows for batch in store.batches(batch_rows)]
    assert sum(sizes) == 4
    assert max(sizes) <= batch_rows
    assert [batch.schema.names for batch in store.batches(columns=["qty", "kind"])] == [["qty", "kind"]]


def test_the_clock_is_mended_on_request_and_the_store_says_by_how_much(tmp_path):
    behind = [f"{int(text.split()[0]) - 1_270_000_000} {text.split(' ', 1)[1]}" for text in LINES]
    spot_ticker = {"data": {"u": 7, "s": "BTCUSDT", "b": "100.0", "B": "1", "a": "100.1", "A": "1"}}
    path = write(tmp_path / "r", [*behind, line(-1268, spot_ticker)])
    raw = imported([path], "binance", USDM, tmp_path / "raw")
    mended = imported([path], "binance", USDM, tmp_path / "mended", fix_clock=True)
    assert (raw.report.clock_offset_ns, raw.report.clock_mended_ns) == (-1_270_000_000, 0)
    assert mended.report.clock_mended_ns == -1_270_000_000
    rows = store_rows(mended)
    assert [(row["recv_ts"] - row["exch_ts"]) for row in rows] == [0] * 6
    assert rows[-1]["exch_ts"] == (START_MS + 2) * 10**6  # a receiver's stamp moves with the receiver's clock
    for row, before in zip(rows, store_rows(raw), strict=True):
        assert row["recv_ts"] - before["recv_ts"] == 1_270_000_000
        assert (row["kind"], row["price"], row["id"]) == (before["kind"], before["price"], before["id"])


def test_progress_is_told_the_rows_so_far(tmp_path, recording):
    told: list[int] = []
    import_recording([recording], "binance", USDM, tmp_path / "store", progress=told.append)
    assert told == [4]


@pytest.mark.parametrize("bad", ["", '{"data', json.dumps({"data": {"e": "trade", "s": "ETHUSDT"}})])
def test_a_refused_recording_leaves_nothing_behind(tmp_path, bad):
    path = write(tmp_path / "r", [*LINES, f"{START_MS * 10**6} {bad}"])
    with pytest.raises(InputError, match="r: line 3: "):
        import_recording([path], "binance", USDM, tmp_path / "out" / "store")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_format_names_the_nearest(tmp_path, recording):
    assert FORMATS == ("binance", "gemini", "tardis", "tob")
    with pytest.raises(InputError, match="unknown format 'binanse'; did you mean 'binance'"):
        import_recording([recording], "binanse", USDM, tmp_path / "store")


def test_a_recording_without_an_event_is_refused(tmp_path):
    path = write(tmp_path / "r", [line(0, {"result": None, "id": 1})])
    with pytest.raises(InputError, match="no market event"):
        import_recording([path], "binance", USDM, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_an_existing_store_is_not_written_over(tmp_path, recording):
    imported([recording], "binance", USDM, tmp_path / "store")
    with pytest.raises(InputError, match="already there"):
        import_recording([recording], "binance", USDM, tmp_path / "store")
    assert len(store_rows(open_store(tmp_path / "store"))) == 4


def test_what_a_killed_import_left_is_swept_up_by_the_next(tmp_path, recording):
    (tmp_path / "store.partial").mkdir()
    (tmp_path / "store.partial" / "junk").touch()
    assert len(store_rows(imported([recording], "binance", USDM, tmp_path / "store"))) == 4
    assert not (tmp_path / "store.partial").exists()


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mount.returncode:
        pytest.skip(f"no small disk can be mounted here: {mount.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, small_disk):
    many = [trade(i, i, f"{100 + i * i % 997}.{i % 10}", f"{i * i % 7919}", i % 3 == 0) for i in range(1, 20_000)]
    with pytest.raises(InputError, match="store: the disk is full"):
        import_recording([write(tmp_path / "r", many)], "binance", USDM, small_disk / "store")
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="no store here"):
        open_store(tmp_path)
    (tmp_path / "store.json").write_text('{"version": 99}')
    with pytest.raises(InputError, match="store version 99"):
        open_store(tmp_path)
    (tmp_path / "store.json").write_text('{"version": 1}')
    with pytest.raises(InputError, match="not a store description"):
        open_store(tmp_path)


def test_every_instrument_file_loads():
    folder = Path(__file__).parents[2] / "configs" / "instruments"
    loaded = {path.stem: Instrument.from_yaml(path) for path in folder.glob("*.yaml")}
    assert len(loaded) >= 8
    assert loaded["binance_coinm_btcusd_perp"].kind == "inverse"
