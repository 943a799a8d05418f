"""Journal and order manager as one: nothing is asked or believed before it is in the journal."""

from collections.abc import Iterable, Mapping
from typing import Any

from jaxmm.live.journal import Journal
from jaxmm.live.journal.bodies import said_in
from jaxmm.live.messages import Account, Message, Request
from jaxmm.live.orders.drafts import Draft, numbered
from jaxmm.live.orders.manager import OrderManager


class Desk:
    """The one way in which messages reach the order manager and drafts become requests."""

    def __init__(self, journal: Journal, manager: OrderManager) -> None:
        self.journal = journal
        self.manager = manager

    def hear(self, message: Message, now_ns: int) -> bool:
        """Journals a message (but of the market) and tells the manager; False for a fill seen before."""
        self.journal.record(message, now_ns)
        return self.manager.hear(message)

    def send(self, drafts: Iterable[Draft], now_ns: int) -> list[Request]:
        """Numbers, journals and commits the drafts; what comes back is to be submitted, in this order."""
        requests = []
        for draft in drafts:
            request = numbered(draft, self.journal.next_seq, self.manager.prefix)
            self.journal.record(request, now_ns)
            requests.append(request)
        self.journal.commit()
        for request in requests:
            self.manager.sent(request, now_ns)
        return requests

    def begin(self, account: Account, now_ns: int) -> None:
        """The first start: all is counted from this account."""
        self.manager.ledger.begin(account)
        self.save(now_ns, 0)

    def save(self, now_ns: int, complete_ns: int, others: Mapping[str, Any] | None = None) -> None:
        """Writes a state, so that a restart need not read what came before; fills are complete up to `complete_ns`.

        `others` are the states of other parts by name, such as that of `risk`.
        """
        orders = self.manager.to_body(complete_ns)
        self.journal.checkpoint(now_ns, {"complete_ns": complete_ns, **orders, **(others or {})})
        self.journal.commit()

    def load(self) -> int | None:
        """Brings the manager to where the journal ends.

        Returns:
            The time up to which fills are complete (ns, the venue's clock), or None where no state was written: this
            is the first start.
        """
        complete_ns = None
        for row in self.journal.since_state():
            if row.kind == "state":
                self.manager.restore(row.body)
                complete_ns = int(row.body["complete_ns"])
                continue
            said = said_in(row)
            if isinstance(said, Request):
                self.manager.sent(said, row.ts_ns)
            elif said is not None:
                self.manager.hear(said)
        return complete_ns
