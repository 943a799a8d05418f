"""What the paper venue answers to each request, and when."""

from dataclasses import replace
from decimal import Decimal

import pytest

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.limits import Limits
from jaxmm.exchange.types import FillModel, OrderType, QueueModel
from jaxmm.instrument import Instrument
from jaxmm.live.messages import (
    ASK,
    BID,
    Amend,
    Answered,
    Book,
    Cancel,
    CancelAll,
    Fill,
    OrderState,
    OrderStatus,
    Place,
    Query,
    Refusal,
    Refused,
    Trade,
)
from jaxmm.live.paper.account import PaperAccount
from jaxmm.live.paper.market_queue import NEVER
from jaxmm.live.paper.venue import PaperVenue

FUTURE = Instrument("test", "X", 0.1, 0.001, base="BTC", quote="USDT", maker_fee=0.0002, taker_fee=0.0005)
SLOW = Latency(entry_ns=100, response_ns=50)
SNAPSHOT = Book(0, 0, True, ((1000, 10), (999, 5)), ((1002, 10), (1003, 5)), 1)
GTC = OrderType.GTC


def venue(limits: Limits | None = None, *, instrument=FUTURE, spot=False, history=(), **balances) -> PaperVenue:
    """A venue with a book, on which any trade at our price fills us."""
    money = {coin: Decimal(amount) for coin, amount in (balances or {"USDT": 1000}).items()}
    account = PaperAccount.starting(instrument, spot, money)
    made = PaperVenue(account, SLOW, FillModel(QueueModel.TOUCH, partial=True), limits, history=history)
    made.push(SNAPSHOT)
    return made


