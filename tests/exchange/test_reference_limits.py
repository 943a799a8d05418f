"""What the plain venue refuses, and by which name."""

import pytest

from jaxmm.errors import InputError
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits, Reject
from jaxmm.exchange.reference import ASK, ASK_DEPTH, BID, BID_DEPTH, SELL_TRADE, Event, Outcome, Venue
from jaxmm.exchange.reference_replay import ReferenceReplay, Wanted
from jaxmm.exchange.types import FillModel, OrderType, QueueModel

MODEL = FillModel(QueueModel.TOUCH, partial=True)
GTC, MARKET, POST_ONLY = OrderType.GTC, OrderType.MARKET, OrderType.POST_ONLY


def venue(**limits: int) -> Venue:
    """10 lots at 99 and at 101."""
    made = Venue(MODEL, Limits(**limits))
    made.on_event(Event(BID_DEPTH, 99, 10, 0))
    made.on_event(Event(ASK_DEPTH, 101, 10, 0))
    return made


def reason(reports) -> Reject | None:
    return reports[0].reason


@pytest.mark.parametrize(
    ("limits", "order", "refusal"),
    [
        ({"tick_step": 5}, (BID, 97, 4, POST_ONLY), Reject.TICK),
        ({"tick_step": 5}, (BID, 95, 4, POST_ONLY), None),
        ({"tick_step": 5}, (BID, 97, 4, MARKET), None),
        ({"lot_step": 3}, (BID, 97, 4, POST_ONLY), Reject.LOT),
        ({"lot_step": 3}, (BID, 97, 4, MARKET), Reject.LOT),
        ({"min_lots": 5}, (BID, 97, 4, POST_ONLY), Reject.LOT),
        ({"min_lots": 4}, (BID, 97, 4, POST_ONLY), None),
        ({"min_notional": 389}, (BID, 97, 4, POST_ONLY), Reject.NOTIONAL),
        ({"min_notional": 388}, (BID, 97, 4, POST_ONLY), None),
        ({"min_notional": 10**6}, (BID, 97, 4, MARKET), None),
        ({"max_position_lots": 3}, (ASK, 103, 4, POST_ONLY), Reject.POSITION),
        ({"max_position_lots": 4}, (ASK, 103, 4, POST_ONLY), None),
        ({"max_position_lots": 3}, (ASK, 103, 4, MARKET), Reject.POSITION),
        ({}, (BID, 101, 4, POST_ONLY), Reject.POST_ONLY),
        ({}, (BID, 101, 4, GTC), None),
        ({"tick_step": 7, "min_lots": 5, "min_notional": 10**6, "max_position_lots": 1}, (BID, 101, 4, POST_ONLY), 2),
        ({"min_lots": 5, "min_notional": 10**6, "max_position_lots": 1}, (BID, 101, 4, POST_ONLY), 3),
        ({"min_notional": 10**6, "max_position_lots": 1}, (BID, 101, 4, POST_ONLY), 4),
        ({"max_position_lots": 1}, (BID, 101, 4, POST_ONLY), 5),
    ],
)
def test_the_first_limit_that_an_order_breaks_names_its_refusal(limits, order, refusal):
    at = venue(**limits)
    side, price, lots, order_type = order
    reports = at.place(1, side, price, lots, order_type)
    assert reason(reports) == refusal
    assert (reports[0].outcome is Outcome.REJECTED) == (refusal is not None)
    if refusal is not None:
        assert (len(reports), at.orders, at.position) == (1, {}, 0)


def test_one_request_too_many_is_refused_before_all_else():
    assert reason(venue(tick_step=7).place(1, BID, 97, 4, admitted=False)) is Reject.RATE


