"""What would have become of a small order at the end of a real queue: the truth that queue models are held against.

A hypothetical order of one lot joins behind everybody who rests at its price. From then on the log says who was ahead
of it and who behind, who left and who was executed. Nobody reacts to it, it takes nothing from anybody, so it fills

- through: when an order at a worse price is executed, or one of the other side comes to rest at its price or beyond;
- at its price: when an order that joined behind it is executed, for then it would have been executed before.

Letters: E clean events of `jaxmm.data.fifo`, O hypothetical orders, K cancellations. Quantities are lots.
"""

from typing import NamedTuple

import numba
import numpy as np

from jaxmm.data.bitstamp import Log
from jaxmm.data.book import Book, new_book, set_level
from jaxmm.data.fifo import ADD, CANCEL, EXECUTE, Clean, Events

NEVER = 2**62
"""An event number behind all."""


class Queues(NamedTuple):
    """The events, each queue's one after another; E of them, as the arrays of `events`."""

    events: Events
    at: np.ndarray  # int64 [E]: event numbers, sorted by queue and then by time
    queue: np.ndarray  # int64 [E]: number of the queue of `at`
    keys: np.ndarray  # int64 [queues, 2]: side and ticks


class Orders(NamedTuple):
    """Hypothetical orders."""

    placed_ms: np.ndarray  # int64 [O]
    event: np.ndarray  # int64 [O]: the first event that comes after the order
    side: np.ndarray  # int64 [O]
    ticks: np.ndarray  # int64 [O]
    rank: np.ndarray  # int64 [O]: 1 joined the best level of its side, 2 the one behind, …
    ahead: np.ndarray  # int64 [O]: lots ahead
    ahead_orders: np.ndarray  # int64 [O]
    first: np.ndarray  # int64 [O]: its queue's events are queues.at[first:last] …
    last: np.ndarray  # … up to the fill through its price, or to the end of the longest horizon
    through: np.ndarray  # int64 [O]: the event that fills it through its price; NEVER
    limit: np.ndarray  # int64 [O]: the first event later than the longest horizon


class Truth(NamedTuple):
    """What became of them, and the cancellations that a queue model has to guess about."""

    fill: np.ndarray  # int64 [O]: event number of the fill within the longest horizon; NEVER
    empty: np.ndarray  # int64 [O]: event by which the last lot displayed at its price was gone; NEVER
    overtaken: int  # executions of somebody behind while others were ahead: 0 where the venue is first in, first out
    order: np.ndarray  # int64 [K]: the order that waited
    ahead: np.ndarray  # int64 [K]: lots ahead of it, above 0
    behind: np.ndarray  # int64 [K]: lots behind it, above 0
    lots: np.ndarray  # int64 [K]: lots cancelled
    was_behind: np.ndarray  # bool [K]


def queues_of(events: Events) -> Queues:
    """Sorts the events by queue."""
    at = np.lexsort((np.arange(len(events.id)), events.ticks, events.side))
    keys, queue = np.unique(np.stack([events.side[at], events.ticks[at]], axis=1), axis=0, return_inverse=True)
    return Queues(events, at, queue.ravel().astype(np.int64), keys)


def place_orders(
    log: Log, clean: Clean, queues: Queues, *, every_ms: int, ranks: tuple[int, ...], longest_ms: int
) -> tuple[Orders, int]:
    """Hypothetical orders on a regular clock, one at each rank of either side; and how many times were skipped.

    A time is skipped where an order is in flight at that moment, or fewer levels are there than the largest rank.
    The last `longest_ms` of the log get none: their outcome would be cut off.
    """
    received, events = log.messages.recv_ms, clean.events
    clock = np.arange(received[0] + longest_ms, received[-1] - longest_ms, every_ms)
    message = np.searchsorted(received, clock, side="right") - 1
    calm = clean.calm[message]
    event = np.searchsorted(events.message, message, side="right")
    ticks = _levels(new_book(), events.side, events.ticks, events.after, event, np.array(ranks))  # [clock, 2, ranks]
    known = calm & (ticks > 0).all(axis=(1, 2))
    shape = ticks[known].shape
    side = np.broadcast_to(np.arange(2)[None, :, None], shape).ravel()
    rank = np.broadcast_to(np.array(ranks), shape).ravel()
    each = shape[1] * shape[2]
    placed = np.repeat(clock[known], each)
    orders = _orders(queues, placed, np.repeat(event[known], each), side, ticks[known].ravel(), rank, longest_ms)
    return orders, int(np.count_nonzero(~known))


