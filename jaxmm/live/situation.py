"""Where the quoter stands: all that risk and people are told of one moment, put together from those who know it."""

from decimal import Decimal

from jaxmm.live.decider import Decision, Level
from jaxmm.live.market import MarketState
from jaxmm.live.messages import ASK, BID, Account, OrderStatus, Skew, Stream
from jaxmm.live.observer import Status
from jaxmm.live.orders import OrderManager
from jaxmm.live.risk import Facts, OwnOrder, Quoting, Risk, State

ZERO = Decimal(0)
RECOVERING = "the start has not been compared with the venue"
RECONCILING = "the user stream came up again; fills in between are being asked for"


class Situation:
    """What was heard of venue and account beside orders and market, and who decided last."""

    def __init__(self, market: MarketState, orders: OrderManager) -> None:
        self.user_down: str | None = RECOVERING
        """Why we may not know of all that happened to our orders; None where we do."""
        self.stopping: str | None = None
        """Why no quotes are wanted any more, for good."""
        self.kill_file: str | None = None
        self.kill_signal: str | None = None
        self.account: Account | None = None
        self.decision = 0
        """The number of the last decision."""
        self.level = Level.PRIMARY
        self.dissimilarity: float | None = None
        self._trouble: str | None = None
        self._nobody: str | None = None
        self._market, self._orders = market, orders
        self._tick = Decimal(repr(orders.ledger.instrument.tick_size))
        self._streams: dict[str, bool] = {}
        self._skew: Skew | None = None
        self._up_ns = 0  # when the user stream last changed
        self._last_mid: Decimal | None = None

    def begin(self) -> None:
        """The start has been compared with the venue."""
        self.user_down = None if self.user_down == RECOVERING else self.user_down

    def hear(self, message: Stream | Skew | Account) -> None:
        """Takes what is neither about the market nor about an order."""
        if isinstance(message, Stream):
            self._streams[message.name] = message.up
            if message.name == "user":
                self._hear_user(message)
        elif isinstance(message, Skew):
            self._skew = message
        else:
            self.account = message

    def compared(self, asked_ns: int) -> None:
        """All that happened to our orders up to then has been asked for."""
        if self.user_down == RECONCILING and asked_ns >= self._up_ns:
            self.user_down = None

    @property
    def differs(self) -> bool:
        """Whether the venue's account, as it said last, is not ours."""
        return self.account is not None and bool(self._orders.ledger.differences(self.account))

    def decided(self, decision: Decision) -> None:
        """A decision was made."""
        self.decision += 1
        self.level, self._trouble, self._nobody = decision.level, decision.trouble, decision.nobody

    def released(self) -> None:
        """A person has released: the kill signal and the last decision's troubles are over; the next one is asked."""
        self.kill_signal = self.dissimilarity = self._trouble = self._nobody = None

    def facts(self, now_ns: int) -> Facts:
        """What risk looks at."""
        market, ledger = self._market, self._orders.ledger
        bid, ask = market.touch
        mid = self._mid()
        position_gap, balance_gap, currency = self.gaps()
        return Facts(
            now_ns=now_ns,
            bid_ticks=bid,
            ask_ticks=ask,
            mark_ticks=None if market.mark is None else market.mark / float(self._tick),
            book_age_ns=max(now_ns - market.book_ns, 0),
            missing=market.missing,
            user_down=self.user_down,
            skew_ns=None if self._skew is None else self._skew.skew_ns,
            position_lots=self._orders.position_lots,
            orders=self._may_fill(),
            pnl=ledger.profit(mid) if mid else ZERO,
            unrealized=ledger.unrealized(mid) if mid else ZERO,
            position_gap_lots=position_gap,
            balance_gap=balance_gap,
            balance_gap_currency=currency,
            policy_trouble=self._trouble,
            nobody=self._nobody,
            dissimilarity=self.dissimilarity,
            decision=self.decision,
            kill_file=self.kill_file,
            kill_signal=self.kill_signal,
        )

    def gaps(self) -> tuple[int, Decimal, str]:
        """The venue's position − ours, and the largest difference of a balance with its currency."""
        if self.account is None:
            return 0, ZERO, ""
        position, balance, currency = 0, ZERO, ""
        for found in self._orders.ledger.differences(self.account):
            gap = found.venue - found.ours
            if found.what == "position":
                position = int(gap)
            elif abs(gap) > abs(balance):
                balance, currency = gap, found.what
        return position, balance, currency

    def hindrance(self, risk: Risk, now_ns: int) -> str:
        """What is in the way of quoting now; empty where nothing is."""
        if self.user_down or self.stopping:
            return self.user_down or self.stopping or ""
        if risk.quoting(now_ns) is not Quoting.NONE:
            return ""
        if risk.state is State.HALTED:
            return f"halted by {risk.memory.reason}: {risk.memory.text}"
        return ", ".join(sorted(risk.lasting)) or "quotes stay away for a while after a breach"

    def status(self, risk: Risk, now_ns: int) -> Status:
        """What people are told."""
        ledger, mid = self._orders.ledger, self._mid()
        unrealized = ledger.unrealized(mid) if mid else ZERO
        fees = ledger.fees.get(ledger.instrument.currency, ZERO)
        if ledger.instrument.kind == "linear":
            fees += ledger.fees.get(ledger.instrument.base, ZERO) * (mid or ZERO)
        bid, ask = self._market.touch
        open_orders = self._orders.open_orders()
        hindrance = self.hindrance(risk, now_ns)
        return Status(
            now_ns=now_ns,
            state=str(risk.state),
            reason=risk.memory.text,
            level=str(self.level),
            quoting=not hindrance,
            hindrance=hindrance,
            position_lots=self._orders.position_lots,
            bid=self._best(BID),
            ask=self._best(ASK),
            touch=(bid or 0, ask or 0),
            open_orders=len(open_orders),
            unknown_orders=sum(order.status is OrderStatus.UNKNOWN for order in open_orders),
            realized=(ledger.profit(mid) if mid else ZERO) + fees - unrealized,
            fees=fees,
            unrealized=unrealized,
            feed_age_ns=max(now_ns - self._market.book_ns, 0),
            streams=tuple(self._streams.items()),
            dissimilarity=self.dissimilarity or 0.0,
            skew_ns=0 if self._skew is None else self._skew.skew_ns,
        )

    def _hear_user(self, stream: Stream) -> None:
        self._up_ns = stream.recv_ts
        if not stream.up:
            self.user_down = stream.reason or "the user stream is down"
        elif self.user_down is not None and self.user_down != RECOVERING:
            self.user_down = RECONCILING

    def _mid(self) -> Decimal | None:
        """The mid, quote currency; the last one where a side of the book is empty, None before the first."""
        bid, ask = self._market.touch
        if bid is not None and ask is not None:
            self._last_mid = (bid + ask) * self._tick / 2
        return self._last_mid

    def _best(self, side: int) -> tuple[int, int]:
        prices, lots = self._orders.own(side)
        quotes = [(price, open_lots) for price, open_lots in zip(prices, lots, strict=True) if open_lots]
        return (max(quotes) if side == BID else min(quotes)) if quotes else (0, 0)

    def _may_fill(self) -> tuple[OwnOrder, ...]:
        """Every order that may still change the position, with the lots by which."""
        return tuple(
            OwnOrder(
                order.client_id,
                order.side,
                order.price_ticks,
                order.open_lots + order.owed_lots,
                order.sent_ns,
                canceling=order.status is OrderStatus.CANCELING,
            )
            for order in self._orders.orders.unsettled()
            if not order.status.final or order.owed_lots
        )
