"""A rollout as the core tells it what happens. Of a quoter without stages there is nothing to tell."""

from typing import Any

from jaxmm.live.messages import Fill, Message, Place, Refused, Request
from jaxmm.live.risk.events import Breach
from jaxmm.live.risk.facts import Facts
from jaxmm.live.rollout.rollout import ROLLOUT, Move, Rollout

LOOK_NS = 1_000_000_000
"""Between two looks at the floor."""


class Staging:
    """What stands between the core and its rollout, if any."""

    def __init__(self, rollout: Rollout | None = None, *, live: bool = False) -> None:
        self.rollout = rollout
        self._live = live
        self._look_at_ns = 0

    def state(self) -> dict[str, Any]:
        """What a state in the journal keeps of it, under its name."""
        return {ROLLOUT: self.rollout.memory().to_dict()} if self.rollout else {}

    @property
    def most_lots(self) -> int | None:
        """Quotes are cut to this size in the present stage; None where they are not."""
        return self.rollout.stage.limits.max_order_lots if self.rollout else None

    @property
    def hindrance(self) -> str | None:
        """Why this process may not quote in the present stage; None where it may."""
        return self.rollout.hindrance(self._live) if self.rollout else None

    def decided(self, facts: Facts, able: bool) -> None:
        """A decision was made; `able` says whether it could quote."""
        if self.rollout and facts.bid_ticks is not None and facts.ask_ticks is not None:
            mid = (facts.bid_ticks + facts.ask_ticks) / 2
            self.rollout.meter.decided(facts.now_ns, mid, float(facts.pnl), able)

    def sent(self, request: Request) -> None:
        """A request goes out."""
        if self.rollout:
            self.rollout.meter.sent(request.qty_lots if isinstance(request, Place) else 0)

    def heard(self, message: Message, now_ns: int) -> None:
        """The venue said something that it had not said before."""
        if self.rollout and isinstance(message, Fill):
            self.rollout.meter.filled(now_ns, message.side, message.price_ticks, message.qty_lots)
        elif self.rollout and isinstance(message, Refused):
            self.rollout.meter.refused()

    def look(self, now_ns: int) -> Move | None:
        """Whether the floor leads down now."""
        if self.rollout is None or now_ns < self._look_at_ns:
            return None
        self._look_at_ns = now_ns + LOOK_NS
        return self.rollout.watch(now_ns)

    def on_breach(self, breach: Breach) -> Move | None:
        """Whether what risk found leads down."""
        return self.rollout.on_breach(breach) if self.rollout else None
