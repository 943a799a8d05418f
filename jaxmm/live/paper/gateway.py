"""The paper venue as a gateway: what the core cannot tell from a real one.

Time is handed in: whoever drives it (`replay.py` in virtual time, `live.py` on the event loop) says when the requests
submitted set out, and up to when messages may be delivered. What is submitted between two `flush`es is one group.
"""

from jaxmm.live.gateway import Inbox
from jaxmm.live.messages import Account, Fill, Message, OrderState, Request, Stream, Transfer
from jaxmm.live.paper.venue import PaperVenue


class PaperGateway:
    """Takes requests, hands them to the paper venue, and answers questions at once.

    Attributes:
        venue: the venue behind it.
        instrument: what is traded.
    """

    can_amend = True
    dead_man = False

    def __init__(self, venue: PaperVenue, now_ns: int) -> None:
        self.venue = venue
        self.instrument = venue.account.instrument
        self._inbox: Inbox | None = None
        self._submitted: list[Request] = []
        self._now_ns = now_ns

    async def start(self, inbox: Inbox) -> None:
        """From now on messages arrive."""
        self._inbox = inbox
        for name in ("market", "user"):
            self.deliver(Stream(name, True, self._now_ns))

    def submit(self, request: Request) -> None:
        """Takes a request; it sets out with the next `flush`."""
        self._submitted.append(request)

    def flush(self, now_ns: int) -> None:
        """What was submitted sets out, at this time of the venue's clock."""
        self._now_ns = now_ns
        if self._submitted:
            requests, self._submitted = self._submitted, []
            self.venue.send(now_ns, requests)

    def deliver(self, message: Message) -> None:
        """Puts a message into the inbox, while there is one."""
        if self._inbox is not None:
            self._inbox(message)

    async def open_orders(self) -> list[OrderState]:
        """Every open order."""
        return self.venue.open_orders()

    async def fills_since(self, exch_ts: int, after_trade_id: str | None = None) -> list[Fill]:
        """Our executions from that time on, oldest first, but those whose report is still on its way."""
        after = int(after_trade_id or 0)
        return [fill for fill in self.venue.told if fill.exch_ts >= exch_ts and int(fill.trade_id) > after]

    async def transfers_since(self, exch_ts: int) -> list[Transfer]:
        """None: paper money moves by executions only."""
        return []

    async def account(self) -> Account:
        """Balances and position."""
        return self.venue.balances(self._now_ns)

    async def arm(self, timeout_ms: int) -> None:
        """Does nothing: the paper venue dies with us."""

    async def close(self) -> None:
        """Nothing arrives afterwards."""
        self._inbox = None