def test_the_position_counts_open_orders_of_its_side_and_fills_that_we_do_not_know_of():
    at = venue(max_position_lots=10)
    at.place(1, BID, 98, 4)
    at.place(2, BID, 97, 4)
    assert reason(at.place(3, BID, 96, 3)) is Reject.POSITION
    at.on_event(Event(SELL_TRADE, 96, 8, 0))
    assert at.position == 8
    assert reason(at.place(4, BID, 96, 3)) is Reject.POSITION
    assert reason(at.place(5, BID, 96, 2)) is None
    assert reason(at.place(6, ASK, 103, 18)) is None
    assert reason(at.place(7, ASK, 104, 1)) is Reject.POSITION


def test_what_earlier_orders_of_a_group_took_counts_for_the_position_of_the_later_ones():
    at, taken = venue(max_position_lots=10), {}
    at.place(1, BID, 101, 8, GTC, taken=taken)
    assert reason(at.place(2, BID, 101, 3, GTC, taken=taken)) is Reject.POSITION


def test_an_amend_that_is_one_too_many_leaves_the_order_as_it_was():
    at = venue()
    at.place(1, BID, 98, 4)
    assert reason(at.amend(1, 2, admitted=False)) is Reject.RATE
    assert at.orders[1].open_lots == 4


@pytest.mark.parametrize(
    ("name", "value"), [("tick_step", 0), ("lot_step", -1), ("window_ns", 0), ("max_requests", -1)]
)
def test_a_limit_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(InputError, match=name):
        Limits(**{name: value})


# --- windows of the venue's clock ---------------------------------------------------------------------------------

QUIET = [(0, Event(BID_DEPTH, 99, 10, 0)), (0, Event(ASK_DEPTH, 101, 10, 0))]


def run(wanted: list[Wanted], latency: Latency, limits: Limits, orders: int = 1, step: int = 10) -> ReferenceReplay:
    """The quotes of each decision, every `step` ns from 100 on, and a few more decisions of the last ones."""
    times = [100 + step * k for k in range(len(wanted) + 3)]
    replay = ReferenceReplay(QUIET, times, latency, MODEL, limits=limits, orders=orders)
    return replay.run(lambda known: wanted[min(known.decision, len(wanted) - 1)])


def test_the_orders_of_one_group_that_are_too_many_are_refused_from_the_last_on():
    ladder = Wanted((98, 97, 96), (1, 1, 1), (102, 103, 104), (1, 1, 1))
    done = run([ladder, ladder], Latency(), Limits(max_requests=4, window_ns=10**6), orders=3)
    assert [(r.side, r.reason) for r in done.rejected][:2] == [(ASK, Reject.RATE)] * 2
    assert done.views[1].open_lots == ((1, 1, 1), (1, 0, 0))


def test_a_new_window_takes_requests_again():
    quotes = [Wanted(90 + k, 1) for k in range(6)]
    done = run(quotes, Latency(), Limits(max_requests=1, window_ns=20))
    assert [known.open_price[BID][0] for known in done.views if known.open_lots[BID][0]] == [90, 92, 94, 95, 95]
    assert [(reject.decision, reject.reason) for reject in done.rejected] == [(k, Reject.RATE) for k in (2, 4, 6)]


def test_the_window_is_that_of_the_arrival_and_not_of_the_sending():
    quotes = [Wanted(90, 1), Wanted(91, 1)]
    limits = Limits(max_requests=1, window_ns=15)
    assert run(quotes, Latency(0, 0), limits).rejects == 0  # at 100 and 110
    assert run(quotes, Latency(5, 0), limits).rejects == 1  # at 105 and 115


def test_cancels_are_free_and_amends_count():
    limits = Limits(max_requests=2, window_ns=10**6)
    done = run([Wanted(90, 5), Wanted(90, 4), Wanted(90, 3), Wanted()], Latency(), limits)
    assert [known.open_lots[BID][0] for known in done.views[:5]] == [0, 5, 4, 4, 0]
    assert [(reject.decision, reject.reason) for reject in done.rejected] == [(3, Reject.RATE)]
