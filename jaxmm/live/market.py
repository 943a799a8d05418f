"""The market as the core keeps it: the tape's features, and what risk asks of a feed (its age, gaps, touch, mark)."""

from jaxmm.features.live import LiveMarket, Seen
from jaxmm.live.messages import ASK, BID, Book, Gap, Mark, Market, Trade

BOTH = 2


class MarketState:
    """Takes market messages in the order of reception; the features behind it are the tape's, unchanged."""

    def __init__(self, levels: int) -> None:
        _load_compiled()
        self._features = LiveMarket(levels)
        self.book_ns = 0
        """When the last book message was received; 0 before the first."""
        self.missing: str | None = "no snapshot yet"
        """Why the book is not to be traded on, until the next snapshot; None where it is whole."""
        self.mark: float | None = None
        """The venue's mark price, in quote currency."""

    def apply(self, message: Market) -> int:
        """Applies one message; returns the trades and book rows in it, which the decision clock counts."""
        if isinstance(message, Book):
            return self._apply_book(message)
        if isinstance(message, Trade):
            self._features.on_trade(message.side, message.qty_lots)
            return 1
        if isinstance(message, Mark):
            self.mark = message.price
        elif isinstance(message, Gap):
            self.missing = message.reason
        return 0

    @property
    def touch(self) -> tuple[int | None, int | None]:
        """Best bid and ask now, ticks; None where a side is empty."""
        return self._features.best(BID), self._features.best(ASK)

    def decide(self, ts_ns: int) -> Seen | None:
        """What is known at `ts_ns`; None until both sides of the book have been there at a decision."""
        return self._features.decide(ts_ns)

    def _apply_book(self, book: Book) -> int:
        if book.snapshot:
            self._features.on_clear(BOTH)
            self.missing = None
        for side, levels in ((BID, book.bids), (ASK, book.asks)):
            for price_ticks, qty_lots in levels:
                self._features.on_level(side, price_ticks, qty_lots)
        self._features.end_message()
        self.book_ns = book.recv_ts
        return len(book.bids) + len(book.asks)


def _load_compiled() -> None:
    """Loads compiled code now: at the first message it would hold up the event loop, and time sockets out."""
    market = LiveMarket(1)
    market.on_trade(BID, 1)
    market.end_message()
