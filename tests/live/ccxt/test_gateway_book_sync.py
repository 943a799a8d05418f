"""Whatever a line does to messages, what passes the sync is a piece of the venue's own history, or a gap is told."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.live.ccxt.book_sync import KEPT, BookSync, Diff, Snapshot
from jaxmm.live.messages import Book, Gap

Sides = tuple[dict[int, int], dict[int, int]]


def put(book: Sides, bids, asks) -> Sides:
    new: Sides = (dict(book[0]), dict(book[1]))
    for side, levels in zip(new, (bids, asks), strict=True):
        for price, qty in levels:
            side[price] = qty
            if qty == 0:
                del side[price]
    return new


@dataclass
class History:
    """A venue's book: its differences, and its state at each of their ends."""

    diffs: list[Diff]
    at: dict[int, Sides]

    def snapshot(self, id: int, recv_ts: int) -> Snapshot:
        bids, asks = self.at[id]
        return Snapshot(id, None, recv_ts, tuple(bids.items()), tuple(asks.items()))


@st.composite
def histories(draw) -> History:
    book: Sides = ({}, {})
    last = draw(st.integers(0, 50))
    history = History([], {last: book})
    level = st.tuples(st.integers(1, 6), st.integers(0, 3))
    for i in range(draw(st.integers(1, 25))):
        bids, asks = draw(st.lists(level, max_size=3)), draw(st.lists(level, max_size=3))
        before, last = last, last + draw(st.integers(1, 3))
        book = put(book, bids, asks)
        history.diffs.append(Diff(before, last, i, i, tuple(bids), tuple(asks)))
        history.at[last] = book
    return history


@dataclass
class Reader:
    """Builds the book from messages, as the core does; knows whether it may be trusted."""

    history: History
    book: Sides = ({}, {})
    trusted: bool = False
    gaps: int = 0
    recv: list[int] = field(default_factory=list)

    def take(self, message: Book | Gap | None) -> None:
        if message is None:
            return
        self.recv.append(message.recv_ts)
        if isinstance(message, Gap):
            self.trusted, self.gaps = False, self.gaps + 1
            return
        assert self.trusted or message.snapshot, "a difference on a book that is not known"
        self.book = put(({}, {}) if message.snapshot else self.book, message.bids, message.asks)
        self.trusted = True
        assert self.book == self.history.at[message.id]


@st.composite
def deliveries(draw) -> tuple[History, list[Diff | int]]:
    """Differences as a bad line delivers them, with snapshots (their ids) in between."""
    history = draw(histories())
    sent: list[Diff | int] = []
    for diff in history.diffs:
        sent += [diff] * draw(st.sampled_from([1, 1, 1, 1, 0, 2]))
    for _ in range(draw(st.integers(0, 4))):
        i, j = (draw(st.integers(0, len(sent))) for _ in range(2))
        if i < len(sent):
            sent.insert(j, sent.pop(i))
    for _ in range(draw(st.integers(0, 4))):
        sent.insert(draw(st.integers(0, len(sent))), draw(st.sampled_from(sorted(history.at))))
    return history, sent


def deliver(history: History, sent: list[Diff | int]) -> tuple[BookSync, Reader]:
    sync, reader = BookSync(), Reader(history)
    for now, item in enumerate(sent):
        if isinstance(item, int):
            for message in sync.snapshot(history.snapshot(item, now)):
                reader.take(message)
        else:
            reader.take(sync.diff(Diff(item.before, item.last, item.exch_ts, now, item.bids, item.asks)))
    return sync, reader


@given(deliveries())
@settings(max_examples=300)
def test_what_passes_is_the_venues_own_book_at_its_update_id(delivered):
    sync, reader = deliver(*delivered)
    assert sync.whole == reader.trusted
    assert reader.recv == sorted(reader.recv)


@given(deliveries())
def test_a_fresh_snapshot_always_makes_the_book_whole(delivered):
    history, sent = delivered
    sync, reader = deliver(history, [*sent, max(history.at)])
    assert sync.whole
    assert reader.book == history.at[max(history.at)]


@given(histories())
def test_on_a_good_line_nothing_is_missing_and_nothing_is_held_back(history):
    first = min(history.at)
    _, reader = deliver(history, [first, *history.diffs])
    assert reader.gaps == 0
    assert reader.book == history.at[max(history.at)]
    assert len(reader.recv) == 1 + len(history.diffs)


def diff(before: int, last: int, recv_ts: int = 5, exch_ts: int = 4) -> Diff:
    return Diff(before, last, exch_ts, recv_ts, ((100, last),), ())


def test_a_missing_message_is_told_once_and_names_both_updates():
    sync = BookSync()
    sync.snapshot(Snapshot(10, None, 1, (), ()))
    gap = sync.diff(diff(12, 13))
    assert isinstance(gap, Gap)
    assert "10" in gap.reason
    assert "12" in gap.reason
    assert sync.diff(diff(13, 14)) is None


def test_a_snapshot_older_than_what_waits_is_not_enough():
    sync = BookSync()
    sync.diff(diff(12, 13))
    assert sync.snapshot(Snapshot(11, None, 6, (), ())) == []
    assert not sync.whole
    assert [message.id for message in sync.snapshot(Snapshot(12, None, 7, (), ())) if isinstance(message, Book)] == [
        12,
        13,
    ]


def test_what_waited_for_a_snapshot_counts_as_received_with_it():
    sync = BookSync()
    sync.diff(diff(10, 11, recv_ts=5))
    assert [message.recv_ts for message in sync.snapshot(Snapshot(10, None, 9, (), ()))] == [9, 9]


def test_a_snapshot_is_not_dated_after_the_difference_that_continues_it():
    sync = BookSync()
    sync.diff(diff(10, 11, exch_ts=4))
    assert sync.snapshot(Snapshot(10, 7, 9, (), ()))[0].exch_ts == 4


def test_a_broken_stream_is_a_gap_and_forgets_what_waited():
    sync = BookSync()
    sync.snapshot(Snapshot(10, None, 1, (), ()))
    assert sync.lost(2, "connection closed") == Gap(2, "connection closed")
    assert sync.lost(3, "connection closed") is None
    sync.diff(diff(20, 21))
    assert sync.snapshot(Snapshot(19, None, 5, (), ())) == []


def test_memory_stays_bounded_while_no_snapshot_comes():
    sync = BookSync()
    for i in range(KEPT + 10):
        sync.diff(diff(i, i + 1))
    assert sync.snapshot(Snapshot(5, None, 9, (), ())) == []
    assert sync.snapshot(Snapshot(KEPT, None, 9, (), ()))