def mail(venue: PaperVenue, until_ns: int = NEVER // 2) -> list:
    """All that reaches us up to then, one after another."""
    messages = []
    while venue.live_to_mail(until_ns):
        messages.append(venue.take_mail())
    return messages


def place(id: int, side: int, price: int, lots: int, kind=OrderType.POST_ONLY, reduce_only=False) -> Place:
    return Place(id, f"jm-{id}", side, price, lots, kind, reduce_only)


def test_an_order_is_open_at_the_venue_after_the_way_there_and_known_after_the_way_back():
    paper = venue()
    paper.send(1_000, [place(7, BID, 1000, 3)])
    assert not mail(paper, 1_149)
    (answer,) = mail(paper, 1_150)
    order = OrderState("jm-7", "1", BID, 1000, 3, 0, OrderStatus.OPEN, 1_100, 1_150)
    assert answer == Answered(7, 1_150, order)
    assert paper.open_orders() == [replace(order, recv_ts=0)]


def test_a_trade_at_our_price_is_a_fill_and_the_orders_new_state():
    paper = venue()
    paper.send(1_000, [place(7, BID, 1000, 3)])
    paper.push(Trade(2_000, 2_010, ASK, 1000, 2, 5))
    fill, order = mail(paper)[1:]
    assert fill == Fill("1", "jm-7", "1", BID, 1000, 2, Decimal("0.00004"), "USDT", Decimal(0), True, 2_000, 2_050)
    assert (order.filled_lots, order.status, order.exch_ts) == (2, OrderStatus.OPEN, 2_000)


def test_requests_sent_at_once_are_answered_at_once_and_in_the_order_cancel_amend_place():
    paper = venue()
    paper.send(0, [place(1, BID, 999, 3), place(2, BID, 998, 3)])
    mail(paper)
    paper.send(1_000, [place(3, ASK, 1002, 1), Amend(4, "jm-1", BID, 999, 2), Cancel(5, "jm-2"), Query(6, "jm-1")])
    answers = mail(paper)
    assert [answer.request_id for answer in answers] == [5, 4, 3, 6]
    assert {answer.recv_ts for answer in answers} == {1_150}
    assert [(answer.order.status, answer.order.qty_lots) for answer in answers] == [
        (OrderStatus.CANCELED, 3),
        (OrderStatus.OPEN, 2),
        (OrderStatus.OPEN, 1),
        (OrderStatus.OPEN, 2),
    ]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (place(9, BID, 1002, 2), Refusal.POST_ONLY),
        (place(9, BID, 999, 3), Refusal.FILTER),
        (place(9, BID, 998, 60), Refusal.BALANCE),
        (Place(9, "jm-1", BID, 998, 2, GTC), Refusal.DUPLICATE),
        (Cancel(9, "jm-0"), Refusal.UNKNOWN_ORDER),
        (Amend(9, "jm-0", BID, 999, 2), Refusal.UNKNOWN_ORDER),
        (Amend(9, "jm-1", BID, 998, 2), Refusal.FILTER),
        (place(9, ASK, 1002, 2, reduce_only=True), Refusal.OTHER),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_reason(request_, reason):
    paper = venue(Limits(lot_step=2, max_position_lots=50))
    paper.send(0, [place(1, BID, 1000, 4)])
    mail(paper)
    paper.send(1_000, [request_])
    (answer,) = mail(paper)
    assert isinstance(answer, Refused)
    assert (answer.request_id, answer.reason, answer.recv_ts) == (9, reason, 1_150)
    assert len(paper.open_orders()) == 1


def test_one_request_too_many_is_told_when_to_ask_again():
    paper = venue(Limits(max_requests=1, window_ns=1_000))
    paper.send(3_000, [place(1, BID, 1000, 1), place(2, BID, 999, 1)])
    refused = mail(paper)[1]
    assert (refused.reason, refused.until_ns) == (Refusal.RATE, 4_000)


def test_a_market_order_takes_level_by_level_and_what_the_book_does_not_have_expires():
    paper = venue()
    paper.send(0, [place(1, BID, 0, 18, OrderType.MARKET)])
    answer, *rest = mail(paper)
    fills = [message for message in rest if isinstance(message, Fill)]
    assert answer.order.status is OrderStatus.OPEN
    assert [(fill.price_ticks, fill.qty_lots, fill.maker) for fill in fills] == [(1002, 10, False), (1003, 5, False)]
    assert (rest[-1].status, rest[-1].filled_lots) == (OrderStatus.EXPIRED, 15)
    assert paper.open_orders() == []


def test_a_reduce_only_order_closes_what_there_is_and_no_more():
    paper = venue()
    paper.send(0, [place(1, BID, 0, 4, OrderType.MARKET)])
    paper.send(10, [place(2, ASK, 0, 9, OrderType.MARKET, reduce_only=True)])
    mail(paper)
    assert paper.account.position_lots == 0


def test_a_cancel_that_comes_after_the_fill_is_refused_and_the_fill_is_told_first():
    paper = venue()
    paper.send(0, [place(1, BID, 1000, 2)])
    mail(paper)
    paper.push(Trade(2_000, 2_010, ASK, 1000, 9, 5))
    paper.send(1_950, [Cancel(2, "jm-1")])
    fill, order, refused = mail(paper)
    assert isinstance(fill, Fill)
    assert order.status is OrderStatus.FILLED
    assert refused.reason is Refusal.UNKNOWN_ORDER


def test_cancel_all_takes_every_order_out_and_says_which():
    paper = venue()
    paper.send(0, [place(1, BID, 1000, 2), place(2, ASK, 1002, 2)])
    mail(paper)
    paper.send(1_000, [CancelAll(3)])
    *gone, answer = mail(paper)
    assert [(order.client_id, order.status) for order in gone] == [
        ("jm-1", OrderStatus.CANCELED),
        ("jm-2", OrderStatus.CANCELED),
    ]
    assert answer == Answered(3, 1_150, None)
    assert paper.open_orders() == []


def test_a_query_for_an_order_that_never_was_is_answered_without_one():
    paper = venue()
    paper.send(0, [Query(1, "jm-77")])
    assert mail(paper) == [Answered(1, 150, None)]


def test_a_market_message_that_comes_too_late_happens_at_once_and_is_counted():
    paper = venue()
    paper.push(Trade(1_000, 1_010, BID, 1002, 1, 5))
    paper.live_until(1_500)
    paper.send(1_500, [place(1, BID, 1000, 2)])
    paper.live_until(1_700)
    paper.push(Trade(900, 1_710, ASK, 1000, 1, 6))
    fill = mail(paper)[1]
    assert (fill.qty_lots, fill.exch_ts, paper.market.late) == (1, 1_600, 1)


def test_after_a_restart_the_account_is_what_its_fills_made_and_trade_ids_go_on():
    paper = venue()
    paper.send(0, [place(1, BID, 0, 7, OrderType.MARKET)])
    paper.send(10, [place(2, ASK, 0, 3, OrderType.MARKET)])
    mail(paper)
    again = venue(history=paper.fills)
    assert again.account == paper.account
    assert again.open_orders() == []
    again.send(5_000, [place(3, ASK, 0, 4, OrderType.MARKET)])
    mail(again)
    assert [fill.trade_id for fill in again.fills] == ["1", "2", "3"]
    assert again.account.position_lots == 0
