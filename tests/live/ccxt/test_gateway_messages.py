"""Binance's own examples, field by field; and what is none of them."""

from decimal import Decimal
from typing import Any

import pytest
from gateway_desk import INSTRUMENTS

from jaxmm.errors import InputError
from jaxmm.live.ccxt.binance_messages import BinanceMessages
from jaxmm.live.ccxt.trade_ids import REMEMBERED_TRADES, TradeIds
from jaxmm.live.messages import ASK, BID, Account, Fill, Mark, OrderState, OrderStatus, Trade

MS = 1_000_000
NOW = 1_723_075_200_500 * MS
REPORT = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "BTCUSDT",
    "c": "jmabcdef-7",
    "S": "SELL",
    "o": "LIMIT_MAKER",
    "f": "GTC",
    "q": "1.00000000",
    "p": "61802.02000000",
    "C": "",
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "r": "NONE",
    "i": 4293153,
    "l": "0.25000000",
    "z": "0.50000000",
    "L": "61802.02000000",
    "n": "0.00386262",
    "N": "USDT",
    "T": 1499405658657,
    "t": 77,
    "m": True,
}


def read(market: str = "spot") -> BinanceMessages:
    return BinanceMessages(INSTRUMENTS[market])


def test_a_fill_comes_before_the_order_that_it_changes():
    fill, order = read().user(REPORT, NOW)
    assert fill == Fill(
        trade_id="77",
        client_id="jmabcdef-7",
        venue_id="4293153",
        side=ASK,
        price_ticks=6180202,
        qty_lots=25000,
        fee=Decimal("0.00386262"),
        fee_currency="USDT",
        realized=None,
        maker=True,
        exch_ts=1499405658657 * MS,
        recv_ts=NOW,
    )
    assert order == OrderState(
        "jmabcdef-7", "4293153", ASK, 6180202, 100000, 50000, OrderStatus.OPEN, 1499405658657 * MS, NOW
    )


def test_a_cancelled_spot_order_is_named_by_its_own_id_not_by_the_cancels():
    cancelled = REPORT | {"x": "CANCELED", "X": "CANCELED", "c": "of-the-cancel", "C": "jmabcdef-7"}
    assert [(order.client_id, order.status) for order in read().user(cancelled, NOW)] == [
        ("jmabcdef-7", OrderStatus.CANCELED)
    ]
    expired = REPORT | {"x": "EXPIRED", "X": "EXPIRED_IN_MATCH"}
    assert read().user(expired, NOW)[0].status == OrderStatus.EXPIRED


def test_a_futures_fill_says_what_it_realized():
    event = {
        "e": "ORDER_TRADE_UPDATE",
        "E": 1568879465651,
        "T": 1568879465650,
        "o": {
            "s": "BTCUSDT",
            "c": "jmabcdef-8",
            "S": "BUY",
            "o": "LIMIT",
            "q": "0.010",
            "p": "61802.1",
            "ap": "61802.1",
            "x": "TRADE",
            "X": "FILLED",
            "i": 8886774,
            "l": "0.010",
            "z": "0.010",
            "L": "61802.1",
            "N": "USDT",
            "n": "-0.12360420",
            "T": 1568879465650,
            "t": 12,
            "m": True,
            "rp": "-1.25",
        },
    }
    fill, order = read("usdm").user(event, NOW)
    assert (fill.realized, fill.fee, fill.qty_lots, fill.price_ticks) == (
        Decimal("-1.25"),
        Decimal("-0.1236042"),
        10,
        618021,
    )
    assert order.status == OrderStatus.FILLED
    free = event | {"o": {name: value for name, value in event["o"].items() if name not in ("n", "N")}}
    assert read("usdm").user(free, NOW)[0].fee == 0


def test_reports_of_other_symbols_and_other_events_say_nothing():
    assert read().user(REPORT | {"s": "ETHUSDT"}, NOW) == []
    assert read().user({"e": "listStatus"}, NOW) == []


