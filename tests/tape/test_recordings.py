"""Tapes of real recordings."""

import numpy as np
import pytest
from test_live import assert_equal_value_for_value, replay

from jaxmm.data.schema import Kind
from jaxmm.data.store import import_recording, open_store
from jaxmm.features.live import LiveMarket
from jaxmm.instrument import Instrument
from jaxmm.tape.build import build_tape
from jaxmm.tape.rows import tape_rows
from jaxmm.tape.tape import Code, Tape

RECORDINGS = {
    "futures": (["binance_usdm/btcusdt_20240808.gz"], Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)),
    "spot": (
        ["binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz"],
        Instrument("binance", "BTCUSDT", 0.01, 0.00001),
    ),
}


@pytest.fixture(scope="module", params=RECORDINGS)
def recorded(request, shared_data, tmp_path_factory):
    """(store, tape at 100 ms and 20 levels) of a recording with its clock mended."""
    files, instrument = RECORDINGS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    import_recording([shared_data / f for f in files], "binance", instrument, folder / "store", fix_clock=True)
    store = open_store(folder / "store")
    return store, build_tape(store, folder / "tape", "100ms", 20)


def book_after(tape: Tape, events: int) -> dict:
    book = {}
    for code, price, qty, _ in tape.event[:events].tolist():
        if code >= Code.BID_DEPTH:
            book[code, price] = qty
    return {key: qty for key, qty in book.items() if qty}


def test_the_exchange_book_is_never_crossed_after_a_whole_message(recorded):
    assert recorded[1].meta.crossed == 0


def test_at_the_end_the_exchange_book_is_the_local_one_level_for_level(recorded):
    store, tape = recorded
    market = LiveMarket(100_000)
    for _, batch in tape_rows(store, has_diffs=True):
        for kind, side, price, qty in zip(*(column.tolist() for column in batch[2:6]), strict=True):
            if kind == Kind.CLEAR:
                market.on_clear(side)
            elif kind != Kind.TRADE:
                market.on_level(side, price, qty)
    end = market.decide(0)
    used = end.book_qty > 0
    book = book_after(tape, tape.events)
    for side, code in ((0, Code.BID_DEPTH), (1, Code.ASK_DEPTH)):
        local = zip(end.book_price[side, used[side]].tolist(), end.book_qty[side, used[side]].tolist(), strict=True)
        assert dict(local) == {price: qty for (c, price), qty in book.items() if c == code}


def test_a_slice_holds_the_exchanges_book_of_the_whole_tape(recorded):
    _, tape = recorded
    for k in range(100, tape.decisions, 2000):
        part = tape.slice(k, k + 1)
        assert (part.event[0, 0], part.event[0, 3]) in ((Code.BID_DEPTH, 0), (Code.ASK_DEPTH, 0))
        assert book_after(part, part.cursor[0]) == book_after(tape, tape.cursor[k])
        np.testing.assert_array_equal(part.best[part.cursor[0] - 1], tape.best[tape.cursor[k] - 1])


def test_the_recording_event_by_event_gives_the_tape_value_for_value(recorded):
    store, tape = recorded
    assert_equal_value_for_value(tape, replay(store, "100ms", 20))


def test_features_of_a_real_market_make_sense(recorded):
    _, tape = recorded
    columns = dict(zip(tape.meta.features, tape.features.T, strict=True))
    assert np.isfinite(tape.features).all()
    assert columns["spread_ticks"].min() >= 1
    for name in ("imbalance_1", "imbalance_5", "imbalance_all", "trade_imbalance_10"):
        assert np.abs(columns[name]).max() <= 1
        assert columns[name].std() > 0.05
    # order-flow imbalance moves the mid in its own interval: Cont, Kukanov, Stoikov find R² of 65 %
    mid = tape.book_price[:, :, 0].sum(axis=1)
    assert np.corrcoef(columns["ofi_1"][1:], np.sign(np.diff(mid)))[0, 1] > 0.3
