"""The same recording, once in bulk and once event by event."""

import numpy as np
import pytest
from memory_store import MemoryStore, RandomMarket

from jaxmm.data.schema import Kind
from jaxmm.features.clock import DecisionClock, parse_clock
from jaxmm.features.live import LiveMarket
from jaxmm.tape import local, rows
from jaxmm.tape.build import build_tape
from jaxmm.tape.rows import scan, tape_rows


def replay(store, clock, levels):
    """The decisions of a live quoter that receives the store's rows one at a time."""
    due, market = DecisionClock(parse_clock(clock)), LiveMarket(levels)
    open_message, seen, now = None, [], 0

    def end_message():
        nonlocal open_message
        if open_message is not None:
            market.end_message()
            open_message = None

    def decide(until):
        for ts_ns in due.due(until):
            end_message()
            seen.append(market.decide(ts_ns))

    for _, batch in tape_rows(store, scan(store).has_diffs):
        columns = (column.tolist() for column in batch)
        for exch_ts, recv_ts, kind, side, price, qty, id in zip(*columns, strict=True):
            decide(recv_ts)
            now = max(now, recv_ts)
            if kind == Kind.TRADE:
                market.on_trade(side, qty)
            else:
                if open_message != (exch_ts, recv_ts, id):
                    end_message()
                open_message = (exch_ts, recv_ts, id)
                if kind in (Kind.CLEAR, Kind.TOP):
                    market.on_clear(side)
                if kind != Kind.CLEAR:
                    market.on_level(side, price, qty)
            if kind != Kind.CLEAR:
                due.on_row()
    decide(now + 1)
    return [one for one in seen if one is not None]


def assert_equal_value_for_value(tape, seen):
    assert [one.ts_ns for one in seen] == tape.ts_ns.tolist()
    for name, column in (("book_price", tape.book_price), ("book_qty", tape.book_qty), ("features", tape.features)):
        of_live = np.stack([getattr(one, name) for one in seen])
        assert of_live.dtype == column.dtype
        assert of_live.tobytes() == np.asarray(column).tobytes(), name


@pytest.mark.parametrize("clock", ["1us", "300us", "7ev", "1ev"])
@pytest.mark.parametrize("tops_only", [False, True])
def test_event_by_event_gives_the_tape_value_for_value(tmp_path, monkeypatch, clock, tops_only):
    monkeypatch.setattr(rows, "BATCH_ROWS", 101)
    monkeypatch.setattr(local, "BLOCK_DECISIONS", 37)
    messages = 2_000 if clock != "300us" else 10_000
    store = MemoryStore(RandomMarket(5, tops_only).stream(messages))
    tape = build_tape(store, tmp_path / "tape", clock, 4)
    assert_equal_value_for_value(tape, replay(store, clock, 4))


def test_time_that_runs_backwards_and_sides_that_empty_are_no_exception(tmp_path):
    rng = np.random.default_rng(4)
    events = RandomMarket(4).stream(1_000)
    events = [(r[0], max(r[1] - int(rng.integers(0, 3_000)), 0), *r[2:]) for r in events]
    events = [(*r[:3], r[3], r[4], 0 if rng.random() < 0.4 and r[2] == Kind.DEPTH else r[5], r[6]) for r in events]
    store = MemoryStore(events)
    tape = build_tape(store, tmp_path / "tape", "1us", 4)
    assert (tape.book_qty[:, :, 0] == 0).any()
    assert_equal_value_for_value(tape, replay(store, "1us", 4))