def test_balances_count_what_is_locked_and_positions_are_ours_alone():
    spot = {"e": "outboundAccountPosition", "B": [{"a": "USDT", "f": "10.5", "l": "0.5"}]}
    assert read().user(spot, NOW) == [Account({"USDT": Decimal("11.0")}, None, NOW, whole=False)]
    position = [{"s": "BTCUSDT", "pa": "-0.003"}, {"s": "ETHUSDT", "pa": "9"}]
    update = {"e": "ACCOUNT_UPDATE", "a": {"B": [{"a": "USDT", "wb": "99.5"}], "P": position}}
    assert read("usdm").user(update, NOW) == [Account({"USDT": Decimal("99.5")}, -3, NOW, whole=False)]
    assert read("usdm").user(update | {"a": {}}, NOW) == [Account({}, None, NOW, whole=False)]


def test_an_account_leaves_out_what_is_nothing():
    empty = {"asset": "ETH", "free": "0.0", "locked": "0.0"}
    answer = {"balances": [{"asset": "BTC", "free": "1.0", "locked": "0.5"}, empty]}
    assert read().account(answer, NOW) == Account({"BTC": Decimal("1.5")}, None, NOW)
    futures: dict[str, Any] = {"assets": [{"asset": "USDT", "walletBalance": "7.25"}], "positions": []}
    assert read("usdm").account(futures, NOW) == Account({"USDT": Decimal("7.25")}, 0, NOW)


def test_a_trade_has_the_aggressors_side():
    trade = {"e": "trade", "s": "BTCUSDT", "t": 5, "p": "61802.01", "q": "0.001", "T": 1000, "E": 1001, "m": True}
    assert read().trade(trade, NOW) == Trade(1000 * MS, NOW, ASK, 6180201, 100, 5)
    assert read().trade(trade | {"m": False}, NOW).side == BID
    assert read().trade(trade | {"X": "INSURANCE_FUND"}, NOW) is None


def test_a_difference_follows_what_the_venue_says_it_follows():
    spot = read().diff({"E": 9, "U": 101, "u": 105, "b": [["1.00", "0.0"]], "a": []}, NOW)
    assert (spot.before, spot.last, spot.exch_ts, spot.bids, spot.asks) == (100, 105, 9 * MS, ((100, 0),), ())
    usdm = read("usdm").diff({"E": 9, "T": 8, "U": 101, "u": 105, "pu": 97, "b": [], "a": [["1.0", "2.0"]]}, NOW)
    assert (usdm.before, usdm.exch_ts, usdm.asks) == (97, 8 * MS, ((10, 2000),))


def test_a_snapshot_has_a_time_where_the_venue_says_one():
    answer = {"lastUpdateId": 7, "bids": [["1.0", "1.0"]], "asks": []}
    assert read().snapshot(answer, NOW).exch_ts is None
    assert read("usdm").snapshot(answer | {"T": 3}, NOW).exch_ts == 3 * MS


def test_a_mark_price_is_read():
    assert read("usdm").mark({"p": "61802.50000000"}, NOW) == Mark(NOW, 61802.5)


def test_an_amended_order_states_its_new_quantity():
    answer = {"transactTime": 5, "orderId": 3, "clientOrderId": "x", "side": "BUY", "price": "1.00", "status": "NEW"}
    order = read().order(answer | {"qty": "0.5", "executedQty": "0.1"}, NOW, "jmabcdef-1")
    assert (order.client_id, order.qty_lots, order.filled_lots, order.exch_ts) == ("jmabcdef-1", 50000, 10000, 5 * MS)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"p": None}, InputError), ({"p": "1.001"}, InputError), ({"X": "ODD"}, KeyError), ({"S": 1}, KeyError)],
)
def test_what_cannot_be_read_raises_and_is_not_guessed(change, error):
    with pytest.raises(error):
        read().user(REPORT | change, NOW)


def test_second_trades_are_known_for_long_and_memory_is_bounded():
    seen = TradeIds()
    assert [seen.is_new(id) for id in (5, 3, 5, 4, 3)] == [True, True, False, True, False]
    for id in range(10, 10 + REMEMBERED_TRADES):
        assert seen.is_new(id)
    assert len(seen._known) == REMEMBERED_TRADES
    assert seen.is_new(5)
