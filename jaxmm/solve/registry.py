"""Which solver answers which model."""

from collections.abc import Callable
from typing import Any

from jaxmm.errors import InputError
from jaxmm.markets import models
from jaxmm.solve.avellaneda_stoikov import AvellanedaStoikovSolver
from jaxmm.solve.bbg import BbgSolver
from jaxmm.solve.cartea_jaimungal import CarteaJaimungalSolver
from jaxmm.solve.cj_steps import CarteaJaimungalStepsSolver
from jaxmm.solve.glft import GlftSolver
from jaxmm.solve.internalise import InternaliseSolver
from jaxmm.solve.price_skew import PriceSkewSolver
from jaxmm.solve.solution import Solvable
from jaxmm.solve.spm import SpmSolver
from jaxmm.solve.triangle import TriangleSolver

_SOLVERS: dict[type[models.Model], Callable[[Any], Solvable]] = {
    models.AvellanedaStoikov: AvellanedaStoikovSolver,
    models.Glft: GlftSolver,
    models.CarteaJaimungal: CarteaJaimungalSolver,
    models.CarteaJaimungalSteps: CarteaJaimungalStepsSolver,
    models.Spm: SpmSolver,
    models.Bbg: BbgSolver,
    models.Internalise: InternaliseSolver,
    models.PriceSkew: PriceSkewSolver,
    models.Triangle: TriangleSolver,
}


def solver_of(model: models.Model) -> Solvable:
    """The exact solver of a model, ready for `solve` and `score`. Raises `InputError` where there is none."""
    solver = _SOLVERS.get(type(model))
    if solver is None:
        raise InputError(f"{model.name} has no solver; these have: {', '.join(kind.name for kind in _SOLVERS)}")
    return solver(model)
