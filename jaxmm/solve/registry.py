"""Which solver answers which model; a solver is loaded when it is asked for, as some load much of scipy."""

import importlib

from jaxmm.errors import InputError
from jaxmm.markets import models
from jaxmm.solve.solution import Solvable

_SOLVERS: dict[type[models.Model], str] = {
    models.AvellanedaStoikov: "avellaneda_stoikov.AvellanedaStoikovSolver",
    models.Glft: "glft.GlftSolver",
    models.CarteaJaimungal: "cartea_jaimungal.CarteaJaimungalSolver",
    models.CarteaJaimungalSteps: "cj_steps.CarteaJaimungalStepsSolver",
    models.Spm: "spm.SpmSolver",
    models.Bbg: "bbg.BbgSolver",
    models.Internalise: "internalise.InternaliseSolver",
    models.PriceSkew: "price_skew.PriceSkewSolver",
    models.Triangle: "triangle.TriangleSolver",
}
"""Of each model, module and class in this room."""


def solver_of(model: models.Model) -> Solvable:
    """The exact solver of a model, ready for `solve` and `score`. Raises `InputError` where there is none."""
    place = _SOLVERS.get(type(model))
    if place is None:
        raise InputError(f"{model.name} has no solver; these have: {', '.join(kind.name for kind in _SOLVERS)}")
    module, name = place.split(".")
    solver: Solvable = getattr(importlib.import_module(f"jaxmm.solve.{module}"), name)(model)
    return solver
