"""Profit of what is held, against its average entry."""

from decimal import Decimal

import pytest

from jaxmm.instrument import Instrument
from jaxmm.live.messages import ASK, BID, Account, Fill
from jaxmm.live.orders.ledger import Ledger

LINEAR = Instrument("v", "S", 0.5, 0.01, base="B", quote="Q")
INVERSE = Instrument("v", "S", 0.5, 1.0, kind="inverse", contract_size=100.0, base="B", quote="Q")


def ledger(instrument, fills, start=0):
    one = Ledger(instrument)
    one.begin(Account({}, start, 0))
    for i, (side, price, lots) in enumerate(fills):
        one.on_fill(Fill(str(i), "c", "v", side, price, lots, Decimal(0), "Q", Decimal(0), True, 0, 0))
    return one


@pytest.mark.parametrize(
    ("fills", "mark", "profit"),
    [
        ([(BID, 200, 10)], "110", "1.0"),  # 0.1 bought at 100
        ([(BID, 200, 10), (BID, 240, 10)], "110", "0"),  # 0.2 at 110 on average
        ([(BID, 200, 10), (ASK, 300, 4)], "110", "0.6"),  # what is sold takes its part of the entry along
        ([(BID, 200, 10), (ASK, 300, 14)], "110", "1.6"),  # turned round: 0.04 sold at 150
        ([(BID, 200, 10), (ASK, 300, 10)], "110", "0"),
        ([(ASK, 200, 10), (BID, 180, 5)], "110", "-0.5"),
    ],
)
def test_of_a_linear_contract(fills, mark, profit):
    assert ledger(LINEAR, fills).unrealized(Decimal(mark)) == Decimal(profit)


def test_of_an_inverse_contract_in_its_base_coin():
    held = ledger(INVERSE, [(BID, 200, 3), (ASK, 400, 1)])
    assert held.unrealized(Decimal(200)) == 2 * 100 * (Decimal(1) / 100 - Decimal(1) / 200)


def test_what_was_held_before_the_beginning_is_not_in_it():
    assert ledger(LINEAR, [(ASK, 200, 10)], start=10).unrealized(Decimal(110)) == Decimal("-1.0")


def test_it_survives_a_state():
    before, after = ledger(LINEAR, [(BID, 200, 10), (ASK, 300, 4)]), Ledger(LINEAR)
    after.restore(before.to_body())
    assert after.unrealized(Decimal(110)) == before.unrealized(Decimal(110)) == Decimal("0.6")
