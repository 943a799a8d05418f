"""The compiled loops behind the window table: displayed sizes on arrival, and runs of events folded into (a, b).

B decisions of one block · N events · P prices held · L levels a side · W words a level · T offers a side. A key is a
bid's price or minus an ask's, so that a larger one is the more aggressive.
"""

from typing import NamedTuple

import numba
import numpy as np

from jaxmm.exchange.types import INFINITE

SIZE, BEFORE, AFTER, WHOLE = 0, 1, 3, 5
"""Places of a level's words: displayed size at arrival; (a, b) before the arrival, after it, of the whole window."""


class Shown(NamedTuple):
    """The book so far, as far as prices can be named; changed in place."""

    size: np.ndarray  # int32 [2, P], displayed lots at the price `low` + index
    low: int
    standing: np.ndarray  # int64 [2]: levels that stand on each side, beyond these prices too
    at: np.ndarray  # int64 [1]: events applied


@numba.njit(cache=True)
def show(
    event: np.ndarray,
    best: np.ndarray,
    arrive: np.ndarray,
    touch: np.ndarray,
    inside: int,
    shown: Shown,
    rows: np.ndarray,
    offers: np.ndarray,
) -> None:
    """Writes what a request finds that arrives after `arrive` [B] events.

    Into `rows` [B, 2, L, W] the displayed size at each level from the local best `touch` [B, 2] on, or its complement
    ~size where an order at that price would cross; into `offers` [B, 2, T, 2] what it could take.
    """
    size, low = shown.size, shown.low
    prices = size.shape[1]
    i = shown.at[0]
    for k in range(len(arrive)):
        while i < arrive[k]:
            code = event[i, 0]
            if code >= 2:
                price, qty = event[i, 1] - low, event[i, 2]
                shown.standing[code - 2] += (qty > 0) - (event[i, 3] > 0)
                if 0 <= price < prices:
                    size[code - 2, price] = qty
            i += 1
        for s in range(2):
            out = -1 if s == 0 else 1
            price = touch[k, s] - low - out * inside
            other = best[i - 1, 1 - s] if i > 0 else 0
            for level in range(rows.shape[2]):
                lots = size[s, price]
                crosses = other > 0 and (price + low >= other if s == 0 else price + low <= other)
                rows[k, s, level, SIZE] = ~lots if crosses else lots
                price += out
            _offer(size[1 - s], shown.standing[1 - s], low, other - low, -out, offers[k, s])
    shown.at[0] = i


@numba.njit(cache=True)
def _offer(size: np.ndarray, standing: int, low: int, price: int, step: int, offers: np.ndarray) -> None:
    """The first levels from index `price` on in steps of `step`, as (key of the taking side, size).

    What is left of `offers` has size 0 and key ∞ where the book ends, −∞ where it goes on beyond the prices held.
    """
    wanted, found = min(len(offers), standing), 0
    while found < wanted and 0 <= price < len(size):
        if size[price] > 0:
            offers[found, 0], offers[found, 1] = step * (price + low), size[price]
            found += 1
        price += step
    offers[found:, 0] = INFINITE if found == standing else -INFINITE
    offers[found:, 1] = 0


@numba.njit(cache=True)
def fold(
    event: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    touch: np.ndarray,
    inside: int,
    partial: bool,
    counts: bool,
    rows: np.ndarray,
    place: int,
    threshold: np.ndarray,
) -> bool:
    """Folds events [begin, end) [B] into (a, b) at `place` of `rows` [B, 2, L, W]; False where a leaves the integers.

    `partial`: what comes through a level moves it by its volume, else b = −∞ says that the market ran through it.
    `counts`: trades at the level and its displayed size move it.
    `threshold` [B, 2] becomes the least key on each side from which on orders were run through; what has a key of 2 or
    more below it was not even reached.
    """
    levels = rows.shape[2]
    a, b = np.zeros((2, levels), np.int64), np.zeros((2, levels), np.int64)
    fits = True
    for k in range(len(begin)):
        a[:] = 0
        b[:] = INFINITE
        threshold[k] = INFINITE
        for i in range(begin[k], end[k]):
            code, price, qty = event[i, 0], event[i, 1], event[i, 2]
            s = code & 1
            level = (touch[k, 0] - price if s == 0 else price - touch[k, 1]) + inside
            if code < 2:
                threshold[k, s] = min(threshold[k, s], (price if s == 0 else -price) + 1)
                if partial:
                    _through(a[s], b[s], level, qty)
                if counts and 0 <= level < levels:
                    a[s, level] += qty
                    b[s, level] -= qty
                continue
            if counts and 0 <= level < levels:
                b[s, level] = min(b[s, level], qty)
            if qty > 0:
                o = 1 - s
                threshold[k, o] = min(threshold[k, o], price if o == 0 else -price)
                if partial:
                    level = (touch[k, 0] - price if o == 0 else price - touch[k, 1]) + inside
                    _through(a[o], b[o], level + 1, max(qty - event[i, 3], 0))
        for s in range(2):
            if not partial:
                reached = (touch[k, 0] if s == 0 else -touch[k, 1]) + inside - threshold[k, s]
                b[s, : max(min(reached + 1, levels), 0)] = -INFINITE
            for level in range(levels):
                if b[s, level] > INFINITE // 2:
                    b[s, level] = INFINITE
                fits &= a[s, level] < INFINITE // 2
                rows[k, s, level, place] = a[s, level]
                rows[k, s, level, place + 1] = b[s, level]
    return fits


@numba.njit(cache=True)
def _through(a: np.ndarray, b: np.ndarray, level: int, came: int) -> None:
    """Volume that came through the levels better than `level`."""
    for better in range(min(max(level, 0), len(a))):
        a[better] += came
        b[better] = min(b[better] - came, -came)
