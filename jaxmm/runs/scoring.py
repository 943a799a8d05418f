"""`jaxmm score`: the exact return, on a model with a known answer, of a run's policies, a bundle, or a strategy.

N steps · I inventories.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.errors import InputError, nearest
from jaxmm.features.market import FEATURES
from jaxmm.markets.models import AvellanedaStoikov, CarteaJaimungalSteps, Model, model_of
from jaxmm.policy.bundle import Bundle
from jaxmm.policy.checks import POLICY_FILE, policy_format
from jaxmm.policy.model_bundle import FORMAT as MODEL_FORMAT
from jaxmm.policy.types import Quoter, View
from jaxmm.runs.kept import CONFIG
from jaxmm.runs.solving import scored
from jaxmm.solve.references import STRATEGIES as REFERENCES
from jaxmm.solve.references import reference_actions
from jaxmm.solve.registry import solver_of
from jaxmm.strategies.registry import STRATEGIES, Strategy, strategy_from

TICK = 1e-3
"""Of the model's price unit: what a strategy that quotes in ticks is given as one."""
_MID_TICKS = 100_000


def score(target: str, model: str | None, settings: dict[str, Any], seed: int | None = None) -> dict[str, Any]:
    """The exact score of `target`, as plain values with "J", "sd", "J_star" and "ratio".

    Args:
        target: a run's folder, a bundle's, one of the model's reference policies, a strategy's name, or closed-form
            quotes by name, such as constant:0.955 (`jaxmm.solve.references`).
        model: a model or preset; a run, and a bundle that was trained on a model, know their own.
        settings: the model's parameters that differ, and, where the target is a strategy, its own.
        seed: which of a run's policies; the worst one if not given.

    Raises `InputError` where there is nothing of that name, or it does not fit the model.
    """
    if (Path(target) / CONFIG).exists():
        from jaxmm.runs.model_training import score_run

        return score_run(Path(target), None if model is None else model_of(model, settings), seed)
    if (Path(target) / POLICY_FILE).exists() and policy_format(Path(target)) == MODEL_FORMAT:
        from jaxmm.runs.model_bundles import score_bundle

        return score_bundle(Path(target), None if model is None else model_of(model, settings))
    if model is None:
        raise InputError(f"score {target}: no run's folder; say on which model, such as --model rl-b")
    own, theirs = _divided(target, model, settings)
    solver = solver_of(own)
    solution = solver.solve()
    if target in solution.scores:
        found = solution.scores[target]
    elif target in STRATEGIES:
        found = solver.score(table(strategy_for(target, own, theirs), own, solution.policy.states["inventory"]))
    elif (Path(target) / POLICY_FILE).exists():
        found = solver.score(table(Bundle.load(target), own, solution.policy.states["inventory"]))
    elif target.partition(":")[0] in REFERENCES:
        found = solver.score(reference_actions(own, target))
    else:
        known = [*solution.scores, *STRATEGIES, *REFERENCES]
        raise InputError(f"score: there is no run, and no policy of {own.name}, {target!r}; {nearest(target, known)}")
    return {**scored(found, solution.J_star), "J_star": solution.J_star, "model": own.name}


def strategy_for(name: str, model: Model, settings: dict[str, Any]) -> Strategy:
    """The strategy with what the model says of σ, A, k and γ in ticks and seconds, overridden by `settings`."""
    if not isinstance(model, AvellanedaStoikov | CarteaJaimungalSteps):
        raise InputError(f"score {name}: strategies quote depths around a mid, as on as and cj-dt, not {model.name}")
    decay = model.k if isinstance(model, AvellanedaStoikov) else model.kappa
    known: dict[str, Any] = {"sigma": model.sigma / TICK, "k": decay * TICK, "horizon_s": model.T}
    if isinstance(model, AvellanedaStoikov):
        known |= {"gamma": model.gamma * TICK, "A": model.A, "max_position_lots": 10**6}
    else:
        known |= {"A": model.lam, "max_position_lots": model.Q}
    fields = STRATEGIES[name]._fields
    return strategy_from(name, {k: v for k, v in known.items() if k in fields} | settings)


def table(quoter: Quoter, model: Any, inventory: np.ndarray) -> np.ndarray:
    """Depths [N, I, 2] that a quoter of ticks has around the mid of a book one tick wide; nan is no quote.

    Its market features are all 0: on these models nothing but step and inventory matters.
    """
    depths = np.full((model.N, len(inventory), 2), np.nan)
    for n in range(model.N):
        left = np.float32(1 - n / model.N)
        for i, q in enumerate(inventory.tolist()):
            quotes = quoter.quote(_view(q, left), np)
            if np.ndim(quotes.bid_ticks):
                raise InputError(f"score: {type(quoter).__name__} quotes ladders; the model fills one order a side")
            if quotes.bid_lots > 0:
                depths[n, i, 0] = (_MID_TICKS + 0.5 - quotes.bid_ticks) * TICK
            if quotes.ask_lots > 0:
                depths[n, i, 1] = (quotes.ask_ticks - _MID_TICKS - 0.5) * TICK
    return depths


def _view(position: int, left: Any) -> View:
    nothing, whole = np.zeros(len(FEATURES), np.float32), np.int32
    none = whole(0)
    return View(whole(_MID_TICKS), whole(_MID_TICKS + 1), whole(position), nothing, none, none, none, none, left)


def _divided(target: str, model: str, settings: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
    """The model with the settings that it has, and those that only the strategy has."""
    fields = {field.name for field in dataclasses.fields(model_of(model))}
    others = {name: value for name, value in settings.items() if name not in fields}
    if target in STRATEGIES:
        return model_of(model, {name: value for name, value in settings.items() if name in fields}), others
    return model_of(model, settings), {}
