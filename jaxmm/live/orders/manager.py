"""The order manager: what is wanted becomes the least set of requests, what the venue says what we know. No I/O.

Its rules are those of `jaxmm.exchange.reference_orders`, and for what only a real venue does:

- A side waits while where any of its orders stands is not certain: a request without an answer, an answer that was
  lost, fills that the venue counts and that have not come, an order left behind that is not gone.
- An unknown outcome is asked for, with growing pauses, and never assumed. That the venue knows no such order counts
  once it is asked again `Patience.settle_ns` after the doubt began: a request may still be on its way until then.
- An order of ours that is open and not one of our quotes (an orphan) is cancelled until it is gone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxmm.exchange.reference_orders import Wanted, closing
from jaxmm.exchange.types import OrderType
from jaxmm.live.journal.bodies import KINDS, read_body
from jaxmm.live.messages import (
    ASK,
    BID,
    Amend,
    Answered,
    Cancel,
    CancelAll,
    Fill,
    Lost,
    Message,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Request,
    Transfer,
)
from jaxmm.live.orders.drafts import IN_ORDER, Draft, client_prefix
from jaxmm.live.orders.ledger import Ledger
from jaxmm.live.orders.memory import OrderBook, Seen
from jaxmm.live.orders.order import Order
from jaxmm.live.orders.quotes import Quotes

_GONE_OR_THERE = (Refusal.UNKNOWN_ORDER, Refusal.DUPLICATE)  # refusals that leave open where the order stands
_NOT_NOW = (Refusal.RATE, Refusal.BANNED)
_TYPES = {name: type_ for type_, name in KINDS.items()}


@dataclass(frozen=True)
class Patience:
    """How long the order manager waits.

    Attributes:
        first_ns: before a query or a cancel is repeated the first time; then twice as long each time.
        most_ns: at most before it is repeated.
        settle_ns: how long a request may be on its way: the venue's receive window or longer.
        answer_ns: after which a request without an answer counts as lost.
        fills_ns: how long fills may be owed before they are to be asked for.
    """

    first_ns: int = 100_000_000
    most_ns: int = 2_000_000_000
    settle_ns: int = 5_000_000_000
    answer_ns: int = 15_000_000_000
    fills_ns: int = 1_000_000_000


class _Sent(NamedTuple):
    """A request without an answer."""

    kind: type  # of request
    client_ids: tuple[str, ...]  # of the orders that it is about
    ts_ns: int


class OrderManager:
    """Our orders, requests and fills.

    Attributes:
        ledger: what the fills came to.
        orders: our orders that are not settled, and the last that are.
    """

    def __init__(
        self,
        quoter: str,
        ledger: Ledger,
        *,
        count: int = 1,
        order_type: OrderType = OrderType.POST_ONLY,
        can_amend: bool = True,
        reduce_only: bool = False,
        patience: Patience | None = None,
    ) -> None:
        """`count` quotes a side at most; `reduce_only` marks orders that close the position, as futures know it."""
        self.ledger = ledger
        self.prefix = client_prefix(quoter)
        self.orders = OrderBook()
        self._trades = Seen()
        self._quotes = Quotes(self.orders, count, order_type, can_amend=can_amend)
        self._unanswered: dict[int, _Sent] = {}
        self._reduce_only = reduce_only
        self._patience = patience or Patience()
        self._held_until_ns = 0  # no new orders before: the venue counts too many

    # --- what we know -------------------------------------------------------------------------------------------------

    @property
    def position_lots(self) -> int:
        """Signed."""
        return self.ledger.position_lots

    def open_orders(self) -> list[Order]:
        """Orders that are, or may be, open at the venue."""
        return [order for order in self.orders.unsettled() if not order.status.final]

    def own(self, side: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Prices and known open lots of our quotes of a side; lots are 0 while the side waits."""
        orders, waits = self._quotes.of(side), self.waiting(side)
        prices = tuple(order.price_ticks if order else 0 for order in orders)
        return prices, tuple(order.open_lots if order and not waits else 0 for order in orders)

    def waiting(self, side: int) -> bool:
        """Whether what is wanted of the side must wait."""
        return any(
            not order.certain or (not order.kept and not order.settled)
            for order in self.orders.unsettled()
            if order.side == side
        )

    def exposure(self, side: int) -> int:
        """Lots of a side that may still fill, in the worst case: requests under way and unknown orders included."""
        return sum(order.open_lots + order.owed_lots for order in self.orders.unsettled() if order.side == side)

    @property
    def quiet(self) -> bool:
        """Whether no order of ours is or may be open, no fill is owed and no answer outstanding."""
        return not self._unanswered and not self.orders.unsettled()

    def fills_owed(self, now_ns: int) -> bool:
        """Whether fills have been missing for so long that the venue's list of them is to be asked for."""
        late = now_ns - self._patience.fills_ns
        return any(order.owed_lots and order.doubt_ns <= late for order in self.orders.unsettled())

    def unanswered(self) -> list[int]:
        """Ids of the requests without an answer."""
        return list(self._unanswered)

    def knows(self, id: str) -> bool:
        """Whether the fill or transfer of that id has been counted."""
        return id in self._trades

    # --- what we want -------------------------------------------------------------------------------------------------

    def want(self, wanted: Wanted, now_ns: int) -> list[Draft]:
        """The least set of requests that makes `wanted` our only quotes; nothing of a side that waits.

        Nothing is remembered: what of it is sent comes back by `sent`.
        """
        close, drafts = closing(self.position_lots), list[Draft]()
        for side in (BID, ASK):
            if self.waiting(side):
                continue
            drafts += self._quotes.adjusted(side, {} if wanted.flatten else dict(wanted.entries(side)))
            if wanted.flatten and close[side]:
                drafts.append(Place(0, "", side, 0, close[side], OrderType.MARKET, reduce_only=self._reduce_only))
        if now_ns < self._held_until_ns:
            drafts = [draft for draft in drafts if isinstance(draft, Cancel)]
        return sorted(drafts, key=lambda draft: IN_ORDER.index(type(draft)))

    def due(self, now_ns: int) -> list[Draft]:
        """Queries of what is unknown and cancels of orphans, as far as they are due again."""
        drafts = list[Draft]()
        for order in self.orders.unsettled():
            if order.unanswered or now_ns < order.next_try_ns:
                continue
            if order.status is OrderStatus.UNKNOWN:
                drafts.append(Query(0, order.client_id))
            elif order.status is OrderStatus.OPEN and not order.kept:
                drafts.append(Cancel(0, order.client_id))
        return drafts

    def overdue(self, now_ns: int) -> list[Lost]:
        """What to `hear` of requests whose answer has not come for too long: that it is lost."""
        late = now_ns - self._patience.answer_ns
        return [
            Lost(request_id, now_ns, "no answer came")
            for request_id, sent in self._unanswered.items()
            if sent.ts_ns <= late
        ]

    # --- what we ask --------------------------------------------------------------------------------------------------

    def sent(self, request: Request, now_ns: int) -> None:
        """The request is journaled and goes out now."""
        if isinstance(request, Place):
            self._placed(request, now_ns)
        kind, orders = type(request), self._about(request)
        self._unanswered[request.request_id] = _Sent(kind, tuple(order.client_id for order in orders), now_ns)
        for order in orders:
            order.unanswered += 1
            if kind in (Cancel, CancelAll):
                self._quotes.leave(order)
                order.status = OrderStatus.CANCELING if order.status is OrderStatus.OPEN else order.status
            if kind in (Cancel, Query):
                pause = self._patience.first_ns << min(order.tries, 20)
                order.next_try_ns = now_ns + min(pause, self._patience.most_ns)
                order.tries += 1
            self.orders.touch(order)

    def _placed(self, request: Place, now_ns: int) -> None:
        numbers = (request.side, request.price_ticks, request.qty_lots)
        order = Order(request.client_id, *numbers, request.order_type, sent_ns=now_ns)
        order.next_try_ns = now_ns + self._patience.first_ns
        if request.order_type is not OrderType.MARKET:
            self._quotes.seat(order)
        self.orders.touch(order)

    def leave_all(self) -> None:
        """No order is a quote any more: what is open is to be cancelled."""
        for order in self.orders.unsettled():
            self._quotes.leave(order)

    def _about(self, request: Request) -> list[Order]:
        if isinstance(request, CancelAll):
            return self.open_orders()
        order = self.orders.get(request.client_id)
        return [] if order is None else [order]

    # --- what we hear -------------------------------------------------------------------------------------------------

    def hear(self, message: Message) -> bool:
        """Takes a message about orders or money; False for any other, and for a fill or transfer heard before."""
        if isinstance(message, Fill):
            return self.on_fill(message)
        if isinstance(message, Transfer):
            return self.on_transfer(message)
        if isinstance(message, OrderState):
            self.on_order_state(message)
        elif isinstance(message, Answered):
            self.on_answered(message)
        elif isinstance(message, Refused):
            self.on_refused(message)
        elif isinstance(message, Lost):
            self.on_lost(message)
        else:
            return False
        return True

    def on_answered(self, answer: Answered) -> None:
        """A request was carried out."""
        kind, orders = self._answered(answer.request_id)
        if answer.order is not None:
            self._learn(answer.order, asked=True)
            return
        for order in orders:
            if kind is Query:
                self._absent(order, answer.recv_ts)
            elif not order.unanswered and not order.status.final:
                # an order of a `CancelAll` that no other answer will tell of; the stream mostly is before the query
                order.doubt(answer.recv_ts)
                order.next_try_ns += self._patience.first_ns
            self.orders.touch(order)

    def on_refused(self, answer: Refused) -> None:
        """A request was surely not carried out."""
        kind, orders = self._answered(answer.request_id)
        if answer.reason in _NOT_NOW and kind in (Place, Amend):
            self._held_until_ns = max(self._held_until_ns, answer.until_ns)
        for order in orders:
            if answer.reason in _GONE_OR_THERE:
                order.doubt(answer.recv_ts)
            elif kind is Place:
                order.status = order.status if order.seen else OrderStatus.REJECTED
            elif order.status is OrderStatus.CANCELING:
                order.status = OrderStatus.OPEN
            order.next_try_ns = max(order.next_try_ns, answer.until_ns)
            self.orders.touch(order)

    def on_lost(self, answer: Lost) -> None:
        """Whether a request was carried out is not known."""
        kind, orders = self._answered(answer.request_id)
        for order in orders:
            if kind is not Query and not (kind is Place and order.seen):
                order.doubt(answer.recv_ts)
            self.orders.touch(order)

    def on_order_state(self, state: OrderState) -> None:
        """The venue describes an order; of others' orders nothing is kept."""
        self._learn(state, asked=False)

    def on_open_orders(self, client_ids: Collection[str], asked_ns: int) -> None:
        """The venue listed its open orders, asked at `asked_ns`; what should be among them and is not is in doubt."""
        for order in self.open_orders():
            if order.client_id not in client_ids and not order.unanswered and order.changed_ns < asked_ns:
                order.doubt(asked_ns)

    def on_fill(self, fill: Fill) -> bool:
        """An execution; False where its trade id was seen before."""
        if not self._trades.add(fill.trade_id, fill.exch_ts):
            return False
        self.ledger.on_fill(fill)
        order = self.orders.find(fill.client_id, fill.venue_id)
        if order is not None:
            order.fill(fill)
            self.orders.touch(order)
        elif not fill.client_id:
            self.orders.keep_fill(fill)
        return True

    def on_transfer(self, transfer: Transfer) -> bool:
        """Money that moved without an execution; False where its id was seen before."""
        if not self._trades.add(transfer.transfer_id, transfer.exch_ts):
            return False
        self.ledger.on_transfer(transfer)
        return True

    def forget(self, known: Fill | Transfer) -> None:
        """An execution or a transfer that the account holds already: it will not be counted."""
        id = known.trade_id if isinstance(known, Fill) else known.transfer_id
        self._trades.add(id, known.exch_ts)

    def _answered(self, request_id: int) -> tuple[type | None, list[Order]]:
        sent = self._unanswered.pop(request_id, None)
        if sent is None:
            return None, []
        orders = [order for order in map(self.orders.get, sent.client_ids) if order is not None]
        for order in orders:
            order.unanswered -= 1
            self.orders.touch(order)
        return sent.kind, orders

    def _learn(self, state: OrderState, *, asked: bool) -> None:
        order = self.orders.find(state.client_id, state.venue_id)
        if order is None:
            if state.status.final or not state.client_id.startswith(self.prefix):
                return
            order = Order(state.client_id, state.side, state.price_ticks, state.qty_lots, stranger=True)
        if order.never_was:
            self._quotes.leave(order)
        order.learn(state, asked=asked)
        self.orders.touch(order)

    def _absent(self, order: Order, now_ns: int) -> None:
        """The venue knows no such order."""
        if order.status is OrderStatus.UNKNOWN and now_ns - order.doubt_ns >= self._patience.settle_ns:
            order.status = OrderStatus.CANCELED if order.seen else OrderStatus.REJECTED

    # --- states of the journal ----------------------------------------------------------------------------------------

    def to_body(self, fills_from: int) -> dict[str, Any]:
        """All that a restart needs; it will ask for fills from `fills_from` on (ns, the venue's clock)."""
        return {
            "ledger": self.ledger.to_body(),
            "orders": [order.to_body() for order in self.orders.unsettled()],
            "slots": self._quotes.slots,
            "unanswered": {str(number): [KINDS[sent.kind], *sent[1:]] for number, sent in self._unanswered.items()},
            "trades": self._trades.since(fills_from),
            "fills": self.orders.kept_fills(),
        }

    def restore(self, body: Mapping[str, Any]) -> None:
        """Becomes what `to_body` described, whatever it was before."""
        self.orders.clear()
        self._unanswered.clear()
        self.ledger.restore(body["ledger"])
        for fill in body["fills"]:
            self.orders.keep_fill(read_body(Fill, fill))
        for order in body["orders"]:
            self.orders.touch(Order.from_body(order))
        for slots, names in zip(self._quotes.slots, body["slots"], strict=True):
            slots[:] = [*names, *[""] * len(slots)][: len(slots)]
        for number, (kind, client_ids, ts_ns) in body["unanswered"].items():
            self._unanswered[int(number)] = _Sent(_TYPES[kind], tuple(client_ids), ts_ns)
        self._trades = Seen((trade_id, ts) for trade_id, ts in body["trades"])
