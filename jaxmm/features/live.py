"""The market as a live quoter keeps it, event by event: the tape's book rows and features, value for value."""

from bisect import bisect_left, insort
from typing import NamedTuple

import numpy as np

from jaxmm.features.market import market_features, time_of_day
from jaxmm.features.window import ASK_LOTS, ASK_PRICE, BID_LOTS, BID_PRICE, SUMS, RollingWindows, add_touch, add_trade

BID, ASK = 0, 1


class Seen(NamedTuple):
    """What is known of the market at one decision. K levels a side, F features."""

    ts_ns: int
    book_price: np.ndarray  # int32 [2, K], ticks: bids, then asks, best first; unused levels repeat the last used one
    book_qty: np.ndarray  # int32 [2, K], lots; 0 where a level is unused
    features: np.ndarray  # float32 [F], named by `jaxmm.features.market.FEATURES`


class LiveMarket:
    """Takes market data in the order of reception and answers at decisions.

    Feed trades with `on_trade`; feed a book message with `on_clear` and `on_level` and close it with `end_message`,
    because the touch counts only when a message is whole. A snapshot is a clear and its levels; a top of book is a
    clear of its side and one level.
    """

    def __init__(self, levels: int) -> None:
        self._levels = levels
        self._sides = (_Side(1), _Side(-1))
        self._touch = np.zeros(4, np.int64)
        self._window = np.zeros(SUMS, np.int64)
        self._rolling = RollingWindows()
        self._started = False

    def on_trade(self, side: int, qty_lots: int) -> None:
        """One print; `side` is the aggressor's, 0 for a buyer."""
        add_trade(self._window, side, qty_lots)

    def on_clear(self, side: int) -> None:
        """The side (0 bids, 1 asks, 2 both) is empty now."""
        for one in (BID, ASK) if side == 2 else (side,):
            self._sides[one].clear()

    def on_level(self, side: int, price_ticks: int, qty_lots: int) -> None:
        """The displayed quantity at a price; 0 removes the level."""
        self._sides[side].set(price_ticks, qty_lots)

    def end_message(self) -> None:
        """The book message is whole: its change of the touch counts."""
        after = self._touch.copy()
        for side, price, lots in ((BID, BID_PRICE, BID_LOTS), (ASK, ASK_PRICE, ASK_LOTS)):
            best = self._sides[side].best()
            after[lots] = best[1] if best else 0
            after[price] = best[0] if best else self._touch[price]
        add_touch(self._window, self._touch, after)
        self._touch = after

    def best(self, side: int) -> int | None:
        """The best price of a side, ticks, after the last whole message; None where the side is empty."""
        price, lots = (BID_PRICE, BID_LOTS) if side == BID else (ASK_PRICE, ASK_LOTS)
        return int(self._touch[price]) if self._touch[lots] else None

    def decide(self, ts_ns: int) -> Seen | None:
        """What is known at `ts_ns`; None until both sides of the book have been there at a decision."""
        if not self._started:
            if not (self._sides[BID].best() and self._sides[ASK].best()):
                return None
            self._started = True
            self._window[:] = 0
        bids, asks = (self._padded(side) for side in (BID, ASK))
        price, qty = np.array([[bids[0], asks[0]], [bids[1], asks[1]]], np.int32)
        sums = self._rolling.extend(self._window[None])
        self._window[:] = 0
        features = market_features(price[None], qty[None], sums, time_of_day(np.array([ts_ns])), np)[0]
        return Seen(ts_ns, price, qty, features)

    def _padded(self, side: int) -> tuple[list[int], list[int]]:
        """Prices and lots of K levels; unused ones repeat the last used price, or the last touch, and have 0 lots."""
        used = self._sides[side].top(self._levels)
        price, rest = [ticks for ticks, _ in used], self._levels - len(used)
        last = price[-1] if price else int(self._touch[BID_PRICE if side == BID else ASK_PRICE])
        return price + [last] * rest, [lots for _, lots in used] + [0] * rest


class _Side:
    """One side of a book: prices sorted with the best last, so that work near the touch is short."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._lots: dict[int, int] = {}

    def clear(self) -> None:
        self._keys.clear()
        self._lots.clear()

    def set(self, price: int, lots: int) -> None:
        key = self._sign * price
        if lots > 0:
            if key not in self._lots:
                insort(self._keys, key)
            self._lots[key] = lots
        elif key in self._lots:
            del self._lots[key]
            del self._keys[bisect_left(self._keys, key)]

    def best(self) -> tuple[int, int] | None:
        return next(iter(self.top(1)), None)

    def top(self, levels: int) -> list[tuple[int, int]]:
        """(price, lots) of the best levels, best first."""
        return [(self._sign * key, self._lots[key]) for key in self._keys[-1 : -levels - 1 : -1]]
