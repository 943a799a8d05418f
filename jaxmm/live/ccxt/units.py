"""The venue's decimal strings as whole ticks and lots, and back: exact, and cheap for strings that come again."""

from decimal import Decimal, InvalidOperation
from functools import lru_cache

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument

REMEMBERED = 1 << 15  # strings; a market's prices and sizes repeat, and the memory stays flat


class Units:
    """One instrument's tick and lot as exact decimals.

    `price_ticks` and `qty_lots` take a string such as `"67012.50"` and raise `InputError` where it is no multiple of
    the tick or lot.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.tick = Decimal(str(instrument.tick_size))
        self.lot = Decimal(str(instrument.lot_size))
        self.price_ticks = _reader(self.tick, f"{instrument.symbol}: price", "tick_size")
        self.qty_lots = _reader(self.lot, f"{instrument.symbol}: quantity", "lot_size")

    def price_text(self, ticks: int) -> str:
        """Ticks as the venue writes prices, never with an exponent."""
        return format(ticks * self.tick, "f")

    def qty_text(self, lots: int) -> str:
        """Lots as the venue writes quantities."""
        return format(lots * self.lot, "f")


def _reader(unit: Decimal, what: str, field: str):
    @lru_cache(maxsize=REMEMBERED)
    def read(text: str) -> int:
        try:
            ratio = Decimal(text) / unit
            whole = int(ratio)
        except (InvalidOperation, ValueError, OverflowError, TypeError) as error:
            raise InputError(f"{what} {text!r} is not a number") from error
        if whole != ratio:
            raise InputError(f"{what} {text!r} is not a multiple of {field} {unit}; correct {field} of the instrument")
        return whole

    return read
