"""Unmodified ccxt.pro trades: orders, books, streams and questions, on spot and on futures."""

from decimal import Decimal

import ccxt
import pytest

from jaxmm.sim_venue import synthetic
from jaxmm.sim_venue.recording import Message
from tests.sim_venue.conftest import ASK, BID, LOTS, until


async def test_an_order_rests_is_found_by_every_question_and_is_cancelled(start):
    trader = await start()
    await trader.listen()
    placed = await trader.place("buy", BID, 100, "jm1-1")
    assert (placed["status"], placed["clientOrderId"], placed["postOnly"]) == ("open", "jm1-1", True)
    assert [order["id"] for order in await trader.ccxt.fetch_open_orders(trader.symbol)] == [placed["id"]]
    assert (await trader.query("jm1-1"))["status"] == "open"
    assert (await trader.cancel("jm1-1"))["status"] == "canceled"
    assert (await trader.query("jm1-1"))["status"] == "canceled"
    assert await trader.ccxt.fetch_open_orders(trader.symbol) == []
    await until(lambda: trader.heard and trader.heard[-1]["status"] == "canceled")
    assert {order["clientOrderId"] for order in trader.heard} == {"jm1-1"}


async def test_a_resting_order_fills_by_the_prints_behind_its_queue_and_the_fee_is_the_makers(start):
    trader = await start()
    await trader.listen()
    await trader.place("buy", BID, 100, "jm1-1")
    for lots in (LOTS + 40, 100):
        trader.venue.player.step(Message(0, True, False, [(1, BID, lots)]))
    await until(lambda: any(order["status"] == "closed" for order in trader.heard))
    assert [order["filled"] for order in trader.heard] == sorted(order["filled"] for order in trader.heard)
    trades = await trader.ccxt.fetch_my_trades(trader.symbol)
    lot = trader.venue.config.instrument.lot_size
    assert [trade["amount"] for trade in trades] == pytest.approx([40 * lot, 60 * lot])
    assert {trade["takerOrMaker"] for trade in trades} == {"maker"}
    paid = sum(Decimal(fill["fee"]) for fill in trader.venue.state()["fills"])
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(float(paid))
    bought = 100 * trader.venue.config.units.lot
    base = bought if trader.market == "spot" else bought * BID * trader.venue.config.units.tick
    assert paid == base * Decimal("0.0002")


async def test_a_market_order_takes_the_displayed_levels_at_the_takers_fee(start):
    trader = await start(balances={"USDT": Decimal(10**8), "BTC": Decimal(1)})
    lot = trader.venue.config.instrument.lot_size
    order = await trader.ccxt.create_order(trader.symbol, "market", "buy", (LOTS + 500) * lot)
    assert order["filled"] == pytest.approx((LOTS + 500) * lot)
    fills = trader.venue.state()["fills"]
    assert [(fill["price_ticks"], fill["lots"], fill["maker"]) for fill in fills] == [
        (ASK, LOTS, False),
        (ASK + 1, 500, False),
    ]
    told = (await trader.ccxt.fetch_balance())["info"]
    if trader.market == "spot":
        told = {entry["asset"]: Decimal(entry["free"]) for entry in told["balances"]}
    else:
        told = {entry["asset"]: Decimal(entry["walletBalance"]) for entry in told["assets"]}
    assert told == {asset: Decimal(amount) for asset, amount in trader.venue.state()["balances"].items()}


async def test_ccxt_keeps_the_book_of_a_moving_market_through_its_end_and_new_beginning(start, instrument):
    trader = await start(synthetic(instrument, seconds=6), speed=8.0)
    for _ in range(60):
        book = await trader.ccxt.watch_order_book(trader.symbol, 50)
    assert trader.venue.player.played > len(trader.venue.recording), "the recording has not begun again"
    snapshot = await trader.ccxt.fetch_order_book(trader.symbol, 50)
    while book["nonce"] < snapshot["nonce"]:
        book = await trader.ccxt.watch_order_book(trader.symbol, 50)
    if book["nonce"] == snapshot["nonce"]:
        assert (book["bids"], book["asks"]) == (snapshot["bids"], snapshot["asks"])
    assert book["bids"][0][0] < book["asks"][0][0]
    assert (await trader.ccxt.watch_trades(trader.symbol))[-1]["side"] in ("buy", "sell")
    assert (await trader.ccxt.watch_bids_asks([trader.symbol]))[trader.symbol]["bid"] > 0


