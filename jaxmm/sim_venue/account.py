"""One account in exact decimals: spot balances with what orders lock, or a futures wallet with its position."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Protocol

from jaxmm.exchange.reference import BID
from jaxmm.sim_venue.units import CENT, Units

ZERO = Decimal(0)


class Booking(NamedTuple):
    """What one execution costs and earns."""

    fee: Decimal
    fee_asset: str
    realized: Decimal


class Income(NamedTuple):
    """Money that came without an execution; what was paid is negative."""

    id: int
    kind: str  # FUNDING_FEE or TRANSFER
    amount: Decimal
    time_ms: int


class Account(Protocol):
    """What matching asks of an account."""

    fees: dict[str, Decimal]  # paid so far by currency

    def affords(self, side: int, ticks: int, lots: int, mid_ticks: float, open_lots: tuple[int, int]) -> bool:
        """Whether an order can be taken; `open_lots` rest on both sides already."""
        ...

    def lock(self, side: int, ticks: int, lots: int) -> None:
        """Sets aside what a resting order may need; negative lots give it back."""
        ...

    def fill(self, side: int, ticks: int, lots: int, maker: bool) -> Booking:
        """Books an execution whose lock has been given back."""
        ...

    def totals(self) -> dict[str, Decimal]:
        """Balances by currency, locked ones included."""
        ...


def _fee(units: Units, amount: Decimal, maker: bool) -> Decimal:
    rate = units.instrument.maker_fee if maker else units.instrument.taker_fee
    return (amount * Decimal(repr(rate))).quantize(CENT)


def _paid(fees: dict[str, Decimal], asset: str, fee: Decimal) -> None:
    fees[asset] = fees.get(asset, ZERO) + fee


@dataclass
class SpotAccount:
    """Coins; the fee is taken from what is received."""

    units: Units
    free: dict[str, Decimal]
    locked: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for asset in (self.units.instrument.base, self.units.instrument.quote):
            self.free.setdefault(asset, ZERO)
        self.locked = dict.fromkeys(self.free, ZERO)

    def affords(self, side: int, ticks: int, lots: int, mid_ticks: float, open_lots: tuple[int, int]) -> bool:
        """Free coins must pay for all of it."""
        asset, amount = self._need(side, ticks, lots)
        return self.free[asset] >= amount

    def lock(self, side: int, ticks: int, lots: int) -> None:
        """Moves coins between free and locked."""
        asset, amount = self._need(side, ticks, lots)
        self.free[asset] -= amount
        self.locked[asset] += amount

    def fill(self, side: int, ticks: int, lots: int, maker: bool) -> Booking:
        """A buy pays its fee in the base coin, a sell in the quote currency."""
        instrument, notional, qty = self.units.instrument, self.units.notional(ticks, lots), lots * self.units.lot
        given, taken = (instrument.quote, instrument.base) if side == BID else (instrument.base, instrument.quote)
        spent, received = (notional, qty) if side == BID else (qty, notional)
        fee = _fee(self.units, received, maker)
        self.free[given] -= spent
        self.free[taken] += received - fee
        _paid(self.fees, taken, fee)
        return Booking(fee, taken, ZERO)

    def totals(self) -> dict[str, Decimal]:
        """Free and locked together."""
        return {asset: free + self.locked[asset] for asset, free in self.free.items()}

    def _need(self, side: int, ticks: int, lots: int) -> tuple[str, Decimal]:
        if side == BID:
            return self.units.instrument.quote, self.units.notional(ticks, lots)
        return self.units.instrument.base, lots * self.units.lot


@dataclass
class FuturesAccount:
    """A wallet in quote currency and one position, one-way and cross-margined."""

    units: Units
    wallet: Decimal
    leverage: int
    position: int = 0  # signed lots
    cost: Decimal = ZERO  # of the open position, signed as it is
    realized: Decimal = ZERO
    incomes: list[Income] = field(default_factory=list)
    fees: dict[str, Decimal] = field(default_factory=dict)

    @property
    def entry(self) -> Decimal:
        """Mean price of the open position."""
        return self.cost / (self.position * self.units.lot) if self.position else ZERO

    def unrealized(self, mid_ticks: float) -> Decimal:
        """Profit of the open position at a mid."""
        return Decimal(str(mid_ticks)) * self.position * self.units.tick * self.units.lot - self.cost

    def margin(self, lots: int, mid_ticks: float) -> Decimal:
        """What a position of so many lots binds."""
        return Decimal(str(mid_ticks)) * lots * self.units.tick * self.units.lot / self.leverage

    def affords(self, side: int, ticks: int, lots: int, mid_ticks: float, open_lots: tuple[int, int]) -> bool:
        """The larger of the two positions that open orders can lead to must find its margin."""
        bids, asks = open_lots[0] + lots * (side == BID), open_lots[1] + lots * (side != BID)
        largest = max(abs(self.position + bids), abs(self.position - asks))
        return self.margin(largest, mid_ticks) <= self.wallet + self.unrealized(mid_ticks)

    def lock(self, side: int, ticks: int, lots: int) -> None:
        """Nothing is set aside: margin is counted anew at every order."""

    def fill(self, side: int, ticks: int, lots: int, maker: bool) -> Booking:
        """Profit is realized on what closes, against the mean price; nothing is lost in rounding."""
        signed = lots if side == BID else -lots
        closing = min(lots, abs(self.position)) if self.position * signed < 0 else 0
        realized = self._close(closing, ticks) if closing else ZERO
        opening = signed + (closing if signed < 0 else -closing)
        self.cost += self.units.notional(ticks, 1) * opening
        self.position += opening
        fee = _fee(self.units, self.units.notional(ticks, lots), maker)
        asset = self.units.instrument.quote
        self.wallet += realized - fee
        self.realized += realized
        _paid(self.fees, asset, fee)
        return Booking(fee, asset, realized)

    def pay(self, kind: str, amount: Decimal, time_ms: int) -> None:
        """Money comes, or goes where it is negative."""
        self.wallet += amount
        self.incomes.append(Income(len(self.incomes) + 1, kind, amount, time_ms))

    def totals(self) -> dict[str, Decimal]:
        """The wallet."""
        return {self.units.instrument.quote: self.wallet}

    def _close(self, lots: int, ticks: int) -> Decimal:
        signed = lots if self.position > 0 else -lots
        proceeds = self.units.notional(ticks, 1) * signed
        whole = lots == abs(self.position)
        realized = proceeds - (self.cost if whole else self.cost * signed / self.position)
        realized = realized.quantize(CENT)
        self.cost = ZERO if whole else self.cost - (proceeds - realized)
        self.position -= signed
        return realized
