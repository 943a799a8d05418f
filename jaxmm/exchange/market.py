"""What an environment, a backtest or a sweep asks of a replayed market, whichever engine answers."""

from typing import Any, Protocol

from jaxmm.exchange.ledger import Money, Step
from jaxmm.exchange.rules import Rules
from jaxmm.policy.types import Quotes, View

Array = Any


class Market(Protocol):
    """`replay.Replay`, `window.WindowReplay` or `window_waiting.WaitingReplay`: a pytree; `venue` is its own kind."""

    @property
    def money(self) -> Money:
        """The ledger's rules."""
        ...

    @property
    def decisions(self) -> int:
        """D."""
        ...

    def mid(self, k: Array) -> Array:
        """Local mid at decision k, int32 half-ticks."""
        ...

    def empty_venue(self, rules: Rules, orders: int = 1) -> Any:
        """No orders."""
        ...

    def view(self, venue: Any, position: Array, k: Array, time_left: Array) -> View:
        """What a quoter knows at decision k."""
        ...

    def step(self, venue: Any, position: Array, quotes: Quotes, k: Array, rules: Rules) -> tuple[Any, Step]:
        """From decision k to k + 1."""
        ...
