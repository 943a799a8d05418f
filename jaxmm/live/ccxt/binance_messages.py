"""Binance's JSON in the quoter's words: market streams, user streams and answers, spot and USD-margined futures.

Every money is the venue's own string as a `Decimal`, prices and quantities are exact ticks and lots. Venue times are
`T` (matching) where there is one, else `E` (event), as in the reader of recordings, so that a day heard is a day read.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.book_sync import Diff, Snapshot
from jaxmm.live.ccxt.units import Units
from jaxmm.live.messages import (
    ASK,
    BID,
    Account,
    Fill,
    Levels,
    Mark,
    Message,
    OrderState,
    OrderStatus,
    Trade,
    Transfer,
)

NS_PER_MS = 1_000_000
Json = dict[str, Any]
_STATUS = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_SIDES = {"BUY": BID, "SELL": ASK}


class BinanceMessages:
    """Reads one instrument's. Raises `KeyError`, `ValueError` (so `InputError`) or `TypeError` on what is none."""

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self._currency = instrument.currency
        units = Units(instrument)
        self._ticks, self._lots = units.price_ticks, units.qty_lots

    # --- the market ---

    def diff(self, data: Json, recv_ts: int) -> Diff:
        """A `depthUpdate`."""
        before = data["pu"] if "pu" in data else data["U"] - 1
        exch_ts = data["T" if "T" in data else "E"] * NS_PER_MS
        return Diff(before, data["u"], exch_ts, recv_ts, self._levels(data["b"]), self._levels(data["a"]))

    def snapshot(self, data: Json, recv_ts: int) -> Snapshot:
        """An answer of `depth`."""
        exch_ts = data["T"] * NS_PER_MS if "T" in data else None
        bids, asks = self._levels(data["bids"]), self._levels(data["asks"])
        return Snapshot(data["lastUpdateId"], exch_ts, recv_ts, bids, asks)

    def trade(self, data: Json, recv_ts: int) -> Trade | None:
        """A `trade`; None for bookings of the insurance fund and of liquidations, which are not the market's."""
        if data.get("X", "MARKET") != "MARKET":
            return None
        side = ASK if data["m"] else BID  # m: the buyer was the maker
        price, qty = self._ticks(data["p"]), self._lots(data["q"])
        return Trade(data["T"] * NS_PER_MS, recv_ts, side, price, qty, data["t"])

    def mark(self, data: Json, recv_ts: int) -> Mark:
        """A `markPriceUpdate`."""
        return Mark(recv_ts, float(data["p"]))

    def _levels(self, levels: Sequence[Sequence[str]]) -> Levels:
        ticks, lots = self._ticks, self._lots
        return tuple([(ticks(price), lots(qty)) for price, qty in levels])

    # --- our orders, as streams tell them ---

    def user(self, data: Json, recv_ts: int) -> list[Message]:
        """Whatever a user stream says of this instrument or of balances; a fill stands before the order it changes."""
        event = data.get("e")
        if event == "executionReport":
            return self._report(data, data["C"] if data["x"] == "CANCELED" and data["C"] else data["c"], data, recv_ts)
        if event == "ORDER_TRADE_UPDATE":
            return self._report(data["o"], data["o"]["c"], data, recv_ts)
        if event == "outboundAccountPosition":
            balances = {entry["a"]: Decimal(entry["f"]) + Decimal(entry["l"]) for entry in data["B"]}
            return [Account(balances, None, recv_ts, whole=False)]
        if event == "ACCOUNT_UPDATE":
            return self._account_update(data["a"], recv_ts)
        return []

    def _report(self, order: Json, client_id: str, event: Json, recv_ts: int) -> list[Message]:
        if order["s"] != self.symbol:
            return []
        side, venue_id, exch_ts = _SIDES[order["S"]], str(order["i"]), event["T"] * NS_PER_MS
        messages: list[Message] = []
        if order["x"] == "TRADE":
            messages.append(
                Fill(
                    trade_id=str(order["t"]),
                    client_id=client_id,
                    venue_id=venue_id,
                    side=side,
                    price_ticks=self._ticks(order["L"]),
                    qty_lots=self._lots(order["l"]),
                    fee=Decimal(order.get("n") or "0"),
                    fee_currency=order.get("N") or self._currency,
                    realized=Decimal(order["rp"]) if "rp" in order else None,
                    maker=order["m"],
                    exch_ts=exch_ts,
                    recv_ts=recv_ts,
                )
            )
        price, total, filled = self._ticks(order["p"]), self._lots(order["q"]), self._lots(order["z"])
        status = _STATUS[order["X"]]
        messages.append(OrderState(client_id, venue_id, side, price, total, filled, status, exch_ts, recv_ts))
        return messages

    def _account_update(self, account: Json, recv_ts: int) -> list[Message]:
        balances = {entry["a"]: Decimal(entry["wb"]) for entry in account.get("B", ())}
        return [Account(balances, self._position(account.get("P", ()), "s", "pa"), recv_ts, whole=False)]

    # --- our orders, as answers tell them ---

    def order(self, data: Json, recv_ts: int, client_id: str | None = None) -> OrderState:
        """An order in an answer; a cancelled spot order names its id beside that of the cancel."""
        times = (data[name] for name in ("updateTime", "transactTime", "time") if name in data)
        return OrderState(
            client_id=client_id or data.get("origClientOrderId") or data["clientOrderId"],
            venue_id=str(data["orderId"]),
            side=_SIDES[data["side"]],
            price_ticks=self._ticks(data["price"]),
            qty_lots=self._lots(data["origQty"] if "origQty" in data else data["qty"]),
            filled_lots=self._lots(data["executedQty"]),
            status=_STATUS[data["status"]],
            exch_ts=next(times, 0) * NS_PER_MS,
            recv_ts=recv_ts,
        )

    def fill(self, data: Json, recv_ts: int) -> Fill:
        """An execution in an answer, which does not say the client id."""
        buyer = data["isBuyer"] if "isBuyer" in data else data["side"] == "BUY"
        return Fill(
            trade_id=str(data["id"]),
            client_id="",
            venue_id=str(data["orderId"]),
            side=BID if buyer else ASK,
            price_ticks=self._ticks(data["price"]),
            qty_lots=self._lots(data["qty"]),
            fee=Decimal(data["commission"]),
            fee_currency=data["commissionAsset"],
            realized=Decimal(data["realizedPnl"]) if "realizedPnl" in data else None,
            maker=data["isMaker"] if "isMaker" in data else data["maker"],
            exch_ts=data["time"] * NS_PER_MS,
            recv_ts=recv_ts,
        )

    def transfer(self, data: Json, recv_ts: int) -> Transfer:
        """An entry of a futures wallet's income that no execution made."""
        kind, exch_ts = data["incomeType"], data["time"] * NS_PER_MS
        amount, asset = Decimal(data["income"]), data["asset"]
        return Transfer(f"{kind}:{data['tranId']}", kind.lower(), amount, asset, exch_ts, recv_ts)

    def account(self, data: Json, recv_ts: int) -> Account:
        """Balances that are not zero; on futures the wallet's, and the position, which is 0 where none is told."""
        if "balances" in data:
            totals = {entry["asset"]: Decimal(entry["free"]) + Decimal(entry["locked"]) for entry in data["balances"]}
            return Account({asset: total for asset, total in totals.items() if total}, None, recv_ts)
        wallets = {entry["asset"]: Decimal(entry["walletBalance"]) for entry in data["assets"]}
        position = self._position(data["positions"], "symbol", "positionAmt")
        return Account({asset: total for asset, total in wallets.items() if total}, position or 0, recv_ts)

    def _position(self, positions: Iterable[Json], symbol: str, amount: str) -> int | None:
        ours = [self._lots(entry[amount]) for entry in positions if entry[symbol] == self.symbol]
        return sum(ours) if ours else None
