"""The order manager asks for what `exchange.reference_orders` asks for, request by request."""

from itertools import count
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmm.exchange.reference import Outcome, Report
from jaxmm.exchange.reference_orders import Requests, SideOrders, Wanted, closing
from jaxmm.exchange.types import OrderType
from jaxmm.live.messages import ASK, BID, Amend, Answered, Cancel, OrderStatus, Place, Refusal, Refused, Request
from tests.live.orders.venue import Talk, fill_of, manager_of, state_of


class Both:
    """The reference and the order manager, told the same."""

    def __init__(self, orders: int) -> None:
        ids = count(1)
        self.sides = [SideOrders(side, orders, OrderType.POST_ONLY, ids) for side in (BID, ASK)]
        self.talk = Talk(manager_of(count=orders))
        self.position = 0
        self._trades = count(1)
        self.places: dict[int, Place] = {}  # by the reference's order id
        self.filled: dict[int, int] = {}
        self.totals: dict[int, int] = {}

    def want(self, wanted: Wanted) -> list[tuple[Request, int]]:
        """The requests of both, which are the same, with the reference's order ids."""
        close = closing(self.position)
        asked = [
            side.flatten(close[side.side]) if wanted.flatten else side.want(wanted.entries(side.side))
            for side in self.sides
        ]
        requests = self.talk.send(self.talk.manager.want(wanted, 0))
        ids = self._same(asked, requests)
        return list(zip(requests, ids, strict=True))

    def _same(self, asked: list[Requests], requests: list[Request]) -> list[int]:
        cancels = [(Cancel, self.places[id].client_id, 0) for one in asked for id in one.cancels]
        amends = [(Amend, self.places[a.order_id].client_id, a.total) for one in asked for a in one.amends]
        places = [place for one in asked for place in one.places]
        made = [request for request in requests if isinstance(request, Place)]
        assert [(p.side, p.price, p.lots, p.order_type) for p in places] == [
            (p.side, p.price_ticks, p.qty_lots, p.order_type) for p in made
        ]
        rest = [(type(r), r.client_id, r.qty_lots if isinstance(r, Amend) else 0) for r in requests if r not in made]
        assert rest == cancels + amends
        for place, request in zip(places, made, strict=True):
            self.places[place.order_id], self.filled[place.order_id] = request, 0
            self.totals[place.order_id] = place.lots
        ids = [id for one in asked for id in one.cancels] + [a.order_id for one in asked for a in one.amends]
        return ids + [place.order_id for place in places]

    def fill(self, order_id: int, lots: int, *, maker: bool = True) -> None:
        place = self.places[order_id]
        self.filled[order_id] += lots
        self.position += lots if place.side == BID else -lots
        self.talk.manager.hear(fill_of(place, f"t{next(self._trades)}", lots, maker=maker))
        self.sides[place.side].on_report(Report(order_id, Outcome.FILLED, place.side, 0, lots, maker))

    def answer(self, request: Request, order_id: int, rejected: bool) -> None:
        place, filled, total = self.places[order_id], self.filled[order_id], self.totals[order_id]
        if isinstance(request, Place) and rejected:
            self.totals[order_id] = 0
            self._tell(order_id, Outcome.REJECTED, Refused(request.request_id, 0, Refusal.POST_ONLY, ""))
        elif isinstance(request, Place) and place.order_type is OrderType.MARKET:
            self.fill(order_id, total, maker=False)
            state = state_of(place, OrderStatus.FILLED, filled=total)
            self._tell(order_id, Outcome.ACCEPTED, Answered(request.request_id, 0, state))
        elif isinstance(request, Place):
            self._tell(order_id, Outcome.ACCEPTED, Answered(request.request_id, 0, state_of(place)))
        elif filled == total:  # the request lost the race
            self.talk.manager.hear(Refused(request.request_id, 0, Refusal.UNKNOWN_ORDER, ""))
        elif isinstance(request, Amend) and request.qty_lots > filled:
            self.totals[order_id] = request.qty_lots
            state = state_of(place, qty=request.qty_lots, filled=filled)
            self._tell(order_id, Outcome.AMENDED, Answered(request.request_id, 0, state))
        else:
            self.totals[order_id] = filled
            state = state_of(place, OrderStatus.CANCELED, filled=filled)
            self._tell(order_id, Outcome.CANCELED, Answered(request.request_id, 0, state))

    def _tell(self, order_id: int, outcome: Outcome, answer) -> None:
        side = self.places[order_id].side
        self.sides[side].on_report(Report(order_id, outcome, side))
        self.talk.manager.hear(answer)

    def compare(self) -> None:
        for side in self.sides:
            prices, lots = self.talk.manager.own(side.side)
            assert lots == side.open_lots()
            open_prices = [slot.price for slot, open_ in zip(side.slots, lots, strict=True) if open_]
            assert [price for price, open_ in zip(prices, lots, strict=True) if open_] == open_prices
        assert self.talk.manager.position_lots == self.position


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_the_least_set_of_requests_is_the_references(seed, orders):
    random, both = Random(seed), Both(orders)
    waiting: list[tuple[Request, int]] = []
    for _ in range(60):
        both.compare()
        many = range(orders)
        wanted = Wanted(
            [random.randrange(98, 101) for _ in many],
            [random.randrange(4) for _ in many],
            [random.randrange(102, 105) for _ in many],
            [random.randrange(4) for _ in many],
            random.random() < 0.1,
        )
        waiting += both.want(wanted)
        for order_id, place in both.places.items():
            left = both.totals[order_id] - both.filled[order_id]
            sent = any(isinstance(request, Place) and id == order_id for request, id in waiting)
            if left > 0 and not sent and place.order_type is not OrderType.MARKET and random.random() < 0.3:
                both.fill(order_id, random.randrange(1, left + 1))
        if random.random() < 0.6:
            for request, order_id in waiting:
                both.answer(request, order_id, random.random() < 0.2)
            for side in both.sides:
                side.answered()
            waiting = []
