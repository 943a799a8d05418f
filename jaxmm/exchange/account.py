"""What a contract's money is: worth, fees, funding, margin and liquidation, as pure functions of any kind of number.

Everything follows from what one unit of quantity is worth at a price p: size·p in quote currency for a linear
contract, −size/p in the base coin for an inverse one. Both rise with p; a trade of q units at p exchanges q·worth(p)
of cash for q units, and equity is cash + position·worth − fees − funding. With `Fraction` every sum is exact, with
numpy or JAX arrays it is as good as their type. Signs: position and quantity are positive when bought, fees and
funding when paid. s size · q position · e entry price · W collateral · μ maintenance rate.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument

Number = Any
"""A `Fraction`, a float, or a numpy or JAX array of them."""


class Contract(NamedTuple):
    """How a contract turns price and quantity into money."""

    inverse: bool
    size: Number  # base units (linear) or quote units (inverse) of one unit of quantity

    @classmethod
    def of(cls, instrument: Instrument) -> "Contract":
        """An instrument's, of the decimals as they are written."""
        return cls(instrument.kind == "inverse", decimal(instrument.contract_size))

    def worth(self, price: Number) -> Number:
        """Settlement currency of holding one unit of quantity, up to a constant; rises with the price."""
        return -self.size / price if self.inverse else self.size * price

    def notional(self, qty: Number, price: Number) -> Number:
        """Settlement currency that `qty` stands for, positive: price·qty·size, or size·qty/price of an inverse."""
        return abs(qty * self.worth(price))


class Account(NamedTuple):
    """Running totals in settlement currency, from 0."""

    position: Number = 0
    cash: Number = 0  # what trades brought, without fees
    fees: Number = 0
    funding: Number = 0

    def filled(self, contract: Contract, side: int, qty: Number, price: Number, rate: Number) -> "Account":
        """After a fill of `qty` > 0 at `price`; `side` is +1 where we bought, `rate` a fraction of notional."""
        return self._replace(
            position=self.position + side * qty,
            cash=self.cash - side * qty * contract.worth(price),
            fees=self.fees + contract.notional(qty, price) * rate,
        )

    def funded(self, contract: Contract, mark: Number, rate: Number) -> "Account":
        """After a funding: with a positive rate longs pay and shorts receive."""
        return self._replace(funding=self.funding + funding_payment(contract, self.position, mark, rate))

    def equity(self, contract: Contract, price: Number) -> Number:
        """Net P&L since the start, the position marked at `price`."""
        return self.cash + self.position * contract.worth(price) - self.fees - self.funding

    def balance(self, contract: Contract) -> Number:
        """As `hftbacktest` counts it, Σ −side·amount: the cash of a linear contract, minus that of an inverse one."""
        return -self.cash if contract.inverse else self.cash


def unrealised(contract: Contract, position: Number, entry: Number, price: Number) -> Number:
    """P&L of a position entered at (the harmonic mean, of an inverse contract) `entry`, marked at `price`."""
    return position * (contract.worth(price) - contract.worth(entry))


def funding_payment(contract: Contract, position: Number, mark: Number, rate: Number) -> Number:
    """What a position pays: position·mark·rate·size, or size·position/mark·rate of an inverse contract."""
    return position * abs(contract.worth(mark)) * rate


def initial_margin(contract: Contract, qty: Number, price: Number, leverage: Number) -> Number:
    """Collateral that opening `qty` at `price` asks for."""
    return contract.notional(qty, price) / leverage


def maintenance_margin(contract: Contract, position: Number, price: Number, rate: Number, amount: Number = 0) -> Number:
    """Equity under which a position is liquidated; `amount` is what a venue's bracket deducts."""
    return contract.notional(position, price) * rate - amount


def liquidation_price(
    contract: Contract, position: Number, entry: Number, collateral: Number, rate: Number, amount: Number = 0
) -> Number | None:
    """The mark price at which equity is the maintenance margin; None where no price is.

    Isolated: collateral W + q·(worth(p) − worth(e)) = μ·|q·worth(p)| − amount, solved for p; with W' = W + amount

        linear    p = (q·s·e − W') / (s·(q − μ|q|))
        inverse   p = s·(q + μ|q|) / (W' + q·s/e)

    which is the venue's formula with one position (Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures
    Contracts" and "… of COIN-M Futures Contracts", where W is WB and `amount` is cum). A long of a linear contract
    with W ≥ q·s·e, or a short of an inverse one with W ≥ |q|·s/e, owes less than it has at any price.
    """
    if position == 0:
        return None
    held, buffer = abs(position) * rate, collateral + amount
    if contract.inverse:
        above, below = contract.size * (position + held), buffer + position * contract.size / entry
    else:
        above, below = position * contract.size * entry - buffer, contract.size * (position - held)
    return above / below if above * below > 0 else None