def _orders(
    queues: Queues,
    placed: np.ndarray,
    event: np.ndarray,
    side: np.ndarray,
    ticks: np.ndarray,
    rank: np.ndarray,
    longest_ms: int,
) -> Orders:
    events, count = queues.events, len(queues.events.id)
    number = {(s, t): i for i, (s, t) in enumerate(queues.keys.tolist())}
    queue = np.array([number[place] for place in zip(side.tolist(), ticks.tolist(), strict=True)], dtype=np.int64)
    place = queues.queue * count + queues.at
    first = np.searchsorted(place, queue * count + event)
    limit = np.searchsorted(events.recv_ms, placed + longest_ms, side="right")
    through = _through(run_through(events), event, limit, side, np.where(side == 0, ticks, -ticks))
    last = np.searchsorted(place, queue * count + np.minimum(limit, through))
    newest = queues.at[first - 1]
    ahead, ahead_orders = events.after[newest], events.orders[newest]
    return Orders(placed, event, side, ticks, rank, ahead, ahead_orders, first, last, through, limit)


def run_through(events: Events) -> np.ndarray:
    """int64 [E, 2]: orders of a side with a key (bid: price, ask: −price) of at least this are run through."""
    key = np.where(events.side == 0, events.ticks, -events.ticks)
    values = np.full((len(key), 2), NEVER, dtype=np.int64)
    rows = np.arange(len(key))
    executed, added = events.code == EXECUTE, events.code == ADD
    values[rows[executed], events.side[executed]] = key[executed] + 1
    values[rows[added], 1 - events.side[added]] = -key[added]
    return values


def truth_of(queues: Queues, orders: Orders) -> Truth:
    """Follows every hypothetical order through its queue."""
    events = queues.events
    columns = (events.code, events.lots, events.after, events.joined)
    fill, empty, overtaken, cancels = _follow(
        queues.at, *columns, orders.event, orders.ahead, orders.first, orders.last, orders.through
    )
    order, ahead, behind, lots, was_behind = cancels.T.copy()
    return Truth(fill, empty, overtaken, order, ahead, behind, lots, was_behind == 1)


@numba.njit(cache=True)
def _levels(
    book: Book, side: np.ndarray, ticks: np.ndarray, after: np.ndarray, stop: np.ndarray, ranks: np.ndarray
) -> np.ndarray:
    """Ticks [stops, 2, ranks] of the levels of these ranks once the first `stop` events have happened; 0: no level."""
    found = np.zeros((len(stop), 2, len(ranks)), np.int64)
    done = 0
    for i in range(len(stop)):
        for e in range(done, stop[i]):
            set_level(book, side[e], ticks[e], after[e])
        done = max(done, stop[i])
        for s in range(2):
            for r in range(len(ranks)):
                level = book.n[s] - ranks[r]
                if level >= 0:
                    found[i, s, r] = book.keys[s, level] if s == 0 else -book.keys[s, level]
    return found


@numba.njit(cache=True)
def _through(thresholds: np.ndarray, event: np.ndarray, limit: np.ndarray, side: np.ndarray, key: np.ndarray):
    """int64 [O]: the first event in event … limit − 1 that runs through the key; NEVER."""
    found = np.full(len(event), NEVER, np.int64)
    for o in range(len(event)):
        for e in range(event[o], limit[o]):
            if thresholds[e, side[o]] <= key[o]:
                found[o] = e
                break
    return found


@numba.njit(cache=True)
def _follow(at, code, lots, after, joined, placed, ahead_at_first, first, last, through):
    """Fill, time of emptiness and undecided cancellations [K, 5] of every order, as `Truth` has them."""
    count = len(placed)
    fill, empty = np.full(count, NEVER, np.int64), np.full(count, NEVER, np.int64)
    cancels = []
    overtaken = 0
    for o in range(count):
        ahead, behind = ahead_at_first[o], 0
        fill[o] = through[o]
        for i in range(first[o], last[o]):
            e = at[i]
            is_behind = joined[e] >= placed[o]
            if code[e] == EXECUTE and is_behind:
                overtaken += ahead > 0
                fill[o] = e
                break
            if code[e] == CANCEL and ahead > 0 and behind > 0:
                cancels.append((o, ahead, behind, lots[e], int(is_behind)))
            moved = lots[e] if code[e] == ADD else -lots[e]
            if is_behind:
                behind += moved
            else:
                ahead += moved
            if after[e] == 0 and empty[o] == NEVER:
                empty[o] = e
    table = np.zeros((len(cancels), 5), np.int64)
    for k in range(len(cancels)):
        for c in range(5):
            table[k, c] = cancels[k][c]
    return fill, empty, overtaken, table
