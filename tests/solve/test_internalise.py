import dataclasses

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.models import Internalise, model_of
from jaxmm.solve.internalise import InternaliseSolver, no_hedge_zone

PUBLISHED = {
    "int-dt": {"optimal": 31.955762, "never_hedge": 31.511156, "always_hedge": 17.430999},
    "int-dt-b": {"optimal": 14.555429302, "never_hedge": 12.801689225, "always_hedge": 12.145083573},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_dealer_is_worth_the_published_numbers_to_their_last_digit(name):
    solution = InternaliseSolver(model_of(name)).solve()
    digits = 6 if name == "int-dt" else 9
    assert {policy: round(score.mean, digits) for policy, score in solution.scores.items()} == PUBLISHED[name]
    assert solution.J_star == pytest.approx(solution.scores["optimal"].mean, abs=1e-9)
    assert solution.sd == solution.scores["optimal"].sd


def test_brute_force_over_every_outcome_of_a_tiny_dealer_agrees():
    """The definition read aloud: no arrays, no rearrangement, every action and every outcome in turn."""
    model = Internalise(N=3, Q=2, U=1, lam=1.5, phi=0.7, psi=0.15, eta=0.03, alpha=0.4, quotes=(-0.5, 0.5, 1.25))

    def value(n: int, q: int) -> float:
        if n == model.N:
            return -model.alpha * q**2
        best = -np.inf
        for u in range(-model.U, model.U + 1):
            if abs(q + u) > model.Q:
                continue
            for bid in model.quotes:
                for ask in model.quotes:
                    total = -model.psi * abs(u) - model.eta * u**2
                    for client_sells in (0, 1):
                        for client_buys in (0, 1):
                            p = chance(client_sells, bid, q + u < model.Q) * chance(client_buys, ask, q + u > -model.Q)
                            if p:
                                after = q + u + client_sells - client_buys
                                gain = client_sells * bid + client_buys * ask - model.phi * model.dt * after**2
                                total += p * (gain + value(n + 1, after))
                    best = max(best, total)
        return best

    def chance(comes: int, depth: float, allowed: bool) -> float:
        p = model.lam * model.dt / (1 + np.exp(model.a + model.b * depth)) if allowed else 0.0
        return p if comes else 1 - p

    assert InternaliseSolver(model).solve().J_star == pytest.approx(value(0, 0), abs=1e-12)


def test_no_other_policy_beats_the_optimum():
    solver = InternaliseSolver(dataclasses.replace(model_of("int-dt-b"), N=40))
    best = solver.plan()
    rng = np.random.default_rng(0)
    for _ in range(20):
        changed = best.actions.copy()
        rows = rng.random(changed.shape[:2]) < 0.05
        changed[rows] += rng.choice([-1.0, -0.25, 0.25, 1.0], (rows.sum(), 3))
        assert solver.score(changed).mean < best.value[0, solver.model.Q]


def width(**changes: float) -> int:
    """Of the no-hedge zone half way through the horizon."""
    model = dataclasses.replace(model_of("int-dt-b"), **changes)
    facts = InternaliseSolver(model).solve().facts
    return facts["no_hedge_high"][model.N // 2] - facts["no_hedge_low"][model.N // 2]


def test_the_no_hedge_zone_widens_with_the_cost_of_a_hedge():
    widths = [width(psi=psi) for psi in (0.0, 0.2, 0.4, 0.8, 1.6)]
    assert widths == sorted(widths)
    assert len(set(widths)) >= 4
    square = [width(eta=eta) for eta in (0.0, 0.05, 0.2, 0.5)]
    assert square == sorted(square)
    assert square[0] < square[-1]


def test_the_no_hedge_zone_widens_with_client_flow():
    widths = [width(lam=lam) for lam in (5.0, 15.0, 30.0, 60.0, 120.0)]
    assert widths == sorted(widths)
    assert widths[0] < widths[2] < widths[-1]


def test_the_zone_is_what_is_left_alone_around_flat():
    hedge = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, -1], [1, 1, 0, -1, 0]])
    low, high = no_hedge_zone(hedge)
    assert low.tolist() == [-1, 0, 0]
    assert high.tolist() == [2, 1, 0]


def test_a_score_takes_hedges_and_quotes_that_the_model_allows():
    solver = InternaliseSolver(Internalise(N=5, Q=3, U=2, lam=3.0))
    wild = np.broadcast_to([99.0, -7.0, np.inf], (5, 7, 3))
    tame = np.broadcast_to([2.0, -0.5, 2.5], (5, 7, 3))
    assert solver.score(wild) == solver.score(tame)
    silent = np.broadcast_to([0.0, np.nan, np.nan], (5, 7, 3))
    assert solver.score(silent) == (0, 0)


def test_wrong_actions_are_refused_in_a_sentence():
    solver = InternaliseSolver(Internalise(N=5, Q=3))
    with pytest.raises(InputError, match=r"shape \(5, 3\); they must be \(5, 7, 3\)"):
        solver.score(np.zeros((5, 3)))
    with pytest.raises(InputError, match="hedge is not a finite number"):
        solver.score(np.full((5, 7, 3), np.nan))
    with pytest.raises(InputError, match="give at least one depth"):
        InternaliseSolver(Internalise(quotes=()))
