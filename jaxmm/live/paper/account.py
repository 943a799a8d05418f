"""What the paper venue keeps of our money: exact `Decimal`s, in the steps of the venue's own books.

Spot holds balances of both coins and takes its fee from what is received. A contract holds one wallet: realized profit
against the average entry, less fees. Neither funding nor margin calls are part of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.live.messages import BID, Fill

SMALLEST = Decimal("1e-8")
"""Money is booked in multiples of this, as Binance does."""


class Booked(NamedTuple):
    """What one execution did to our money."""

    fee: Decimal
    fee_currency: str
    realized: Decimal | None


@dataclass
class PaperAccount:
    """Balances and position, changed by every execution.

    Attributes:
        instrument: fees, tick and lot.
        spot: whether coins change hands; else a contract, whose wallet is in the settlement currency.
        balances: by currency, as they are now.
        position_lots: signed lots; on spot those traded since the start.
        entry_worth: what the open position was worth when it was entered, settlement currency; contracts only.
    """

    instrument: Instrument
    spot: bool
    balances: dict[str, Decimal]
    position_lots: int = 0
    entry_worth: Decimal = field(default=Decimal(0))

    @classmethod
    def starting(cls, instrument: Instrument, spot: bool, balances: Mapping[str, Decimal]) -> "PaperAccount":
        """A new account. Raises `InputError` where the instrument does not name its coins."""
        if not instrument.base or not instrument.quote:
            raise InputError(
                f"instrument {instrument.symbol}: base or quote is not named; a paper account needs both, "
                "such as base: BTC and quote: USDT"
            )
        if spot and instrument.kind == "inverse":
            raise InputError(f"instrument {instrument.symbol}: an inverse contract is no spot market; set spot: false")
        coins = (instrument.base, instrument.quote) if spot else (instrument.currency,)
        unknown = [coin for coin in balances if coin not in coins]
        if unknown:
            raise InputError(f"paper balances: {unknown[0]} is not held; this account holds {' and '.join(coins)}")
        return cls(instrument, spot, {coin: balances.get(coin, Decimal(0)) for coin in coins})

    def trade(self, side: int, price_ticks: int, lots: int, *, maker: bool) -> Booked:
        """Books one execution of `lots` at a price; `side` is ours."""
        rate = exact(self.instrument.maker_fee if maker else self.instrument.taker_fee)
        if self.spot:
            fee, coin = self._spot_fee(side, price_ticks, lots, rate)
            realized = None
        else:
            fee, coin = _booked(abs(lots * self.worth(price_ticks)) * rate), self.instrument.currency
            realized = self._realized(side, price_ticks, lots)
        booked = Booked(fee, coin, realized)
        self._apply(side, price_ticks, lots, booked)
        return booked

    def restore(self, fills: Iterable[Fill]) -> None:
        """Books executions of the past as they were booked then."""
        for fill in fills:
            if not self.spot:
                self._realized(fill.side, fill.price_ticks, fill.qty_lots)
            booked = Booked(fill.fee, fill.fee_currency, fill.realized)
            self._apply(fill.side, fill.price_ticks, fill.qty_lots, booked)

    def covers(self, side: int, price_ticks: int, lots: int, open_orders: Iterable[tuple[int, int]]) -> bool:
        """Whether a spot balance pays for an order beside the open ones of its side, (price, lots) each."""
        if not self.spot:
            return True
        orders = [*open_orders, (price_ticks, lots)]
        if side == BID:
            return sum(q * self.worth(p) for p, q in orders) <= self.balances[self.instrument.quote]
        return sum(q for _, q in orders) * exact(self.instrument.lot_size) <= self.balances[self.instrument.base]

    def worth(self, price_ticks: int) -> Decimal:
        """Settlement currency that holding one lot is worth at a price; rises with it."""
        price = price_ticks * exact(self.instrument.tick_size)
        lot = exact(self.instrument.lot_size) * exact(self.instrument.contract_size)
        return -lot / price if self.instrument.kind == "inverse" else lot * price

    def _spot_fee(self, side: int, price_ticks: int, lots: int, rate: Decimal) -> tuple[Decimal, str]:
        if side == BID:
            return _booked(lots * exact(self.instrument.lot_size) * rate), self.instrument.base
        return _booked(lots * self.worth(price_ticks) * rate), self.instrument.quote

    def _realized(self, side: int, price_ticks: int, lots: int) -> Decimal:
        """Profit on what an execution closes, against the average entry; moves the entry's worth on."""
        signed = lots if side == BID else -lots
        held, worth = self.position_lots, self.worth(price_ticks)
        closed = min(lots, abs(held)) if held * signed < 0 else 0
        if not closed:
            self.entry_worth += signed * worth
            return Decimal(0)
        left = self.entry_worth * closed / abs(held)
        sold = (closed if held > 0 else -closed) * worth
        opened = signed + (closed if held > 0 else -closed)
        self.entry_worth += opened * worth - left
        return _booked(sold - left)

    def _apply(self, side: int, price_ticks: int, lots: int, booked: Booked) -> None:
        signed = lots if side == BID else -lots
        self.position_lots += signed
        if self.spot:
            self.balances[self.instrument.base] += signed * exact(self.instrument.lot_size)
            self.balances[self.instrument.quote] -= signed * self.worth(price_ticks)
        self.balances[booked.fee_currency] -= booked.fee
        if booked.realized is not None:
            self.balances[self.instrument.currency] += booked.realized


def exact(number: float) -> Decimal:
    """The decimal that a float was written as."""
    return Decimal(repr(number))


def _booked(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST)
