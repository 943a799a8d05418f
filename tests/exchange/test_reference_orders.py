"""The quote manager of the plain replay: what is kept, amended, cancelled and placed, and when it is known."""

from itertools import count

import pytest

from jaxmm.exchange.latency import Constant, Latency, LogNormal, Recorded
from jaxmm.exchange.reference import ASK, ASK_DEPTH, BID, BID_DEPTH, SELL_TRADE, Event, Outcome, Report
from jaxmm.exchange.reference_orders import SideOrders, Wanted
from jaxmm.exchange.reference_replay import ReferenceReplay
from jaxmm.exchange.types import FillModel, OrderType, QueueModel

TOUCH = FillModel(QueueModel.TOUCH, partial=True)
OPEN = [(0, Event(BID_DEPTH, 99, 10, 0)), (0, Event(ASK_DEPTH, 101, 10, 0))]


def side_with(*orders: tuple[int, int]) -> SideOrders:
    """Known open bids of (price, lots), slot by slot."""
    side = SideOrders(BID, len(orders), OrderType.POST_ONLY, count())
    side.want([(price, lots) for price, lots in orders if lots])
    side.answered()
    return side


def test_only_the_first_of_several_entries_with_one_price_counts():
    assert Wanted((98, 97, 98), (1, 2, 3)).entries(BID) == [(98, 1), (97, 2)]


def test_an_entry_without_lots_is_none():
    assert Wanted((98, 98), (0, 3)).entries(BID) == [(98, 3)]
    assert Wanted(98, 0).entries(BID) == []


def test_an_order_that_is_wanted_stays_whichever_entry_names_it():
    side = side_with((98, 4), (97, 4))
    assert not side.want([(97, 4), (98, 4)])
    assert side.open_lots() == (4, 4)


def test_fewer_lots_amend_and_more_lots_replace():
    side = side_with((98, 4), (97, 4))
    requests = side.want([(98, 3), (97, 5)])
    assert [(amend.slot, amend.total) for amend in requests.amends] == [(0, 3)]
    assert requests.cancels == [1]
    assert [(place.slot, place.price, place.lots) for place in requests.places] == [(1, 97, 5)]


def test_new_orders_take_the_free_slots_in_ascending_order_of_entry_and_slot():
    side = side_with((98, 4), (97, 4), (96, 4))
    requests = side.want([(95, 1), (97, 4), (94, 2)])
    assert [(place.slot, place.price) for place in requests.places] == [(0, 95), (2, 94)]
    assert requests.cancels == [0, 2]


def test_a_side_that_waits_ignores_what_is_wanted_and_has_no_known_open_orders():
    side = side_with((98, 4))
    side.want([(97, 1)])
    assert not side.want([(96, 1)])
    assert side.open_lots() == (0,)


def test_a_total_includes_what_is_filled():
    side = side_with((98, 4))
    side.on_report(Report(0, Outcome.FILLED, BID, 98, 3))
    assert side.open_lots() == (1,)
    assert not side.want([(98, 4)])
    requests = side.want([(98, 2)])
    assert requests.amends[0].total == 2


def test_a_refused_amend_leaves_the_total_and_a_refused_place_leaves_nothing():
    for outcome, left in ((Outcome.AMENDED, 2), (Outcome.REJECTED, 4), (Outcome.CANCELED, 0)):
        side = side_with((98, 4))
        side.want([(98, 2)])
        side.on_report(Report(0, outcome, BID))
        side.answered()
        assert side.open_lots() == (left,), outcome
    side = SideOrders(BID, 1, OrderType.POST_ONLY, count())
    side.want([(98, 4)])
    side.on_report(Report(0, Outcome.REJECTED, BID))
    side.answered()
    assert side.open_lots() == (0,)


def test_more_quotes_than_orders_are_refused():
    with pytest.raises(ValueError, match="2 quotes of one side are wanted, 1 is the most"):
        side_with((98, 4)).want([(98, 4), (97, 4)])


# --- in time ------------------------------------------------------------------------------------------------------


def run(events, times, latency, wanted, *, model=TOUCH, orders=1, lag=None, order_type=OrderType.POST_ONLY):
    """The replay of some events after the book has opened, under the quotes of each decision."""
    replay = ReferenceReplay(OPEN + events, times, latency, model, order_type, orders=orders, lag_ns=lag)
    return replay.run(lambda known: wanted[min(known.decision, len(wanted) - 1)])


def sell(ts: int, price: int, lots: int):
    return (ts, Event(SELL_TRADE, price, lots, 0))


def test_on_a_tie_the_trade_comes_before_the_arrival():
    for trade_ts, filled in ((110, 0), (111, 1)):
        done = run([sell(trade_ts, 99, 1)], [100, 200], Latency(10, 0), [Wanted(99, 1)])
        assert done.positions == [0, filled], trade_ts


def test_an_order_is_known_open_and_a_fill_ours_when_the_report_is_back():
    done = run([sell(115, 99, 1)], [100, 119, 120, 125, 126], Latency(10, 10), [Wanted(99, 5)])
    assert [known.open_lots[BID][0] for known in done.views] == [0, 0, 5, 4, 4]
    assert done.positions == [0, 0, 0, 1, 1]
    assert done.fills[0].decision == 3


def test_a_cancel_that_arrives_before_its_place_leaves_a_time_without_an_order():
    latency = Latency(place=Constant(20), cancel=Constant(5), amend=Constant(5), response=Constant())
    trades = [sell(ts, 98, 1) for ts in (204, 205, 206, 219, 220, 221)]
    done = run(trades, [100, 200, 300], latency, [Wanted(98, 9), Wanted(99, 9)])
    assert sorted(fill.event for fill in done.fills) == [2, 3, 7]  # the tie at 205 goes to the market, that at 220 too
    assert [fill.price for fill in done.fills] == [98, 98, 99]


