import errno
import tracemalloc

import numpy as np
import pytest
from memory_store import INSTRUMENT, MemoryStore, RandomMarket, plain_book

from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.tape import local, npy, rows
from jaxmm.tape.build import build_tape
from jaxmm.tape.exchange_order import ExchangeOrder
from jaxmm.tape.rows import Rows
from jaxmm.tape.tape import Code, Tape

TRADE, DEPTH, TOP, SNAPSHOT, CLEAR, GAP = (Kind[n] for n in ("TRADE", "DEPTH", "TOP", "SNAPSHOT", "CLEAR", "GAP"))
BID, ASK, NONE = Side.BID, Side.ASK, Side.NONE


@pytest.fixture
def small_chunks(monkeypatch):
    """Messages, snapshots and decisions then straddle batches and blocks."""
    monkeypatch.setattr(rows, "BATCH_ROWS", 7)
    monkeypatch.setattr(local, "BLOCK_DECISIONS", 3)


def build(tmp_path, events, clock="1us", levels=3, **kwargs):
    return build_tape(MemoryStore(events), tmp_path / "tape", clock, levels, **kwargs)


def exchange_sorted(events):
    relevant = [r for r in events if r[2] in (TRADE, DEPTH, TOP, SNAPSHOT, CLEAR)]
    return sorted(relevant, key=lambda r: (r[0], r[2] != TRADE))


