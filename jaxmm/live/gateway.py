"""The one interface of everything that can play the venue: ccxt's sockets, or the paper venue."""

from collections.abc import Callable
from typing import Protocol

from jaxmm.instrument import Instrument
from jaxmm.live.messages import Account, Fill, Message, OrderState, Request, Transfer

Inbox = Callable[[Message], None]
"""Takes a message as soon as it is there; called on the event loop's thread and never blocks."""


class Gateway(Protocol):
    """A venue. `submit` never waits; the questions below it do, and serve recovery and reconciliation only.

    Questions raise `Unreachable` when the venue did not answer, so that the caller decides whether to ask again.
    """

    instrument: Instrument
    can_amend: bool  # whether an amend down keeps the order's place; else `Amend` is never submitted
    dead_man: bool  # whether `arm` does anything

    async def start(self, inbox: Inbox) -> None:
        """Connects; from now on messages arrive. Returns once market and user streams are up and a snapshot came."""
        ...

    def submit(self, request: Request) -> None:
        """Sends a request; its `Answered`, `Refused` or `Lost` arrives in the inbox, exactly one of them."""
        ...

    async def open_orders(self) -> list[OrderState]:
        """Every open order of the symbol, ours or not."""
        ...

    async def fills_since(self, exch_ts: int, after_trade_id: str | None = None) -> list[Fill]:
        """Our executions from that time on (ns, the venue's clock), oldest first, without a hole."""
        ...

    async def account(self) -> Account:
        """Balances and position."""
        ...

    async def transfers_since(self, exch_ts: int) -> list[Transfer]:
        """Money that moved without an execution, from that time on (ns, the venue's clock); none where nobody tells."""
        ...

    async def arm(self, timeout_ms: int) -> None:
        """Dead-man switch: the venue cancels all unless called again within the time; 0 disarms."""
        ...

    async def close(self) -> None:
        """Ends streams and pending requests; nothing arrives afterwards."""
        ...


class Unreachable(Exception):
    """The venue did not answer a question."""
