"""Price-time priority matching on the device, exact against `book_reference.PlainBook`: many books in lockstep.

One call of `match` is one *round*: it lets a message meet one resting order, join the queue, or change one, and gives
back what is left of it. A sweep of m makers takes m rounds, but a batch does not wait for its longest sweep: in
`run_stream` every book goes on to its next message as soon as its last one is finished.

An order keeps its slot from arrival to end and slots are in no order: a round finds the best by reductions over the
slots and writes one slot (sorted queues would move half of themselves at every arrival). Among equal prices the
smallest id is the oldest, so ids of limit orders must increase along a stream; `check_stream` sees to it.

S slots a side (at most S orders rest there) · T messages · R rounds · ... batch axes, last, so that a reduction over
slots runs along the batch: [2S, B] for B books, [2S] for one. `vmap` works too, at half the speed.
A key is minus the price of a bid and the price of an ask: the smaller is the better.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.data.schema import Side
from jaxmm.errors import InputError
from jaxmm.markets.book_reference import Kind, Resting, What

Array = Any
BID = int(Side.BID)
NO_KEY = np.int32(2**31 - 1)
"""Of a free slot: worse than any price."""
NO_ID = np.int32(-1)
"""Of a free slot."""
MAX_PRICE = 2**30
MAX_LOTS = 2**30


class Book(NamedTuple):
    """Resting orders, 12 bytes each: bids in slots 0 … S − 1, asks in S … 2S − 1."""

    key: Array  # int32 [2S, ...]
    lots: Array  # int32 [2S, ...], 0 in a free slot
    id: Array  # int32 [2S, ...]

    @property
    def slots(self) -> int:
        """S."""
        return self.key.shape[0] // 2


class Message(NamedTuple):
    """What a participant asks for; fields that its kind does not need may be anything."""

    kind: Array  # int32 [...], `Kind`
    side: Array  # int32 [...], `Side` of the order
    id: Array  # int32 [...], not negative
    price: Array  # int32 [...], ticks
    lots: Array  # int32 [...]


class Report(NamedTuple):
    """The outcome of one round, as `book_reference.Outcome`."""

    what: Array  # int32 [...], `What`
    id: Array  # int32 [...]
    price: Array  # int32 [...]
    lots: Array  # int32 [...]


class Stream(NamedTuple):
    """How far every book has come along its messages."""

    book: Book
    done: Array  # int32 [...], messages taken from the stream
    left: Message  # what is left of the last one


def empty_book(slots: int, batch: tuple[int, ...] = ()) -> Book:
    """Books without orders, and room for `slots` a side."""
    shape = (2 * slots, *batch)
    free = Book(jnp.full(shape, NO_KEY), jnp.zeros(shape, jnp.int32), jnp.full(shape, NO_ID))
    return free


def no_message(batch: tuple[int, ...] = ()) -> Message:
    """A pause."""
    return Message(*(jnp.zeros(batch, jnp.int32) for _ in Message._fields))


def best_keys(book: Book) -> Array:
    """The best key of each side, int32 [2, ...]; `NO_KEY` where nobody rests."""
    return by_side(book.key).min(axis=1)


def by_side(slots: Array) -> Array:
    """[2S, ...] as [2, S, ...]."""
    return slots.reshape(2, -1, *slots.shape[1:])


def at_slot(slots: Array, slot: Array) -> Array:
    """Each book's own slot of an array [2S, ...]; `slot` int32 [...]."""
    return jnp.take_along_axis(slots, slot[None], axis=0)[0]


def match(book: Book, message: Message) -> tuple[Book, Message, Report]:
    """One round: the book after it, what is left of the message (kind NONE once it is finished), what happened."""
    buys = message.side == BID
    is_limit, is_market = message.kind == Kind.LIMIT, message.kind == Kind.MARKET
    is_cancel, is_amend = message.kind == Kind.CANCEL, message.kind == Kind.AMEND
    own_key = jnp.where(buys, -message.price, message.price)

    maker_key, maker_id = _opposite_best(book, buys)
    reach = jnp.where(is_market, NO_KEY - 1, -own_key)  # the worst key of the other side that it would trade with
    sent = (is_limit | is_market) & (message.lots > 0)
    takes = sent & (maker_key <= reach)
    joins = sent & is_limit & ~takes
    target = jnp.where(takes, maker_id, jnp.where(joins, NO_ID, message.id))
    slot, found = _find(book, target, joins, buys)

    key, lots, id = (at_slot(column, slot) for column in book)
    traded = jnp.where(takes, jnp.minimum(message.lots, lots), 0)
    rests = joins & found
    cancels = is_cancel & found
    amends = is_amend & found & (message.lots > 0) & (message.lots < lots)
    remain = jnp.where(rests | amends, message.lots, jnp.where(cancels, 0, lots - traded))
    gone = remain == 0
    after = Book(
        jnp.where(rests, own_key, jnp.where(gone, NO_KEY, key)),
        remain,
        jnp.where(rests, message.id, jnp.where(gone, NO_ID, id)),
    )
    left_lots = message.lots - traded
    goes_on = takes & (left_lots > 0)
    cases = (
        (goes_on, What.PART),
        (takes, What.FILLED),
        (rests, What.RESTS),
        (joins, What.FULL),
        (sent, What.UNFILLED),
        (is_limit | is_market, What.NO_LOTS),
        (cancels, What.CANCELLED),
        (amends, What.AMENDED),
        ((is_cancel | is_amend) & ~found, What.UNKNOWN),
        (is_amend, What.NOT_FEWER),
    )
    codes = [jnp.int32(code) for _, code in cases]
    what = jnp.select([case for case, _ in cases], codes, jnp.int32(What.NOTHING))
    there = jnp.where(rests, message.price, jnp.where(slot < book.slots, -key, key))
    price = jnp.where(takes | rests | cancels | amends, there, 0)
    told = jnp.where(takes, traded, jnp.where(cancels, lots, message.lots))
    silent = (what == What.UNKNOWN) | (what == What.NOTHING)
    report = Report(what, jnp.where(takes, id, message.id), price, jnp.where(silent, 0, told))
    left = message._replace(kind=jnp.where(goes_on, message.kind, Kind.NONE), lots=left_lots)
    return _write(book, slot, after), left, report


