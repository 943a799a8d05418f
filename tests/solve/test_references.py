"""Closed-form quotes as policy tables of the models in which they can be scored exactly."""

import dataclasses

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.markets.models import RL_A, RL_B, AvellanedaStoikov, Internalise, Spm, model_of
from jaxmm.solve.references import reference_actions
from jaxmm.solve.registry import solver_of
from tests.commands import answer, jaxmm, refusal


def scored(model, name):
    return solver_of(model).score(reference_actions(model, name))


def test_the_best_constant_depth_by_name_scores_the_printed_number():
    assert scored(RL_A, "constant:0.955").mean == pytest.approx(11.981169, abs=6e-7)
    assert scored(RL_B, "constant:2.15").mean == pytest.approx(1.038189, abs=6e-7)
    assert scored(Spm(), "constant:2").mean == pytest.approx(0.098304, abs=6e-7)


def test_optimal_is_the_solution_s_own_table():
    for model in (RL_B, Spm(), Internalise(N=5, Q=4, U=2)):
        assert scored(model, "optimal").mean == pytest.approx(solver_of(model).solve().J_star, abs=1e-12)


def test_strategies_in_their_own_models_are_what_their_solvers_score():
    published = AvellanedaStoikov()
    scores = solver_of(published).solve().scores
    assert scored(published, "as") == scores["inventory"]
    assert scored(published, "glft") == scores["glft"]
    assert scored(Spm(), "cj") == solver_of(Spm()).solve().scores["cj_rounded"]
    small = model_of("glft", {"T": 2, "Q": 3})
    best = solver_of(small).solve().J_star
    assert 0.9999 < scored(small, "glft").mean / best < 1


def test_the_continuous_optimum_of_the_same_market_comes_next_to_the_discrete_one():
    """Cartea–Jaimungal know the model's objective, GLFT nothing of its end, Avellaneda–Stoikov only approximate."""
    for model in (RL_A, RL_B):
        best, cj, glft, first = (scored(model, name).mean for name in ("optimal", "cj", "glft", "as"))
        assert best > cj > glft > first
        assert cj > 0.998 * best


def test_a_number_behind_the_colon_replaces_the_risk_aversion():
    model = dataclasses.replace(RL_A, N=10)
    gamma = 2 * model.phi / model.sigma**2
    for name in ("as", "glft"):
        same = reference_actions(model, f"{name}:{gamma}")
        np.testing.assert_array_equal(reference_actions(model, name), same)
        assert not np.array_equal(reference_actions(model, f"{name}:{2 * gamma}"), same, equal_nan=True)
    np.testing.assert_array_equal(reference_actions(model, "cj:0.5"), reference_actions(model, "cj"))


def test_the_command_scores_closed_form_quotes_by_name():
    said = answer(jaxmm("score", "constant:2.15", "--model", "rl-b", "--json"))
    assert said["J"] == pytest.approx(1.038189, abs=6e-7)
    assert said["ratio"] == pytest.approx(0.153489, abs=1e-6)
    assert answer(jaxmm("score", "cj", "--model", "rl-b", "--json"))["ratio"] == pytest.approx(0.9990, abs=1e-4)
    assert "'deep'" in refusal(jaxmm("score", "constant:deep", "--model", "rl-b"))


@pytest.mark.parametrize(
    ("model", "name", "says"),
    [
        (RL_A, "constnt:1", "did you mean 'constant'?"),
        (RL_A, "constant", "constant:0.5"),
        (RL_A, "constant:deep", "'deep' behind the colon is no number"),
        (RL_A, "constant:inf", "no number"),
        (RL_A, "glft:-1", "risk aversion above zero"),
        (dataclasses.replace(RL_A, sigma=0.0), "as", "risk aversion above zero"),
        (Internalise(), "as", "as is not defined in int-dt; it is in as, cj, cj-dt, glft, spm"),
    ],
)
def test_what_is_no_reference_strategy_is_one_sentence(model, name, says):
    with pytest.raises(InputError, match=says.replace("?", r"\?")):
        reference_actions(model, name)
