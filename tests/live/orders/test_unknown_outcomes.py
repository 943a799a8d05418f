"""An outcome that is not known is asked for, never assumed; fills count once, whenever and however often they come."""

import pytest

from jaxmm.live.messages import (
    BID,
    Answered,
    Cancel,
    CancelAll,
    Lost,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
)
from jaxmm.live.orders import Patience
from tests.live.orders.venue import MS, Talk, fill_of, manager_of, state_of

PATIENCE = Patience(first_ns=100 * MS, most_ns=400 * MS, settle_ns=1000 * MS, answer_ns=5000 * MS, fills_ns=500 * MS)


def lost_order() -> tuple[Talk, Place]:
    """A bid of 5 lots at 100 whose answer was lost at 0."""
    talk = Talk(manager_of(patience=PATIENCE))
    (place,) = talk.want(100, 5)
    talk.manager.hear(Lost(place.request_id, 0, "timed out"))
    return talk, place


def open_order() -> tuple[Talk, Place]:
    talk = Talk(manager_of(patience=PATIENCE))
    (place,) = talk.want(100, 5)
    talk.manager.hear(Answered(place.request_id, 0, state_of(place)))
    return talk, place


def status(talk: Talk, place: Place) -> OrderStatus:
    order = talk.manager.orders.get(place.client_id)
    assert order is not None
    return order.status


def test_a_lost_answer_is_asked_for_until_it_comes():
    talk, place = lost_order()
    assert talk.want(101, 5) == []
    (query,) = talk.due()
    assert query == Query(query.request_id, place.client_id)
    talk.manager.hear(Answered(query.request_id, 0, state_of(place)))
    assert talk.manager.own(BID) == ((100,), (5,))


def test_pauses_between_queries_grow_to_the_longest_one():
    talk, place = lost_order()
    asked = []
    for now in range(0, 1500, 10):
        talk.now = now * MS
        for query in talk.due():
            asked.append(now)
            talk.manager.hear(Lost(query.request_id, talk.now, "timed out"))
    assert asked == [0, 100, 300, 700, 1100]
    assert status(talk, place) is OrderStatus.UNKNOWN


def test_that_the_venue_knows_no_such_order_counts_only_once_a_request_cannot_be_on_its_way():
    talk, place = lost_order()
    for now in (0, 100, 300, 700):
        talk.now = now * MS
        (query,) = talk.due()
        talk.manager.hear(Answered(query.request_id, talk.now, None))
        assert status(talk, place) is OrderStatus.UNKNOWN
    talk.now = 1100 * MS
    (query,) = talk.due()
    talk.manager.hear(Answered(query.request_id, talk.now, None))
    assert status(talk, place) is OrderStatus.REJECTED
    assert talk.manager.quiet


def test_an_order_that_was_taken_for_lost_and_appears_is_cancelled():
    talk, place = lost_order()
    talk.now = 2000 * MS
    (query,) = talk.due()
    talk.manager.hear(Answered(query.request_id, talk.now, None))
    talk.manager.hear(state_of(place))
    assert talk.due() == [Cancel(3, place.client_id)]
    assert talk.want(100, 5) == []


def test_a_silent_gateway_counts_as_a_lost_answer():
    talk = Talk(manager_of(patience=PATIENCE))
    (place,) = talk.want(100, 5)
    assert talk.manager.overdue(4999 * MS) == []
    (lost,) = talk.manager.overdue(5000 * MS)
    talk.manager.hear(lost)
    assert status(talk, place) is OrderStatus.UNKNOWN


@pytest.mark.parametrize("reason", [Refusal.UNKNOWN_ORDER, Refusal.DUPLICATE])
def test_a_refusal_that_leaves_open_where_the_order_stands_is_asked_about(reason):
    talk, place = open_order()
    (cancel,) = talk.want()
    talk.manager.hear(Refused(cancel.request_id, 0, reason, "no"))
    assert status(talk, place) is OrderStatus.UNKNOWN
    assert [type(request) for request in talk.due()] == [Query]


def test_a_cancel_that_lost_the_race_waits_for_the_fills_that_it_lost_to():
    talk, place = open_order()
    (cancel,) = talk.want()
    talk.manager.hear(Refused(cancel.request_id, 0, Refusal.UNKNOWN_ORDER, "no such order"))
    (query,) = talk.due()
    talk.manager.hear(Answered(query.request_id, 0, state_of(place, OrderStatus.FILLED, filled=5)))
    assert talk.manager.exposure(BID) == 5
    assert talk.want(100, 5) == []
    assert not talk.manager.fills_owed(499 * MS)
    assert talk.manager.fills_owed(500 * MS)
    assert talk.manager.hear(fill_of(place, "t1", 5))
    assert talk.manager.exposure(BID) == 0
    assert talk.manager.position_lots == 5
    assert [type(request) for request in talk.want(100, 5)] == [Place]


