"""Every model has its solver."""

import pytest

from jaxmm.markets.models import MODELS, PRESETS
from jaxmm.solve.registry import solver_of


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_solver_of_its_own(name):
    model = MODELS[name]()
    solver = solver_of(model)
    assert solver.model == model
    assert callable(solver.solve)
    assert callable(solver.score)


def test_every_published_set_has_a_solver():
    for model in PRESETS.values():
        assert solver_of(model).model == model
