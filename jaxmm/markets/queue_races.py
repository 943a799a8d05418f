"""The next price move of a level-1 market, played out in the matching engine: does the ask empty first, or the bid?

The Monte Carlo side of `jaxmm.solve.queue_race` (Cont & de Larrard, SIAM J. Financial Math. 4(1), 2013; Cont, Stoikov &
Talreja, Operations Research 58(3), 2010). A balanced race has no mean duration, so runs go through stages: each stage
plays a number of events in books with room for some orders, and who has not finished, or has filled its book, goes on
for twice as long, and in books twice as large once a queue could outgrow them.

B runs side by side · n lots at the bid · p lots at the ask.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.errors import InputError
from jaxmm.markets.matching import NO_ID, NO_KEY, Book, by_side
from jaxmm.markets.queue_flow import UNIFORMS, Flow, Market, open_market, poisson, random_event

Array = Any
SMALLEST = 16
"""Orders a side in the books of the first stage."""
BATCH, FEW = 1024, 128
"""Runs side by side, of many and of the last ones."""
FIRST = 16
"""Events of the first stage."""
PORTION = 200_000
"""Most runs from one pair of queues held in memory."""


class Race(NamedTuple):
    """How many runs ended which way."""

    up: int
    down: int
    unfinished: int  # neither queue was empty after the last stage

    @property
    def runs(self) -> int:
        """All of them."""
        return self.up + self.down + self.unfinished

    @property
    def probability(self) -> float:
        """Of an upward move; an unfinished run counts half."""
        return (self.up + 0.5 * self.unfinished) / self.runs

    @property
    def standard_error(self) -> float:
        """Of `probability`."""
        return float(np.sqrt(self.probability * (1 - self.probability) / self.runs))


def balanced_flow(rate: float = 1.0) -> Flow:
    """Cont & de Larrard's balanced market at one level: limit orders come as fast as market orders and cancels go."""
    return poisson((rate,), (rate / 2,), rate / 2, per_lot=False, largest=1, from_opposite=False)


def races(flow: Flow, queues: Sequence[tuple[int, int]], runs: int, key: Array, *, largest: int = 128) -> list[Race]:
    """Plays `runs` races from each pair (n lots at the bid, p at the ask) under one-level `flow`.

    `largest` is the room in the books of the last stage: of balanced races about 1.3·n·p/`largest`² stay unfinished.
    """
    for n, p in queues:
        if not 1 <= min(n, p) <= max(n, p) <= SMALLEST // 2:
            raise InputError(f"races: the queues are {n} and {p} lots; each must hold 1 to {SMALLEST // 2}")
    if flow.levels != 1:
        raise InputError(f"races: the flow has {flow.levels} levels; a race is between the best queues, so it needs 1")
    portions = -(-runs // PORTION)
    if portions > 1:
        sizes = [len(part) for part in np.array_split(np.arange(runs), portions)]
        keys = jax.random.split(key, portions)
        parts = [races(flow, queues, size, part, largest=largest) for size, part in zip(sizes, keys, strict=True)]
        return [Race(*np.sum(same, axis=0).tolist()) for same in zip(*parts, strict=True)]
    starts = [open_market(SMALLEST, np.array([n]), np.array([p]), 0) for n, p in queues]
    waiting = jax.tree.map(lambda *leaves: np.repeat(np.stack(leaves, axis=-1), runs, axis=-1), *starts)
    pair = np.repeat(np.arange(len(queues)), runs)
    ways = np.zeros((len(queues), 2), np.int64)  # down, up
    slots, events = SMALLEST, FIRST
    while True:
        ended, waiting = _stage(waiting, flow, jax.random.fold_in(key, events), events)
        np.add.at(ways, (pair[ended != 0], (ended[ended != 0] > 0).astype(int)), 1)
        pair = pair[ended == 0]
        events *= 2
        if not len(pair) or events > largest**2 // 2:
            return [Race(int(up), int(down), runs - int(up + down)) for down, up in ways]
        if events > slots**2 // 2:
            slots *= 2
            waiting = waiting._replace(book=_roomier(waiting.book))


def _stage(markets: Market, flow: Flow, key: Array, events: int) -> tuple[np.ndarray, Market]:
    """(how each run ended: 1 up, −1 down, 0 not yet; the markets of those that have not)."""
    count = markets.next_id.shape[-1]
    size = BATCH if count > FEW else FEW
    ended, left = [], []
    for first in range(0, count, size):
        at = np.minimum(np.arange(first, first + size), count - 1)  # the last batch repeats its last run
        batch = jax.tree.map(lambda leaf, at=at: np.take(leaf, at, axis=-1), markets)
        after, how = _play(batch, flow, jax.random.fold_in(key, first), events)
        real = min(size, count - first)
        how = np.asarray(how)[:real]
        ended.append(how)
        still = np.flatnonzero(how == 0)
        left.append(jax.tree.map(lambda leaf, still=still: np.take(np.asarray(leaf), still, axis=-1), after))
    rest = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=-1), *left)
    return np.concatenate(ended), rest


@jax.jit
def _play(markets: Market, flow: Flow, key: Array, events: Array) -> tuple[Market, Array]:
    """At most `events` events of every market; a market stops once a queue is empty or has no room for another."""
    nobody = jnp.full((1, *markets.next_id.shape), NO_ID)

    def one(number: Array, markets: Market) -> Market:
        key_event = jax.random.fold_in(key, number)
        uniforms = jax.random.uniform(key_event, (UNIFORMS, *markets.next_id.shape), jnp.float32)
        after, _ = random_event(markets, flow, nobody, uniforms)
        orders = _orders(markets.book)
        stops = ((orders == 0) | (orders == markets.book.slots)).any(axis=0)
        return jax.tree.map(lambda new, old: jnp.where(stops, old, new), after, markets)

    markets = jax.lax.fori_loop(0, events, one, markets)
    bids, asks = _orders(markets.book)
    return markets, (asks == 0).astype(jnp.int32) - (bids == 0).astype(jnp.int32)


def _orders(book: Book) -> Array:
    """Orders a side, int32 [2, ...]."""
    return (by_side(book.lots) > 0).sum(axis=1, dtype=jnp.int32)


def _roomier(book: Book) -> Book:
    """The same orders in books of twice the slots."""
    free = (NO_KEY, np.int32(0), NO_ID)
    sides = (np.asarray(by_side(column)) for column in book)
    grown = (np.concatenate([side, np.full_like(side, value)], axis=1) for side, value in zip(sides, free, strict=True))
    key, lots, id = (side.reshape(-1, *side.shape[2:]) for side in grown)
    return Book(key, lots, id)
