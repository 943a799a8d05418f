"""Our place in the queue on the plain venue: every model by hand, and one trade that is spent once (rule 7)."""

import math

import numpy as np
import pytest

from jaxmm.exchange.reference import ASK, ASK_DEPTH, BID, BID_DEPTH, BUY_TRADE, SELL_TRADE, Event, Outcome, Venue
from jaxmm.exchange.types import FillModel, OrderType, QueueModel

RISK_AVERSE = FillModel(QueueModel.RISK_AVERSE, partial=True)
POWER = FillModel(QueueModel.POWER, n=1.0)


def venue(model: FillModel, *levels: tuple[int, int]) -> Venue:
    """Bids (price, lots), and asks of 10 lots far away."""
    made = Venue(model)
    for price, lots in levels:
        made.on_event(Event(BID_DEPTH, price, lots, 0))
    made.on_event(Event(ASK_DEPTH, 200, 10, 0))
    return made


def bought(reports) -> dict[int, int]:
    """Lots filled by order."""
    return {report.order_id: report.qty for report in reports if report.outcome is Outcome.FILLED}


# --- rule 7 -------------------------------------------------------------------------------------------------------


def test_a_trade_through_several_orders_fills_the_best_price_first_and_each_lot_once():
    at = venue(RISK_AVERSE, (99, 3))
    for order_id, price in ((1, 98), (2, 100), (3, 101)):
        at.place(order_id, BID, price, 4)
    assert bought(at.on_event(Event(SELL_TRADE, 97, 6, 0))) == {3: 4, 2: 2}
    assert {order.order_id: order.open_lots for order in at.orders.values()} == {1: 4, 2: 2}
    assert bought(at.on_event(Event(SELL_TRADE, 97, 6, 0))) == {2: 2, 1: 4}


def test_what_better_orders_took_no_longer_eats_the_queue_at_the_trades_own_price():
    at = venue(RISK_AVERSE, (99, 10))
    at.place(1, BID, 99, 5)
    at.place(2, BID, 100, 4)
    assert bought(at.on_event(Event(SELL_TRADE, 99, 12, 0))) == {2: 4}
    assert at.orders[1].queue_ahead == 2


def test_sells_share_a_trade_from_the_lowest_price_up():
    at = venue(RISK_AVERSE, (90, 1))
    at.place(1, ASK, 110, 3)
    at.place(2, ASK, 105, 3)
    assert bought(at.on_event(Event(BUY_TRADE, 111, 4, 0))) == {2: 3, 1: 1}


def test_size_that_comes_to_the_other_side_is_shared_too():
    at = venue(RISK_AVERSE, (90, 1))
    at.place(1, BID, 99, 3)
    at.place(2, BID, 100, 3)
    assert bought(at.on_event(Event(ASK_DEPTH, 98, 7, 3))) == {2: 3, 1: 1}


def test_in_full_mode_orders_do_not_know_of_each_other():
    at = venue(FillModel(QueueModel.RISK_AVERSE), (90, 1))
    at.place(1, BID, 99, 3)
    at.place(2, BID, 100, 3)
    assert bought(at.on_event(Event(SELL_TRADE, 98, 1, 0))) == {1: 3, 2: 3}


def test_orders_of_the_other_side_are_not_reached():
    at = venue(RISK_AVERSE, (90, 1))
    at.place(1, ASK, 99, 3)
    assert at.on_event(Event(SELL_TRADE, 98, 9, 0)) == []


# --- the probabilistic models -------------------------------------------------------------------------------------


def test_a_cancellation_is_shared_between_those_ahead_and_behind():
    at = venue(POWER, (99, 6))
    at.place(1, BID, 99, 4)
    at.on_event(Event(BID_DEPTH, 99, 10, 6))  # 4 come behind us
    assert at.orders[1].queue_ahead == 6
    at.on_event(Event(BID_DEPTH, 99, 5, 10))  # p = 4/10 of 5 cancelled were behind: 3 were ahead
    assert at.orders[1].queue_ahead == 3


def test_what_was_traded_is_not_taken_for_cancelled():
    at = venue(POWER, (99, 6))
    at.place(1, BID, 99, 4)
    at.on_event(Event(SELL_TRADE, 99, 2, 0))
    at.on_event(Event(BID_DEPTH, 99, 4, 6))
    assert at.orders[1].queue_ahead == 4
    at.on_event(Event(BID_DEPTH, 99, 3, 4))  # nobody is behind: the cancelled lot was ahead
    assert at.orders[1].queue_ahead == 3


def test_what_was_traded_explains_one_change_of_the_displayed_size_only():
    at = venue(POWER, (99, 6))
    at.place(1, BID, 99, 4)
    at.on_event(Event(BID_DEPTH, 99, 10, 6))
    at.on_event(Event(SELL_TRADE, 99, 2, 0))
    at.on_event(Event(BID_DEPTH, 99, 8, 10))
    assert at.orders[1].queue_ahead == 4
    at.on_event(Event(BID_DEPTH, 99, 4, 8))  # 4 ahead and 4 behind: half of the four cancelled were ahead
    assert at.orders[1].queue_ahead == 2


def test_a_displayed_size_that_falls_never_fills_by_itself():
    at = venue(POWER, (99, 6))
    at.place(1, BID, 99, 4)
    at.on_event(Event(BID_DEPTH, 99, 20, 6))
    assert at.on_event(Event(BID_DEPTH, 99, 0, 20)) == []
    assert at.orders[1].queue_ahead <= 0


