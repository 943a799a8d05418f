"""USD-M futures' JSON: what Binance's `/fapi` answers and what its user data stream says."""

from decimal import Decimal
from typing import Any

from jaxmm.sim_venue.account import FuturesAccount
from jaxmm.sim_venue.limits import Limit
from jaxmm.sim_venue.matching import Exchange, Execution, Order, Update
from jaxmm.sim_venue.orderforms import SIDE_NAMES, kind_name
from jaxmm.sim_venue.units import money, plain

Json = dict[str, Any]
FOREVER_MS = 4_133_404_800_000


class FuturesFormat:
    """Everything that reads differently on futures."""

    def __init__(self, exchange: Exchange, limits: list[Limit]) -> None:
        self.exchange = exchange
        self.limits = limits
        self.units = exchange.units
        self.symbol = self.units.instrument.symbol

    def exchange_info(self, now_ms: int) -> Json:
        """The one symbol and its filters."""
        instrument, units, config = self.units.instrument, self.units, self.exchange.config
        tick, lot = plain(units.tick), plain(units.lot)
        band = {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": plain(1 + config.price_band),
            "multiplierDown": plain(1 - config.price_band),
            "multiplierDecimal": "4",
        }
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "4529764", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000", "stepSize": lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": "120", "stepSize": lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": config.max_open_orders},
            {"filterType": "MIN_NOTIONAL", "notional": plain(config.min_notional)},
            band,
        ]
        symbol = {
            "symbol": self.symbol,
            "pair": self.symbol,
            "contractType": "PERPETUAL",
            "deliveryDate": FOREVER_MS,
            "onboardDate": 1_569_398_400_000,
            "status": "TRADING",
            "baseAsset": instrument.base,
            "quoteAsset": instrument.quote,
            "marginAsset": instrument.quote,
            "pricePrecision": units.price_digits,
            "quantityPrecision": units.qty_digits,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
            "filters": filters,
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
        """An order in answers."""
        kind, time_in_force = kind_name(order.kind, spot=False)
        mean = order.quote_filled / (order.filled * self.units.lot) if order.filled else Decimal(0)
        return {
            "orderId": order.order_id,
            "symbol": self.symbol,
            "status": order.status,
            "clientOrderId": order.client_id,
            "price": self.units.price(order.price_ticks),
            "avgPrice": f"{mean:.5f}",
            "origQty": self.units.qty(order.lots),
            "executedQty": self.units.qty(order.filled),
            "cumQty": self.units.qty(order.filled),
            "cumQuote": money(order.quote_filled),
            "timeInForce": time_in_force,
            "type": kind,
            "origType": kind,
            "reduceOnly": order.reduce_only,
            "closePosition": False,
            "side": SIDE_NAMES[order.side],
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "priceMatch": "NONE",
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "goodTillDate": 0,
            "time": order.created_ms,
            "updateTime": order.updated_ms,
        }

    def placed(self, order: Order) -> Json:
        """The answer to a new order."""
        return self.order(order)

    def canceled(self, order: Order, cancel_id: str) -> Json:
        """The answer to a cancel."""
        return self.order(order)

    def trade(self, execution: Execution) -> Json:
        """One of our trades."""
        return {
            "symbol": self.symbol,
            "id": execution.trade_id,
            "orderId": execution.order_id,
            "side": SIDE_NAMES[execution.side],
            "price": self.units.price(execution.price_ticks),
            "qty": self.units.qty(execution.lots),
            "realizedPnl": money(execution.realized),
            "quoteQty": money(self.units.notional(execution.price_ticks, execution.lots)),
            "commission": money(execution.fee),
            "commissionAsset": execution.fee_asset,
            "time": execution.time_ms,
            "positionSide": "BOTH",
            "buyer": execution.side == 0,
            "maker": execution.maker,
        }

    def account(self) -> Json:
        """The wallet and the position."""
        account, quote = self._account, self.units.instrument.quote
        unrealized = account.unrealized(self.exchange.mid_ticks)
        margin = account.margin(abs(account.position), self.exchange.mid_ticks)
        free = account.wallet + unrealized - margin
        amounts = {
            "walletBalance": money(account.wallet),
            "unrealizedProfit": money(unrealized),
            "marginBalance": money(account.wallet + unrealized),
            "maintMargin": money(margin / 2),
            "initialMargin": money(margin),
            "positionInitialMargin": money(margin),
            "openOrderInitialMargin": "0.00000000",
            "crossWalletBalance": money(account.wallet),
            "crossUnPnl": money(unrealized),
            "availableBalance": money(free),
            "maxWithdrawAmount": money(free),
        }
        now = self.exchange.now_ms()
        total = {f"total{name[0].upper()}{name[1:]}": amount for name, amount in amounts.items()}
        return {
            **total,
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": False,
            "canWithdraw": False,
            "updateTime": now,
            "multiAssetsMargin": False,
            "availableBalance": money(free),
            "maxWithdrawAmount": money(free),
            "assets": [{"asset": quote, **amounts, "marginAvailable": True, "updateTime": now}],
            "positions": [self.position()] if account.position else [],
        }

    def balance(self) -> list[Json]:
        """The wallet alone."""
        account = self.account()["assets"][0]
        return [{"accountAlias": "sim", "balance": account["walletBalance"], **account}]

    def position(self) -> Json:
        """The one position."""
        account, mid = self._account, self.exchange.mid_ticks
        unrealized, margin = account.unrealized(mid), account.margin(abs(account.position), mid)
        return {
            "symbol": self.symbol,
            "positionSide": "BOTH",
            "positionAmt": self.units.qty(account.position),
            "entryPrice": money(account.entry),
            "breakEvenPrice": money(account.entry),
            "markPrice": self.mark(),
            "unRealizedProfit": money(unrealized),
            "unrealizedProfit": money(unrealized),
            "liquidationPrice": "0",
            "isolatedMargin": "0",
            "notional": money(unrealized + account.cost),
            "marginAsset": self.units.instrument.quote,
            "isolatedWallet": "0",
            "initialMargin": money(margin),
            "maintMargin": money(margin / 2),
            "positionInitialMargin": money(margin),
            "openOrderInitialMargin": "0",
            "leverage": str(account.leverage),
            "marginType": "cross",
            "isolated": False,
            "adl": 1,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": self.exchange.now_ms(),
        }

    def mark(self) -> str:
        """Mark price: the mid."""
        return f"{Decimal(str(self.exchange.mid_ticks)) * self.units.tick:.8f}"

    def events(self, update: Update, cancel_id: str) -> list[Json]:
        """What the user data stream says of a change."""
        order, execution, now = update.order, update.execution, self.exchange.now_ms()
        mean = order.quote_filled / (order.filled * self.units.lot) if order.filled else Decimal(0)
        kind, time_in_force = kind_name(order.kind, spot=False)
        body: Json = {
            "s": self.symbol,
            "c": order.client_id,
            "S": SIDE_NAMES[order.side],
            "o": kind,
            "f": time_in_force,
            "q": self.units.qty(order.lots),
            "p": self.units.price(order.price_ticks),
            "ap": f"{mean:.5f}",
            "sp": "0",
            "x": {"REPLACED": "AMENDMENT", "EXPIRED_IN_MATCH": "EXPIRED"}.get(update.what, update.what),
            "X": order.status,
            "i": order.order_id,
            "l": self.units.qty(execution.lots if execution else 0),
            "z": self.units.qty(order.filled),
            "L": self.units.price(execution.price_ticks if execution else 0),
            "N": execution.fee_asset if execution else self.units.instrument.quote,
            "n": money(execution.fee) if execution else "0",
            "T": order.updated_ms,
            "t": execution.trade_id if execution else 0,
            "b": "0",
            "a": "0",
            "m": execution.maker if execution else False,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": kind,
            "ps": "BOTH",
            "cp": False,
            "rp": money(execution.realized) if execution else "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": 0,
        }
        told: list[Json] = [{"e": "ORDER_TRADE_UPDATE", "E": now, "T": order.updated_ms, "o": body}]
        return [*told, self._account_update(now, order.updated_ms)] if execution else told

    def incomes(self) -> list[Json]:
        """What came without an execution."""
        asset = self.units.instrument.quote
        return [
            {
                "symbol": self.symbol if income.kind == "FUNDING_FEE" else "",
                "incomeType": income.kind,
                "income": money(income.amount),
                "asset": asset,
                "info": income.kind,
                "time": income.time_ms,
                "tranId": income.id,
                "tradeId": "",
            }
            for income in self._account.incomes
        ]

    def paid(self, kind: str) -> list[Json]:
        """The event that tells of money which came just now."""
        now = self.exchange.now_ms()
        update = self._account_update(now, now)
        return [{**update, "a": {**update["a"], "m": kind}}]

    def _account_update(self, now: int, at: int) -> Json:
        account = self._account
        wallet = money(account.wallet)
        balance = {"a": self.units.instrument.quote, "wb": wallet, "cw": wallet, "bc": "0"}
        position = {
            "s": self.symbol,
            "pa": self.units.qty(account.position),
            "ep": money(account.entry),
            "bep": money(account.entry),
            "cr": money(account.realized),
            "up": money(account.unrealized(self.exchange.mid_ticks)),
            "mt": "cross",
            "iw": "0",
            "ps": "BOTH",
            "ma": self.units.instrument.quote,
        }
        return {"e": "ACCOUNT_UPDATE", "E": now, "T": at, "a": {"m": "ORDER", "B": [balance], "P": [position]}}

    @property
    def _account(self) -> FuturesAccount:
        account = self.exchange.account
        assert isinstance(account, FuturesAccount)
        return account
