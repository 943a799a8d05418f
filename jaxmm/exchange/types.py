"""The settings of a simulated venue: how late we are, and what counts as a fill (DESIGN §5)."""

from dataclasses import dataclass
from enum import IntEnum

from jaxmm.errors import InputError, nearest

INFINITE = 2**30
"""Stands for infinity in int32 queues, prices and event indices: two of them still fit."""


@dataclass(frozen=True)
class Latency:
    """Constant delays in ns: a request reaches the venue after `entry`, its outcome reaches us after `response`."""

    entry_ns: int = 0
    response_ns: int = 0

    def __post_init__(self) -> None:
        for name, value in (("entry", self.entry_ns), ("response", self.response_ns)):
            if value < 0:
                raise InputError(f"latency: {name} is {value} ns; a delay cannot be negative")


class QueueModel(IntEnum):
    """What moves us forward in the queue at our price."""

    RISK_AVERSE = 0
    """Trades at our price, and a displayed quantity that falls below our place: nobody ahead of us cancels sooner."""
    PENETRATION = 1
    """Nothing: only a market or a trade through our price fills (pessimistic)."""
    TOUCH = 2
    """There is no queue: any trade at our price fills (optimistic)."""


@dataclass(frozen=True)
class FillModel:
    """A queue model and a size mode.

    Attributes:
        queue: what moves us forward.
        partial: False fills a whole order at its first fill (`full`); True fills no more than the volume that came.
    """

    queue: QueueModel = QueueModel.RISK_AVERSE
    partial: bool = False

    @property
    def name(self) -> str:
        """As the command line writes it: `risk_averse` or `risk_averse:partial`."""
        return self.queue.name.lower() + (":partial" if self.partial else "")

    @classmethod
    def parse(cls, text: str) -> "FillModel":
        """`risk_averse`, `penetration` or `touch`, with `:partial` or `:full` (the default) behind it."""
        queue, _, size = text.partition(":")
        names = [q.name.lower() for q in QueueModel]
        if queue not in names:
            raise InputError(f"fill model {text!r}: no queue model {queue!r}; {nearest(queue, names)}")
        if size not in ("", "full", "partial"):
            raise InputError(f"fill model {text!r}: no size mode {size!r}; {nearest(size, ('full', 'partial'))}")
        return cls(QueueModel[queue.upper()], size == "partial")
