"""The plain venue, rule by rule (DESIGN §5): what a fill means, in sentences."""

import pytest

from jaxmm.errors import InputError
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.reference import ASK, ASK_DEPTH, BID, BID_DEPTH, BUY_TRADE, SELL_TRADE, Event, Outcome, Venue
from jaxmm.exchange.types import FillModel, OrderType, QueueModel

FULL = FillModel(QueueModel.RISK_AVERSE, partial=False)
PARTIAL = FillModel(QueueModel.RISK_AVERSE, partial=True)


def venue(model: FillModel = FULL) -> Venue:
    """A book of 10 lots at 99 and 101, and 20 one tick further, on both sides."""
    made = Venue(model)
    for code, price, qty in ((BID_DEPTH, 99, 10), (BID_DEPTH, 98, 20), (ASK_DEPTH, 101, 10), (ASK_DEPTH, 102, 20)):
        made.on_event(Event(code, price, qty, 0))
    return made


def bought(reports) -> int:
    """Lots filled in a list of reports."""
    return sum(report.qty for report in reports if report.outcome is Outcome.FILLED)


def test_a_trade_through_our_price_fills_the_whole_order():
    at = venue()
    at.place(1, BID, 99, 4)
    (fill,) = at.on_event(Event(SELL_TRADE, 98, 1, 0))
    assert (fill.outcome, fill.price, fill.qty, fill.maker) == (Outcome.FILLED, 99, 4, True)


def test_in_partial_mode_a_trade_through_fills_no_more_than_its_volume():
    at = venue(PARTIAL)
    at.place(1, BID, 99, 4)
    assert bought(at.on_event(Event(SELL_TRADE, 98, 1, 0))) == 1
    assert at.orders[1].open_lots == 3
    assert at.orders[1].queue_ahead == 0


def test_the_opposite_best_moving_to_our_price_fills_us():
    at = venue()
    at.place(1, BID, 100, 4)
    assert bought(at.on_event(Event(ASK_DEPTH, 100, 2, 0))) == 4


def test_in_partial_mode_only_the_size_that_arrived_at_our_price_fills():
    at = venue(PARTIAL)
    at.place(1, ASK, 100, 9)
    assert bought(at.on_event(Event(BID_DEPTH, 100, 5, 3))) == 2


def test_a_trade_at_our_price_first_eats_the_queue_ahead():
    at = venue()
    at.place(1, BID, 99, 4)
    assert at.orders[1].queue_ahead == 10
    assert bought(at.on_event(Event(SELL_TRADE, 99, 10, 0))) == 0
    assert bought(at.on_event(Event(SELL_TRADE, 99, 1, 0))) == 4


def test_what_exceeds_the_queue_ahead_fills_us_partially():
    at = venue(PARTIAL)
    at.place(1, BID, 99, 4)
    assert bought(at.on_event(Event(SELL_TRADE, 99, 13, 0))) == 3


def test_a_trade_of_the_same_side_does_not_touch_us():
    at = venue()
    at.place(1, BID, 99, 4)
    assert at.on_event(Event(BUY_TRADE, 99, 50, 0)) == []


def test_a_smaller_displayed_size_caps_the_queue_ahead_and_a_larger_one_does_not_grow_it():
    at = venue()
    at.place(1, BID, 99, 4)
    at.on_event(Event(BID_DEPTH, 99, 3, 10))
    at.on_event(Event(BID_DEPTH, 99, 30, 3))
    assert at.orders[1].queue_ahead == 3


def test_under_penetration_trades_at_our_price_never_fill():
    at = venue(FillModel(QueueModel.PENETRATION))
    at.place(1, BID, 99, 4)
    assert at.on_event(Event(SELL_TRADE, 99, 1000, 0)) == []
    assert bought(at.on_event(Event(SELL_TRADE, 98, 1, 0))) == 4


def test_under_touch_any_trade_at_our_price_fills():
    at = venue(FillModel(QueueModel.TOUCH))
    at.place(1, BID, 99, 4)
    assert bought(at.on_event(Event(SELL_TRADE, 99, 1, 0))) == 4


def test_a_post_only_order_that_would_cross_is_rejected():
    at = venue()
    assert [r.outcome for r in at.place(1, BID, 101, 4)] == [Outcome.REJECTED]
    assert not at.orders


def test_a_marketable_order_takes_level_by_level_and_rests_with_what_is_left():
    at = venue()
    reports = at.place(1, BID, 101, 14, order_type=OrderType.GTC)
    assert [(r.price, r.qty, r.maker) for r in reports[1:]] == [(101, 10, False)]
    assert at.orders[1].open_lots == 4
    assert bought(at.place(2, BID, 102, 14, order_type=OrderType.GTC)) == 14


def test_a_market_order_takes_what_is_displayed_and_rests_nothing():
    at = venue()
    reports = at.place(1, ASK, 0, 50, OrderType.MARKET)
    assert [(r.price, r.qty) for r in reports if r.outcome is Outcome.FILLED] == [(99, 10), (98, 20)]
    assert reports[-1].outcome is Outcome.CANCELED
    assert not at.orders


def test_a_smaller_total_keeps_its_place():
    at = venue(PARTIAL)
    at.place(1, BID, 99, 6)
    at.on_event(Event(SELL_TRADE, 99, 12, 0))
    assert [r.outcome for r in at.amend(1, 3)] == [Outcome.AMENDED]
    assert (at.orders[1].open_lots, at.orders[1].queue_ahead) == (1, 0)


def test_amending_to_no_more_than_is_filled_cancels():
    at = venue(PARTIAL)
    at.place(1, BID, 99, 6)
    at.on_event(Event(SELL_TRADE, 99, 12, 0))
    assert [r.outcome for r in at.amend(1, 2)] == [Outcome.CANCELED]
    assert not at.orders


def test_amending_to_less_than_is_filled_cancels_too():
    at = venue(PARTIAL)
    at.place(1, BID, 99, 6)
    at.on_event(Event(SELL_TRADE, 99, 14, 0))
    assert [r.outcome for r in at.amend(1, 2)] == [Outcome.CANCELED]
    assert not at.orders


def test_a_cancel_can_lose_the_race_to_a_fill():
    at = venue()
    at.place(1, BID, 99, 4)
    at.on_event(Event(SELL_TRADE, 98, 1, 0))
    assert at.cancel(1) == []


@pytest.mark.parametrize("text", ["risk_avers", "touch:half"])
def test_a_wrong_fill_model_is_refused_with_the_nearest_name(text):
    with pytest.raises(InputError, match=r"did you mean|valid:"):
        FillModel.parse(text)


def test_a_fill_model_is_read_as_it_is_named():
    for queue in QueueModel:
        for partial in (False, True):
            model = FillModel(queue, partial, 2.5 if queue.has_exponent else 0.0)
            assert FillModel.parse(model.name) == model


def test_a_negative_latency_is_refused():
    with pytest.raises(InputError, match="cannot be negative"):
        Latency(-1, 0)
