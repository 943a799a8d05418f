"""The published tabular benchmark: every row of the reference page, and the optimum on its grid."""

import dataclasses

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.models import Spm
from jaxmm.solve.spm import SpmSolver


@pytest.mark.parametrize(
    ("name", "mean", "sd"),
    [
        ("cj", 0.132556, 0.070852),
        ("cj_rounded", 0.128127, 0.075779),
        ("constant", 0.098304, 0.079144),
        ("random", 0.062704, 0.095447),
    ],
)
def test_the_benchmark_s_strategies_come_out_to_the_printed_digits(name, mean, sd):
    score = SpmSolver(Spm()).solve().scores[name]
    assert score.mean == pytest.approx(mean, abs=6e-7)
    assert score.sd == pytest.approx(sd, abs=6e-7)


def test_the_optimum_on_the_grid_is_the_printed_one_and_scores_it():
    solver = SpmSolver(Spm())
    solution = solver.solve()
    assert solution.J_star == pytest.approx(0.129729069, abs=6e-10)
    table = np.stack([solution.policy.actions["bid_ticks"], solution.policy.actions["ask_ticks"]], axis=2)
    assert set(np.unique(table)) <= {0, 1, 2, 3}
    assert solver.score(table).mean == solution.J_star


def test_one_step_of_one_unit_is_what_pencil_and_paper_give():
    """T=1, Q=1: quotes at one tick a side, no running penalty, liquidation costs α."""
    model = Spm(T=1, Q=1, alpha=0.003, phi=7.0)
    p = np.exp(-1.0)
    count = np.array([np.exp(-p) * p**i / np.prod(np.arange(1.0, i + 1)) for i in range(30)])
    pairs = sum(count[i] * count[j] * min(i, j) for i in range(30) for j in range(30))
    moved = 1 - count @ count
    expected = 0.02 * pairs + moved * (0.01 - 0.003)
    assert SpmSolver(model).score(np.ones((1, 3, 2))).mean == pytest.approx(expected, abs=1e-14)


def test_ticks_are_rounded_and_clipped_and_nan_is_no_quote():
    solver = SpmSolver(Spm(T=3))
    table = np.full((3, 7, 2), 3.0)
    assert solver.score(table + 9) == solver.score(table) == solver.score(table - 0.4)
    assert solver.score(np.full_like(table, np.nan)) == (0.0, 0.0)
    with pytest.raises(InputError, match=r"shape \(3, 7, 2\)"):
        solver.score(table[0])


def test_the_mid_s_rounding_adds_a_twelfth_of_a_tick_squared():
    """Noise of a held unit: with σ of many ticks the sum of both variances (Sheppard's correction)."""
    model = dataclasses.replace(Spm(), T=1, lam=0.0, sigma=0.05)
    outcomes = SpmSolver(model)._outcomes(np.full((7, 2), np.nan), 0)
    assert outcomes.noise[6, 0] == pytest.approx(3 * 0.01 * np.sqrt(25 + 1 / 12), rel=1e-9)
