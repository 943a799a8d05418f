"""A two-sided quoter of whole half-ticks on our event engine and in hftbacktest's records, as runs to compare.

The peer itself is not here: `scripts/peer_compare.py` runs it, and the goldens hold what it once said. D decisions.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jaxmm.evaluate.backtest import backtest
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel
from jaxmm.strategies.skewed import SkewedSpread
from jaxmm.tape.tape import Tape
from tests.exchange.streams import random_tape

MODELS = ("risk_averse", "power(3)", "power2(3)", "power3(3)", "log", "log2")
MOST_OFF = 1e-3
"""How far from a whole number of its units a float sum of the peer may lie."""


class Params(NamedTuple):
    """A spread around the mid that leans against the inventory."""

    half_spread: int  # half-ticks
    skew: int  # half-ticks a clip of inventory
    lots: int
    max_position_lots: int

    @property
    def quoter(self) -> SkewedSpread:
        """The same as a strategy of ours: multiples of a half are exact in float32."""
        return SkewedSpread(self.half_spread / 2, self.skew / 2, self.lots, self.max_position_lots)


class Run(NamedTuple):
    """What one engine says, as known at each decision; all [D]."""

    position: np.ndarray  # int64, lots
    trades: np.ndarray  # int64
    bid: (
        np.ndarray
    )  # int64, ticks of our open order after deciding, 0: none; the peer's −1 while a request is unanswered
    ask: np.ndarray  # int64
    cash: np.ndarray  # linear: int64, tick·lots received; inverse: float64, base currency received
    turnover: np.ndarray  # linear: int64, tick·lots; inverse: float64, base currency
    fee: np.ndarray  # float64, settlement currency paid


def our_run(tape: Tape, model: str, params: Params, latency: Latency) -> Run:
    """A backtest on the event engine; the cash of its fills is added up here."""
    result = backtest(
        tape,
        params.quoter,
        name="two quotes",
        latency=latency,
        model=FillModel.parse(model),
        max_position_lots=params.max_position_lots,
    )
    fills = result.fills
    value = fills.price * fills.qty
    if tape.instrument.kind == "inverse":
        one = tape.instrument
        value = one.contract_size * one.lot_size * fills.qty / (one.tick_size * fills.price)

    def known(values: np.ndarray) -> np.ndarray:
        """The sum over all fills known at each decision."""
        sums = np.zeros(tape.decisions, values.dtype)
        np.add.at(sums, fills.decision, values)
        return np.cumsum(sums)

    trades = known(np.ones(len(value), np.int64))
    cash, turnover, fee = (known(each) for each in (-fills.side * value, value, fills.fee))
    return Run(result.position, trades, result.bid, result.ask, cash, turnover, fee)


def peers_run(tape: Tape, ints: np.ndarray, floats: np.ndarray) -> Run:
    """The peer's records in whole units: `ints` int64 [D, 6], `floats` float64 [D, 3], see `peer_hftbacktest.py`.

    Raises `ValueError` where a sum of price × quantity is no whole number of ticks·lots, or where the peer saw another
    touch than the tape holds.
    """
    touch = np.asarray(tape.book_price[:, :, 0])
    if not np.array_equal(ints[:, 4:6], touch):
        k = int(np.argmax((ints[:, 4:6] != touch).any(axis=1)))
        raise ValueError(f"decision {k}: the peer saw the touch {ints[k, 4:6]}, the tape holds {touch[k]}")
    one = tape.instrument
    cash, turnover = floats[:, 1], floats[:, 2] / one.maker_fee
    if one.kind == "linear":
        unit = one.tick_size * one.lot_size * one.contract_size
        cash, turnover = _whole("balance", cash / unit), _whole("fee", turnover / unit)
    return Run(ints[:, 0], ints[:, 1], ints[:, 2], ints[:, 3], cash, turnover, floats[:, 2])


def _whole(what: str, units: np.ndarray) -> np.ndarray:
    rounded = np.rint(units)
    off = float(np.abs(units - rounded).max())
    if off > MOST_OFF:
        raise ValueError(f"the peer's {what} lies {off:g} units from a whole number")
    return rounded.astype(np.int64)


def difference(ours: Run, theirs: Run) -> str:
    """The first decision at which two runs differ, in words; nothing where they are equal."""
    first: dict[int, list[str]] = {}
    for name in Run._fields:
        a, b = getattr(ours, name), getattr(theirs, name)
        if name in ("bid", "ask"):  # a backtest sends nothing at its last decision
            a, b = a[:-1], b[:-1]
        same = a == b if np.issubdtype(b.dtype, np.integer) else np.isclose(a, b, rtol=1e-9, atol=1e-15)
        if not same.all():
            k = int(np.argmin(same))
            first.setdefault(k, []).append(f"{name} is {a[k]}, the peer's {b[k]}")
    return f"decision {min(first)}: {', '.join(first[min(first)])}" if first else ""


def tape_of_ties(seed: int, events: int = 20_000, decisions: int = 2_000) -> Tape:
    """A market made to disagree on: many events, decisions and arrivals share a time stamp, levels empty and sweep."""
    tape = random_tape(np.random.default_rng(seed), events, 25, decisions)
    best = np.zeros((events, 2), np.int32)
    book: tuple[set[int], set[int]] = (set(), set())
    for i, (code, price, qty, _) in enumerate(tape.event.tolist()):
        if code >= 2:
            (book[code - 2].add if qty else book[code - 2].discard)(price)
        best[i] = max(book[0], default=0), min(book[1], default=0)
    price = np.array(tape.book_price)
    for side in range(2):  # a side that is empty keeps the touch that it had, as on a tape of a recording
        shown = np.where(tape.book_qty[:, side, 0] > 0, np.arange(decisions), 0)
        price[:, side, 0] = price[np.maximum.accumulate(shown), side, 0]
    return replace(tape, best=best, book_price=price)
