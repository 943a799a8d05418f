"""What the core tells about its work as it goes, and how it stands when asked: the vocabulary of metrics and health."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Status:
    """How the quoter stands. Prices in ticks, sizes in lots, money in settlement currency."""

    now_ns: int
    state: str  # of risk: active, reducing, halted
    reason: str  # why not active; empty where it is
    level: str  # who decides: primary, baseline, nobody
    quoting: bool  # whether it would quote now: recovered, active or reducing, nothing in the way
    hindrance: str  # what is in the way of quoting; empty where nothing is
    position_lots: int
    bid: tuple[int, int]  # our best bid: price, open lots; lots 0 where there is none
    ask: tuple[int, int]
    touch: tuple[int, int]  # the market's bid and ask at the last decision; 0, 0 before the first
    open_orders: int
    unknown_orders: int  # of which an answer was lost
    realized: Decimal
    fees: Decimal
    unrealized: Decimal
    feed_age_ns: int
    streams: tuple[tuple[str, bool], ...]  # name, up
    dissimilarity: float
    skew_ns: int

    @property
    def pnl(self) -> Decimal:
        """Realized and unrealized profit, fees paid."""
        return self.realized + self.unrealized - self.fees


class Observer:
    """Hears of the core's work; this one does not listen."""

    def decided(self, level: str, took_ns: int) -> None:
        """A decision was made."""

    def late(self) -> None:
        """A decision fell due too long ago to be acted on."""

    def fell_back(self, level: str) -> None:
        """Another quoter decides from now on."""

    def market(self, kind: str, delay_ns: int) -> None:
        """A market message arrived, so much later than the venue stamped it."""

    def submitted(self, kind: str, since_ns: int) -> None:
        """A request went out; its cause reached us at `since_ns`."""

    def answered(self, kind: str, outcome: str, round_trip_ns: int) -> None:
        """A request was answered, refused or lost."""

    def filled(self, side: int, lots: int, maker: bool) -> None:
        """One of our orders traded."""

    def blocked(self, reason: str) -> None:
        """Risk held an order back."""

    def breached(self, reason: str) -> None:
        """A watched limit was passed."""

    def event(self, name: str, **facts: Any) -> None:
        """Something that a person would want to read of in a log."""
