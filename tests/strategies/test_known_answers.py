"""The formulas against the numbers of their papers; `tests/solve` holds what the exact solvers say of them."""

import numpy as np
import pytest

from jaxmm.strategies.avellaneda_stoikov import distances
from jaxmm.strategies.glft import asymptotic_distances

GLFT_PAPER = {"sigma": 0.3, "A": 0.9, "k": 0.3, "gamma": 0.01}


def test_avellaneda_stoikov_spread_and_reservation_price():
    bid, ask = distances(0, 1.0, 2.0, 1.5, 0.1, np)
    assert bid + ask == pytest.approx(1.690770423, abs=5e-10)
    assert sum(distances(0, 0.0, 2.0, 1.5, 0.1, np)) == pytest.approx(1.290770423, abs=5e-10)
    bid, ask = distances(1, 1.0, 2.0, 1.5, 0.1, np)
    assert 100 + (ask - bid) / 2 == pytest.approx(99.6)


@pytest.mark.parametrize(("q", "bid"), [(0, 3.312915199), (1, 3.380781031), (10, 3.991573524), (20, 4.670231849)])
def test_glft_asymptotic_distances_to_the_printed_digits(q, bid):
    assert asymptotic_distances(q, **GLFT_PAPER, xp=np)[0] == pytest.approx(bid, abs=6e-10)
    assert asymptotic_distances(-q, **GLFT_PAPER, xp=np)[1] == pytest.approx(bid, abs=6e-10)
