"""The requests of the protocol and what they answer, without any transport: REST and ws-api both ask here."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from jaxmm.exchange.reference import ASK, BID
from jaxmm.sim_venue import errors
from jaxmm.sim_venue.futures import FuturesFormat
from jaxmm.sim_venue.matching import Exchange, Order
from jaxmm.sim_venue.orderforms import Params, integer, parse_order, parse_price, required
from jaxmm.sim_venue.player import Player
from jaxmm.sim_venue.spot import SpotFormat

Json = Any
Weight = int | Mapping[int, int]  # or by the depth's limit: the first entry that is not below it


@dataclass(frozen=True)
class Endpoint:
    """A request: who answers it, what it weighs, whether it is signed, whether it counts as an order."""

    answer: Callable[[Params], Json]
    weight: Weight = 1
    access: str = "signed"  # open, keyed or signed
    order: bool = False
    kind: str = ""  # place or cancel: what time-out faults strike

    def weighs(self, params: Params) -> int:
        """The weight of one request."""
        if isinstance(self.weight, int):
            return self.weight
        limit = integer(params, "limit") or 100
        return next((weight for most, weight in self.weight.items() if limit <= most), max(self.weight.values()))


@dataclass
class Desk:
    """Answers requests of the one account about the one symbol."""

    exchange: Exchange
    form: SpotFormat | FuturesFormat
    player: Player

    def __post_init__(self) -> None:
        self.cancel_id = ""  # of the cancel that is being carried out; spot's stream tells it
        self.listen_keys: set[str] = set()
        self._made = count(1)
        self._countdown: asyncio.TimerHandle | None = None

    # --- the market -----------------------------------------------------------------------------------------------

    def time(self, params: Params) -> Json:
        """The venue's clock."""
        return {"serverTime": self.exchange.now_ms()}

    def exchange_info(self, params: Params) -> Json:
        """Symbol, filters, limits."""
        return self.form.exchange_info(self.exchange.now_ms())

    def depth(self, params: Params) -> Json:
        """A snapshot of the book."""
        self._symbol(params)
        most = integer(params, "limit") or (100 if self.exchange.units.spot else 500)
        units, book, now = self.exchange.units, self.exchange.venue.book, self.exchange.now_ms()
        sides = {}
        for name, side in (("bids", BID), ("asks", ASK)):
            best = sorted(book[side], reverse=side == BID)[:most]
            sides[name] = [[units.price(ticks), units.qty(book[side][ticks])] for ticks in best]
        stamps = {} if units.spot else {"E": now, "T": now}
        return {"lastUpdateId": self.player.update_id, **stamps, **sides}

    def trades(self, params: Params) -> Json:
        """The market's latest prints."""
        self._symbol(params)
        return self.player.trades[-(integer(params, "limit") or 500) :]

    def book_ticker(self, params: Params) -> Json:
        """Best bid and ask."""
        body = self.player.book_ticker() or {}
        names = {"s": "symbol", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty", "T": "time"}
        return {name: body[key] for key, name in names.items() if key in body}

    def premium_index(self, params: Params) -> Json:
        """Mark price of the contract."""
        assert isinstance(self.form, FuturesFormat)
        now, mark = self.exchange.now_ms(), self.form.mark()
        prices = {"markPrice": mark, "indexPrice": mark, "estimatedSettlePrice": mark}
        funding = {"lastFundingRate": "0.00000000", "interestRate": "0.00000000", "nextFundingTime": now + 28_800_000}
        return {"symbol": self.form.symbol, **prices, **funding, "time": now}

    # --- orders ---------------------------------------------------------------------------------------------------

    def place(self, params: Params) -> Json:
        """A new order."""
        self._symbol(params)
        new = parse_order(params, self.exchange.units, f"sim{next(self._made)}")
        return self.form.placed(self.exchange.place(new))

    def cancel(self, params: Params) -> Json:
        """Takes an order out."""
        order = self._order(params)
        self.cancel_id = params.get("newClientOrderId") or f"cancel{next(self._made)}"
        try:
            return self.form.canceled(self.exchange.cancel(order), self.cancel_id)
        finally:
            self.cancel_id = ""

    def cancel_all(self, params: Params) -> Json:
        """Takes all out; on spot having none is an error, as on Binance."""
        self._symbol(params)
        canceled = self.exchange.cancel_all()
        if not self.exchange.units.spot:
            return {"code": 200, "msg": "The operation of cancel all open order is done."}
        if not canceled:
            raise errors.unknown_order()
        return [self.form.canceled(order, f"cancel{next(self._made)}") for order in canceled]

    def cancel_batch(self, params: Params) -> Json:
        """Takes several out; each answers for itself."""
        self._symbol(params)
        names = params.get("origClientOrderIdList") or params.get("orderIdList") or "[]"
        name = "origClientOrderId" if "origClientOrderIdList" in params else "orderId"
        wanted = [text.strip(' "') for text in names.strip("[]").split(",") if text.strip(' "')]
        return [self._or_error(self.cancel, {"symbol": self.form.symbol, name: text}) for text in wanted]

    def amend(self, params: Params) -> Json:
        """Spot: fewer lots, the same place in the queue."""
        order = self._order(params)
        lots = self._lots(params, "newQty")
        amended = self.exchange.reduce(order, lots)
        now = self.exchange.now_ms()
        return {"transactTime": now, "executionId": next(self._made), "amendedOrder": self.form.order(amended)}

    def modify(self, params: Params) -> Json:
        """Futures: another price or quantity, at the back of the queue."""
        order = self._order(params)
        price = parse_price(params, self.exchange.units)
        return self.form.order(self.exchange.modify(order, price, self._lots(params, "quantity")))

    def replace(self, params: Params) -> Json:
        """Spot: a cancel and a new order in one request."""
        found = {
            "orderId": params.get("cancelOrderId", ""),
            "origClientOrderId": params.get("cancelOrigClientOrderId", ""),
        }
        canceled = self._or_error(self.cancel, {"symbol": params.get("symbol", ""), **found})
        failed = "code" in canceled
        if failed and params.get("cancelReplaceMode", "STOP_ON_FAILURE") == "STOP_ON_FAILURE":
            raise errors.VenueError(-2022, "Order cancel-replace failed.")
        placed = self._or_error(self.place, params)
        if failed or "code" in placed:
            raise errors.VenueError(-2021, "Order cancel-replace partially failed.", 409)
        results = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        return {**results, "cancelResponse": canceled, "newOrderResponse": placed}

    def query(self, params: Params) -> Json:
        """An order, open or not."""
        order = self._order(params)
        if order is None:
            raise errors.no_such_order()
        return self.form.order(order)

    def open_orders(self, params: Params) -> Json:
        """All open orders."""
        return [self.form.order(order) for order in self.exchange.open_orders()]

    def all_orders(self, params: Params) -> Json:
        """Orders of any state from an id or a time on."""
        self._symbol(params)
        first, since = integer(params, "orderId") or 0, integer(params, "startTime") or 0
        orders = [o for o in self.exchange.orders.values() if o.order_id >= first and o.created_ms >= since]
        return [self.form.order(order) for order in _page(orders, params, bool(first or since))]

    def my_trades(self, params: Params) -> Json:
        """Our executions from an id or a time on, oldest first; the latest ones where neither is given."""
        self._symbol(params)
        first, order_id = integer(params, "fromId"), integer(params, "orderId")
        since, until = integer(params, "startTime"), integer(params, "endTime")
        found = [
            e
            for e in self.exchange.executions
            if (first is None or e.trade_id >= first)
            and (order_id is None or e.order_id == order_id)
            and (since is None or e.time_ms >= since)
            and (until is None or e.time_ms <= until)
        ]
        return [
            self.form.trade(execution) for execution in _page(found, params, first is not None or since is not None)
        ]

    # --- the account ----------------------------------------------------------------------------------------------

    def account(self, params: Params) -> Json:
        """Balances, and the position of futures."""
        return self.form.account()

    def balance(self, params: Params) -> Json:
        """Futures: the wallet."""
        assert isinstance(self.form, FuturesFormat)
        return self.form.balance()

    def positions(self, params: Params) -> Json:
        """Futures: the position."""
        assert isinstance(self.form, FuturesFormat)
        return [self.form.position()]

    def income(self, params: Params) -> Json:
        """Futures: money that came without an execution, oldest first."""
        assert isinstance(self.form, FuturesFormat)
        kind, since = params.get("incomeType"), integer(params, "startTime") or 0
        told = self.form.incomes()
        return [entry for entry in told if entry["time"] >= since and kind in (None, entry["incomeType"])]

    def brackets(self, params: Params) -> Json:
        """Futures: how margin grows with the position."""
        bracket = {"bracket": 1, "initialLeverage": 125, "notionalCap": 10**9, "notionalFloor": 0, "cum": 0}
        return [{"symbol": self.form.symbol, "brackets": [{**bracket, "maintMarginRatio": 0.004}]}]

    def dual_side(self, params: Params) -> Json:
        """Futures: one-way mode."""
        return {"dualSidePosition": False}

    def commission(self, params: Params) -> Json:
        """Fee rates."""
        instrument = self.exchange.units.instrument
        rates = {
            "makerCommissionRate": f"{instrument.maker_fee:.6f}",
            "takerCommissionRate": f"{instrument.taker_fee:.6f}",
        }
        return {"symbol": self.form.symbol, **rates}

    def leverage(self, params: Params) -> Json:
        """Futures: says what it is; it is fixed."""
        leverage = self.exchange.config.leverage
        return {"leverage": leverage, "maxNotionalValue": "1000000000", "symbol": self.form.symbol}

    def listen_key(self, params: Params) -> Json:
        """Futures: the user stream's key."""
        key = f"listen{next(self._made):05d}"
        self.listen_keys.add(key)
        return {"listenKey": key}

    def keep_listening(self, params: Params) -> Json:
        """Futures: keeps the key alive."""
        if not self.listen_keys:
            raise errors.VenueError(-1125, "This listenKey does not exist.")
        return {"listenKey": max(self.listen_keys)}

    def stop_listening(self, params: Params) -> Json:
        """Futures: ends the key."""
        self.listen_keys.clear()
        return {}

    def countdown(self, params: Params) -> Json:
        """Futures: cancels all unless asked again within the time; 0 stops it."""
        self._symbol(params)
        wait = required(params, "countdownTime")
        if self._countdown is not None:
            self._countdown.cancel()
            self._countdown = None
        if int(wait) > 0:
            self._countdown = asyncio.get_running_loop().call_later(int(wait) / 1000, self.exchange.cancel_all)
        return {"symbol": self.form.symbol, "countdownTime": wait}

    def nothing(self, params: Params) -> Json:
        """An empty answer."""
        return {}

    def close(self) -> None:
        """Stops what would still happen."""
        if self._countdown is not None:
            self._countdown.cancel()

    # --- parameters -----------------------------------------------------------------------------------------------

    def _symbol(self, params: Params) -> None:
        if required(params, "symbol") != self.form.symbol:
            raise errors.bad_symbol()

    def _order(self, params: Params) -> Order | None:
        self._symbol(params)
        order_id, client_id = integer(params, "orderId"), params.get("origClientOrderId")
        if order_id is None and not client_id:
            raise errors.VenueError(
                -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            )
        return self.exchange.find(order_id, client_id)

    def _lots(self, params: Params, name: str) -> int:
        lots = self.exchange.units.lots(required(params, name))
        if lots is None:
            raise errors.off_lot(self.exchange.units.spot)
        return lots

    def _or_error(self, answer: Callable[[Params], Json], params: Params) -> Json:
        try:
            return answer(params)
        except errors.VenueError as error:
            return error.body


def _page(found: list[Any], params: Params, forward: bool) -> list[Any]:
    most = min(integer(params, "limit") or 500, 1000)
    return found[:most] if forward else found[-most:]