def test_a_day_by_hand(tmp_path):
    us = 1000
    events = [
        (1 * us, 2 * us, CLEAR, NONE, 0, 0, 1),
        (1 * us, 2 * us, SNAPSHOT, BID, 999, 5, 1),
        (1 * us, 2 * us, SNAPSHOT, BID, 998, 4, 1),
        (1 * us, 2 * us, SNAPSHOT, ASK, 1001, 6, 1),
        (4 * us, 5 * us, DEPTH, BID, 999, 3, 2),
        (3 * us, 6 * us, TRADE, ASK, 999, 2, 77),  # older at the exchange than the depth it caused
        (7 * us, 8 * us, DEPTH, BID, 999, 3, 3),  # says nothing new
        (7 * us, 8 * us, DEPTH, ASK, 1001, 0, 3),
    ]
    tape = build(tmp_path, events, clock="2us", levels=2)
    np.testing.assert_array_equal(tape.exch_ts, np.array([1, 1, 1, 3, 4, 7]) * us)
    assert tape.event.tolist() == [
        [Code.BID_DEPTH, 999, 5, 0],
        [Code.BID_DEPTH, 998, 4, 0],
        [Code.ASK_DEPTH, 1001, 6, 0],
        [Code.SELL_TRADE, 999, 2, 0],
        [Code.BID_DEPTH, 999, 3, 5],
        [Code.ASK_DEPTH, 1001, 0, 6],
    ]
    assert tape.best.tolist() == [[999, 0], [999, 0], [999, 1001], [999, 1001], [999, 1001], [999, 0]]
    assert (tape.ts_ns // us).tolist() == [2, 4, 6, 8]
    assert tape.book_price[:, 0].tolist() == [[999, 998]] * 4
    assert tape.book_qty[:, 0].tolist() == [[5, 4], [5, 4], [3, 4], [3, 4]]
    # the emptied side keeps its price, without lots
    assert tape.book_price[:, 1].tolist() == [[1001, 1001]] * 4
    assert tape.book_qty[:, 1].tolist() == [[6, 0], [6, 0], [6, 0], [0, 0]]
    assert tape.cursor.tolist() == [3, 5, 5, 6]
    assert (tape.meta.lag_ns, tape.meta.trades, tape.meta.rows) == (3 * us, 1, 8)


@pytest.mark.parametrize("tops_only", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_events_rebuild_the_exchange_book_after_every_message(tmp_path, small_chunks, seed, tops_only):
    events = RandomMarket(seed, tops_only).stream(60)
    tape = build(tmp_path, events)
    order = exchange_sorted(events)
    book, best = {}, tape.best[0]
    for i, (code, price, qty, prev) in enumerate(tape.event.tolist()):
        if code in (Code.BID_DEPTH, Code.ASK_DEPTH):
            side = Side(code - Code.BID_DEPTH)
            assert prev == book.pop((side, price), 0) != qty
            if qty:
                book[side, price] = qty
        bids, asks = ([p for s, p in book if s == side] for side in (BID, ASK))
        best = [max(bids, default=0), min(asks, default=0)]
        assert tape.best[i].tolist() == best
        if i + 1 == tape.events or tape.exch_ts[i + 1] > tape.exch_ts[i]:
            assert book == plain_book([r for r in order if r[0] <= tape.exch_ts[i]])
    trades = [(r[0], Code.BUY_TRADE if r[3] == BID else Code.SELL_TRADE, r[4], r[5]) for r in order if r[2] == TRADE]
    is_trade = tape.event[:, 0] <= Code.BUY_TRADE
    got = np.column_stack([tape.exch_ts[is_trade], tape.event[is_trade, :3]]).tolist()
    assert got == [list(t) for t in trades]
    assert tape.meta.trades == len(trades)


@pytest.mark.parametrize("clock", ["1us", "7ev"])
def test_decisions_see_what_was_received_by_then(tmp_path, small_chunks, clock):
    events = RandomMarket(3).stream(80)
    tape = build(tmp_path, events, clock)
    assert tape.decisions > 10
    assert (np.diff(tape.ts_ns) > 0).all()
    for k, ts in enumerate(tape.ts_ns):
        book = plain_book([r for r in events if r[1] <= ts])
        for side, sign in ((BID, -1), (ASK, 1)):
            levels = sorted(((p, q) for (s, p), q in book.items() if s == side), key=lambda x: sign * x[0])[:3]
            used = len(levels)
            assert list(zip(tape.book_price[k, side], tape.book_qty[k, side], strict=True))[:used] == levels
            assert (tape.book_qty[k, side, used:] == 0).all()
            if used:
                assert (tape.book_price[k, side, used:] == levels[-1][0]).all()
        assert tape.cursor[k] == np.count_nonzero(tape.exch_ts <= ts)


def test_a_count_clock_decides_at_most_once_an_instant(tmp_path):
    start = [(0, 0, CLEAR, NONE, 0, 0, 0), (0, 0, SNAPSHOT, BID, 9, 1, 0), (0, 0, SNAPSHOT, ASK, 11, 1, 0)]
    burst = [(t, t, DEPTH, BID, 9, n + 2, t * 10 + n) for t in (5, 6) for n in range(6)]
    tape = build(tmp_path, [*start, *burst, (9, 9, TRADE, BID, 11, 1, 99)], clock="2ev")
    assert tape.ts_ns.tolist() == [0, 5, 6]


def test_sorted_batches_equal_one_stable_sort_in_which_book_rows_keep_their_order():
    rng = np.random.default_rng(0)
    n = 500
    exch = np.sort(rng.integers(0, 200, n)) - rng.integers(0, 15, n)
    kind = rng.choice([TRADE, DEPTH], n).astype(np.int8)
    table = Rows(exch, np.arange(n), kind, *(np.zeros(n, np.int64) for _ in range(4)))
    order = ExchangeOrder(disorder_ns=int((np.maximum.accumulate(exch) - exch).max()))
    parts = list(order.sort(table.take(slice(i, i + 13)) for i in range(0, n, 13)))
    stamps = [exch[i] if kind[i] == TRADE else max(exch[: i + 1][kind[: i + 1] != TRADE]) for i in range(n)]
    expected = sorted(range(n), key=lambda i: (stamps[i], kind[i] != TRADE))
    assert np.concatenate([part.recv_ts for part in parts]).tolist() == expected
    assert np.concatenate([part.exch_ts for part in parts]).tolist() == [stamps[i] for i in expected]
    assert order.restamped == sum(stamps[i] != exch[i] for i in range(n))


def test_where_there_are_no_diffs_a_top_replaces_its_side(tmp_path):
    top = [(0, 0, TOP, BID, 5, 1, 0), (0, 0, TOP, ASK, 6, 1, 0), (3, 3, TOP, BID, 7, 2, 1), (9, 9, TRADE, BID, 6, 1, 2)]
    tape = build(tmp_path, top, clock="4ev")
    assert tape.event.tolist()[2:] == [[Code.BID_DEPTH, 7, 2, 0], [Code.BID_DEPTH, 5, 0, 1], [Code.BUY_TRADE, 6, 1, 0]]


def test_where_there_are_diffs_tops_change_nothing(tmp_path):
    diffs = RandomMarket(0).stream(30)
    tops = [(*r[:2], TOP, BID, 990, 7, r[6]) for r in diffs]
    both = [row for pair in zip(diffs, tops, strict=True) for row in pair]
    of_diffs, of_both = build(tmp_path / "diffs", diffs), build(tmp_path / "both", both)
    np.testing.assert_array_equal(of_both.event, of_diffs.event)
    np.testing.assert_array_equal(of_both.features, of_diffs.features)


def test_an_empty_top_empties_its_side(tmp_path):
    top = [(0, 0, TOP, BID, 5, 1, 0), (0, 0, TOP, ASK, 6, 1, 0), (4000, 4000, TOP, BID, float("nan"), 0, 1)]
    tape = build(tmp_path, top, clock="1us")
    assert tape.event[-1].tolist() == [Code.BID_DEPTH, 5, 0, 1]
    assert tape.best[-1].tolist() == [0, 6]
    assert (tape.book_price[-1, 0].tolist(), tape.book_qty[-1, 0].tolist()) == ([5, 5, 5], [0, 0, 0])


def test_rows_that_no_tape_holds_are_counted(tmp_path):
    events = RandomMarket(0).stream(20)
    extra = [
        (99, 999, TRADE, NONE, 1000, 1, 5),
        (99, 999, GAP, NONE, 0, 0, 6),
        (99, 999, Kind.FUNDING, NONE, 0.123, 0, 7),
    ]
    tape = build(tmp_path, [*events, *extra])
    assert (tape.meta.unsided, tape.meta.gaps, tape.meta.rows) == (1, 1, len(events) + 3)


def test_crossed_books_are_counted_message_by_message(tmp_path):
    start = [(0, 0, CLEAR, NONE, 0, 0, 0), (0, 0, SNAPSHOT, BID, 9, 1, 0), (0, 0, SNAPSHOT, ASK, 11, 1, 0)]
    moves = [(5, 5, DEPTH, BID, 11, 1, 1), (5, 5, DEPTH, ASK, 11, 0, 1), (5, 5, DEPTH, ASK, 12, 1, 1)]
    assert build(tmp_path, start + moves, clock="3ev").meta.crossed == 0
    assert build(tmp_path, start + moves[:1], clock="3ev").meta.crossed == 1


def test_bytes_a_decision_stay_under_four_hundred_at_twenty_levels(tmp_path):
    tape = build(tmp_path, RandomMarket(0).stream(40), clock="5ev", levels=20)
    assert tape.bytes_per_decision == 396
    on_disk = sum(p.stat().st_size for p in (tmp_path / "tape").glob("*.npy"))
    assert on_disk == 9 * 128 + tape.decisions * 396 + tape.events * tape.bytes_per_event


def test_progress_ends_at_the_whole(tmp_path, small_chunks):
    seen = []
    events = RandomMarket(0).stream(40)
    build(tmp_path, events, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (2 * len(events), 2 * len(events))


def test_memory_does_not_grow_with_the_recording(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_ROWS", 1024)
    monkeypatch.setattr(local, "BLOCK_DECISIONS", 64)

    def peak(messages):
        store = MemoryStore(RandomMarket(0).stream(messages))
        build_tape(store, tmp_path / "warm", "1us", 3)
        tracemalloc.start()
        try:
            build_tape(store, tmp_path / "tape", "1us", 3)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(8000) < 1.2 * peak(1000)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "the store holds no rows"),
        ([(0, 0, DEPTH, BID, 9, 1, 0), (9, 9, DEPTH, BID, 8, 1, 1)], "never shows both sides"),
        ([(0, 0, DEPTH, BID, 9.5, 1, 0)], "is not a multiple of tick_size"),
        ([(0, 0, DEPTH, BID, 3e9, 1, 0)], "a tick_size of 1 would fit"),
        ([(0, 0, DEPTH, BID, 3, 3e11, 0)], r"3e\+08 is 300000000000 times lot_size 0.001.* a lot_size of 1 would fit"),
    ],
)
def test_a_store_that_makes_no_tape_is_refused_and_leaves_nothing(tmp_path, events, message):
    with pytest.raises(InputError, match=message):
        build(tmp_path, events)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("clock", "levels", "message"), [("fast", 3, "100ms or 1s"), ("1us", 0, "at least one level")])
