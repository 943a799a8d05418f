"""Each check of a request before it is sent: what trips it, and that it lets pass what is at its bound."""

from decimal import Decimal

import pytest
from moments import BTC, MS, NOON, after, cancel, closing, facts, limits, order, place, reasons, risk

from jaxmm.exchange.types import OrderType
from jaxmm.instrument import Instrument
from jaxmm.live.messages import ASK, BID, Amend, CancelAll, Query
from jaxmm.live.risk import Action, Quoting, Reason, Risk, State


def blocked(drafts, moment, **changes):
    """The reasons of what is not sent; no breach of a check stays unseen behind a pull."""
    return reasons(risk(**changes).before(drafts, moment).blocked)


def test_an_order_that_could_carry_the_position_beyond_the_limit_is_blocked():
    moment = facts(position_lots=6, orders=(order(lots=3),))
    assert blocked([place(lots=1, price_ticks=999)], moment) == []
    assert blocked([place(lots=2, price_ticks=999)], moment) == [Reason.EXPOSURE]


def test_an_order_of_the_other_side_does_not_help_the_exposure():
    moment = facts(position_lots=-9, orders=(order(side=BID, price_ticks=990, lots=5), order("s", ASK, 1003)))
    assert blocked([place(ASK, 1004)], moment) == [Reason.EXPOSURE]
    assert blocked([place(BID, 991)], moment) == []


def test_an_order_being_cancelled_may_still_fill_and_counts():
    moment = facts(position_lots=6, orders=(order(lots=4, canceling=True),))
    assert blocked([place(lots=1)], moment) == [Reason.EXPOSURE]


def test_drafts_of_one_group_count_together():
    drafts = [place(lots=5, price_ticks=999), place(lots=5, price_ticks=998), place(lots=1, price_ticks=997)]
    assert blocked(drafts, facts()) == [Reason.EXPOSURE]


def test_what_is_blocked_for_its_exposure_does_not_hold_the_others_back():
    verdict = risk().before([place(lots=1), place(ASK, 1003)], facts(position_lots=10))
    assert reasons(verdict.blocked) == [Reason.EXPOSURE]
    assert [draft.side for draft in verdict.allowed] == [ASK]
    assert verdict.breaches == ()


def test_an_order_of_more_lots_than_allowed_halts():
    assert blocked([place(lots=5)], facts()) == []
    one = risk()
    verdict = one.before([place(lots=6)], facts())
    assert reasons(verdict.breaches) == [Reason.ORDER_SIZE]
    assert one.state is State.HALTED


def test_an_order_of_more_notional_than_allowed_halts():
    at_bound = limits(max_order_notional=Decimal("0.5"))  # 1000 ticks · 0.1 · 5 lots · 0.001
    assert Risk(at_bound, BTC).before([place(lots=5)], facts()).blocked == ()
    beyond = Risk(at_bound, BTC).before([place(ASK, price_ticks=1003, lots=5)], facts())
    assert reasons(beyond.breaches) == [Reason.ORDER_NOTIONAL]


def test_an_inverse_contract_is_as_large_as_its_quote_units():
    inverse = Instrument("x", "BTCUSD", tick_size=0.1, lot_size=1.0, kind="inverse", contract_size=100.0)
    large = limits(max_order_notional=Decimal(300))
    assert Risk(large, inverse).before([place(lots=3)], facts()).blocked == ()
    assert reasons(Risk(large, inverse).before([place(lots=4)], facts()).blocked) == [Reason.ORDER_NOTIONAL]


def test_a_market_order_is_as_large_as_at_the_touch_it_takes_from():
    market = place(BID, 0, 5, OrderType.MARKET)
    assert blocked([market], facts(), max_order_notional=Decimal("0.501")) == []
    assert blocked([market], facts(), max_order_notional=Decimal("0.5009")) == [Reason.ORDER_NOTIONAL]
    assert blocked([market], facts(ask_ticks=None)) == [Reason.PRICE_BAND]


