import dataclasses
from itertools import product

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.models import Triangle
from jaxmm.solve.triangle import ACTIONS, TriangleSolver


@pytest.fixture(scope="module")
def solved():
    return TriangleSolver(Triangle()).solve()


def test_without_hedging_the_dealer_is_worth_the_published_number(solved):
    assert round(solved.scores["never_hedge"].mean, 9) == 24.488689377


def test_hedging_is_worth_more_and_the_direct_pair_more_still(solved):
    means = [solved.scores[name].mean for name in ("never_hedge", "dollar_pairs_only", "optimal")]
    assert means[0] < means[1] < means[2]
    assert solved.J_star == pytest.approx(means[2], abs=1e-9)


def test_long_one_and_short_the_other_is_hedged_in_their_own_pair(solved):
    """At (6, −6) one ETHBTC moves both at .55, the two dollar pairs at .70."""
    hedges = solved.facts["hedges_long_btc_short_eth"]
    assert hedges[2] > 0
    assert hedges[:2] == [0, 0]
    first = {name: solved.policy.actions[name][0] for name in ACTIONS[:3]}
    mirrored = (solved.policy.states["x"] == -6) & (solved.policy.states["y"] == 6)
    assert [float(first[name][mirrored][0]) for name in ACTIONS[:3]] == [0, 0, -hedges[2]]


def test_brute_force_over_every_hedge_quote_and_client_agrees():
    """The definition read aloud, without the separation of the six quotes."""
    model = Triangle(N=2, Q=1, U=1, lam=(0.4, 0.3, 0.5), quotes=(0.25, 1.0), psi=(0.1, 0.15, 0.12), alpha=0.9, phi=0.2)
    moves = {0: (1, 0), 1: (0, 1), 2: (-1, 1)}

    def value(n: int, x: int, y: int) -> float:
        if n == model.N:
            return -model.alpha * (x**2 + y**2)
        best = -np.inf
        for hedges in product((-1, 0, 1), repeat=3):
            hx = x + sum(u * moves[p][0] for p, u in enumerate(hedges))
            hy = y + sum(u * moves[p][1] for p, u in enumerate(hedges))
            if max(abs(hx), abs(hy)) <= model.Q:
                cost = sum(model.psi[p] * abs(u) + model.eta * u**2 for p, u in enumerate(hedges))
                best = max(best, max(served(n, hx, hy, depths) for depths in product(model.quotes, repeat=6)) - cost)
        return best

    def served(n: int, x: int, y: int, depths: tuple[float, ...]) -> float:
        total, left = 0.0, 1.0
        for place, depth in enumerate(depths):
            pair, sign = place // 2, 1 - 2 * (place % 2)
            ax, ay = x + sign * moves[pair][0], y + sign * moves[pair][1]
            if max(abs(ax), abs(ay)) <= model.Q:
                p = model.lam[pair] * model.dt / (1 + np.exp(model.a + model.b * depth))
                total, left = total + p * (depth + held(n, ax, ay)), left - p
        return total + left * held(n, x, y)

    known = {}

    def held(n: int, x: int, y: int) -> float:
        if (n, x, y) not in known:
            one, two = model.sigma
            risk = one**2 * x**2 + 2 * model.rho * one * two * x * y + two**2 * y**2
            known[n, x, y] = value(n + 1, x, y) - model.phi * model.dt * risk
        return known[n, x, y]

    assert TriangleSolver(model).solve().J_star == pytest.approx(value(0, 0, 0), abs=1e-12)


def test_hedges_that_leave_the_box_are_not_done():
    solver = TriangleSolver(dataclasses.replace(Triangle(), N=3, Q=1, lam=(0.1, 0.1, 0.1)))
    stay = np.full((3, 9, 9), np.nan)
    stay[..., :3] = 0
    leave = stay.copy()
    leave[:, solver.states[:, 0] == 1, 0] = 1
    assert np.array_equal(solver.moments(leave).mean, solver.moments(stay).mean)
    assert solver.score(stay) == (0, 0)


def test_a_step_with_more_than_one_client_is_refused():
    with pytest.raises(InputError, match="give a larger N or less lam"):
        TriangleSolver(Triangle(N=10))
    with pytest.raises(InputError, match="a correlation is within"):
        TriangleSolver(Triangle(rho=1.1))
    with pytest.raises(InputError, match="two of sigma"):
        TriangleSolver(dataclasses.replace(Triangle(), sigma=(1.0,)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"they must be \(100, 169, 9\)"):
        TriangleSolver(Triangle()).score(np.zeros((100, 169, 3)))
