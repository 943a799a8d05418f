"""An order that takes several levels is booked at each level's own price, in either kind of money."""

import dataclasses
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.metrics import decompose
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.instrument import Instrument
from jaxmm.policy.types import Quotes
from jaxmm.tape.tape import Code, Tape

LINEAR = Instrument("v", "X", tick_size=0.5, lot_size=1.0, taker_fee=0.001)
INVERSE = dataclasses.replace(LINEAR, kind="inverse", contract_size=100.0, base="X")
MS = 10**6
LEVELS = {Code.BID_DEPTH: [(100, 3), (99, 4), (90, 20)], Code.ASK_DEPTH: [(102, 2), (105, 4), (150, 20)]}


class Takes(NamedTuple):
    """Bids for 12 at any price at the first decision, then sells what it holds."""

    def quote(self, view, xp):
        flat = view.position_lots == 0
        return Quotes(xp.int32(200), xp.int32(12) * flat, xp.int32(201), xp.int32(0), ~flat)


def tape(instrument: Instrument) -> Tape:
    """A book that stands still for a second."""
    rows = [(int(code), price, qty, 0) for code, levels in LEVELS.items() for price, qty in levels]
    times = np.arange(1, 11) * 100 * MS
    book = np.array([[[p for p, _ in levels] for levels in LEVELS.values()]])
    qty = np.array([[[q for _, q in levels] for levels in LEVELS.values()]])
    return Tape.from_arrays(
        instrument,
        ts_ns=times,
        book_price=np.repeat(book, len(times), axis=0),
        book_qty=np.repeat(qty, len(times), axis=0),
        exch_ts=np.zeros(len(rows)),
        event=rows,
        best=np.repeat([[100, 102]], len(rows), axis=0),
    )


@pytest.mark.parametrize("instrument", [LINEAR, INVERSE])
def test_every_level_taken_is_a_fill_at_its_own_price(instrument):
    result = backtest(
        tape(instrument),
        Takes(),
        name="takes",
        latency=Latency(10 * MS, 10 * MS),
        model=FillModel(),
        max_position_lots=20,
        order_type=OrderType.GTC,
    )
    fills = result.fills
    rows = [(int(s), int(p), int(q)) for s, p, q in zip(fills.side, fills.price, fills.qty, strict=True)]
    bought, sold = [(1, 102, 2), (1, 105, 4), (1, 150, 6)], [(-1, 100, 3), (-1, 99, 4), (-1, 90, 5)]
    assert sorted(rows[:3]) == bought
    assert sorted(rows[3:6]) == sorted(sold)
    assert (fills.ts_ns[:3] == 110 * MS).all()

    def worth(price):
        return -Fraction(100) / (Fraction(price) / 2) if instrument.kind == "inverse" else Fraction(price) / 2

    first = [row for k, row in zip(fills.decision.tolist(), rows, strict=True) if k <= 3]
    closed = -sum(side * qty * worth(price) for side, price, qty in first)
    gross = int(result.pnl[:4].sum()) * result.unit
    held = int(result.position[3]) * worth(101)
    assert abs(gross - closed - held) <= result.unit * sum(qty for *_, qty in first)
    fee = sum(qty * abs(worth(price)) for _, price, qty in rows) / 1000
    assert decompose(result).taker_fees == pytest.approx(float(fee), rel=1e-12)