# --- an instrument's integers -------------------------------------------------------------------------------------


def decimal(value: float) -> Fraction:
    """A float as the decimal that it was written as."""
    return Fraction(repr(float(value)))


def unit_of(instrument: Instrument) -> Fraction:
    """Settlement currency of one ledger unit (`ledger`): of a half-tick·lot, or of a lot per half-tick if inverse."""
    half_tick = decimal(instrument.tick_size) / 2
    lot = decimal(instrument.lot_size) * decimal(instrument.contract_size)
    return lot / half_tick if instrument.kind == "inverse" else lot * half_tick


def lot_contract(instrument: Instrument) -> Contract:
    """The contract counted in lots, in float64: for sums that a report rounds anyway."""
    size = decimal(instrument.lot_size) * decimal(instrument.contract_size)
    return Contract(instrument.kind == "inverse", float(size))


PRECISION_BITS = 40


class Worth(NamedTuple):
    """Worth of a lot in int64, so that P&L is a sum of integers whose parts add up exactly, for both kinds of contract.

    Linear: the price in half-ticks itself, exact. Inverse: −2^shift / price, rounded to the nearest integer, with
    `shift` such that a worth has at least `PRECISION_BITS` bits at the price the scale was made for. Each lot bought
    or sold, and each lot held at the end, adds at most half a unit of rounding: 2⁻⁴¹ of its notional at that price.
    """

    inverse: bool
    shift: int
    unit: Fraction  # settlement currency of 1

    @classmethod
    def at(cls, instrument: Instrument, half_ticks: int) -> "Worth":
        """The scale for prices around `half_ticks`."""
        if instrument.kind == "linear":
            return cls(False, 0, unit_of(instrument))
        shift = PRECISION_BITS + int(half_ticks).bit_length()
        return cls(True, shift, unit_of(instrument) / 2**shift)

    def of(self, half_ticks: np.ndarray) -> np.ndarray:
        """Worth of one lot at positive prices, int64, same shape."""
        price = np.asarray(half_ticks, np.int64)
        if not self.inverse:
            return price
        # 2^shift may not fit 64 bits: long division in two digits, the second one rounded
        head = min(self.shift, 62)
        digit, rest = np.divmod(np.int64(1 << head), price)
        tail = self.shift - head
        return -((digit << tail) + ((rest << tail) + price // 2) // price)


def check_worth(worth: np.ndarray, lots: int, what: str) -> None:
    """Raises `InputError` where `lots` held over the widest move of `worth` would not fit int64."""
    move = int(worth.max()) - int(worth.min()) if len(worth) else 0
    if move * lots >= 2**62:
        raise InputError(f"{what}: {lots} lots over this market's moves do not fit 64 bits; use a coarser lot_size")


# --- fees, margin -------------------------------------------------------------------------------------------------

DAY_NS = 86_400 * 10**9
FEE_DAYS = 30


def rates_at(instrument: Instrument, volume: Number) -> tuple[float, float]:
    """Maker and taker fee after a 30-day volume in settlement currency: the last tier whose threshold it reaches."""
    rates = (instrument.maker_fee, instrument.taker_fee)
    for threshold, maker, taker in instrument.fee_tiers:
        if volume >= decimal(threshold):
            rates = (maker, taker)
    return rates


def at_volume(instrument: Instrument, volume: Number) -> Instrument:
    """The instrument with the fees of the tier that a 30-day volume reaches."""
    maker, taker = rates_at(instrument, volume)
    return replace(instrument, maker_fee=maker, taker_fee=taker)


def daily_rates(
    instrument: Instrument, ts_ns: np.ndarray, notional: np.ndarray, volume_30d: float, first_ns: int
) -> np.ndarray:
    """Maker and taker fee of each fill, float64 [M, 2]; fills in any order.

    A venue sets the tier once a day: on a UTC day it is that of the volume of the 30 days before. `notional` is each
    fill's, float64 [M] settlement currency; of `volume_30d`, traded before the day of `first_ns`, a thirtieth falls
    on each of the 30 days before it.
    """
    day = ts_ns // DAY_NS - first_ns // DAY_NS
    rates = np.empty((len(ts_ns), 2))
    for today in np.unique(day).tolist():
        own = notional[(day < today) & (day >= today - FEE_DAYS)]
        earlier = decimal(volume_30d) * max(FEE_DAYS - today, 0) / FEE_DAYS
        rates[day == today] = rates_at(instrument, sum(map(Fraction, own.tolist()), earlier))
    return rates


@dataclass(frozen=True)
class Margin:
    """The collateral behind the position, in settlement currency, and the venue's terms (cross or isolated alike)."""

    balance: float
    """At the start."""
    leverage: float = 1.0
    """Notional that one unit of collateral may open."""
    maintenance_rate: float = 0.005
    """Fraction of notional under which equity must not fall."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.balance) and self.balance > 0):
            raise InputError(f"margin: balance is {self.balance!r}; it is a positive amount of settlement currency")
        if not self.leverage >= 1:
            raise InputError(f"margin: leverage is {self.leverage!r}; it is 1 or more")
        if not 0 <= self.maintenance_rate < 1 / self.leverage:
            raise InputError(
                f"margin: maintenance_rate is {self.maintenance_rate!r}; it is a fraction of notional below "
                f"1/leverage, {1 / self.leverage:g} here, or a position would be liquidated as it opens"
            )

    def check_limit(self, instrument: Instrument, half_ticks: tuple[int, int], max_position_lots: int) -> None:
        """Raises `InputError` where the largest position could not be opened at the lowest or the highest price."""
        contract, lot = Contract.of(instrument), decimal(instrument.lot_size)
        prices = [price * decimal(instrument.tick_size) / 2 for price in half_ticks]
        needed = max(initial_margin(contract, lot, price, decimal(self.leverage)) for price in prices)
        if max_position_lots * needed > decimal(self.balance):
            raise InputError(
                f"max_position_lots is {max_position_lots}; a balance of {self.balance:g} {instrument.currency} at "
                f"leverage {self.leverage:g} opens {int(decimal(self.balance) / needed)} lots"
            )


@dataclass(frozen=True)
class Terms:
    """What the venue grants us: the fee tier we start in, and the collateral we trade on."""

    volume_30d: float = 0.0
    """What we traded in the 30 days before, in settlement currency."""
    margin: Margin | None = None
    """None: nothing is liquidated."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.volume_30d) and self.volume_30d >= 0):
            raise InputError(f"volume_30d is {self.volume_30d!r}; it is an amount of settlement currency, 0 or more")

    def check(self, instrument: Instrument, half_ticks: tuple[int, int], max_position_lots: int) -> None:
        """Raises `InputError` where the collateral cannot open the largest position at these prices."""
        if self.margin is not None:
            self.margin.check_limit(instrument, half_ticks, max_position_lots)


LOWEST_TIER = Terms()
"""Fees of the lowest tier, and no end to the collateral."""


def liquidation_distance(
    equity: np.ndarray, position: np.ndarray, mid: np.ndarray, unit: float, rate: float, inverse: bool
) -> np.ndarray:
    """How far the mid may move against each position before liquidation, as a fraction of it, float64 [D].

    Equity includes collateral, in settlement currency; `unit` is `unit_of`, `mid` in half-ticks. 0 where the position
    should be gone already, infinite where it is flat or no price liquidates it.
    """
    held, backing = position.astype(np.float64), equity / unit
    if inverse:
        above, below = held + rate * np.abs(held), backing + held / mid
    else:
        above, below = held * mid - backing, held - rate * np.abs(held)
    with np.errstate(divide="ignore", invalid="ignore"):
        price = above / below
        distance = np.where(held > 0, 1 - price / mid, price / mid - 1)
    gone = backing < rate * np.abs(held / mid if inverse else held * mid)
    never = (held == 0) | ~(above * below > 0)
    return np.where(gone, 0.0, np.where(never, np.inf, np.maximum(distance, 0.0)))
