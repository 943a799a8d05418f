"""GLFT's exact solution: the reference page's table, and why it is found in float64 by sums of positive terms."""

import math

import numpy as np
import pytest
from scipy.linalg import expm

from jaxmm.markets.models import Glft
from jaxmm.solve.glft import GlftSolver
from jaxmm.solve.tridiagonal import _positive_exponential, endless, log_solutions
from tests.commands import answer, jaxmm, refusal

PAPER, WIDE = GlftSolver(Glft()), GlftSolver(Glft(Q=100))
SMALL = Glft(sigma=0.5, A=1.0, k=1.0, gamma=0.2, T=4.0, Q=3)


@pytest.mark.parametrize(
    ("q", "bid", "ask", "endless_bid", "asymptotic_bid"),
    [
        (0, 3.313045410, 3.313045410, 3.313045419, 3.312915199),
        (1, 3.381168074, 3.244919155, 3.381168101, 3.380781031),
        (10, 3.992932562, 2.632801993, 3.992932747, 3.991573524),
        (20, 4.665541985, 1.959199631, 4.665542334, 4.670231849),
    ],
)
def test_depths_come_out_to_the_printed_digits(q, bid, ask, endless_bid, asymptotic_bid):
    assert PAPER.table(np.zeros(1))[0, 30 + q] == pytest.approx((bid, ask), abs=6e-10)
    assert PAPER.ergodic()[1][30 + q, 0] == pytest.approx(endless_bid, abs=6e-10)
    assert PAPER.asymptotic()[30 + q, 0] == pytest.approx(asymptotic_bid, abs=6e-10)


def test_the_certainty_equivalent_comes_out_to_the_printed_digits():
    assert PAPER.certain(np.array([600.0]))[0, 30] == pytest.approx(1290.625095247, abs=6e-10)


def test_depths_stay_exact_where_values_span_forty_orders_of_magnitude():
    bids = WIDE.table(np.zeros(1))[0, :, 0]
    assert bids[100 + 65] == pytest.approx(7.459403276, abs=6e-10)
    assert bids[100 + 99] == pytest.approx(9.320167979, abs=6e-10)


def test_an_eigendecomposition_and_float32_lose_what_the_series_of_positive_terms_keeps():
    """v at q = 99 is 1e-41 of v at 0: below what eigenvectors resolve (1e-16) and what float32 holds (1e-38)."""
    penalty, eta = WIDE._system()
    exact = WIDE.certain(np.array([600.0]))[0] * WIDE.model.k
    assert exact[199] - exact[100] < math.log(1e-38)

    off = np.full(200, -eta)
    values, vectors = np.linalg.eigh(np.diag(penalty) + np.diag(off, 1) + np.diag(off, -1))
    by_eigenvectors = vectors @ (np.exp(-(values - values[0]) * 600) * vectors.sum(axis=0))
    ratios = exact[165:200] - exact[166:]
    with np.errstate(invalid="ignore"):
        found = np.log(by_eigenvectors[165:200] / by_eigenvectors[166:])
    assert not np.nanmax(np.abs(found - ratios)) < 0.1  # a depth off by a tenth of 1/k or more, or none at all

    v, steps = np.ones(201, np.float32), 60
    diagonal = ((penalty.max() - penalty) * 600 / steps).astype(np.float32)
    for _ in range(steps):
        v = _positive_exponential(v, diagonal, np.float32(eta * 600 / steps))
        v = v / v.max()
    assert v.dtype == np.float32
    assert v[100] > 0
    assert v[199] < np.finfo(np.float32).tiny  # gone: the bid at 99 would divide by nothing


def test_the_series_agrees_with_a_plain_matrix_exponential_where_that_is_exact():
    penalty, eta = GlftSolver(SMALL)._system()
    matrix = np.diag(-penalty) + eta * (np.eye(7, k=1) + np.eye(7, k=-1))
    taus, start = np.array([0.0, 0.01, 3.0]), np.linspace(-1, 1, 7)
    expected = [np.log(expm(matrix * tau) @ np.exp(start)) for tau in taus]
    assert log_solutions(penalty, eta, start, taus) == pytest.approx(np.array(expected), abs=1e-13)
    rate, log_v = endless(penalty, eta)
    v = np.exp(log_v)
    assert matrix @ v == pytest.approx(rate * v, abs=1e-14)


def test_integrating_the_optimal_policy_gives_its_certainty_equivalent():
    solver = GlftSolver(SMALL)
    assert solver.worth().certain == pytest.approx(solver.certain(np.array([4.0]))[0], abs=1e-11)


def test_moments_of_the_wealth_agree_with_fine_time_steps():
    """Euler steps of the chain's first two moments and of E[e^(−γW)], extrapolated to none."""
    solver = GlftSolver(SMALL)
    solution = solver.solve()
    coarse, fine = (np.array(_by_euler(solver, steps)) for steps in (1000, 2000))
    mean, sd, certain = 2 * fine - coarse
    assert solution.facts["mean_wealth"] == pytest.approx(mean, abs=1e-5)
    assert solution.sd == pytest.approx(sd, abs=1e-5)
    assert solution.J_star == pytest.approx(certain, abs=1e-5)


def _by_euler(solver, steps):
    m, dt = solver.model, solver.model.T / steps
    q = np.arange(-m.Q, m.Q + 1.0)
    first, second, utility = np.zeros(7), np.zeros(7), np.ones(7)
    table = np.nan_to_num(solver.table(np.arange(steps) * dt))
    for bid, ask in np.moveaxis(table[::-1], 2, 1):
        p_bid, p_ask = m.A * np.exp(-m.k * bid) * dt, m.A * np.exp(-m.k * ask) * dt
        p_bid[-1] = p_ask[0] = 0.0
        moves = ((1 - p_bid - p_ask, 0 * bid, 0), (p_bid, bid, -1), (p_ask, ask, 1))
        second = m.sigma**2 * q**2 * dt + sum(
            p * (earned**2 + 2 * earned * np.roll(first, roll) + np.roll(second, roll)) for p, earned, roll in moves
        )
        first = sum(p * (earned + np.roll(first, roll)) for p, earned, roll in moves)
        utility = sum(p * np.exp(-m.gamma * earned) * np.roll(utility, roll) for p, earned, roll in moves)
        utility = utility * np.exp(m.gamma**2 * m.sigma**2 * q**2 * dt / 2)
    return first[m.Q], np.sqrt(second - first**2)[m.Q], -np.log(utility[m.Q]) / m.gamma


def test_no_reference_policy_beats_the_optimum():
    solution = GlftSolver(SMALL).solve()
    others = [score.mean for name, score in solution.scores.items() if name != "optimal"]
    assert max(others) < solution.J_star
    assert solution.scores["ergodic"].mean > 0.95 * solution.J_star


def test_what_float64_has_no_number_for_and_no_risk_aversion_are_refused():
    assert "lower Q" in refusal(jaxmm("solve", "glft", "--set", "Q=2000", "--set", "sigma=3"))
    assert "gamma is 0" in refusal(jaxmm("solve", "glft", "--set", "gamma=0"))


def test_the_command_names_its_score_a_certainty_equivalent():
    settings = [word for name in ("T=2", "Q=3", "sigma=0.5") for word in ("--set", name)]
    said = answer(jaxmm("solve", "glft", *settings, "--json"))
    assert set(said["scores"]) == {"optimal", "ergodic", "asymptotic", "constant"}
    assert said["facts"]["mean_wealth"] > said["J_star"]
    assert said["facts"]["ergodic_bid_depth"][-1] is None
