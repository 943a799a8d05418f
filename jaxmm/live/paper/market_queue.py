"""Market messages as the exchange lived them: sorted by its clock, turned into events that the plain venue takes.

The order is the tape's: by exchange time, trades before book changes, then as received. Book messages keep their order
among themselves, because only in that order do they make a right book: where their exchange time runs back, they take
the latest before it.
"""

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from itertools import count

from jaxmm.exchange.reference import ASK, ASK_DEPTH, BID, BID_DEPTH, BUY_TRADE, SELL_TRADE, Event
from jaxmm.live.messages import Book, Levels, Trade

NEVER = 2**62
LONG_AGO = -NEVER
Sides = tuple[Mapping[int, int], Mapping[int, int]]


class MarketQueue:
    """What has reached us of the market and has not happened yet at the paper venue.

    Attributes:
        late: messages so far that came after the venue had gone past their exchange time; they happen at once.
    """

    def __init__(self) -> None:
        self.late = 0
        self._waiting: list[tuple[int, bool, int, Book | Trade]] = []  # exch_ts, of the book, order of reception
        self._received = count()
        self._latest_book = LONG_AGO
        self._now = LONG_AGO

    def push(self, message: Book | Trade) -> None:
        """Takes one message in the order of reception."""
        of_book = isinstance(message, Book)
        exch_ts = message.exch_ts
        if of_book:
            exch_ts = self._latest_book = max(self._latest_book, exch_ts)
        self.late += exch_ts < self._now
        heappush(self._waiting, (max(exch_ts, self._now), of_book, next(self._received), message))

    @property
    def next_ns(self) -> int | None:
        """Exchange time of the next message, where one waits."""
        return self._waiting[0][0] if self._waiting else None

    def pop(self, book: Sides) -> Iterator[Event]:
        """The events of the next message, given the venue's book before each of them."""
        self._now, _, _, message = heappop(self._waiting)
        if isinstance(message, Trade):
            if message.qty_lots:
                code = BUY_TRADE if message.side == BID else SELL_TRADE
                yield Event(code, message.price_ticks, message.qty_lots, 0)
            return
        for side, levels in ((BID, message.bids), (ASK, message.asks)):
            yield from _replaced(side, levels, book) if message.snapshot else _changes(side, levels, book)


def _changes(side: int, levels: Levels, book: Sides) -> Iterator[Event]:
    for price, lots in levels:
        before = book[side].get(price, 0)
        if lots != before:
            yield Event(BID_DEPTH if side == BID else ASK_DEPTH, price, lots, before)


def _replaced(side: int, levels: Levels, book: Sides) -> Iterator[Event]:
    """First what the snapshot sets, then what it no longer has, each from the best level on."""
    fresh = {price: lots for price, lots in levels if lots}
    yield from _changes(side, tuple(sorted(fresh.items(), reverse=side == BID)), book)
    gone = sorted((price for price in book[side] if price not in fresh), reverse=side == BID)
    yield from _changes(side, tuple((price, 0) for price in gone), book)
