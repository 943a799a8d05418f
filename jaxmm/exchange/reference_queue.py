"""Where one of our orders stands in the queue at its price, under each queue model (DESIGN §5, rules 3 and 4).

An order asks its place three things: what a trade at its price leaves for it, what a change of the displayed quantity
there means, and to stand first once the market has come through. Quantities are lots.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jaxmm.exchange.queues import after_depth
from jaxmm.exchange.types import FillModel, QueueModel


class Place(Protocol):
    """A place in the queue."""

    @property
    def ahead(self) -> float:
        """Lots before us; a whole number but in the probabilistic models."""
        ...

    def on_trade(self, offered: int, printed: int) -> int:
        """Lots that a trade at our price lets us fill; `offered` of the `printed` ones are not spent on others."""
        ...

    def on_depth(self, before: int, now: int) -> None:
        """The displayed quantity at our price has changed."""
        ...

    def stand_first(self) -> None:
        """Nobody is ahead any more: the market came through our price."""
        ...


def place_on_arrival(model: FillModel, displayed: int, lot: float) -> Place:
    """The place of an order that begins to rest behind `displayed` lots (rule 5)."""
    if model.queue.probabilistic:
        return Estimated(model, np.float64(displayed), lot)
    if model.queue is QueueModel.PENETRATION:
        return Nowhere(displayed)
    return Counted(0 if model.queue is QueueModel.TOUCH else displayed)


@dataclass
class Counted:
    """`risk_averse`, and `touch` with nobody ahead: nobody ahead of us cancels before all behind us have."""

    ahead: int

    def on_trade(self, offered: int, printed: int) -> int:
        """What is more than those ahead."""
        over = offered - self.ahead
        self.ahead = max(-over, 0)
        return max(over, 0)

    def on_depth(self, before: int, now: int) -> None:
        """There cannot be more ahead of us than is displayed."""
        self.ahead = min(self.ahead, now)

    def stand_first(self) -> None:
        """As `Place` says."""
        self.ahead = 0


@dataclass
class Nowhere:
    """`penetration`: no trade at our price ever reaches us."""

    ahead: int

    def on_trade(self, offered: int, printed: int) -> int:
        """Nothing."""
        return 0

    def on_depth(self, before: int, now: int) -> None:
        """Nothing."""

    def stand_first(self) -> None:
        """Nothing: the next trade at our price does not reach us either."""


@dataclass
class Estimated:
    """The probabilistic models: cancellations are shared between those ahead and behind (`queues.after_depth`)."""

    model: FillModel
    ahead: np.float64
    lot: float
    traded: int = 0  # at our price, since the displayed quantity last changed

    def on_trade(self, offered: int, printed: int) -> int:
        """Whole lots by which trades went past us, halves rounded up."""
        self.ahead = self.ahead - np.float64(offered)
        self.traded += printed
        past = float(-self.ahead)
        whole = int(past) + (past - int(past) >= 0.5)
        if whole <= 0:
            return 0
        self.ahead = np.float64(0)
        return whole

    def on_depth(self, before: int, now: int) -> None:
        """What is gone and was not traded was cancelled, partly ahead of us."""
        traded, shown, left, lot = (np.float64(value) for value in (self.traded, before, now, self.lot))
        with np.errstate(all="ignore"):  # 0/0 is the formulas' own business
            self.ahead = after_depth(self.model.queue, self.model.n, self.ahead, traded, shown, left, lot, np)
        self.traded = 0

    def stand_first(self) -> None:
        """As `Place` says."""
        self.ahead = np.float64(0)
