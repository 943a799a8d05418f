"""ccxt's unified structures in the quoter's words. Numbers are strings, except in books, where ccxt keeps floats."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from jaxmm.instrument import Instrument
from jaxmm.live.ccxt.units import Units
from jaxmm.live.messages import ASK, BID, Account, Book, Fill, Levels, OrderState, OrderStatus, Trade

NS_PER_MS = 1_000_000
NO_ID = -1  # as in canonical events
_FINAL = {
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


class UnifiedMessages:
    """Reads one instrument's. Raises `KeyError`, `ValueError` (so `InputError`) or `TypeError` on what is none."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._units = Units(instrument)

    def book(self, data: Any, levels: int, recv_ts: int) -> Book:
        """The best levels as a snapshot; the order book object of ccxt goes on changing, so it is read at once."""
        exch_ts = _ns(data["timestamp"]) or recv_ts
        bids, asks = self._levels(data["bids"][:levels]), self._levels(data["asks"][:levels])
        return Book(exch_ts, recv_ts, True, bids, asks, data.get("nonce") or NO_ID)

    def trade(self, data: Mapping[str, Any], recv_ts: int) -> Trade:
        """A print of the market; -1 where its id is no number."""
        id = data.get("id") or ""
        return Trade(
            exch_ts=_ns(data["timestamp"]),
            recv_ts=recv_ts,
            side=_side(data["side"]),
            price_ticks=self._ticks(data["price"]),
            qty_lots=self._lots(data["amount"]),
            id=int(id) if id.isdigit() else NO_ID,
        )

    def order(self, data: Mapping[str, Any], recv_ts: int) -> OrderState:
        """An order, whichever call or stream tells it."""
        total, filled = self._lots(data["amount"]), self._lots(data["filled"] or "0")
        status = OrderStatus.OPEN
        if data["status"] == "closed":
            status = OrderStatus.FILLED if filled >= total else OrderStatus.CANCELED
        return OrderState(
            client_id=data["clientOrderId"] or "",
            venue_id=data["id"],
            side=_side(data["side"]),
            price_ticks=self._ticks(data["price"] or "0"),
            qty_lots=total,
            filled_lots=filled,
            status=_FINAL.get(data["status"], status),
            exch_ts=_ns(data.get("lastUpdateTimestamp") or data.get("timestamp")),
            recv_ts=recv_ts,
        )

    def order_or_none(self, data: Mapping[str, Any], client_id: str, recv_ts: int) -> OrderState | None:
        """The answer about an order of ours; None where it is no more than a receipt, as many venues send."""
        whole = all(data.get(name) is not None for name in ("id", "side", "amount", "status"))
        return replace(self.order(data, recv_ts), client_id=client_id) if whole else None

    def fill(self, data: Mapping[str, Any], recv_ts: int) -> Fill:
        """One of our executions."""
        fee = data.get("fee") or {}
        return Fill(
            trade_id=data["id"],
            client_id=data.get("clientOrderId") or "",
            venue_id=data["order"] or "",
            side=_side(data["side"]),
            price_ticks=self._ticks(data["price"]),
            qty_lots=self._lots(data["amount"]),
            fee=Decimal(str(fee.get("cost") or "0")),
            fee_currency=fee.get("currency") or self._instrument.currency,
            realized=None,
            maker=data["takerOrMaker"] == "maker",
            exch_ts=_ns(data["timestamp"]),
            recv_ts=recv_ts,
        )

    def account(
        self, balance: Mapping[str, Any], positions: Sequence[Mapping[str, Any]] | None, recv_ts: int
    ) -> Account:
        """Totals that are not zero, and the position where positions are given."""
        totals = {currency: Decimal(str(total)) for currency, total in balance["total"].items() if total is not None}
        lots: int | None = None
        if positions is not None:
            held = [(self._lots(entry["contracts"] or "0"), entry["side"]) for entry in positions]
            lots = sum(-count if side == "short" else count for count, side in held)
        return Account({currency: total for currency, total in totals.items() if total}, lots, recv_ts)

    def _levels(self, levels: Sequence[Sequence[Any]]) -> Levels:
        return tuple((self._ticks(level[0]), self._lots(level[1])) for level in levels)

    def _ticks(self, price: Any) -> int:
        return self._units.price_ticks(str(price))

    def _lots(self, qty: Any) -> int:
        return self._units.qty_lots(str(qty))


def _ns(milliseconds: int | None) -> int:
    return (milliseconds or 0) * NS_PER_MS


def _side(name: str) -> int:
    return BID if name == "buy" else ASK