def test_an_amend_arrives_between_the_cancels_and_the_places():
    latency = Latency(place=Constant(20), cancel=Constant(0), amend=Constant(10), response=Constant())
    done = run([sell(205, 97, 9), sell(215, 97, 9)], [100, 200, 300], latency, [Wanted(99, 5), Wanted(99, 2)])
    assert done.positions == [0, 0, 5]
    done = run([sell(215, 97, 9), sell(225, 97, 9)], [100, 200, 300], latency, [Wanted(99, 5), Wanted(99, 2)])
    assert done.positions == [0, 0, 2]


def test_a_cancel_loses_the_race_to_a_fill_that_came_first():
    done = run([sell(205, 98, 9)], [100, 200, 300], Latency(10, 10), [Wanted(99, 5), Wanted()])
    assert done.positions == [0, 0, 5]


def test_a_side_waits_for_one_answer_to_its_whole_group():
    latency = Latency(place=Constant(20), cancel=Constant(5), amend=Constant(5), response=Constant(10))
    wanted = [Wanted(99, 5), Wanted(), Wanted(98, 5)]
    done = run([], [100, 130, 145, 159, 160, 190], latency, wanted)
    assert [known.open_lots[BID][0] for known in done.views] == [0, 5, 0, 0, 0, 5]
    assert done.views[5].open_price[BID] == (98,)


def test_sides_wait_each_for_itself():
    wanted = [Wanted(99, 5), Wanted(99, 5, 101, 3)]
    done = run([], [100, 115, 120, 135], Latency(10, 10), wanted)
    assert [known.open_lots for known in done.views] == [((0,), (0,)), ((0,), (0,)), ((5,), (0,)), ((5,), (3,))]


def test_reports_keep_their_order_and_an_answer_waits_for_what_came_before_it():
    # the first trade's report is 50 late, the second one's by itself 1
    events = [sell(105, 99, 1), sell(115, 99, 1)]
    latency = Latency(place=Constant(0), response=Recorded())
    done = run(events, [100, 110, 120, 154, 155], latency, [Wanted(99, 5)], lag=[50, 1, 1, 1, 1])
    assert done.positions == [0, 0, 0, 0, 2]


def test_an_answer_is_not_back_before_the_reports_of_what_came_before_its_arrival():
    # the event at 100 is reported at 140, and so the one at 106 is not reported sooner; the order arrives at 109
    events = [(ts, Event(BID_DEPTH, 90, lots, 0)) for ts, lots in ((100, 1), (106, 2))]
    latency = Latency(place=Constant(10), response=Recorded())
    done = run(events, [99, 105, 125, 139, 140], latency, [Wanted(98, 5)], lag=[40, 2, 2, 2, 2])
    assert [known.open_lots[BID][0] for known in done.views] == [0, 0, 0, 0, 5]


def test_a_request_does_not_overtake_one_of_its_kind_that_was_sent_before_for_the_other_side():
    buys = [(ts, Event(1, 105, 1, 0)) for ts in (130, 150, 151)]
    latency = Latency(place=Recorded(), response=Constant())
    done = run(buys, [100, 110, 200], latency, [Wanted(99, 1), Wanted(99, 1, 104, 9)], lag=[50, 5, 5])
    assert [fill.event for fill in done.fills] == [4]  # sent at 110, it arrives at 150 behind the bid's order


def test_an_order_waits_for_the_slower_cancel_of_its_group():
    latency = Latency(place=Constant(1), cancel=Constant(20), amend=Constant(1), response=Constant())
    trades = [sell(ts, 97, 1) for ts in (210, 220, 221)]
    done = run(trades, [100, 200, 300], latency, [Wanted(98, 9), Wanted(99, 9)])
    assert [(fill.event, fill.price) for fill in done.fills] == [(2, 98), (3, 98), (4, 99)]


def test_flatten_cancels_all_and_closes_what_is_known_by_one_market_order():
    events = [sell(150, 98, 3)]
    wanted = [Wanted((99, 98), (2, 2), (105, 106), (1, 1)), Wanted(flatten=True)]
    done = run(events, [100, 200, 300, 400], Latency(), wanted, orders=2)
    assert done.positions == [0, 3, 0, 0]
    assert done.fills[-1][2:] == (ASK, 99, 3, False)
    assert [known.open_lots for known in done.views[2:]] == [((0, 0), (0, 0))] * 2


def test_flatten_waits_with_a_side_that_waits():
    events = [sell(150, 98, 3)]
    wanted = [Wanted(99, 5), Wanted(99, 5, 105, 1), Wanted(flatten=True)]
    done = run(events, [100, 195, 200, 220, 250], Latency(10, 10), wanted)
    assert done.positions == [0, 3, 3, 3, 0]  # the ask sent at 195 is answered at 215


def test_the_same_seed_is_the_same_run_and_another_seed_another():
    events = [sell(100 + 7 * i, 99, 1) for i in range(60)]
    times = list(range(100, 600, 20))
    wanted = [Wanted(99 - k % 2, 3) for k in range(25)]

    def fills(seed):
        delay = LogNormal(9, 1.0, seed)
        return run(events, times, Latency(place=delay, response=delay), wanted).fills

    assert fills(1) == fills(1)
    assert fills(1) != fills(2)
