"""A store's rows as the messages that a quoter receives."""

import pytest

from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.live.messages import ASK, Book, Gap, Mark, Trade
from jaxmm.live.paper.feed import StoreFeed
from tests.tape.memory_store import MemoryStore


def messages(*rows: tuple) -> list:
    return list(StoreFeed(MemoryStore(list(rows))))


def test_rows_of_one_message_are_one_book():
    bids, asks = ((100, 3),), ((102, 4), (103, 0))
    rows = [(5, 6, Kind.DEPTH, 0, 100, 3, 9), (5, 6, Kind.DEPTH, 1, 102, 4, 9), (5, 6, Kind.DEPTH, 1, 103, 0, 9)]
    other = (5, 6, Kind.DEPTH, 0, 100, 1, 10)
    assert messages(*rows, other) == [Book(5, 6, False, bids, asks, 9), Book(5, 6, False, ((100, 1),), (), 10)]


def test_a_clear_and_its_levels_are_a_snapshot():
    rows = [(5, 6, Kind.CLEAR, Side.NONE, 0, 0, 9), (5, 6, Kind.SNAPSHOT, 0, 100, 3, 9)]
    assert messages(*rows) == [Book(5, 6, True, ((100, 3),), (), 9)]


def test_tops_alone_are_snapshots_of_one_level_and_a_side_that_is_not_told_stays():
    rows = [
        (5, 6, Kind.TOP, 0, 100, 3, -1),
        (5, 6, Kind.TOP, 1, 102, 4, -1),
        (7, 8, Kind.TOP, 1, 101, 2, -1),
        (9, 9, Kind.CLEAR, 0, 0, 0, -1),
    ]
    assert messages(*rows) == [
        Book(5, 6, True, ((100, 3),), ((102, 4),), -1),
        Book(7, 8, True, ((100, 3),), ((101, 2),), -1),
        Book(9, 9, True, (), ((101, 2),), -1),
    ]


def test_tops_beside_diffs_and_trades_without_an_aggressor_are_left_out():
    rows = [
        (5, 6, Kind.DEPTH, 0, 100, 3, 9),
        (5, 6, Kind.TOP, 0, 100, 3, 9),
        (6, 7, Kind.TRADE, Side.NONE, 100, 1, 1),
        (6, 7, Kind.TRADE, 1, 100, 2, 2),
    ]
    assert messages(*rows) == [Book(5, 6, False, ((100, 3),), (), 9), Trade(6, 7, ASK, 100, 2, 2)]


def test_marks_and_gaps_are_told():
    rows = [(5, 6, Kind.MARK, 2, 1005, 0, -1), (7, 8, Kind.GAP, 2, 0, 0, 44)]
    assert messages(*rows) == [Mark(6, 100.5), Gap(8, "the recording misses messages after id 44")]


def test_a_feed_knows_how_far_exchange_time_runs_back():
    feed = StoreFeed(MemoryStore([(50, 60, Kind.TRADE, 0, 100, 1, 1), (20, 61, Kind.TRADE, 0, 100, 1, 2)]))
    assert (feed.first_ns, feed.disorder_ns) == (60, 30)


def test_a_store_without_rows_is_refused():
    with pytest.raises(InputError, match="holds no rows"):
        StoreFeed(MemoryStore([]))
