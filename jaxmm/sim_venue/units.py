"""Between the simulator's integers and the decimal strings of the protocol."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property

from jaxmm.instrument import Instrument

CENT = Decimal("0.00000001")
"""The smallest unit of every balance."""


@dataclass(frozen=True)
class Units:
    """One instrument's steps, and how the venue writes prices, quantities and money."""

    instrument: Instrument

    @cached_property
    def tick(self) -> Decimal:
        """Price of one tick."""
        return Decimal(repr(self.instrument.tick_size))

    @cached_property
    def lot(self) -> Decimal:
        """Quantity of one lot."""
        return Decimal(repr(self.instrument.lot_size))

    @cached_property
    def spot(self) -> bool:
        """Whether coins are traded, and not a contract."""
        return "spot" in self.instrument.venue

    @cached_property
    def price_digits(self) -> int:
        """Decimals of a price in messages."""
        return 8 if self.spot else max(_decimals(self.tick), 2)

    @cached_property
    def qty_digits(self) -> int:
        """Decimals of a quantity in messages."""
        return 8 if self.spot else _decimals(self.lot)

    def price(self, ticks: int) -> str:
        """A price as the venue writes it."""
        return f"{ticks * self.instrument.tick_size:.{self.price_digits}f}"

    def qty(self, lots: int) -> str:
        """A quantity as the venue writes it."""
        return f"{lots * self.instrument.lot_size:.{self.qty_digits}f}"

    def notional(self, ticks: int, lots: int) -> Decimal:
        """Price · quantity in quote currency, exactly."""
        return ticks * lots * self.tick * self.lot

    def ticks(self, text: str) -> int | None:
        """Ticks of a price; None where it is off the tick."""
        return _whole(text, self.tick)

    def lots(self, text: str) -> int | None:
        """Lots of a quantity; None where it is off the lot."""
        return _whole(text, self.lot)


def money(amount: Decimal) -> str:
    """An amount with eight decimals."""
    return f"{amount:.8f}"


def plain(value: Decimal) -> str:
    """A step or a rate without an exponent and without zeros behind."""
    return f"{value.normalize():f}"


def _decimals(step: Decimal) -> int:
    return max(-int(step.normalize().as_tuple().exponent), 0)


def _whole(text: str, step: Decimal) -> int | None:
    try:
        count = Decimal(text) / step
    except InvalidOperation:
        return None
    return int(count) if count.is_finite() and count == count.to_integral_value() else None
