"""Which solver answers which model."""

from collections.abc import Callable
from typing import Any

from jaxmm.errors import InputError
from jaxmm.markets.models import CarteaJaimungalSteps, Internalise, Model, Triangle
from jaxmm.solve.cj_steps import CarteaJaimungalStepsSolver
from jaxmm.solve.internalise import InternaliseSolver
from jaxmm.solve.solution import Solvable
from jaxmm.solve.triangle import TriangleSolver

_SOLVERS: dict[type[Model], Callable[[Any], Solvable]] = {
    CarteaJaimungalSteps: CarteaJaimungalStepsSolver,
    Internalise: InternaliseSolver,
    Triangle: TriangleSolver,
}


def solver_of(model: Model) -> Solvable:
    """The exact solver of a model, ready for `solve` and `score`. Raises `InputError` where there is none."""
    solver = _SOLVERS.get(type(model))
    if solver is None:
        raise InputError(f"{model.name} has no solver; these have: {', '.join(kind.name for kind in _SOLVERS)}")
    return solver(model)
