"""Journal and order manager as one: nothing is asked or believed before it is in the journal."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from jaxmm.live.journal import Journal, Row
from jaxmm.live.journal.bodies import said_in
from jaxmm.live.journal.journal import OPENED
from jaxmm.live.journal.rows import STATE
from jaxmm.live.messages import Account, Lost, Message, OrderState, Request
from jaxmm.live.orders.drafts import Draft, numbered
from jaxmm.live.orders.ledger import Difference
from jaxmm.live.orders.manager import OrderManager

LOOKBACK_NS = 600 * 10**9
"""Fills are asked for from this long before all were known: more than the clocks are apart."""
ADOPTED = "adopted"
"""The kind of the row which says that a person took the venue's numbers."""


class Desk:
    """The one way in which messages reach the order manager and drafts become requests.

    Attributes:
        complete_ns: up to when all fills are known (ns, our clock).
        balanced_ns: when the venue's account last was ours; transfers since then are not all known.
        transfers_asked_ns: when this process last asked for them.
        begun: whether a first start has been done.
        loaded: the state that `load` found, with the states of other parts in it.
    """

    def __init__(self, journal: Journal, manager: OrderManager, others: Callable[[], Mapping[str, Any]] = dict) -> None:
        """`others` gives what states in the journal hold of other parts, by their names, such as `risk`."""
        self.journal = journal
        self.manager = manager
        self.others = others
        self.complete_ns = self.balanced_ns = 0
        self.transfers_asked_ns: int | None = None
        self.begun = False
        self.loaded: Mapping[str, Any] = {}

    def hear(self, message: Message, now_ns: int) -> bool:
        """Journals a message (but of the market) and tells the manager; False for a fill seen before."""
        self.journal.record(message, now_ns)
        self.journal.commit()
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

    def send_due(self, now_ns: int) -> list[Request]:
        """Queries of unknown outcomes and cancels of orphans that are due, as `send` gives them."""
        for lost in self.manager.overdue(now_ns):
            self.hear(lost, now_ns)
        drafts = self.manager.due(now_ns)
        return self.send(drafts, now_ns) if drafts else []

    def hear_open_orders(self, states: Collection[OrderState], asked_ns: int) -> None:
        """The venue's list of open orders, asked for at `asked_ns`."""
        for state in states:
            self.hear(state, asked_ns)
        self.manager.on_open_orders({state.client_id for state in states}, asked_ns)

    # --- starts -------------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Brings the manager to where the journal ends; other parts read theirs from `loaded` before `recover`."""
        for row in self.journal.since_state():
            if row.kind == STATE:
                self.manager.restore(row.body)
                self.loaded, self.begun = row.body, True
                self.complete_ns, self.balanced_ns = row.body["complete_ns"], row.body["balanced_ns"]
            elif row.kind == OPENED:
                self.manager.leave_all()
            else:
                self._repeat(row)

    def _repeat(self, row: Row) -> None:
        said = said_in(row)
        if isinstance(said, Request):
            self.manager.sent(said, row.ts_ns)
        elif said is not None:
            self.manager.hear(said)

    def resume(self, now_ns: int) -> None:
        """After `load`: the answers under way when the process ended are lost, and no order is a quote any more."""
        for request_id in self.manager.unanswered():
            self.hear(Lost(request_id, now_ns, "the process ended before the answer came"), now_ns)
        self.manager.leave_all()
        self.journal.commit()

    def begin(self, account: Account, now_ns: int) -> None:
        """The first start: all is counted from this account."""
        self.manager.ledger.begin(account)
        self.balanced_ns = now_ns
        self.begun = True
        self.save(now_ns)

    def adopt(self, account: Account, differences: Sequence[Difference], now_ns: int) -> None:
        """Takes the venue's numbers where they differ, and writes a state."""
        if differences:
            body = {"differences": [{**one._asdict(), "says": str(one)} for one in differences]}
            self.journal.append(ADOPTED, now_ns, body)
            self.manager.ledger.adopt(account)
            self.balanced_ns = now_ns
        self.save(now_ns)

    def save(self, now_ns: int) -> None:
        """Writes a state, so that a restart need not read what came before."""
        times = {"complete_ns": self.complete_ns, "balanced_ns": self.balanced_ns}
        orders = self.manager.to_body(min(times.values()) - LOOKBACK_NS)
        self.journal.checkpoint(now_ns, {**times, **orders, **self.others()})
        self.journal.commit()
