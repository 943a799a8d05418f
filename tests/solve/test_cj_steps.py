"""The discrete Cartea–Jaimungal market against the reference page, and the optimum against brute force."""

import dataclasses

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.models import PRESETS, RL_A, RL_B, CarteaJaimungalSteps
from jaxmm.solve.chain import evaluate, mixture
from jaxmm.solve.cj_steps import CarteaJaimungalStepsSolver
from tests.commands import answer, jaxmm, refusal

GOLDEN = {
    "rl-a": (17.526268710, 3.653771, 11.981169, 0.955, 5.326602, 0.734913687),
    "rl-b": (6.763948547, 2.808361, 1.038189, 2.15, -5.653932, 0.885586677),
}
TINY = CarteaJaimungalSteps(N=3, T=0.3, Q=2, lam=5.0)


@pytest.mark.parametrize("name", GOLDEN)
def test_both_published_sets_come_out_to_the_printed_digits(name):
    best, sd, constant, depth, random, first = GOLDEN[name]
    solution = CarteaJaimungalStepsSolver(PRESETS[name]).solve()
    assert solution.J_star == pytest.approx(best, abs=6e-10)
    assert solution.sd == pytest.approx(sd, abs=6e-7)
    assert solution.scores["constant"].mean == pytest.approx(constant, abs=6e-7)
    assert solution.facts["constant_depth"] == pytest.approx(depth, abs=1e-12)
    assert solution.scores["random"].mean == pytest.approx(random, abs=6e-7)
    q = RL_A.Q if name == "rl-a" else RL_B.Q
    for side in ("bid_depth", "ask_depth"):
        assert solution.policy.actions[side][0, q] == pytest.approx(first, abs=6e-10)


@pytest.mark.parametrize(
    ("name", "best"), [("rl-a-49", 17.418341993), ("rl-b-49", 6.667219896), ("rl-b-9", 6.400666112)]
)
def test_the_best_of_finitely_many_depths_comes_out_to_the_printed_digits(name, best):
    assert CarteaJaimungalStepsSolver(PRESETS[name]).solve().J_star == pytest.approx(best, abs=6e-10)


def test_the_score_is_what_enumerating_every_path_gives():
    solver = CarteaJaimungalStepsSolver(TINY)
    tables = np.random.default_rng(1).uniform(0, 3, (TINY.N, 5, 2))
    tables[1, 2, 0] = np.nan
    paths = [(1.0, 0, 0.0, 0.0)]  # probability, inventory, mean, variance of the mid's part
    for n in range(TINY.N):
        paths = [after for path in paths for after in _outcomes(path, tables[n])]
    returns = np.array([(p, mean - TINY.alpha * q**2, noise) for p, q, mean, noise in paths])
    mean = returns[:, 0] @ returns[:, 1]
    variance = returns[:, 0] @ ((returns[:, 1] - mean) ** 2 + returns[:, 2])
    score = solver.score(tables)
    assert score.mean == pytest.approx(mean, abs=1e-13)
    assert score.sd == pytest.approx(np.sqrt(variance), abs=1e-13)


def _outcomes(path, depths):
    p, q, mean, noise = path
    for bought in (0, 1):
        for sold in (0, 1):
            chance, earned = p, 0.0
            for side, filled, blocked in ((0, bought, q == TINY.Q), (1, sold, q == -TINY.Q)):
                depth = depths[q + TINY.Q, side]
                fill = 0.0 if blocked or np.isnan(depth) else TINY.lam * TINY.dt * np.exp(-TINY.kappa * depth)
                chance *= fill if filled else 1 - fill
                earned += depth if filled and fill else 0.0
            if chance:
                held = (q + bought - sold) ** 2
                after = mean + earned - TINY.phi * TINY.dt * held
                yield chance, q + bought - sold, after, noise + TINY.sigma**2 * TINY.dt * held


@pytest.mark.parametrize("lam", [5.0, 40.0])  # at 40, λ·dt = 4: near quotes are certain to fill
def test_no_pair_of_depths_on_a_fine_grid_beats_the_fixed_point(lam):
    model = dataclasses.replace(TINY, lam=lam)
    best = CarteaJaimungalStepsSolver(model).solve().J_star
    grid = dataclasses.replace(model, actions=tuple(np.linspace(0, 3, 121)))
    on_grid = CarteaJaimungalStepsSolver(grid).solve().J_star
    assert 0 <= best - on_grid < 1e-3 * best


def test_random_depths_agree_with_a_fine_set_of_depths():
    exact = CarteaJaimungalStepsSolver(TINY).random()
    middles = tuple((np.arange(3000) + 0.5) * 1e-3)
    assert CarteaJaimungalStepsSolver(dataclasses.replace(TINY, actions=middles)).random() == pytest.approx(
        exact, rel=1e-6
    )


def test_random_depths_score_as_the_mixture_of_every_pair_of_them():
    model = dataclasses.replace(TINY, actions=(0.25, 0.5, 2.0))
    solver = CarteaJaimungalStepsSolver(model)
    q = solver.inventory
    sides = [solver._quoted(np.full(len(q), depth)) for depth in model.actions]
    outcomes = mixture([(1 / 9, solver._outcomes(bid, ask, q)) for bid in sides for ask in sides])
    moments = evaluate(lambda n: outcomes, model.N, -model.alpha * q**2.0)
    assert solver.random() == pytest.approx(moments.score(model.Q), abs=1e-13)


def test_depths_are_taken_as_the_model_allows_them():
    solver = CarteaJaimungalStepsSolver(TINY)
    table = np.full((TINY.N, 5, 2), 3.0)
    assert solver.score(table + 1.0) == solver.score(table)
    finite = CarteaJaimungalStepsSolver(dataclasses.replace(TINY, actions=(1.0, 3.0)))
    assert finite.score(table - 0.9) == solver.score(table)
    assert solver.score(np.full_like(table, np.nan)) == (0.0, 0.0)
    with pytest.raises(InputError, match=r"shape \(3, 5, 2\)"):
        solver.score(table[:2])


def test_the_command_prints_the_solution_as_one_object():
    said = answer(jaxmm("solve", "cj-dt", "--set", "actions=.25,.75,1.5", "--set", "N=20", "--set", "Q=2", "--json"))
    assert said["model"] == "cj-dt"
    assert said["settings"]["actions"] == [0.25, 0.75, 1.5]
    assert said["scores"]["optimal"] == {"J": said["J_star"], "sd": said["sd"], "ratio": 1.0}
    assert said["policy"]["states"]["inventory"] == [-2, -1, 0, 1, 2]
    bids = said["policy"]["actions"]["bid_depth"]
    assert len(bids) == 20
    assert [row[-1] for row in bids] == [None] * 20  # no bid at +Q


def test_the_command_s_summary_names_every_score():
    done = jaxmm("solve", "rl-b-9", "--set", "N=20")
    assert done.returncode == 0
    for name in ("optimal", "constant", "random", "constant_depth"):
        assert name in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rl-c"], "did you mean 'rl-b'?"),
        (["cj-dt", "--set", "lamb=3"], "did you mean 'lam'?"),
        (["cj-dt", "--set", "actions=.25,deep"], "actions is 'deep'; it must be a number"),
        (["cj-dt", "--set", "Q=-1"], "Q is -1"),
        (["cj-dt", "--set", "Q"], "name=value"),
    ],
)
def test_what_a_model_does_not_take_is_one_sentence(arguments, says):
    assert says in refusal(jaxmm("solve", *arguments))
