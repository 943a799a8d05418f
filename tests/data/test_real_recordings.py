"""The recordings beside the clone hold what their description says."""

from pathlib import Path

import numpy as np
import pytest

from jaxmm.data.arrow import column
from jaxmm.data.check import check_store
from jaxmm.data.schema import Kind, Side
from jaxmm.instrument import Instrument
from tests.data.recordings import imported

INSTRUMENTS = Path(__file__).parents[2] / "configs" / "instruments"


def store_of(shared_data, out, format, instrument, *files, **options):
    paths = [shared_data / file for file in files]
    return imported(paths, format, Instrument.from_yaml(INSTRUMENTS / f"{instrument}.yaml"), out, **options)


FUTURES = {
    "binance_usdm_btcusdt": ("binance_usdm/btcusdt_20240808.gz", 344.7),
    "binance_usdm_ethusdt": ("binance_usdm/ethusdt_20240808.gz", 344.8),
    "binance_coinm_btcusd_perp": ("binance_coinm/btcusd_perp_20240808.gz", 343.8),
}


@pytest.mark.parametrize("name", FUTURES)
def test_binance_futures_rebuild_to_their_own_quotes_without_a_break(shared_data, tmp_path, name):
    file, span_s = FUTURES[name]
    report = check_store(store_of(shared_data, tmp_path / "store", "binance", name, file))
    assert (report.top_match, report.top_mismatches) == (1.0, 0)
    assert (report.crossed, report.id_breaks, report.bad_rows, report.backward_recv) == (0, 0, 0, 0)
    assert report.clock_offset_ms == pytest.approx(-1270, abs=5)
    assert report.span_s == pytest.approx(span_s, abs=0.1)
    assert report.trades_away / report.openers < 0.022


@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
def test_two_spot_day_files_are_one_recording(shared_data, tmp_path, symbol):
    files = [f"binance_spot/{symbol}_2024080{day}.gz" for day in (8, 9)]
    store = store_of(shared_data, tmp_path / "store", "binance", f"binance_spot_{symbol}", *files, fix_clock=True)
    report = check_store(store)
    assert report.top_match is not None
    assert report.top_match >= 0.9997
    assert (report.crossed, report.id_breaks, report.negative_latency) == (0, 0, 0)
    assert report.clock_mended_ms == pytest.approx(-1275, abs=5)
    assert report.span_s == pytest.approx(650.5, abs=0.2)
    assert len(list(store.path.glob("date=*"))) == 2


def test_the_gemini_day_has_its_known_counts(shared_data, tmp_path):
    files = [f"gemini/gemini__eth-usd__2021-07-01__{family}.csv" for family in ("market-depth", "trade")]
    store = store_of(shared_data, tmp_path / "store", "gemini", "gemini_ethusd", *files)
    report = check_store(store)
    assert (report.quotes, report.trades, report.max_gap_s, report.crossed) == (72_180, 25_222, 38.0, 0)
    assert (report.clocks, report.clock_offset_ms) == ("exchange", None)
    (batch,) = store.batches(1 << 20)
    top, side, price = column(batch, "kind") == Kind.TOP, column(batch, "side"), column(batch, "price")
    spread = price[top & (side == Side.ASK)] - price[top & (side == Side.BID)]
    assert np.median(spread) == pytest.approx(1.00, abs=0.005)


def test_tardis_quotes_and_trades_are_one_stream(shared_data, tmp_path):
    store = store_of(shared_data, tmp_path / "s", "tardis", "tardis_btcusdt", "tardis/quotes.csv", "tardis/trades.csv")
    report = check_store(store)
    assert (report.quotes, report.trades, report.crossed, report.duplicates) == (9_999, 9_999, 0, 0)
    assert (report.backward_recv, report.negative_latency, report.clock_offset_ms) == (0, 0, 0.0)
    recv_ts = np.concatenate([column(batch, "recv_ts") for batch in store.batches()])
    assert (np.diff(recv_ts) >= 0).all()


@pytest.mark.parametrize("depth", [5, 25])
def test_tardis_book_snapshots_are_whole_books(shared_data, tmp_path, depth):
    file = f"tardis/binance-futures_book_snapshot_{depth}_BTCUSDT.csv"
    report = check_store(store_of(shared_data, tmp_path / "store", "tardis", "tardis_btcusdt", file))
    assert (report.book_messages, report.rows, report.crossed) == (10, 10 * (2 * depth + 1), 0)
