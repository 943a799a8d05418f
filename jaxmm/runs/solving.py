"""`jaxmm solve`: a model of the literature, solved exactly, as plain values and as a page for a reader."""

import dataclasses
from typing import Any

import numpy as np

from jaxmm.markets.models import model_of
from jaxmm.solve.chain import Score
from jaxmm.solve.registry import solver_of
from jaxmm.solve.solution import Policy


def solve_model(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The solution of the model or preset `name` with some of its parameters replaced, as plain values."""
    model = model_of(name, settings)
    solution = solver_of(model).solve()
    return {
        "model": model.name,
        "settings": dataclasses.asdict(model),
        "J_star": solution.J_star,
        "sd": solution.sd,
        "scores": {name: scored(score, solution.J_star) for name, score in solution.scores.items()},
        "facts": solution.facts,
        "policy": _plain(solution.policy),
    }


def scored(score: Score, best: float) -> dict[str, float | None]:
    """A score beside the best one; a ratio to a best return that is no gain would mean nothing, so it is None."""
    return {"J": score.mean, "sd": score.sd, "ratio": score.mean / best if best > 0 else None}


def text(answer: dict[str, Any]) -> str:
    """The same for a reader, without the policy's table."""
    settings = ", ".join(f"{name}={_short(value)}" for name, value in answer["settings"].items())
    lines = [
        f"{answer['model']}: {settings}",
        "",
        f"J* {answer['J_star']:.9f}, standard deviation {answer['sd']:.6f}",
        "",
    ]
    width = max(map(len, answer["scores"]))
    for name, score in answer["scores"].items():
        share = "" if score["ratio"] is None else f"  {score['ratio']:8.2%} of J*"
        lines.append(f"{name:{width}}  {score['J']:14.6f} ± {score['sd']:<12.6f}{share}")
    facts = {name: value for name, value in answer["facts"].items() if np.isscalar(value)}
    if facts:
        width = max(map(len, facts))
        lines += ["", *(f"{name:{width}}  {_short(value)}" for name, value in facts.items())]
    return "\n".join([*lines, "", "--json prints the policy's table as well"])


def _plain(policy: Policy) -> dict[str, dict[str, list[Any]]]:
    return {part: {name: table.tolist() for name, table in getattr(policy, part).items()} for part in policy._fields}


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_short(part) for part in value) + ")"
    return f"{value:.9g}" if isinstance(value, float) else str(value)