def _opposite_best(book: Book, buys: Array) -> tuple[Array, Array]:
    """Key and id of the oldest order at the best price of the side that a taker meets."""
    key, id = by_side(book.key), by_side(book.id)
    best = key.min(axis=1)
    oldest = jnp.where(key == best[:, None], id, NO_KEY).min(axis=1)
    return jnp.where(buys, best[1], best[0]), jnp.where(buys, oldest[1], oldest[0])


def _find(book: Book, target: Array, joins: Array, buys: Array) -> tuple[Array, Array]:
    """The slot of the order `target`, or a free one on its own side for an order that joins; and whether there is."""
    slots = book.slots
    number = jnp.arange(slots, dtype=jnp.int32).reshape(slots, *(1,) * target.ndim)
    first = jnp.where(by_side(book.id) == target, number, slots).min(axis=1)
    bid_side = jnp.where(joins, buys, first[0] < slots)
    slot = jnp.where(bid_side, first[0], first[1])
    found = slot < slots
    return jnp.where(bid_side, 0, slots) + jnp.minimum(slot, slots - 1), found


def _write(book: Book, slot: Array, after: Book) -> Book:
    """One slot of each book replaced."""
    where = (slot, *jnp.indices(slot.shape, dtype=jnp.int32))
    return Book(
        *(
            column.at[where].set(new, mode="promise_in_bounds", unique_indices=True)
            for column, new in zip(book, after, strict=True)
        )
    )


def new_stream(slots: int, batch: tuple[int, ...] = ()) -> Stream:
    """Empty books, before their first message."""
    return Stream(empty_book(slots, batch), jnp.zeros(batch, jnp.int32), no_message(batch))


@partial(jax.jit, static_argnames="rounds")
def run_stream(stream: Stream, messages: Message, *, rounds: int) -> tuple[Stream, Report]:
    """`rounds` rounds along messages [T, ...]; reports are [R, ...], NOTHING after the last message.

    `stream.done` beyond T, or equal to it with `left.kind` NONE, says that a book has finished.
    """
    count = messages.kind.shape[0]

    def one(stream: Stream, _: None) -> tuple[Stream, Report]:
        idle = stream.left.kind == Kind.NONE
        at = jnp.minimum(stream.done, count - 1)
        drawn = Message(*(at_slot(field, at) for field in messages))
        drawn = drawn._replace(kind=jnp.where(stream.done < count, drawn.kind, Kind.NONE))
        message = jax.tree.map(partial(jnp.where, idle), drawn, stream.left)
        book, left, report = match(stream.book, message)
        return Stream(book, stream.done + (idle & (stream.done < count)), left), report

    return jax.lax.scan(one, stream, None, length=rounds)


def check_stream(messages: Message) -> Message:
    """The messages [T, ...] as int32, if the books can take them. Raises `InputError` otherwise."""
    kind, side, id, price, lots = (np.asarray(field, np.int64) for field in messages)
    limits = kind == Kind.LIMIT
    seen = np.maximum.accumulate(np.where(limits, id, -1), axis=0)
    late = limits[1:] & (id[1:] <= seen[:-1])
    sized = limits | (kind == Kind.MARKET) | (kind == Kind.AMEND)
    for wrong, what, right in (
        ((kind < 0) | (kind > max(Kind)), "kind", f"0 to {max(Kind)}"),
        ((side < 0) | (side > 1), "side", "0 (bid) or 1 (ask)"),
        (id < 0, "id", "zero or more"),
        (np.concatenate([np.zeros_like(late[:1]), late]), "id", "above every earlier limit order's"),
        (limits & (np.abs(price) > MAX_PRICE), "price", f"within ±{MAX_PRICE} ticks"),
        (sized & (np.abs(lots) > MAX_LOTS), "lots", f"at most {MAX_LOTS}"),
    ):
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            value = {"kind": kind, "side": side, "id": id, "price": price, "lots": lots}[what][at]
            raise InputError(f"messages: {what} of message {at} is {value}; it must be {right}")
    return Message(*(jnp.asarray(field, jnp.int32) for field in (kind, side, id, price, lots)))


def resting(book: Book) -> list[Resting]:
    """The orders of one book [2S] as the plain book lists them: bids from the best, then asks, oldest first."""
    key, lots, id = (np.asarray(column) for column in book)
    live = np.flatnonzero(lots)
    live = live[np.lexsort((id[live], key[live], live >= book.slots))]
    sides = (live >= book.slots).astype(int)
    price = np.where(sides == BID, -key[live], key[live])
    rows = zip(sides.tolist(), id[live].tolist(), price.tolist(), lots[live].tolist(), strict=True)
    return [Resting(*row) for row in rows]
