"""Avellaneda & Stoikov's simulation, exactly: the four published rows and what their quotes are worth."""

import dataclasses

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.models import AvellanedaStoikov
from jaxmm.solve.avellaneda_stoikov import AvellanedaStoikovSolver, _binary, _normal
from tests.commands import answer, jaxmm, refusal

PUBLISHED = AvellanedaStoikov()


@pytest.mark.parametrize(
    ("gamma", "strategy", "profit", "sd", "sd_q"),
    [
        (0.1, "quotes", 64.8925, 6.5432, 2.9268),
        (0.1, "symmetric", 68.2228, 13.4558, 8.3994),
        (0.01, "quotes", 68.3996, 8.9606, 5.2125),
        (0.01, "symmetric", 68.6661, 13.6775, 8.7117),
    ],
)
def test_the_four_rows_come_out_to_the_printed_digits(gamma, strategy, profit, sd, sd_q):
    solver = AvellanedaStoikovSolver(dataclasses.replace(PUBLISHED, gamma=gamma))
    table = getattr(solver, strategy)()
    assert solver.score(table) == pytest.approx((profit, sd), abs=6e-5)
    assert solver.final_inventory_sd(table) == pytest.approx(sd_q, abs=6e-5)


def test_glft_s_quotes_are_worth_more_than_avellaneda_and_stoikov_s():
    solver = AvellanedaStoikovSolver(PUBLISHED)
    assert solver.certainty_equivalent(solver.quotes(), _normal) == pytest.approx(62.7871, abs=6e-5)
    assert solver.certainty_equivalent(solver.glft(), _normal) == pytest.approx(65.2365, abs=6e-5)


def test_the_command_says_the_spot_checks():
    said = answer(jaxmm("solve", "as-2008", "--json"))
    assert said["J_star"] == said["scores"]["inventory"]["J"] == pytest.approx(64.8925, abs=6e-5)
    assert said["facts"]["spread_at_start"] == pytest.approx(1.690770423, abs=6e-10)
    assert said["facts"]["spread_at_end"] == pytest.approx(1.290770423, abs=6e-10)
    assert said["facts"]["reservation_price_at_1"] == pytest.approx(99.6, abs=1e-12)


def test_every_path_of_two_steps_agrees_on_score_and_certainty_equivalent():
    solver = AvellanedaStoikovSolver(AvellanedaStoikov(N=2, T=0.02, gamma=0.3))
    table = np.random.default_rng(3).uniform(-1, 2, (2, 5, 2))
    table[1, 1, 1] = np.nan
    model = solver.model
    jump = model.sigma * np.sqrt(model.dt)
    paths = [(1.0, 0, 0.0)]  # probability, inventory, profit
    for depths in table:
        ahead = []
        for p, q, profit in paths:
            fill = np.nan_to_num(np.minimum(model.A * model.dt * np.exp(-model.k * depths[q + 2]), 1.0))
            for bought in (0, 1):
                for sold in (0, 1):
                    chance = (fill[0] if bought else 1 - fill[0]) * (fill[1] if sold else 1 - fill[1])
                    earned = np.nan_to_num(depths[q + 2]) @ (bought, sold)
                    held = q + bought - sold
                    ahead += [(p * chance / 2, held, profit + earned + held * move) for move in (jump, -jump)]
        paths = ahead
    p, _, profit = np.array(paths).T
    mean = p @ profit
    assert solver.score(table) == pytest.approx((mean, np.sqrt(p @ (profit - mean) ** 2)), abs=1e-13)
    certain = -np.log(p @ np.exp(-model.gamma * profit)) / model.gamma
    assert solver.certainty_equivalent(table, _binary) == pytest.approx(certain, abs=1e-13)


@pytest.mark.parametrize("gamma", [0.1, 3.0])
def test_no_change_of_the_best_quotes_raises_their_certainty_equivalent(gamma):
    solver = AvellanedaStoikovSolver(AvellanedaStoikov(N=12, T=0.06, gamma=gamma))
    best = solver.best_utility()
    value = solver.certainty_equivalent(best, _binary)
    for others in (solver.quotes(), solver.glft(), solver.symmetric()):
        assert solver.certainty_equivalent(others, _binary) < value
    random = np.random.default_rng(4)
    for size in (1e-3, 0.1, 1.0):
        for _ in range(20):
            assert solver.certainty_equivalent(best + random.normal(0, size, best.shape), _binary) < value


def test_a_wrong_table_and_no_risk_aversion_are_refused():
    with pytest.raises(InputError, match=r"shape \(200, 401, 2\)"):
        AvellanedaStoikovSolver(PUBLISHED).score(np.zeros((200, 201, 2)))
    assert "gamma is 0" in refusal(jaxmm("solve", "as", "--set", "gamma=0"))