@pytest.mark.parametrize(("price", "found"), [(991, []), (990, [Reason.PRICE_BAND])])
def test_a_price_too_far_from_the_mid_pulls(price, found):
    assert blocked([place(price_ticks=price)], facts(mark_ticks=None), price_band=0.01) == found


@pytest.mark.parametrize(("mark", "found"), [(1010.0, []), (1010.2, [Reason.PRICE_BAND])])
def test_a_price_too_far_from_the_mark_pulls(mark, found):
    one = risk(price_band=0.01)
    assert reasons(one.before([place(price_ticks=1000)], facts(mark_ticks=mark)).breaches) == found
    assert one.state is State.ACTIVE
    assert one.quoting(NOON) is (Quoting.NONE if found else Quoting.BOTH)


def test_without_mid_and_mark_no_price_is_right():
    assert blocked([place()], facts(bid_ticks=None, mark_ticks=None)) == [Reason.PRICE_BAND]
    assert blocked([place()], facts(bid_ticks=None)) == []


def test_more_orders_than_allowed_are_not_sent():
    three = tuple(order(str(i), price_ticks=990 + i) for i in range(3))
    assert blocked([place()], facts(orders=three)) == []
    assert blocked([place(), place(price_ticks=999)], facts(orders=three)) == [Reason.OPEN_ORDERS]


def test_a_bid_at_our_own_ask_is_a_self_trade():
    own = facts(orders=(order("ask", ASK, 1001),))
    assert blocked([place(BID, 1000)], own) == []
    assert blocked([place(BID, 1001)], own) == [Reason.SELF_TRADE]
    assert blocked([place(BID, 0, order_type=OrderType.MARKET)], own) == [Reason.SELF_TRADE]


def test_two_drafts_that_meet_each_other_are_both_held_back():
    verdict = risk().before([place(BID, 1001), place(ASK, 1001)], facts())
    assert reasons(verdict.blocked) == [Reason.SELF_TRADE, Reason.NOT_QUOTING]
    assert verdict.allowed == ()


def test_an_order_on_its_way_out_is_met_only_by_one_that_takes():
    own = facts(orders=(order("ask", ASK, 1001),))
    leaves = cancel("ask")
    assert blocked([leaves, place(BID, 1001)], own) == []
    assert blocked([leaves, place(BID, 1001, order_type=OrderType.GTC)], own) == [Reason.SELF_TRADE]


def test_more_requests_in_a_second_than_allowed_pull():
    one = risk(max_messages_per_s=2)
    assert one.before([place(price_ticks=999), place(price_ticks=998)], after(0)).blocked == ()
    assert one.before([Query(0, "a")], after(1)).blocked == ()  # questions pass, and count
    verdict = one.before([place(price_ticks=997)], after(999))
    assert reasons(verdict.breaches) == [Reason.MESSAGE_RATE]
    assert one.quoting(NOON + 999 * MS) is Quoting.NONE


def test_a_second_later_the_rate_has_room_again():
    one = risk(max_messages_per_s=2)
    one.before([place(price_ticks=999), place(price_ticks=998)], after(0))
    assert one.before([place(price_ticks=997)], after(1000)).blocked == ()


def test_more_requests_in_a_day_than_allowed_halt():
    one = risk(max_messages_per_s=100, max_messages_per_day=3)
    for i in range(3):
        assert one.before([place(price_ticks=990 + i)], after(i)).blocked == ()
    assert reasons(one.before([place()], after(9)).breaches) == [Reason.MESSAGE_BUDGET]
    assert one.before([cancel("a"), CancelAll(0)], after(10)).blocked == ()  # a way out is never held back


def test_the_next_day_has_a_budget_of_its_own():
    one = risk(max_messages_per_day=1)
    assert one.before([place()], after(0)).blocked == ()
    assert one.before([place(price_ticks=999)], after(43_200_000)).blocked == ()


