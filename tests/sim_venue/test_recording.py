"""What is played: recordings in the exchange's order, stores, and the synthetic market."""

import numpy as np
import pytest

from jaxmm.data.store import import_recording
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.sim_venue import SimConfig, load, synthetic
from jaxmm.sim_venue.matching import Exchange
from jaxmm.sim_venue.recording import Recording
from tests.data import recordings as raw
from tests.sim_venue.conftest import INSTRUMENTS

USDM = INSTRUMENTS["usdm"]


def lines() -> list[str]:
    """Received: a trade before the book, the book, a diff, and a trade that came late."""
    return [
        raw.trade(0, 1, "100.0", "0.5", buyer_is_maker=True),
        raw.snapshot(10, 10, [["100.0", "5"], ["99.9", "7"]], [["100.1", "4"]]),
        raw.diff(30, 11, 12, 10, [["100.0", "4.5"]], []),
        raw.trade(25, 2, "100.0", "0.5", buyer_is_maker=True),
    ]


def test_messages_come_by_the_exchanges_time_from_the_first_whole_book_on(tmp_path):
    recording = load((raw.write(tmp_path / "raw.txt", lines()),), "binance", USDM)
    played = [recording.message(i) for i in range(len(recording))]
    assert [(m.ts // 10**6, m.trade, m.snapshot) for m in played] == [
        (0, False, True),
        (15, True, False),
        (20, False, False),
    ]
    assert played[0].levels == [(0, 1000, 5000), (0, 999, 7000), (1, 1001, 4000)]
    assert played[1].levels == [(1, 1000, 500)], "a seller took"
    assert played[2].levels == [(0, 1000, 4500)]


def test_a_store_plays_as_its_raw_files_do(tmp_path):
    path = raw.write(tmp_path / "raw.txt", lines())
    import_recording([path], "binance", USDM, tmp_path / "store")
    same(load((tmp_path / "store",), "binance", USDM), load((path,), "binance", USDM))


def same(one: Recording, other: Recording) -> None:
    for name in ("ts", "trade", "snapshot", "first", "rows"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_cannot_be_played_is_refused_by_a_sentence(tmp_path):
    unsnapped = raw.write(tmp_path / "raw.txt", [lines()[0]])
    with pytest.raises(InputError, match="no snapshot of the book"):
        load((unsnapped,), "binance", USDM)
    with pytest.raises(InputError, match="unknown format 'binanse'"):
        load((unsnapped,), "binanse", USDM)
    with pytest.raises(InputError, match="kind 'inverse'"):
        SimConfig(Instrument("binance-coinm", "BTCUSD_PERP", 0.1, 1.0, kind="inverse", base="BTC", quote="USD"))
    with pytest.raises(InputError, match="base and quote are not named"):
        SimConfig(Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001))
    with pytest.raises(InputError, match="speed is 0"):
        SimConfig(USDM, speed=0)


def test_the_synthetic_market_is_its_seeds_and_is_never_crossed():
    same(synthetic(USDM, 20.0, 3), synthetic(USDM, 20.0, 3))
    exchange = Exchange(SimConfig(USDM), lambda: 0, lambda update: None)
    recording = synthetic(USDM, 60.0, 1)
    assert recording.trade.sum() > 100
    for index in range(len(recording)):
        message = recording.message(index)
        if not message.trade:
            exchange.depth(exchange.changes(message))
            assert exchange.best(0) < exchange.best(1)


@pytest.mark.parametrize("market", ["usdm", "spot"])
def test_a_real_recording_plays_from_end_to_beginning_without_a_crossed_book(shared_data, market):
    files = tuple(sorted((shared_data / f"binance_{market}").glob("btcusdt*")))
    recording = load(files, "binance", INSTRUMENTS[market], seconds=20)
    assert recording.ts[-1] <= 20 * 10**9
    assert np.all(np.diff(recording.ts) >= 0)
    exchange = Exchange(SimConfig(INSTRUMENTS[market]), lambda: 0, lambda update: None)
    for index in [*range(len(recording)), 0]:
        message = recording.message(index)
        if not message.trade:
            exchange.depth(exchange.changes(message))
            assert index % 20 or exchange.best(0) < exchange.best(1)
    first = {(side, ticks): lots for side, ticks, lots in recording.message(0).levels}
    book = {(side, ticks): lots for side in (0, 1) for ticks, lots in exchange.venue.book[side].items()}
    assert book == first
