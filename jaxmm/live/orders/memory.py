"""What the order manager keeps: orders by both their names, fills that wait for an order, trade ids; flat in memory."""

from collections import OrderedDict
from collections.abc import Iterable

from jaxmm.live.messages import Fill
from jaxmm.live.orders.order import Order

KEPT_ORDERS = 4096  # settled ones, for messages that come late
KEPT_TRADES = 65_536
KEPT_FILLS = 1024  # whose order is not known yet


class OrderBook:
    """Orders by client id and by the venue's id: all that are not settled, and the last that are."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._unsettled: dict[str, Order] = {}
        self._settled: OrderedDict[str, Order] = OrderedDict()
        self._names: dict[str, str] = {}  # client ids by venue id
        self._fills: OrderedDict[str, list[Fill]] = OrderedDict()  # by venue id

    def get(self, client_id: str) -> Order | None:
        """The order of that client id."""
        return self._unsettled.get(client_id) or self._settled.get(client_id)

    def find(self, client_id: str, venue_id: str) -> Order | None:
        """The order of that client id, or of that venue id where the client id is empty."""
        return self.get(client_id or self._names.get(venue_id, ""))

    def unsettled(self) -> list[Order]:
        """In the order of their making."""
        return list(self._unsettled.values())

    def touch(self, order: Order) -> None:
        """The order is new or has changed: gives it the fills that waited for it and files it by where it stands."""
        if order.venue_id and self._names.get(order.venue_id) != order.client_id:
            self._names[order.venue_id] = order.client_id
            for fill in self._fills.pop(order.venue_id, ()):
                order.fill(fill)
        if not order.settled:
            self._settled.pop(order.client_id, None)
            self._unsettled[order.client_id] = order
        elif self._unsettled.pop(order.client_id, None) is not None:
            self._settled[order.client_id] = order
            if len(self._settled) > KEPT_ORDERS:
                _, oldest = self._settled.popitem(last=False)
                self._names.pop(oldest.venue_id, None)

    def keep_fill(self, fill: Fill) -> None:
        """A fill that names its order by a venue id which we do not know yet."""
        self._fills.setdefault(fill.venue_id, []).append(fill)
        if len(self._fills) > KEPT_FILLS:
            self._fills.popitem(last=False)

    def kept_fills(self) -> list[Fill]:
        """Those that still wait."""
        return [fill for fills in self._fills.values() for fill in fills]


class Seen:
    """Trade ids that have been counted: the last ones, and all since the last time up to which fills are complete."""

    def __init__(self, ids: Iterable[tuple[str, int]] = ()) -> None:
        self._ids: dict[str, int] = dict(ids)  # the venue's times, in the order of arrival

    def add(self, trade_id: str, exch_ts: int) -> bool:
        """Whether the id is new; it is not any more."""
        if trade_id in self._ids:
            return False
        self._ids[trade_id] = exch_ts
        if len(self._ids) > KEPT_TRADES:
            del self._ids[next(iter(self._ids))]
        return True

    def __contains__(self, trade_id: str) -> bool:
        return trade_id in self._ids

    def since(self, exch_ts: int) -> list[tuple[str, int]]:
        """The ids of trades from that time on, for a state."""
        return [(trade_id, ts) for trade_id, ts in self._ids.items() if ts >= exch_ts]
