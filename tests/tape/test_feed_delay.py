"""Market data that is late by another delay than the recorded one."""

import numpy as np
import pytest
from memory_store import STEP_NS, MemoryStore, RandomMarket, plain_book

from jaxmm.data.schema import Kind
from jaxmm.tape import rows as rows_of
from jaxmm.tape.build import build_tape
from jaxmm.tape.delays import FEED, Constant, LogNormal, Recorded
from jaxmm.tape.tape import Tape

DELAYS = [Constant(350), Constant(), LogNormal(300, 0.8, 5), Recorded(0.5, 40)]


def build(folder, feed, messages=80) -> tuple[list, Tape]:
    events = RandomMarket(3).stream(messages)
    return events, build_tape(MemoryStore(events), folder / "tape", "1us", 3, feed=feed)


@pytest.mark.parametrize("feed", DELAYS, ids=lambda feed: feed.name)
def test_decisions_see_what_has_come_by_then_under_another_delay(tmp_path, monkeypatch, feed):
    monkeypatch.setattr(rows_of, "BATCH_ROWS", 64)
    events, tape = build(tmp_path, feed)
    exch, recv = (np.array([row[i] for row in events]) for i in range(2))
    received = np.maximum.accumulate(exch + feed.at(exch, recv - exch, FEED))
    assert tape.decisions > 10
    for k, ts in enumerate(tape.ts_ns):
        book = plain_book([row for row, at in zip(events, received, strict=True) if at <= ts])
        best = max((price for side, price in book if side == 0), default=None)
        assert tape.book_qty[k, 0, 0] == (book[0, best] if best else 0)
        assert best is None or tape.book_price[k, 0, 0] == best
        told = [i for i, row in enumerate(events) if received[i] <= ts and row[2] in (Kind.TRADE, Kind.DEPTH)]
        assert not told or tape.lag_ns[k] == received[told[-1]] - exch[told[-1]]
    assert tape.meta.feed == feed.name


def test_the_exchanges_own_order_does_not_depend_on_the_feed(tmp_path):
    _, late = build(tmp_path / "late", Constant(100 * STEP_NS))
    _, prompt = build(tmp_path / "prompt", Recorded())
    np.testing.assert_array_equal(late.event, prompt.event)
    np.testing.assert_array_equal(late.exch_ts, prompt.exch_ts)
    assert (prompt.meta.feed, late.meta.feed) == ("recorded", "10us")


def test_a_feed_as_recorded_is_the_recording_bit_for_bit(tmp_path):
    events, tape = build(tmp_path / "one", Recorded())
    plain = build_tape(MemoryStore(events), tmp_path / "plain", "1us", 3)
    for name in ("ts_ns", "lag_ns", "book_price", "book_qty", "features", "cursor"):
        assert getattr(tape, name).tobytes() == getattr(plain, name).tobytes(), name
