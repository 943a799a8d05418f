"""Requests before they have a number: what the order manager would send if risk lets it."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from jaxmm.exchange.types import OrderType
from jaxmm.live.messages import Amend, Cancel, CancelAll, Place, Query, Request


class Act(StrEnum):
    """What a draft asks for; in the order in which a group is sent."""

    CANCEL_ALL = "cancel_all"
    CANCEL = "cancel"
    AMEND = "amend"
    PLACE = "place"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Draft:
    """One request without its number. Fields that its act does not have are left at their defaults."""

    act: Act
    client_id: str = ""  # of the order it is about; that of a new order comes from the request's number
    side: int = 0
    price_ticks: int = 0  # 0 for a market order
    qty_lots: int = 0  # of an amend the new total, filled part included
    order_type: OrderType = OrderType.POST_ONLY
    reduce_only: bool = False

    def request(self, request_id: int, prefix: str) -> Request:
        """The request under its number; a new order is called `prefix` and the number."""
        if self.act is Act.PLACE:
            name = f"{prefix}{request_id}"
            numbers = (self.side, self.price_ticks, self.qty_lots)
            return Place(request_id, name, *numbers, self.order_type, self.reduce_only)
        if self.act is Act.AMEND:
            return Amend(request_id, self.client_id, self.side, self.price_ticks, self.qty_lots)
        if self.act is Act.CANCEL:
            return Cancel(request_id, self.client_id)
        return Query(request_id, self.client_id) if self.act is Act.QUERY else CancelAll(request_id)


def client_prefix(quoter: str) -> str:
    """How the client ids of a quoter's orders begin: `jm`, six hex digits of its name's hash, a hyphen."""
    return f"jm{hashlib.sha256(quoter.encode()).hexdigest()[:6]}-"


def act_of(request: Request) -> Act:
    """What a request asks for."""
    return _ACTS[type(request)]


_ACTS: dict[type, Act] = {
    Place: Act.PLACE,
    Amend: Act.AMEND,
    Cancel: Act.CANCEL,
    CancelAll: Act.CANCEL_ALL,
    Query: Act.QUERY,
}