def test_a_refused_cancel_is_tried_again_when_the_venue_lets_us():
    talk, _ = open_order()
    (cancel,) = talk.want()
    talk.manager.hear(Refused(cancel.request_id, 0, Refusal.BANNED, "banned", until_ns=700 * MS))
    talk.now = 699 * MS
    assert talk.due() == []
    assert talk.want(100, 5) == []  # not beside one that is not gone
    talk.now = 700 * MS
    assert [type(request) for request in talk.due()] == [Cancel]


def test_an_order_of_ours_that_we_do_not_know_is_cancelled_and_one_of_others_is_not():
    talk = Talk(manager_of(patience=PATIENCE))
    stranger = Place(7, f"{talk.manager.prefix}7", BID, 100, 5, 1)
    talk.manager.hear(state_of(stranger, filled=2))
    talk.manager.hear(state_of(Place(8, "somebody", BID, 100, 5, 1)))
    assert talk.due() == [Cancel(1, stranger.client_id)]
    talk.manager.hear(Answered(1, 0, state_of(stranger, OrderStatus.CANCELED, filled=2)))
    assert talk.manager.quiet


def test_after_a_cancel_of_all_every_order_is_asked_about_until_it_is_known_to_be_gone():
    talk, place = open_order()
    (sweep,) = talk.send([CancelAll(0)])
    talk.manager.hear(Answered(sweep.request_id, 0, None))
    talk.now = 100 * MS
    (query,) = talk.due()
    talk.manager.hear(Answered(query.request_id, 0, state_of(place, OrderStatus.CANCELED)))
    assert talk.manager.quiet


def test_an_order_that_is_not_among_the_venues_open_ones_is_asked_about():
    talk, place = open_order()
    talk.manager.on_open_orders({place.client_id}, 10 * MS)
    assert status(talk, place) is OrderStatus.OPEN
    talk.manager.on_open_orders(set(), 0)  # asked before it was open
    assert status(talk, place) is OrderStatus.OPEN
    talk.manager.on_open_orders(set(), 10 * MS)
    assert status(talk, place) is OrderStatus.UNKNOWN


def test_a_fill_counts_once():
    talk, place = open_order()
    assert talk.manager.hear(fill_of(place, "t1", 2))
    assert not talk.manager.hear(fill_of(place, "t1", 2))
    assert talk.manager.position_lots == 2
    assert talk.manager.ledger.fills == 1


def test_a_fill_may_come_before_the_answer_and_name_its_order_by_the_venues_id_alone():
    talk = Talk(manager_of(patience=PATIENCE))
    (place,) = talk.want(100, 5)
    assert talk.manager.hear(fill_of(place, "t1", 2, client_id=""))
    assert talk.manager.exposure(BID) == 5
    talk.manager.hear(Answered(place.request_id, 0, state_of(place, filled=2)))
    assert talk.manager.exposure(BID) == 3
    assert talk.manager.own(BID) == ((100,), (3,))


def test_an_older_message_does_not_bring_an_order_back():
    talk, place = open_order()
    talk.manager.hear(state_of(place, OrderStatus.CANCELED))
    talk.manager.hear(state_of(place))
    assert status(talk, place) is OrderStatus.CANCELED
    assert talk.manager.quiet


def test_a_fill_after_the_end_of_an_order_still_counts():
    talk, place = open_order()
    talk.manager.hear(state_of(place, OrderStatus.CANCELED, filled=3))
    assert not talk.manager.quiet
    talk.manager.hear(fill_of(place, "t1", 3))
    assert talk.manager.quiet
    assert talk.manager.position_lots == 3


@pytest.mark.parametrize("sign", ["state", "fill"])
def test_a_lost_answer_is_not_asked_for_where_the_stream_has_shown_the_order(sign):
    talk = Talk(manager_of(patience=PATIENCE))
    (place,) = talk.want(100, 5)
    talk.manager.hear(state_of(place, filled=2) if sign == "state" else fill_of(place, "t1", 2))
    talk.manager.hear(Lost(place.request_id, 0, "timed out"))
    assert status(talk, place) is OrderStatus.OPEN
    assert talk.due() == []
