"""What the quoter hears and what it asks for: the one vocabulary of gateways, core, order manager, risk and journal.

A gateway (a venue through ccxt, or the paper venue) puts `Message`s into the inbox in the order in which they reached
us, and takes `Request`s without blocking: whatever becomes of a request comes back as a message. So the core never
waits, and a replay is the same program as a live day. Prices are ticks, quantities lots, times ns since the epoch,
money `Decimal`s exactly as the venue wrote them.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from jaxmm.exchange.types import OrderType

BID, ASK = 0, 1
Levels = tuple[tuple[int, int], ...]  # (price_ticks, qty_lots); 0 lots removes the level


class OrderStatus(StrEnum):
    """Where an order stands, as far as we know."""

    PENDING = "pending"
    """Journaled; the request is on its way."""
    OPEN = "open"
    """The venue has it."""
    CANCELING = "canceling"
    """The venue has it, and a cancel is on its way."""
    UNKNOWN = "unknown"
    """A request's answer was lost; the venue is being asked."""
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing more can happen to it, late fills of the past apart."""
        return self in (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED)


class Refusal(StrEnum):
    """Why a request was surely not carried out."""

    POST_ONLY = "post_only"  # it would have taken
    BALANCE = "balance"  # not enough money or margin
    FILTER = "filter"  # tick, lot, notional or price band of the venue
    UNKNOWN_ORDER = "unknown_order"  # a cancel or amend of what is not open: filled, cancelled or never there
    DUPLICATE = "duplicate"  # the client id is taken: the order is there already
    RATE = "rate"  # too many requests, ours or the venue's count; `until_ns` says how long
    BANNED = "banned"  # the venue does not listen to us until `until_ns`
    AUTH = "auth"  # key, signature, permission, time stamp
    OTHER = "other"


# --- what the market says ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Book:
    """One whole book message, already in its place in the sequence. A snapshot replaces both sides."""

    exch_ts: int
    recv_ts: int
    snapshot: bool
    bids: Levels
    asks: Levels
    id: int  # update id that the book has reached


@dataclass(frozen=True, slots=True)
class Trade:
    """One print of the market."""

    exch_ts: int
    recv_ts: int
    side: int  # the aggressor's
    price_ticks: int
    qty_lots: int
    id: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The venue's mark price, in quote currency."""

    recv_ts: int
    price: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Market data is missing: what is known of the book is not to be traded on until the next snapshot."""

    recv_ts: int
    reason: str


# --- what happens to our orders ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as the venue describes it, in a stream or in an answer."""

    client_id: str  # empty where the order carries none
    venue_id: str
    side: int
    price_ticks: int
    qty_lots: int  # total, filled part included
    filled_lots: int
    status: OrderStatus  # OPEN or a final one
    exch_ts: int
    recv_ts: int


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of ours. The same `trade_id` may arrive twice, late, or before the order's acknowledgement."""

    trade_id: str
    client_id: str  # empty where the venue does not say; then `venue_id` names the order
    venue_id: str
    side: int  # ours
    price_ticks: int
    qty_lots: int
    fee: Decimal  # paid, negative for a rebate
    fee_currency: str
    realized: Decimal | None  # realized profit as the venue books it (futures), None on spot
    maker: bool
    exch_ts: int
    recv_ts: int


@dataclass(frozen=True, slots=True)
class Account:
    """What the venue says that we have."""

    balances: dict[str, Decimal]  # by currency: free and locked together (spot), wallet balance (futures)
    position_lots: int | None  # signed; None on spot, where the base balance is it, and where it did not change
    recv_ts: int
    whole: bool = True  # all that we have, in answer to a question; else only what has changed, from a stream


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money of the account that moved without an execution: funding, a deposit, a withdrawal."""

    transfer_id: str
    reason: str  # the venue's word, in small letters, such as funding_fee
    amount: Decimal  # signed; what was paid is negative
    currency: str
    exch_ts: int
    recv_ts: int


# --- answers to requests ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """The venue carried the request out."""

    request_id: int
    recv_ts: int
    order: OrderState | None  # the order after it; None for a `CancelAll`, and for a query that knows no such order


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was surely not carried out."""

    request_id: int
    recv_ts: int
    reason: Refusal
    text: str  # the venue's words, secrets removed
    until_ns: int = 0  # RATE, BANNED: when to ask again


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer did not come: the request may or may not have been carried out."""

    request_id: int
    recv_ts: int
    text: str


# --- the gateway itself -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream came up or broke. After "user" comes up again fills in between may be missing: reconcile."""

    name: str  # "market" or "user"
    up: bool
    recv_ts: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Skew:
    """How far the venue's clock is ahead of ours, estimated."""

    recv_ts: int
    skew_ns: int
    round_trip_ns: int


Market = Book | Trade | Mark | Gap
Message = Market | OrderState | Fill | Account | Transfer | Answered | Refused | Lost | Stream | Skew


# --- what we ask for --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A new order under our own client id."""

    request_id: int
    client_id: str
    side: int
    price_ticks: int  # meaningless for a market order
    qty_lots: int
    order_type: OrderType
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class Amend:
    """The order's new total, filled part included, at its price; it keeps its place in the queue."""

    request_id: int
    client_id: str
    side: int
    price_ticks: int
    qty_lots: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Takes an order out."""

    request_id: int
    client_id: str


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Takes every order of the symbol out, ours or not."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Query:
    """Asks what became of an order."""

    request_id: int
    client_id: str


Request = Place | Amend | Cancel | CancelAll | Query
