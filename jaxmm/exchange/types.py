"""The settings of a simulated venue: what counts as a fill, and what an order does on arrival (DESIGN §5)."""

from dataclasses import dataclass
from enum import IntEnum

from jaxmm.errors import InputError, nearest

INFINITE = 2**30
"""Stands for infinity in int32 queues, prices and event indices: two of them still fit."""


class QueueModel(IntEnum):
    """What moves us forward in the queue at our price."""

    RISK_AVERSE = 0
    """Trades at our price, and a displayed quantity that falls below our place: nobody ahead of us cancels sooner."""
    PENETRATION = 1
    """Nothing: only a market or a trade through our price fills (pessimistic)."""
    TOUCH = 2
    """There is no queue: any trade at our price fills (optimistic)."""
    POWER = 3
    """Trades, and a share of each cancellation: of f lots ahead and b behind, bⁿ/(bⁿ + fⁿ) of it was behind us."""
    POWER2 = 4
    """The same with bⁿ/(b + f)ⁿ."""
    POWER3 = 5
    """The same with 1 − (f/(f + b))ⁿ."""
    LOG = 6
    """The same with ln(1 + b)/(ln(1 + b) + ln(1 + f))."""
    LOG2 = 7
    """The same with ln(1 + b)/ln(1 + b + f)."""

    @property
    def probabilistic(self) -> bool:
        """Whether our place is a fraction that an estimate moves, in floating point."""
        return self >= QueueModel.POWER

    @property
    def has_exponent(self) -> bool:
        """Whether the model takes n."""
        return QueueModel.POWER <= self <= QueueModel.POWER3


class OrderType(IntEnum):
    """What an order may do on arrival, and what becomes of the part that does not take."""

    GTC = 0
    """Takes what crosses; the rest rests (good till cancelled)."""
    POST_ONLY = 1
    """Rests, or is rejected where it would take."""
    IOC = 2
    """Takes what crosses; the rest is cancelled (immediate or cancel)."""
    FOK = 3
    """Takes all of it at once, or nothing (fill or kill)."""
    MARKET = 4
    """Takes at any price; what the book does not hold is cancelled."""

    @classmethod
    def parse(cls, text: str) -> "OrderType":
        """`gtc`, `post_only`, `ioc`, `fok` or `market`."""
        names = [kind.name.lower() for kind in cls]
        if text not in names:
            raise InputError(f"order type {text!r}: {nearest(text, names)}")
        return cls[text.upper()]


@dataclass(frozen=True)
class FillModel:
    """A queue model and a size mode.

    Attributes:
        queue: what moves us forward.
        partial: False fills a whole order at its first fill (`full`); True fills no more than the volume that came.
        n: exponent of `power`, `power2` and `power3`; unused by the others.
    """

    queue: QueueModel = QueueModel.RISK_AVERSE
    partial: bool = False
    n: float = 0.0

    def __post_init__(self) -> None:
        if self.queue.has_exponent and not 0 < self.n <= 100:
            raise InputError(f"fill model {self.queue.name.lower()}: n is {self.n:g}; it is above 0 and at most 100")

    @property
    def name(self) -> str:
        """As the command line writes it: `risk_averse`, `power3(3)` or `risk_averse:partial`."""
        exponent = f"({self.n:g})" if self.queue.has_exponent else ""
        return self.queue.name.lower() + exponent + (":partial" if self.partial else "")

    @classmethod
    def parse(cls, text: str) -> "FillModel":
        """A queue model's name, its n in brackets where it has one, and `:partial` or `:full` (the default) behind.

        `risk_averse`, `penetration`, `touch`, `power(2)`, `power2(2)`, `power3(3)`, `log`, `log2:partial`.
        """
        queue, _, size = text.partition(":")
        name, bracket, number = queue.partition("(")
        names = [q.name.lower() for q in QueueModel]
        if name not in names:
            raise InputError(f"fill model {text!r}: no queue model {name!r}; {nearest(name, names)}")
        if size not in ("", "full", "partial"):
            raise InputError(f"fill model {text!r}: no size mode {size!r}; {nearest(size, ('full', 'partial'))}")
        model = QueueModel[name.upper()]
        if bool(bracket) != model.has_exponent:
            right = f"write {name}(3)" if model.has_exponent else f"write {name}"
            raise InputError(f"fill model {text!r}: {name} takes {'an' if model.has_exponent else 'no'} n; {right}")
        return cls(model, size == "partial", _exponent(text, number) if bracket else 0.0)


def _exponent(text: str, number: str) -> float:
    digits = number.removesuffix(")")
    if number.endswith(")") and digits.replace(".", "", 1).isdigit():
        return float(digits)
    raise InputError(f"fill model {text!r}: no number in the brackets; write such as power3(3) or power2(1.5)")