@pytest.mark.parametrize(("volume", "filled"), [(6, 0), (7, 1), (8, 2)])
def test_trades_fill_what_went_past_us(volume, filled):
    at = venue(FillModel(QueueModel.LOG, partial=True), (99, 6))
    at.place(1, BID, 99, 4)
    assert bought(at.on_event(Event(SELL_TRADE, 99, volume, 0))).get(1, 0) == filled


@pytest.mark.parametrize(("ahead", "filled"), [(1.51, 0), (1.5, 1), (1.49, 1), (0.5, 2), (0.51, 1)])
def test_fractions_of_a_lot_round_away_from_zero_at_one_half(ahead, filled):
    at = venue(FillModel(QueueModel.LOG, partial=True), (99, 6))
    at.place(1, BID, 99, 4)
    at.orders[1].place.ahead = np.float64(ahead)
    assert bought(at.on_event(Event(SELL_TRADE, 99, 2, 0))).get(1, 0) == filled
    assert at.orders[1].queue_ahead == (0 if filled else ahead - 2)


def test_in_full_mode_the_first_whole_lot_past_us_fills_the_order():
    at = venue(POWER, (99, 6))
    at.place(1, BID, 99, 4)
    assert bought(at.on_event(Event(SELL_TRADE, 99, 7, 0))) == {1: 4}


def test_several_estimated_orders_share_what_a_trade_offers_but_all_count_what_it_printed():
    at = venue(FillModel(QueueModel.POWER, partial=True, n=1.0), (99, 20))
    at.place(1, BID, 100, 4)
    at.place(2, BID, 99, 4)
    at.on_event(Event(BID_DEPTH, 99, 40, 20))
    assert bought(at.on_event(Event(SELL_TRADE, 99, 5, 0))) == {1: 4}
    assert at.orders[2].queue_ahead == 19
    at.on_event(Event(BID_DEPTH, 99, 35, 40))  # all five that are gone were traded: none was cancelled
    assert at.orders[2].queue_ahead == 19


@pytest.mark.parametrize(
    ("model", "behind"),
    [
        ("power(2)", 4**2 / (4**2 + 6**2)),
        ("power2(2)", 4**2 / (4 + 6) ** 2),
        ("power3(2)", 1 - (6 / 10) ** 2),
        ("log", math.log(5) / (math.log(5) + math.log(7))),
        ("log2", math.log(5) / math.log(11)),
    ],
)
def test_each_model_shares_a_cancellation_by_its_own_formula(model, behind):
    at = venue(FillModel.parse(model), (99, 6))
    at.place(1, BID, 99, 4)
    at.on_event(Event(BID_DEPTH, 99, 10, 6))
    at.on_event(Event(BID_DEPTH, 99, 9, 10))
    assert at.orders[1].queue_ahead == pytest.approx(6 - (1 - behind), abs=1e-12)


def test_penetration_and_touch_stand_outside_the_queue():
    for queue, filled in ((QueueModel.PENETRATION, {}), (QueueModel.TOUCH, {1: 2})):
        at = venue(FillModel(queue, partial=True), (99, 10))
        at.place(1, BID, 99, 4)
        assert bought(at.on_event(Event(SELL_TRADE, 99, 2, 0))) == filled
        at.on_event(Event(BID_DEPTH, 99, 0, 10))
        assert bought(at.on_event(Event(SELL_TRADE, 98, 1, 0))) == {1: 1}


# --- order types --------------------------------------------------------------------------------------------------


def book() -> Venue:
    """Asks of 10 lots at 101 and 20 at 102, a bid of 10 at 99."""
    made = Venue(RISK_AVERSE)
    for code, price, lots in ((BID_DEPTH, 99, 10), (ASK_DEPTH, 101, 10), (ASK_DEPTH, 102, 20)):
        made.on_event(Event(code, price, lots, 0))
    return made


def outcomes(reports) -> list[str]:
    return [report.outcome.value for report in reports]


def test_an_immediate_order_takes_what_its_limit_allows_and_rests_nothing():
    at = book()
    reports = at.place(1, BID, 101, 14, OrderType.IOC)
    assert outcomes(reports) == ["accepted", "filled", "canceled"]
    assert (reports[1].price, reports[1].qty, reports[1].maker) == (101, 10, False)
    assert (at.orders, at.position) == ({}, 10)


def test_a_fill_or_kill_order_takes_all_or_nothing():
    at = book()
    assert outcomes(at.place(1, BID, 101, 11, OrderType.FOK)) == ["accepted", "canceled"]
    assert outcomes(at.place(2, BID, 102, 11, OrderType.FOK)) == ["accepted", "filled", "filled"]
    assert (at.orders, at.position) == ({}, 11)


def test_takers_of_one_group_share_the_displayed_size_and_the_next_group_finds_it_again():
    at, taken = book(), {}
    for order_id, lots in ((1, 8), (2, 8)):
        at.place(order_id, BID, 101, lots, OrderType.IOC, taken=taken)
    assert at.position == 10
    at.place(3, BID, 101, 8, OrderType.IOC)
    assert at.position == 18


def test_a_second_taker_of_a_group_rests_where_the_first_left_nothing():
    at, taken = book(), {}
    at.place(1, BID, 101, 10, OrderType.GTC, taken=taken)
    assert outcomes(at.place(2, BID, 101, 4, OrderType.GTC, taken=taken)) == ["accepted"]
    assert at.orders[2].queue_ahead == 0


def test_a_market_order_walks_the_whole_book_and_its_price_means_nothing():
    at = book()
    reports = at.place(1, BID, -7, 99, OrderType.MARKET)
    assert [(r.price, r.qty) for r in reports if r.outcome is Outcome.FILLED] == [(101, 10), (102, 20)]
    assert outcomes(reports)[-1] == "canceled"
