"""Spot's JSON: what Binance's `/api/v3` answers and what its user data stream says."""

from itertools import takewhile
from typing import Any

from jaxmm.sim_venue.account import SpotAccount
from jaxmm.sim_venue.limits import Limit
from jaxmm.sim_venue.matching import Exchange, Execution, Order, Update
from jaxmm.sim_venue.orderforms import SIDE_NAMES, kind_name
from jaxmm.sim_venue.units import money, plain

Json = dict[str, Any]


class SpotFormat:
    """Everything that reads differently on spot."""

    def __init__(self, exchange: Exchange, limits: list[Limit]) -> None:
        self.exchange = exchange
        self.limits = limits
        self.units = exchange.units
        self.symbol = self.units.instrument.symbol

    def exchange_info(self, now_ms: int) -> Json:
        """The one symbol and its filters."""
        instrument, units, config = self.units.instrument, self.units, self.exchange.config
        tick, lot = plain(units.tick), plain(units.lot)
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000.00000000", "stepSize": lot},
            {"filterType": "NOTIONAL", "minNotional": plain(config.min_notional), "applyMinToMarket": True},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": config.max_open_orders},
        ]
        symbol = {
            "symbol": self.symbol,
            "status": "TRADING",
            "baseAsset": instrument.base,
            "baseAssetPrecision": 8,
            "quoteAsset": instrument.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "cancelReplaceAllowed": True,
            "amendAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": filters,
            "permissions": ["SPOT"],
            "permissionSets": [["SPOT"]],
        }
        limits = [limit.body for limit in self.limits]
        return {
            "timezone": "UTC",
            "serverTime": now_ms,
            "rateLimits": limits,
            "exchangeFilters": [],
            "symbols": [symbol],
        }

    def order(self, order: Order) -> Json:
        """An order in answers to queries."""
        kind, time_in_force = kind_name(order.kind, spot=True)
        return {
            "symbol": self.symbol,
            "orderId": order.order_id,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "price": self.units.price(order.price_ticks),
            "origQty": self.units.qty(order.lots),
            "executedQty": self.units.qty(order.filled),
            "origQuoteOrderQty": "0.00000000",
            "cummulativeQuoteQty": money(order.quote_filled),
            "status": order.status,
            "timeInForce": time_in_force,
            "type": kind,
            "side": SIDE_NAMES[order.side],
            "stopPrice": "0.00000000",
            "icebergQty": "0.00000000",
            "time": order.created_ms,
            "updateTime": order.updated_ms,
            "isWorking": True,
            "workingTime": order.created_ms,
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }

    def placed(self, order: Order) -> Json:
        """The full answer to a new order, with what it took."""
        latest = takewhile(lambda execution: execution.order_id == order.order_id, reversed(self.exchange.executions))
        fills = [
            {
                "price": self.units.price(execution.price_ticks),
                "qty": self.units.qty(execution.lots),
                "commission": money(execution.fee),
                "commissionAsset": execution.fee_asset,
                "tradeId": execution.trade_id,
            }
            for execution in reversed(list(latest))
        ]
        return {**self.order(order), "transactTime": order.updated_ms, "fills": fills}

    def canceled(self, order: Order, cancel_id: str) -> Json:
        """The answer to a cancel, which has a client id of its own."""
        answer = self.order(order)
        return {
            **answer,
            "origClientOrderId": order.client_id,
            "clientOrderId": cancel_id,
            "transactTime": order.updated_ms,
        }

    def trade(self, execution: Execution) -> Json:
        """One of our trades."""
        return {
            "symbol": self.symbol,
            "id": execution.trade_id,
            "orderId": execution.order_id,
            "orderListId": -1,
            "price": self.units.price(execution.price_ticks),
            "qty": self.units.qty(execution.lots),
            "quoteQty": money(self.units.notional(execution.price_ticks, execution.lots)),
            "commission": money(execution.fee),
            "commissionAsset": execution.fee_asset,
            "time": execution.time_ms,
            "isBuyer": execution.side == 0,
            "isMaker": execution.maker,
            "isBestMatch": True,
        }

    def account(self) -> Json:
        """Balances."""
        instrument = self.units.instrument
        rates = {"maker": f"{instrument.maker_fee:.8f}", "taker": f"{instrument.taker_fee:.8f}"}
        return {
            "makerCommission": round(instrument.maker_fee * 10_000),
            "takerCommission": round(instrument.taker_fee * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {**rates, "buyer": "0.00000000", "seller": "0.00000000"},
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "updateTime": self.exchange.now_ms(),
            "accountType": "SPOT",
            "balances": [{"asset": asset, "free": free, "locked": locked} for asset, free, locked in self._balances()],
            "permissions": ["SPOT"],
            "uid": 1,
        }

    def events(self, update: Update, cancel_id: str) -> list[Json]:
        """What the user data stream says of a change, as it is inside its envelope."""
        order, execution, now = update.order, update.execution, self.exchange.now_ms()
        kind, time_in_force = kind_name(order.kind, spot=True)
        own, original = (
            (cancel_id, order.client_id) if update.what == "CANCELED" and cancel_id else (order.client_id, "")
        )
        last_price = self.units.price(execution.price_ticks) if execution else self.units.price(0)
        report: Json = {
            "e": "executionReport",
            "E": now,
            "s": self.symbol,
            "c": own,
            "S": SIDE_NAMES[order.side],
            "o": kind,
            "f": time_in_force,
            "q": self.units.qty(order.lots),
            "p": self.units.price(order.price_ticks),
            "P": "0.00000000",
            "F": "0.00000000",
            "g": -1,
            "C": original,
            "x": "TRADE_PREVENTION" if update.what == "EXPIRED_IN_MATCH" else update.what,
            "X": order.status,
            "r": "NONE",
            "i": order.order_id,
            "l": self.units.qty(execution.lots if execution else 0),
            "z": self.units.qty(order.filled),
            "L": last_price,
            "n": money(execution.fee) if execution else "0",
            "N": execution.fee_asset if execution else None,
            "T": order.updated_ms,
            "t": execution.trade_id if execution else -1,
            "I": order.order_id * 2 + order.filled,
            "w": order.open_lots > 0,
            "m": execution.maker if execution else False,
            "M": bool(execution),
            "O": order.created_ms,
            "Z": money(order.quote_filled),
            "Y": money(self.units.notional(execution.price_ticks, execution.lots)) if execution else "0.00000000",
            "Q": "0.00000000",
            "W": order.created_ms,
            "V": "EXPIRE_MAKER",
        }
        balances = [{"a": asset, "f": free, "l": locked} for asset, free, locked in self._balances()]
        return [report, {"e": "outboundAccountPosition", "E": now, "u": order.updated_ms, "B": balances}]

    def _balances(self) -> list[tuple[str, str, str]]:
        account = self.exchange.account
        assert isinstance(account, SpotAccount)
        return [(asset, money(free), money(account.locked[asset])) for asset, free in account.free.items()]
