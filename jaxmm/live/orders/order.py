"""What we know of one order. Messages about it may come twice, late and in any order, and lead to the same knowledge.

That is so because every step only adds: a final status stays, filled lots only grow, a total only shrinks (we amend
down only). `UNKNOWN` is the one status that waits for an answer.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jaxmm.exchange.types import OrderType
from jaxmm.live.messages import Fill, OrderState, OrderStatus


@dataclass(slots=True)
class Order:
    """One order of ours; only the order manager changes it."""

    client_id: str
    side: int
    price_ticks: int
    qty_lots: int  # total, filled part included
    order_type: OrderType = OrderType.POST_ONLY
    sent_ns: int = 0
    venue_id: str = ""
    status: OrderStatus = OrderStatus.PENDING
    filled_lots: int = 0  # by the fills that we know
    taken_lots: int = 0  # of these, as taker
    told_lots: int = 0  # filled as the venue's states of the order say
    seen: bool = False  # the venue has shown it
    unanswered: int = 0  # requests under way
    kept: bool = False  # it is one of our quotes; else it is to be gone
    stranger: bool = False  # it carries our mark but we did not send it: the venue alone knows its total and its fills
    changed_ns: int = 0  # when we last heard of it
    doubt_ns: int = 0  # since when its status is unknown or fills are owed
    tries: int = 0  # queries or cancels since then
    next_try_ns: int = 0

    @property
    def open_lots(self) -> int:
        """Lots that may still fill."""
        known = 0 if self.stranger else self.filled_lots
        return 0 if self.status.final else max(self.qty_lots - max(known, self.told_lots), 0)

    @property
    def total_lots(self) -> int:
        """The total without what was taken on arrival, which never rested."""
        return self.qty_lots - self.taken_lots

    @property
    def owed_lots(self) -> int:
        """Lots that the venue says are filled and whose fills have not come."""
        return 0 if self.stranger else max(self.told_lots - self.filled_lots, 0)

    @property
    def settled(self) -> bool:
        """Whether nothing about it is open: status, fills, answers."""
        return self.status.final and not self.owed_lots and not self.unanswered

    @property
    def certain(self) -> bool:
        """Whether we know where it stands: open with no request under way, or settled."""
        if self.unanswered or self.owed_lots:
            return False
        return self.status is OrderStatus.OPEN or self.status.final

    @property
    def never_was(self) -> bool:
        """Whether we took it for rejected or lost on its way; a message about it proves the contrary."""
        return self.status is OrderStatus.REJECTED and not self.seen

    def doubt(self, now_ns: int) -> None:
        """Where it stands is not known any more, unless it was at its end; an older doubt stays what it is."""
        if self.status is not OrderStatus.UNKNOWN and (not self.status.final or self.never_was):
            self.status = OrderStatus.UNKNOWN
            self.doubt_ns, self.tries, self.next_try_ns = now_ns, 0, now_ns

    def learn(self, state: OrderState, *, asked: bool) -> None:
        """The venue describes it; `asked` says that this answers a request about it and is no older message."""
        proven = self.never_was
        self.venue_id = state.venue_id or self.venue_id
        self.qty_lots = min(self.qty_lots, state.qty_lots) or state.qty_lots
        self._tell(state)
        if proven:
            self.tries, self.next_try_ns = 0, state.recv_ts
        open_to_news = proven or not self.status.final
        if open_to_news and (state.status.final or asked or not self.seen):
            self.status = state.status
        self.seen = True
        self._complete()

    def fill(self, fill: Fill) -> None:
        """An execution that was not known."""
        if self.never_was:
            self.doubt(fill.recv_ts)
        self.venue_id = fill.venue_id or self.venue_id
        self.filled_lots += fill.qty_lots
        self.taken_lots += 0 if fill.maker else fill.qty_lots
        self.changed_ns, self.seen = fill.recv_ts, True
        self.status = OrderStatus.OPEN if self.status is OrderStatus.PENDING else self.status
        self._complete()

    def _tell(self, state: OrderState) -> None:
        owed = self.owed_lots
        self.told_lots = max(self.told_lots, state.filled_lots)
        self.changed_ns = state.recv_ts
        if self.owed_lots and not owed:
            self.doubt_ns = state.recv_ts

    def _complete(self) -> None:
        if not self.status.final and not self.stranger and self.filled_lots >= self.qty_lots:
            self.status = OrderStatus.FILLED

    def to_body(self) -> dict[str, Any]:
        """Plain values, as a state in the journal holds them."""
        return asdict(self)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> "Order":
        """The inverse of `to_body`."""
        kinds = {"status": OrderStatus(body["status"]), "order_type": OrderType(body["order_type"])}
        return cls(**{**body, **kinds})