async def test_fewer_lots_keep_their_place_on_spot_and_lose_it_on_futures(start):
    trader = await start()
    await trader.place("buy", BID, 100, "jm1-1")
    exchange = trader.venue.exchange
    (order,) = exchange.venue.orders.values()
    order.place.on_trade(LOTS - 7, LOTS - 7)
    assert order.queue_ahead == 7
    lots, symbol = trader.venue.config.units.qty(60), trader.venue.config.instrument.symbol
    named = {"symbol": symbol, "origClientOrderId": "jm1-1"}
    if trader.market == "spot":
        await trader.ccxt.request("order/amend/keepPriority", ["private"], "PUT", {**named, "newQty": lots})
    else:
        price = trader.venue.config.units.price(BID)
        await trader.ccxt.fapiPrivatePutOrder({**named, "side": "BUY", "quantity": lots, "price": price})
    (order,) = exchange.venue.orders.values()
    assert (order.open_lots, order.queue_ahead) == (60, 7 if trader.market == "spot" else LOTS)
    assert trader.venue.state()["open_orders"][0]["lots"] == 60


@pytest.mark.parametrize("market", ["spot"], indirect=True)
async def test_spot_replaces_an_order_in_one_request_or_leaves_it(start):
    trader = await start()
    await trader.place("buy", BID, 100, "jm1-1")
    new = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.002", "price": "9999.99"}
    both = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "jm1-1", "newClientOrderId": "jm1-2"}
    answer = await trader.ccxt.privatePostOrderCancelReplace(new | both)
    assert answer["newOrderResponse"]["clientOrderId"] == "jm1-2"
    assert [order["client_id"] for order in trader.venue.state()["open_orders"]] == ["jm1-2"]
    with pytest.raises(ccxt.ExchangeError, match="-2022"):
        await trader.ccxt.privatePostOrderCancelReplace(new | both)
    assert [order["client_id"] for order in trader.venue.state()["open_orders"]] == ["jm1-2"]


@pytest.mark.parametrize("market", ["usdm"], indirect=True)
async def test_a_futures_position_opens_turns_and_closes_as_ccxt_reads_it(start):
    trader = await start()
    for side, lots, position in (("buy", 30, 30), ("sell", 50, -20), ("buy", 20, 0)):
        await trader.ccxt.create_order(trader.symbol, "market", side, lots * 0.001)
        assert trader.venue.state()["position_lots"] == position
        told = await trader.ccxt.fetch_positions([trader.symbol])
        signed = sum(p["contracts"] * (1 if p["side"] == "long" else -1) for p in told if p["contracts"])
        assert signed == pytest.approx(position * 0.001)
    state = trader.venue.state()
    spread = Decimal("-0.05")  # ten ticks of 0.1 on 50 lots, bought at the ask and sold at the bid
    assert Decimal(state["realized"]) == spread
    assert Decimal(state["balances"]["USDT"]) == 1_000_000 + spread - Decimal(state["fees"]["USDT"])


@pytest.mark.parametrize("market", ["usdm"], indirect=True)
async def test_a_reduce_only_order_never_turns_the_position(start):
    trader = await start()
    with pytest.raises(ccxt.ExchangeError, match="-2022"):
        await trader.ccxt.create_order(trader.symbol, "market", "sell", 0.01, None, {"reduceOnly": True})
    await trader.ccxt.create_order(trader.symbol, "market", "buy", 0.01)
    await trader.ccxt.create_order(trader.symbol, "market", "sell", 0.05, None, {"reduceOnly": True})
    assert trader.venue.state()["position_lots"] == 0


@pytest.mark.parametrize("market", ["usdm"], indirect=True)
async def test_the_countdown_cancels_all_unless_it_is_renewed_or_stopped(start):
    trader = await start()
    await trader.place("buy", BID, 100, "jm1-1")
    countdown = trader.ccxt.fapiPrivatePostCountdownCancelAll
    await countdown({"symbol": "BTCUSDT", "countdownTime": 60_000})
    await countdown({"symbol": "BTCUSDT", "countdownTime": 0})
    assert len(trader.venue.state()["open_orders"]) == 1
    await countdown({"symbol": "BTCUSDT", "countdownTime": 20})
    await until(lambda: not trader.venue.state()["open_orders"])


async def test_all_orders_of_the_symbol_are_cancelled_at_once(start):
    trader = await start()
    await trader.place("buy", BID, 100, "jm1-1")
    await trader.place("sell", ASK, 100, "jm1-2")
    await trader.ccxt.cancel_all_orders(trader.symbol)
    assert trader.venue.state()["open_orders"] == []
    assert trader.venue.state()["max_open_orders"] == 2


async def test_an_order_that_takes_expires_what_it_would_meet_of_our_own(start):
    trader = await start()
    await trader.place("buy", BID + 5, 100, "jm1-1")
    sold = await trader.place("sell", BID, 100, "jm1-2", postOnly=False)
    assert (await trader.query("jm1-1"))["status"] == "expired"
    assert sold["filled"] == pytest.approx(100 * trader.venue.config.instrument.lot_size)