def test_an_order_too_young_to_go_stays_and_keeps_its_place():
    own = facts(orders=(order(sent_ns=NOON - 99 * MS),))
    requote = [cancel("mine"), place(price_ticks=999), place(ASK, 1003)]
    verdict = risk(min_quote_life_ms=100).before(requote, own)
    assert reasons(verdict.blocked) == [Reason.QUOTE_LIFE, Reason.QUOTE_LIFE]
    assert [draft.side for draft in verdict.allowed] == [ASK]


def test_an_order_old_enough_goes():
    own = facts(orders=(order(sent_ns=NOON - 100 * MS),))
    assert blocked([cancel("mine"), place(price_ticks=999)], own, min_quote_life_ms=100) == []


def test_risk_cancels_at_any_age():
    one = risk(min_quote_life_ms=100)
    own = facts(orders=(order(sent_ns=NOON),), book_age_ns=10**10)
    one.watch(own)
    assert one.before([cancel("mine")], own).blocked == ()


def test_nothing_but_ways_out_is_sent_while_quotes_are_pulled():
    one = risk()
    moment = facts(missing="gap", position_lots=3, orders=(order(),))
    one.watch(moment)
    drafts = [
        cancel("mine"),
        CancelAll(0),
        Query(0, "mine"),
        Amend(0, "mine", BID, 1000, 1),
        place(ASK, 1003),
    ]
    verdict = one.before(drafts, moment)
    assert verdict.allowed == tuple(drafts[:3])
    assert reasons(verdict.blocked) == [Reason.NOT_QUOTING] * 2


def test_a_market_order_that_closes_the_position_passes_in_every_state():
    one = risk(max_order_lots=1)
    one.halt(Reason.COMMAND, "enough", NOON)
    moment = facts(position_lots=5)
    assert reasons(one.before([closing(ASK, 6)], moment).blocked) == [Reason.EXPOSURE]
    assert reasons(one.before([closing(BID, 1)], moment).blocked) == [Reason.EXPOSURE]
    assert one.before([closing(ASK, 5)], moment).blocked == ()
    assert one.before([closing(BID, 3)], facts(position_lots=-3)).blocked == ()


def test_a_position_is_not_closed_twice():
    one = risk()
    verdict = one.before([closing(ASK, 5), closing(ASK, 5)], facts(position_lots=5))
    assert len(verdict.allowed) == 1


def test_a_position_is_closed_at_the_market_while_its_quotes_leave():
    moment = facts(position_lots=5, orders=(order("ask", ASK, 1003, 2),))
    assert blocked([closing(ASK, 5)], moment) == [Reason.EXPOSURE]
    assert blocked([cancel("ask"), closing(ASK, 5)], moment) == []


def test_reducing_lets_pass_what_cannot_turn_the_position_round():
    one = risk(pull_hold_ms=0)
    moment = facts(position_lots=3, pnl=Decimal(0))
    one.watch(moment)
    one.watch(facts(position_lots=3, pnl=Decimal(-51)))
    assert one.quoting(NOON) is Quoting.REDUCE_ONLY
    resting = facts(position_lots=3, orders=(order("ask", ASK, 1003, 2),))
    assert one.before([place(ASK, 1004, 1)], resting).blocked == ()
    assert reasons(one.before([place(ASK, 1004, 2)], resting).blocked) == [Reason.NOT_QUOTING]
    assert reasons(one.before([place(BID, 999, 1)], resting).blocked) == [Reason.NOT_QUOTING]
    assert one.before([Amend(0, "ask", ASK, 1003, 1)], resting).blocked == ()


def test_what_a_reason_leads_to_can_be_made_graver():
    one = risk(max_open_orders=1, actions={"open_orders": "halt"})
    verdict = one.before([place(), place(ASK, 1003)], facts())
    assert [(breach.reason, breach.action) for breach in verdict.breaches] == [(Reason.OPEN_ORDERS, Action.HALT)]
    assert verdict.allowed == ()
