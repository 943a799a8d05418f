"""What risk is told: everything that its checks look at, at one moment, in one frozen value. The core fills it."""

from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order of ours that may still fill: on its way, open, being cancelled, or of unknown outcome."""

    client_id: str
    side: int  # BID or ASK
    price_ticks: int
    open_lots: int  # what may still fill; all of it where the outcome is unknown
    sent_ns: int  # when its `Place` was submitted
    canceling: bool = False  # a cancel is on its way


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment. Ages are in ns, prices in ticks, sizes in lots, money in settlement currency."""

    now_ns: int  # the core's time: of the decision, the message or the tick
    # the market
    bid_ticks: int | None  # best displayed bid; None where the side is empty
    ask_ticks: int | None
    mark_ticks: float | None  # mark price / tick; None where the venue has none
    book_age_ns: int  # since the last book message was received
    missing: str | None  # why the book is not to be traded on (a gap), None where it is whole
    # the venue
    user_down: str | None  # why we do not hear of our own orders (user stream), None where we do
    skew_ns: int | None  # how far the venue's clock is ahead of ours; None while not estimated
    # ourselves
    position_lots: int  # signed
    orders: tuple[OwnOrder, ...]  # every one that is not final
    pnl: Decimal  # since the quoter's first start: realized − fees + position at mid
    unrealized: Decimal  # of the open position against its average entry price; a loss is negative
    # ourselves as the venue has it
    position_gap_lots: int = 0  # the venue's position − ours; 0 while the venue has not said
    balance_gap: Decimal = ZERO  # the largest |venue's balance − ours| over currencies, in its currency
    balance_gap_currency: str = ""
    # who decides
    policy_trouble: str | None = None  # why the first quoter could not decide: not finite, out of bounds, late, raised
    nobody: str | None = None  # why nobody could, the baseline included
    dissimilarity: float | None = None  # of the last observation from training; None where there is no policy
    decision: int = 0  # number of the last decision, so that each observation counts once
    # kill switches
    kill_file: str | None = None  # the file that is there
    kill_signal: str | None = None  # the signal that came
