from jaxmm.exchange.types import OrderType
from jaxmm.live.messages import ASK, BID, Amend, Answered, Cancel, OrderStatus, Place, Refusal, Refused
from tests.live.orders.venue import MS, Talk, fill_of, manager_of, state_of


def quoting(**settings) -> tuple[Talk, Place]:
    """A manager with one open bid of 5 lots at 100."""
    talk = Talk(manager_of(**settings))
    (place,) = talk.want(100, 5)
    talk.manager.hear(Answered(place.request_id, 0, state_of(place)))
    return talk, place


def test_what_is_wanted_is_placed_once_and_stays():
    talk, place = quoting()
    assert (place.side, place.price_ticks, place.qty_lots) == (BID, 100, 5)
    assert place.client_id == f"{talk.manager.prefix}{place.request_id}"
    assert talk.want(100, 5) == []
    assert talk.manager.own(BID) == ((100,), (5,))


def test_a_side_with_an_unanswered_request_waits_and_shows_no_open_orders():
    talk = Talk(manager_of())
    talk.want(100, 5)
    assert talk.want(101, 5) == []
    assert talk.manager.own(BID) == ((100,), (0,))
    assert talk.manager.exposure(BID) == 5


def test_fewer_lots_at_the_same_price_are_an_amend_and_more_are_a_new_order():
    talk, place = quoting()
    assert talk.want(100, 3) == [Amend(2, place.client_id, BID, 100, 3)]
    talk.manager.hear(Answered(2, 0, state_of(place, qty=3)))
    cancel, anew = talk.want(100, 4)
    assert cancel == Cancel(3, place.client_id)
    assert (anew.price_ticks, anew.qty_lots) == (100, 4)


def test_where_amends_lose_the_place_fewer_lots_are_a_new_order():
    talk, _ = quoting(can_amend=False)
    assert [type(request) for request in talk.want(100, 3)] == [Cancel, Place]


def test_an_amended_total_includes_what_is_filled():
    talk, place = quoting()
    talk.manager.hear(fill_of(place, "t1", 2))
    assert talk.want(100, 5) == []
    assert talk.want(100, 4) == [Amend(2, place.client_id, BID, 100, 4)]
    assert talk.manager.exposure(BID) == 3


def test_cancels_of_both_sides_go_before_places():
    talk = Talk(manager_of())
    for place in talk.want(100, 5, 110, 5):
        talk.manager.hear(Answered(place.request_id, 0, state_of(place)))
    assert [type(request) for request in talk.want(101, 5, 109, 5)] == [Cancel, Cancel, Place, Place]


def test_flattening_cancels_all_and_closes_the_position_at_the_market():
    talk, place = quoting(reduce_only=True)
    talk.manager.hear(fill_of(place, "t1", 2))
    cancel, close = talk.want(flatten=True)
    assert cancel == Cancel(2, place.client_id)
    assert (close.side, close.qty_lots, close.order_type, close.reduce_only) == (ASK, 2, OrderType.MARKET, True)
    assert talk.want(flatten=True) == []


def test_a_rejected_order_leaves_the_side_free():
    talk = Talk(manager_of())
    (place,) = talk.want(100, 5)
    talk.manager.hear(Refused(place.request_id, 0, Refusal.POST_ONLY, "would take"))
    assert talk.manager.open_orders() == []
    assert [type(request) for request in talk.want(100, 5)] == [Place]


def test_while_the_venue_counts_too_many_requests_only_cancels_are_sent():
    talk, place = quoting()
    (ask,) = talk.want(100, 5, 110, 5)
    talk.manager.hear(Refused(ask.request_id, 0, Refusal.RATE, "too many", until_ns=50 * MS))
    assert talk.want(100, 5, 110, 5) == []
    assert [type(request) for request in talk.want(101, 5, 110, 5)] == [Cancel]
    talk.manager.hear(Answered(3, 0, state_of(place, OrderStatus.CANCELED)))
    talk.now = 50 * MS
    assert [type(request) for request in talk.want(101, 5, 110, 5)] == [Place, Place]


def test_an_amend_counts_what_was_taken_on_arrival():
    talk, place = quoting(order_type=OrderType.GTC)
    talk.manager.hear(fill_of(place, "t1", 2, maker=False))
    assert talk.want(100, 3) == []  # three rest
    assert talk.want(100, 2) == [Amend(2, place.client_id, BID, 100, 4)]


def test_an_older_message_does_not_undo_an_amend():
    talk, place = quoting()
    (amend,) = talk.want(100, 3)
    talk.manager.hear(Answered(amend.request_id, 0, state_of(place, qty=3)))
    talk.manager.hear(state_of(place))
    assert talk.manager.exposure(BID) == 3
