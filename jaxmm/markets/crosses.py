"""Synthetic liquidity: what a cross costs when it is made of other pairs, level by level, after fees.

A route turns one currency into another, pair by pair: a leg sells at the pair's bids or buys at its asks, and every leg
pays its taker fee out of what it receives. A synthetic bid for ETH in USDT is a route from ETH to USDT; the synthetic
ask is the same route walked back. Amounts flow through all legs at once, and each stretch of the flow ends where one
leg's level is used up: that is a synthetic level, priced at what came out over what went in.
P pairs · L legs of a route · K displayed levels of a leg · M synthetic levels.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numba
import numpy as np

from jaxmm.errors import InputError


class Pair(NamedTuple):
    """What is traded: `base` is bought and sold for `quote`."""

    base: str
    quote: str
    fee: float = 0.0  # taker fee, fraction of what is received


class Leg(NamedTuple):
    """One step of a route."""

    pair: int  # index into the pairs
    sells: bool  # the base at the bids; else the base is bought at the asks


Route = tuple[Leg, ...]


class Levels(NamedTuple):
    """One side of a book, the best level first."""

    price: np.ndarray  # float64 [K]
    qty: np.ndarray  # float64 [K], of the base


class TwoSided(NamedTuple):
    """A book."""

    bids: Levels
    asks: Levels


def routes(pairs: Sequence[Pair], base: str, quote: str, longest: int = 3) -> list[Route]:
    """Every way from `base` to `quote` over two to `longest` pairs that visits no currency twice, the shortest first.

    Raises `InputError` where there is none.
    """
    found = sorted(_ways(pairs, base, quote, longest, (base,)), key=len)
    found = [route for route in found if len(route) > 1]
    if not found:
        known = ", ".join(f"{pair.base}/{pair.quote}" for pair in pairs)
        raise InputError(f"no route of 2 to {longest} pairs leads from {base} to {quote} over {known}")
    return found


def _ways(pairs: Sequence[Pair], here: str, goal: str, longest: int, seen: tuple[str, ...]) -> Iterator[Route]:
    if here == goal:
        yield ()
        return
    if not longest:
        return
    for i, pair in enumerate(pairs):
        for sells, start, end in ((True, pair.base, pair.quote), (False, pair.quote, pair.base)):
            if start == here and end not in seen:
                yield from ((Leg(i, sells), *rest) for rest in _ways(pairs, end, goal, longest - 1, (*seen, end)))


def back(route: Route) -> Route:
    """The route walked the other way."""
    return tuple(Leg(leg.pair, not leg.sells) for leg in reversed(route))


def synthetic_book(route: Route, books: Sequence[TwoSided], fees: Sequence[float], most: int = 1000) -> TwoSided:
    """Synthetic bids and asks along `route`, from base to quote; at most `most` levels a side.

    Args:
        route: from `routes`.
        books: of every pair, indexed as the legs do.
        fees: taker fee of every pair, as a fraction of what is received.
        most: levels a side.
    """
    sold_in, sold_out = _along(route, books, fees, most)
    bought_in, bought_out = _along(back(route), books, fees, most)
    return TwoSided(Levels(sold_out / sold_in, sold_in), Levels(bought_in / bought_out, bought_out))


def arbitrage(bids: Levels, asks: Levels) -> tuple[float, float]:
    """What buying at `asks` and selling at `bids` yields, both after fees: (base amount, profit in the quote)."""
    amount = profit = 0.0
    i = j = 0
    bid_left, ask_left = bids.qty.copy(), asks.qty.copy()
    while i < len(bids.price) and j < len(asks.price) and bids.price[i] > asks.price[j]:
        traded = min(bid_left[i], ask_left[j])
        amount, profit = amount + traded, profit + traded * (bids.price[i] - asks.price[j])
        bid_left[i] -= traded
        ask_left[j] -= traded
        i, j = i + (bid_left[i] <= 0), j + (ask_left[j] <= 0)
    return amount, profit


def after_fee(book: TwoSided, fee: float) -> TwoSided:
    """A book as its taker sees it, who pays `fee` out of what he receives; sizes in the base that he gives or gets."""
    bids, asks = book
    return TwoSided(Levels(bids.price * (1 - fee), bids.qty), Levels(asks.price / (1 - fee), asks.qty * (1 - fee)))


def _along(route: Route, books: Sequence[TwoSided], fees: Sequence[float], most: int) -> tuple[np.ndarray, np.ndarray]:
    """Amounts put in and got out of each synthetic level of a route, float64 [M] each."""
    sides = [books[leg.pair].bids if leg.sells else books[leg.pair].asks for leg in route]
    depth = max(len(side.price) for side in sides)
    price, qty = np.ones((len(route), depth)), np.zeros((len(route), depth))
    for leg, side in enumerate(sides):
        price[leg, : len(side.price)], qty[leg, : len(side.qty)] = side.price, side.qty
    sells = np.array([leg.sells for leg in route])
    kept = np.array([1 - fees[leg.pair] for leg in route])
    flow = np.empty((most, 2))
    levels = walk(sells, price, qty, np.array([len(side.price) for side in sides]), kept, flow)
    return flow[:levels, 0].copy(), flow[:levels, 1].copy()


@numba.njit(cache=True)
def walk(
    sells: np.ndarray, price: np.ndarray, qty: np.ndarray, n: np.ndarray, kept: np.ndarray, flow: np.ndarray
) -> int:
    """Pushes amounts through the legs until one has no level left or `flow` is full; returns the synthetic levels.

    Args:
        sells: bool [L].
        price: float64 [L, K], the best level first.
        qty: float64 [L, K], of the leg's base.
        n: int64 [L], levels of each leg.
        kept: float64 [L], 1 − fee.
        flow: float64 [M, 2], is given the amount in and the amount out of each synthetic level.
    """
    legs = len(sells)
    at = np.zeros(legs, np.int64)
    left = np.empty(legs)  # what each leg's level still takes in
    for leg in range(legs):
        if n[leg] == 0:
            return 0
        left[leg] = qty[leg, 0] if sells[leg] else qty[leg, 0] * price[leg, 0]
    levels = 0
    while levels < len(flow):
        rate, amount, tightest = 1.0, np.inf, 0
        for leg in range(legs):
            if left[leg] < amount * rate:
                amount, tightest = left[leg] / rate, leg
            here = price[leg, at[leg]]
            rate *= (here if sells[leg] else 1 / here) * kept[leg]
        if amount > 0:
            flow[levels, 0], flow[levels, 1] = amount, amount * rate
            levels += 1
        through = amount
        for leg in range(legs):
            here = price[leg, at[leg]]
            used = left[leg] <= through * (1 + 1e-12) or leg == tightest
            left[leg] -= through
            through *= (here if sells[leg] else 1 / here) * kept[leg]
            if used:
                at[leg] += 1
                if at[leg] == n[leg]:
                    return levels
                left[leg] = qty[leg, at[leg]] if sells[leg] else qty[leg, at[leg]] * price[leg, at[leg]]
    return levels
