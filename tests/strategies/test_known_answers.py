"""The formulas against the published and exactly computed numbers of their papers."""

import numpy as np
import pytest

from jaxmm.strategies.avellaneda_stoikov import distances
from jaxmm.strategies.glft import asymptotic_distances
from jaxmm.strategies.glft_exact import solve

GLFT_PAPER = {"sigma": 0.3, "A": 0.9, "k": 0.3, "gamma": 0.01}


def test_avellaneda_stoikov_spread_and_reservation_price():
    bid, ask = distances(0, 1.0, 2.0, 1.5, 0.1, np)
    assert bid + ask == pytest.approx(1.690770423, abs=5e-10)
    assert sum(distances(0, 0.0, 2.0, 1.5, 0.1, np)) == pytest.approx(1.290770423, abs=5e-10)
    bid, ask = distances(1, 1.0, 2.0, 1.5, 0.1, np)
    assert 100 + (ask - bid) / 2 == pytest.approx(99.6)


@pytest.mark.parametrize(
    ("gamma", "follows_inventory", "profit", "std", "std_q"),
    [
        (0.1, True, 64.8925, 6.5432, 2.9268),
        (0.1, False, 68.2228, 13.4558, 8.3994),
        (0.01, True, 68.3996, 8.9606, 5.2125),
        (0.01, False, 68.6661, 13.6775, 8.7117),
    ],
)
def test_avellaneda_stoikov_earns_what_its_simulation_says_exactly(gamma, follows_inventory, profit, std, std_q):
    """Backward recursion over (step, inventory) for the first two moments of the profit, forward for q."""
    sigma, k, rate, dt, steps, limit = 2.0, 1.5, 140.0, 0.005, 200, 100
    q = np.arange(-limit, limit + 1)
    spreads = [sum(distances(0, 1 - n * dt, sigma, k, gamma, np)) for n in range(steps)]

    def step(n):
        bid, ask = distances(q, 1 - n * dt, sigma, k, gamma, np)
        if not follows_inventory:
            bid = ask = np.full(len(q), np.mean(spreads) / 2)
        p_bid, p_ask = (np.minimum(rate * np.exp(-k * depth) * dt, 1) for depth in (bid, ask))
        p_bid, p_ask = np.where(q == limit, 0, p_bid), np.where(q == -limit, 0, p_ask)
        yield 0, 0.0 * bid, (1 - p_bid) * (1 - p_ask)
        yield 1, bid, p_bid * (1 - p_ask)
        yield -1, ask, (1 - p_bid) * p_ask
        yield 0, bid + ask, p_bid * p_ask

    mean, square = np.zeros(len(q)), np.zeros(len(q))
    for n in reversed(range(steps)):
        next_mean, next_square = np.zeros(len(q)), np.zeros(len(q))
        for shift, earned, probability in step(n):
            after_mean, after_square = np.roll(mean, -shift), np.roll(square, -shift)
            mid_variance = (q + shift) ** 2 * sigma**2 * dt
            next_mean += probability * (earned + after_mean)
            next_square += probability * (earned**2 + 2 * earned * after_mean + after_square + mid_variance)
        mean, square = next_mean, next_square
    chance = (q == 0).astype(float)
    for n in range(steps):
        chance = sum(np.roll(probability * chance, shift) for shift, _, probability in step(n))
    assert mean[limit] == pytest.approx(profit, abs=6e-5)
    assert np.sqrt(square[limit] - mean[limit] ** 2) == pytest.approx(std, abs=6e-5)
    assert np.sqrt(chance @ q**2) == pytest.approx(std_q, abs=6e-5)


@pytest.mark.parametrize(
    ("q", "bid", "ask", "endless", "asymptotic"),
    [
        (0, 3.313045410, 3.313045410, 3.313045419, 3.312915199),
        (1, 3.381168074, 3.244919155, 3.381168101, 3.380781031),
        (10, 3.992932562, 2.632801993, 3.992932747, 3.991573524),
        (20, 4.665541985, 1.959199631, 4.665542334, 4.670231849),
    ],
)
def test_glft_distances_to_the_printed_digits(q, bid, ask, endless, asymptotic):
    near = solve(**GLFT_PAPER, horizon_s=600, max_clips=30)
    assert near.inventory[30 + q] == q
    assert near.bid_distance[30 + q] == pytest.approx(bid, abs=6e-10)
    assert near.ask_distance[30 + q] == pytest.approx(ask, abs=6e-10)
    far = solve(**GLFT_PAPER, horizon_s=20_000, max_clips=30)
    assert far.bid_distance[30 + q] == pytest.approx(endless, abs=6e-10)
    assert asymptotic_distances(q, **GLFT_PAPER, xp=np)[0] == pytest.approx(asymptotic, abs=6e-10)


def test_glft_certainty_equivalent():
    assert solve(**GLFT_PAPER, horizon_s=600, max_clips=30).certainty_equivalent[30] == pytest.approx(
        1290.625095247, abs=6e-10
    )


def test_glft_stays_exact_where_values_span_forty_orders_of_magnitude():
    wide = solve(**GLFT_PAPER, horizon_s=600, max_clips=100)
    assert wide.bid_distance[100 + 65] == pytest.approx(7.459403276, abs=6e-10)
    assert wide.bid_distance[100 + 99] == pytest.approx(9.320167979, abs=6e-10)
