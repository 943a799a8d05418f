"""What a gateway needs of a venue: the one seam between what all venues share and what each does its own way."""

from collections.abc import Callable
from typing import Protocol

from jaxmm.live.ccxt.budget import Budget, Wait
from jaxmm.live.messages import Account, Fill, OrderState, Request, Transfer

Up = Callable[[], None]
"""Called by a stream once it is connected and subscribed."""


class MustWait(Exception):
    """Our own budget or a ban holds requests back; this one was surely not carried out."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.text)
        self.wait = wait


class Venue(Protocol):
    """One instrument at one venue. Errors are ccxt's, `VenueRefused` and `MustWait`; texts are not yet redacted."""

    can_amend: bool
    dead_man: bool
    budget: Budget

    async def open(self) -> None:
        """Makes requests possible; before it nothing is connected."""
        ...

    async def load(self) -> None:
        """Asks for limits and filters. Raises `InputError` where the instrument is not the venue's."""
        ...

    async def time_ms(self) -> int:
        """The venue's clock."""
        ...

    def set_skew(self, skew_ns: int) -> None:
        """How far the venue's clock is ahead of ours, for the time stamps of requests."""
        ...

    async def send(self, request: Request) -> OrderState | None:
        """Sends a request and reads its answer."""
        ...

    async def open_orders(self) -> list[OrderState]:
        """Every open order of the symbol."""
        ...

    async def fills_since(self, exch_ts: int, after_trade_id: str | None) -> list[Fill]:
        """Our executions, oldest first."""
        ...

    async def account(self) -> Account:
        """Balances and position."""
        ...

    async def transfers_since(self, exch_ts: int) -> list[Transfer]:
        """Money that moved without an execution, where the venue tells of it."""
        ...

    async def arm(self, timeout_ms: int) -> None:
        """Dead-man switch."""
        ...

    async def run_market(self, up: Up) -> None:
        """Hears the market until the stream breaks, which raises."""
        ...

    async def run_user(self, up: Up) -> None:
        """Hears of our orders until the stream breaks, which raises."""
        ...

    async def close(self) -> None:
        """Closes all connections."""
        ...
