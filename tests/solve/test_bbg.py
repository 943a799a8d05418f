import dataclasses
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from jaxmm.errors import InputError
from jaxmm.markets.models import Bbg, model_of
from jaxmm.solve import bbg
from jaxmm.solve.bbg import BbgSolver, problem_of
from jaxmm.solve.chain import Outcomes, evaluate

SMALL = Bbg(
    z=(1.0, 2.0), lam0=(2000.0, 900.0), Q=6.0, T=0.002, eta=3.0, psi=0.1, gamma=0.02
)  # small enough to follow by other means


@pytest.fixture(scope="module")
def solved():
    return BbgSolver(Bbg()).solve()


def test_the_paper_s_numbers_come_out_to_their_last_digit(solved):
    facts = solved.facts
    assert round(facts["xi"], 3) == 15575.488
    assert round(facts["c"], 6) == 1.567143
    assert round(facts["delta0"], 6) == 0.223878
    assert f"{facts['A0']:.6e}" == "8.958477e-03"
    assert round(facts["omega"], 3) == 558.131
    assert round(facts["spread"], 6) == 0.460563


def test_the_dealer_internalises_up_to_the_published_inventory(solved):
    assert solved.facts["threshold"] == pytest.approx(12.77, abs=0.02)
    inventory, hedge = solved.policy.states["inventory"], solved.policy.actions["hedge"][0]
    assert (hedge[np.abs(inventory) <= 12] == 0).all()
    assert (hedge[inventory >= 14] < 0).all()
    np.testing.assert_allclose(hedge, -hedge[::-1])


def test_without_impact_he_hedges_sooner():
    problem = problem_of(model_of("bbg", {"k": 0}))
    value = bbg._value(problem, lambda value: bbg.optimal(problem, value), np.zeros(201), 0.02)(0.02)
    assert round(bbg.threshold(problem, value), 3) == 9.998


def test_hedging_is_worth_something_and_the_table_nearly_all_of_it(solved):
    assert solved.scores["never_hedge"].mean < solved.J_star
    table = np.stack(list(solved.policy.actions.values()), axis=2)
    assert 0.99 * solved.J_star < BbgSolver(Bbg()).score(table).mean < solved.J_star


def test_two_equal_tiers_are_one(solved):
    halves = tuple(rate / 2 for rate in Bbg().lam0) * 2
    problem, split = problem_of(Bbg()), problem_of(Bbg(lam0=halves, a=(-1.0, -1.0), b=(7.0, 7.0)))
    value = -((0.05 * problem.inventory) ** 2)
    at, apart = bbg.optimal(problem, value), bbg.optimal(split, value)
    np.testing.assert_allclose(apart.depth[:12], at.depth)
    np.testing.assert_allclose(apart.depth[12:], at.depth)
    np.testing.assert_allclose(bbg.gain(split, apart, value), bbg.gain(problem, at, value))


def test_a_tier_that_minds_the_price_less_pays_more():
    solution = BbgSolver(dataclasses.replace(SMALL, lam0=SMALL.lam0 * 2, a=(-1.0, -1.0), b=(7.0, 4.0))).solve()
    flat = 6
    assert list(solution.policy.actions)[:3] == ["hedge", "bid_depth_1_tier_1", "ask_depth_1_tier_1"]
    depths = {name: table[0, flat] for name, table in solution.policy.actions.items()}
    assert depths["bid_depth_1_tier_2"] > depths["bid_depth_1_tier_1"] + 0.1


def test_quotes_are_the_best_there_are():
    """Against a plain search over the depth; and the gain is that of the Hamiltonian's closed form."""
    problem = problem_of(SMALL)
    value = -0.02 * problem.inventory**2 + 0.01 * problem.inventory
    at = bbg.optimal(problem, value)
    for kind, q in ((0, 3), (1, 9), (2, 1), (3, 7)):
        size, after = problem.size[kind], q + problem.move[kind]
        price = (value[q] - value[after]) / size
        rate = lambda depth: problem.lam0[kind] / (1 + math.exp(-1 + 7 * depth))  # noqa: B023, E731
        best = minimize_scalar(lambda d: -rate(d) * (d - price), bounds=(-1, 2), options={"xatol": 1e-10})  # noqa: B023
        assert at.depth[kind, q] == pytest.approx(best.x, abs=1e-6)
        assert at.rate[kind, q] == pytest.approx(rate(at.depth[kind, q]))


def test_no_other_hedge_gains_more():
    problem = problem_of(dataclasses.replace(SMALL, k=0.02))
    value = -0.1 * problem.inventory**2
    at = bbg.optimal(problem, value)
    best = bbg.gain(problem, at, value)
    assert np.abs(at.hedge).max() > 0
    for other in (0.0, 0.9 * at.hedge, 1.1 * at.hedge, at.hedge + 500, at.hedge - 500):
        tried = bbg.taken(problem, np.broadcast_to(other, at.hedge.shape), at.depth)
        assert (bbg.gain(problem, tried, value) <= best + 1e-9).all()


def test_the_generator_is_the_derivative_of_the_gain():
    problem = problem_of(SMALL)
    value = -0.08 * problem.inventory**2 + 0.02 * problem.inventory
    matrix = bbg.generator(problem, bbg.optimal(problem, value))
    for state in range(len(value)):
        bump = 1e-6 * (np.arange(len(value)) == state)
        gains = [bbg.gain(problem, bbg.optimal(problem, moved), moved) for moved in (value + bump, value - bump)]
        np.testing.assert_allclose(matrix[:, state], (gains[0] - gains[1]) / 2e-6, atol=1e-3)


def test_mean_and_deviation_are_those_of_a_chain_in_small_steps():
    """The same dealer without hedging, followed client by client in 4000 steps by the scorer of models in steps."""
    problem = problem_of(SMALL)._replace(eta=math.inf)
    worth = bbg.valued(problem, [lambda value: bbg.optimal(problem, value)])
    steps = 4000
    dt = SMALL.T / steps
    q = problem.inventory
    _, after = bbg._reached(problem)

    def step(n: int) -> Outcomes:
        at = bbg.optimal(problem, worth.value(SMALL.T - n * dt))
        p = at.rate.T * dt
        reward = np.concatenate([np.zeros((len(q), 1)), (problem.size[:, None] * np.nan_to_num(at.depth)).T], axis=1)
        reward = reward - 0.5 * problem.aversion * q[:, None] ** 2 * dt
        reached = np.concatenate([np.arange(len(q))[:, None], after.T], axis=1)
        noise = np.broadcast_to(problem.sigma * np.abs(q[:, None]) * math.sqrt(dt), reward.shape)
        return Outcomes(np.concatenate([1 - p.sum(axis=1, keepdims=True), p], axis=1), reward, reached, noise)

    exact = evaluate(step, steps, np.zeros(len(q))).score(len(q) // 2)
    found = worth.score()
    assert found.mean == pytest.approx(exact.mean, rel=2e-3)
    assert found.sd == pytest.approx(exact.sd, rel=2e-3)


def test_what_the_grid_or_the_tiers_do_not_fit_is_refused():
    with pytest.raises(InputError, match=r"z has 2.5 M; it must be a multiple of dq \(1 M\)"):
        BbgSolver(Bbg(z=(2.5,), lam0=(10.0,)))
    with pytest.raises(InputError, match="one a tier"):
        BbgSolver(Bbg(b=(7.0, 5.0)))
    with pytest.raises(InputError, match="eta is 0"):
        Bbg(eta=0.0)
    with pytest.raises(InputError, match=r"must be \(20, 13, 5\)"):
        BbgSolver(SMALL).score(np.zeros((2, 13, 5)))