def test_bad_settings_are_refused(tmp_path, clock, levels, message):
    with pytest.raises(InputError, match=message):
        build(tmp_path, RandomMarket(0).stream(5), clock, levels)


def test_a_full_disk_is_one_sentence_and_the_older_tape_stays(tmp_path, monkeypatch):
    build(tmp_path, RandomMarket(0).stream(20))

    def full(self, rows):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(npy.NpyWriter, "append", full)
    with pytest.raises(InputError, match="tape: No space left on device"):
        build(tmp_path, RandomMarket(1).stream(90))
    assert [p.name for p in tmp_path.iterdir()] == ["tape"]
    assert Tape.open(tmp_path / "tape").meta.rows == len(RandomMarket(0).stream(20))


def test_an_interrupted_build_leaves_nothing(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, RandomMarket(0).stream(20), progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_another_recording_has_another_fingerprint(tmp_path):
    stores = [MemoryStore(RandomMarket(0).stream(20)) for _ in range(3)]
    stores[2].meta["import"] = {"files": ["other.gz"]}
    sources = [build_tape(store, tmp_path / "tape", "1us", 3).meta.source for store in stores]
    assert sources[0] == sources[1] != sources[2]
    assert build(tmp_path, stores[0].rows).instrument == INSTRUMENT
