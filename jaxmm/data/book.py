"""The L2 book in compiled loops: two sorted arrays a side, the best level last, so that work near the touch is short.

Bids are held by price and asks by −price, so both sides read alike: `keys[side, n[side] - 1]` is the best level.
Arrays: keys int64 [2, C] · qtys int64 [2, C] · n int64 [2]; C levels is the capacity, `Side.BID` and `Side.ASK` index.
"""

from typing import NamedTuple

import numba
import numpy as np


class Book(NamedTuple):
    """The arrays of one book; the functions below change them in place."""

    keys: np.ndarray  # int64 [2, C], ascending within [:n]; bid ticks, or minus ask ticks
    qtys: np.ndarray  # int64 [2, C], lots
    n: np.ndarray  # int64 [2]


def new_book(capacity: int = 65536) -> Book:
    """An empty book for up to `capacity` levels a side."""
    return Book(np.zeros((2, capacity), np.int64), np.zeros((2, capacity), np.int64), np.zeros(2, np.int64))


@numba.njit(cache=True)
def _position(book: Book, side: int, key: int) -> int:
    """Index of the first level whose key is not below `key`; most look-ups are near the best, so gallop from there."""
    high = book.n[side]
    step = 1
    low = high - 1
    while low >= 0 and book.keys[side, low] >= key:
        high = low
        low -= step
        step *= 2
    low = max(low + 1, 0) if low >= 0 else 0
    while low < high:
        middle = (low + high) // 2
        if book.keys[side, middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True)
def set_level(book: Book, side: int, price: int, qty: int) -> int:
    """Sets the quantity at a price (0 removes the level) and returns the quantity before; −1 if the book is full."""
    key = price if side == 0 else -price
    n = book.n[side]
    i = _position(book, side, key)
    if i < n and book.keys[side, i] == key:
        before = book.qtys[side, i]
        if qty > 0:
            book.qtys[side, i] = qty
        else:
            for j in range(i, n - 1):
                book.keys[side, j] = book.keys[side, j + 1]
                book.qtys[side, j] = book.qtys[side, j + 1]
            book.n[side] = n - 1
        return before
    if qty > 0:
        if n == book.keys.shape[1]:
            return -1
        for j in range(n, i, -1):
            book.keys[side, j] = book.keys[side, j - 1]
            book.qtys[side, j] = book.qtys[side, j - 1]
        book.keys[side, i] = key
        book.qtys[side, i] = qty
        book.n[side] = n + 1
    return 0


@numba.njit(cache=True)
def clear(book: Book, side: int) -> None:
    """Empties one side, or both where `side` is `Side.NONE`."""
    if side != 1:
        book.n[0] = 0
    if side != 0:
        book.n[1] = 0


@numba.njit(cache=True)
def best(book: Book, side: int) -> tuple[int, int]:
    """(price ticks, quantity lots) of the best level; (0, 0) where the side is empty."""
    n = book.n[side]
    if n == 0:
        return 0, 0
    key = book.keys[side, n - 1]
    return (key if side == 0 else -key), book.qtys[side, n - 1]
