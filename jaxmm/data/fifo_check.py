"""The integrity report of an order-by-order log: whether its queues are those of the venue, in numbers."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxmm.data.bitstamp import CHANGED, CREATED, DELETED, TRADE, Log
from jaxmm.data.fifo import Clean


@dataclass(frozen=True)
class OrderLogReport:
    """What there is to know before a queue position from the log is believed."""

    created: int
    changed: int
    deleted: int
    trades: int
    snapshots: int
    span_s: float  # of the recorder's clock
    longest_gap_s: float  # between two messages
    backward_recv: int  # steps back of the recorder's clock
    backward_ids: int  # creations received after that of a younger order
    missing_ids: int  # orders between the first and the last whose creation the log lacks
    missing_trade_ids: int  # and trades
    older_than_the_log: int  # orders that are mentioned, but were created before the first line
    ghosts: int  # messages on orders that were deleted before, ignored: each would rest for ever
    early_messages: int  # changes and deletions received before the creation
    repeated_deletes: int
    moved: int  # orders that changed their price: market orders do
    grown: int  # orders that got larger; they go to the end of their queue
    in_flight: int  # times that an order crossed the opposite best on its way to a match
    longest_flight_ms: int
    trades_paired: int  # trades that both orders report
    trades_half_paired: int  # that one order reports
    trades_unpaired: int
    executions: int  # of resting orders
    executions_of_the_oldest: int  # of those, executed first at their price by age
    executions_at_the_best: int
    executions_with_others: int  # with more than one order in the queue
    executions_without_a_trade: int
    added: int  # clean events: orders that joined a queue
    cancelled: int  # that left it
    bid_match: float  # share of snapshots whose best bid is the rebuilt one
    ask_match: float
    bid_match_with_size: float  # in price and quantity
    ask_match_with_size: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """For people: one line a finding, then what it means."""
        lines = [f"{name.replace('_', ' '):<27} {_plain(value)}" for name, value in self.to_dict().items()]
        return "\n".join(lines + self.remarks())

    def remarks(self) -> list[str]:
        """Sentences on what needs care."""
        says = [
            "The venue's time has whole seconds and is an order's creation: when an order left is known on the "
            "recorder's clock only, and what came first within a second by the order of the lines only."
        ]
        if self.ghosts:
            says.append(f"{self.ghosts:,} messages would have left ghosts in the book and are pruned.")
        if self.missing_trade_ids:
            says.append(
                f"{self.missing_trade_ids:,} numbers are missing between the trades, while "
                f"{self.executions_without_a_trade:,} executions have no trade message: most of the numbers were no "
                "trades of this market."
            )
        if self.executions_of_the_oldest < self.executions:
            says.append(f"{self.executions - self.executions_of_the_oldest:,} executions were not of the oldest order.")
        return says


def check_orders(log: Log, clean: Clean) -> OrderLogReport:
    """Counts over one log and what `clean` made of it."""
    messages, counts = log.messages, clean.counts
    kinds = np.bincount(messages.kind, minlength=4)
    ids = messages.id[messages.kind == CREATED]
    trades = np.unique(messages.id[messages.kind == TRADE])
    waits = np.diff(messages.recv_ms)
    price = clean.tops[..., 0] == log.snapshots.ticks[..., 0]
    size = price & (clean.tops[..., 1] == log.snapshots.lots[..., 0])
    codes = np.bincount(clean.events.code, minlength=3)
    return OrderLogReport(
        created=int(kinds[CREATED]),
        changed=int(kinds[CHANGED]),
        deleted=int(kinds[DELETED]),
        trades=int(kinds[TRADE]),
        snapshots=len(clean.tops),
        span_s=float(messages.recv_ms[-1] - messages.recv_ms[0]) / 1e3,
        longest_gap_s=float(waits.max(initial=0)) / 1e3,
        backward_recv=int(np.count_nonzero(waits < 0)),
        backward_ids=int(np.count_nonzero(np.diff(ids) < 0)),
        missing_ids=_missing(ids),
        missing_trade_ids=_missing(trades),
        older_than_the_log=counts["older than the log"],
        ghosts=counts["ghosts"],
        early_messages=counts["on unknown orders"],
        repeated_deletes=counts["repeated deletes"],
        moved=counts["moved"],
        grown=counts["grown"],
        in_flight=counts["in flight"],
        longest_flight_ms=clean.longest_flight_ms,
        trades_paired=counts["trades reported by 2 orders"],
        trades_half_paired=counts["trades reported by 1 orders"],
        trades_unpaired=counts["trades reported by 0 orders"],
        executions=counts["executions"],
        executions_of_the_oldest=counts["executions of the oldest"],
        executions_at_the_best=counts["executions at the best"],
        executions_with_others=counts["executions with others in the queue"],
        executions_without_a_trade=counts["executions without a trade"],
        added=int(codes[0]),
        cancelled=int(codes[1]),
        bid_match=_share(price[:, 0]),
        ask_match=_share(price[:, 1]),
        bid_match_with_size=_share(size[:, 0]),
        ask_match_with_size=_share(size[:, 1]),
    )


def _missing(ids: np.ndarray) -> int:
    return int(ids.max() - ids.min() + 1 - len(np.unique(ids))) if len(ids) else 0


def _share(which: np.ndarray) -> float:
    return float(which.mean()) if len(which) else float("nan")


def _plain(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
