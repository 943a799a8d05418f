"""Cartea & Jaimungal's continuous optimum: the reference page's rows, and the same found by integrating its policy."""

import numpy as np
import pytest
from scipy.linalg import expm

from jaxmm.errors import InputError
from jaxmm.markets.models import CarteaJaimungal, CarteaJaimungalSteps
from jaxmm.solve.cartea_jaimungal import CarteaJaimungalSolver
from jaxmm.solve.cj_steps import CarteaJaimungalStepsSolver
from tests.commands import answer, jaxmm

WIDE = CarteaJaimungal(T=1, Q=100, lam=140, kappa=1.5, phi=0.01, alpha=0.001)
NARROW = CarteaJaimungal(T=1, Q=10, lam=40, kappa=1.5, phi=0.5, alpha=0.1)


@pytest.mark.parametrize(
    ("model", "worth", "rate", "at_0", "bid_at_1", "ask_at_1"),
    [
        (WIDE, 68.255834762, 68.085490401, 0.672137149, 0.683077783, 0.661196185),
        (NARROW, 17.393340110, 17.437210903, 0.745303429, 0.901365619, 0.588029904),
    ],
)
def test_both_rows_come_out_to_the_printed_digits(model, worth, rate, at_0, bid_at_1, ask_at_1):
    solver = CarteaJaimungalSolver(model)
    bid, ask = solver.table(np.zeros(1))[0].T
    assert solver.values(np.array([model.T]))[0, model.Q] == pytest.approx(worth, abs=6e-10)
    assert solver.ergodic()[0] == pytest.approx(rate, abs=6e-10)
    assert (bid[model.Q], ask[model.Q]) == pytest.approx((at_0, at_0), abs=6e-10)
    assert (bid[model.Q + 1], ask[model.Q + 1]) == pytest.approx((bid_at_1, ask_at_1), abs=6e-10)


def test_integrating_the_optimal_policy_gives_the_optimal_value():
    solver = CarteaJaimungalSolver(NARROW)
    assert solver.worth().mean == pytest.approx(solver.values(np.ones(1))[0], abs=1e-9)


@pytest.mark.parametrize("alpha", [1.0, 100.0])
def test_a_maker_who_must_end_flat_is_integrated_to_its_end(alpha):
    """At the end it quotes far through the mid, so steps there are as short as need be."""
    solver = CarteaJaimungalSolver(CarteaJaimungal(alpha=alpha, Q=4))
    assert solver.table(np.ones(1))[0, 8, 1] < -6 * alpha
    assert solver.worth().mean == pytest.approx(solver.values(np.ones(1))[0], abs=1e-6)


def test_both_moments_are_the_limit_of_ever_finer_steps():
    """Error O(dt): halving dt twice and extrapolating leaves the continuous answer."""
    mild = {"Q": 4, "lam": 20.0, "phi": 0.1, "alpha": 0.01}  # no depth is below zero, which steps do not allow
    steps = [CarteaJaimungalStepsSolver(CarteaJaimungalSteps(N=n, d_max=9.0, **mild)) for n in (100, 200, 400)]
    scores = [solver.score(np.stack(solver.optimum(), axis=2)) for solver in steps]
    solution = CarteaJaimungalSolver(CarteaJaimungal(**mild)).solve()
    for exact, coarse, middle, fine in zip((solution.J_star, solution.sd), *scores, strict=True):
        extrapolated = (8 * fine - 6 * middle + coarse) / 3
        assert extrapolated == pytest.approx(exact, abs=2e-5)


def test_held_quotes_score_what_the_matrix_exponential_gives():
    model = CarteaJaimungal(Q=2)
    table = np.random.default_rng(2).uniform(0, 2, (3, 5, 2))
    table[0, 1, 0] = np.nan
    q = np.arange(-2.0, 3)
    mean = -model.alpha * q**2
    for depths in table[::-1]:
        bid, ask = np.nan_to_num(model.lam * np.exp(-model.kappa * depths)).T
        bid[-1] = ask[0] = 0.0
        generator = np.diag(bid[:-1], 1) + np.diag(ask[1:], -1) - np.diag(bid + ask)
        earned = bid * np.nan_to_num(depths[:, 0]) + ask * depths[:, 1] - model.phi * q**2
        system = np.zeros((6, 6))
        system[:5, :5], system[:5, 5] = generator, earned
        mean = (expm(system * model.T / 3) @ np.append(mean, 1.0))[:5]
    assert CarteaJaimungalSolver(model).score(table).mean == pytest.approx(mean[2], abs=1e-8)


def test_no_reference_policy_beats_the_optimum_and_the_ergodic_one_is_close():
    solution = CarteaJaimungalSolver(NARROW).solve()
    assert solution.scores["constant"].mean < solution.scores["ergodic"].mean < solution.J_star
    assert solution.scores["ergodic"].mean > 0.99 * solution.J_star


def test_no_quote_and_an_endlessly_deep_one_are_the_same():
    solver, table = CarteaJaimungalSolver(CarteaJaimungal(Q=2)), np.full((2, 5, 2), 0.5)
    table[1, 2, 0] = np.nan
    nowhere = np.where(np.isnan(table), np.inf, table)
    assert solver.score(table) == solver.score(nowhere) != solver.score(np.nan_to_num(table))


def test_a_quote_far_through_the_mid_and_a_wrong_table_are_refused():
    solver = CarteaJaimungalSolver(NARROW)
    with pytest.raises(InputError, match="fills too often"):
        solver.score(np.full((1, 21, 2), -20.0))
    with pytest.raises(InputError, match="lam is 0"):
        CarteaJaimungalSolver(CarteaJaimungal(lam=0))
    with pytest.raises(InputError, match=r"shape \(N, 21, 2\)"):
        solver.score(np.zeros((5, 11, 2)))


def test_the_command_prints_the_long_run_rate():
    said = answer(jaxmm("solve", "cj", "--json"))
    assert said["J_star"] == pytest.approx(17.393340110, abs=6e-10)
    assert said["facts"]["ergodic_rate"] == pytest.approx(17.437210903, abs=6e-10)
    assert set(said["scores"]) == {"optimal", "ergodic", "constant"}
