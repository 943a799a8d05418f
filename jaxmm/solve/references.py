"""Closed-form quoting as policy tables, so that the exact scorers can say what it earns in a model.

Strategies by name: `optimal`; `constant:D`, depth D on both sides always; `as`, `glft` and `cj`, the quotes of those
papers under the model's own parameters, where a risk aversion γ and a running penalty φ stand for each other by
φ = ½γσ², the drift that both put on q²; a number after a colon replaces γ, or φ of `cj`, as in `glft:0.5`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxmm.errors import InputError, nearest
from jaxmm.markets import models
from jaxmm.solve.cartea_jaimungal import TABLE_STEPS, CarteaJaimungalSolver
from jaxmm.solve.glft import GlftSolver
from jaxmm.solve.registry import solver_of
from jaxmm.strategies.avellaneda_stoikov import distances

_WIDEST = 30  # inventory limit of quotes computed for a model that has none: few paths reach it


class _Setting(NamedTuple):
    """A quoting model's parameters by common names."""

    T: float
    steps: int  # of the table
    states: int  # largest inventory of the table
    limit: int  # largest inventory that quotes may lead to
    sigma: float
    A: float
    k: float
    gamma: float  # nan where σ is zero: no risk aversion gives the model's penalty
    phi: float
    alpha: float = 0.0
    unit: float = 1.0  # of a depth in the table

    @property
    def inventory(self) -> np.ndarray:
        return np.arange(-self.states, self.states + 1)

    @property
    def times(self) -> np.ndarray:
        """Beginnings of the steps."""
        return np.arange(self.steps) * (self.T / self.steps)


def reference_actions(model: models.Model, name: str) -> np.ndarray:
    """The policy table of the strategy `name`, float64 [N, S, A], as `solver_of(model).score` takes it.

    Raises `InputError` where there is no such strategy, or it is not defined in the model.
    """
    kind, colon, number = name.partition(":")
    if kind == "optimal" and not colon:
        return np.stack(list(solver_of(model).solve().policy.actions.values()), axis=-1)
    if kind not in STRATEGIES:
        raise InputError(f"there is no reference strategy {name!r}; {nearest(kind, ['optimal', *STRATEGIES])}")
    reader = _SETTINGS.get(type(model))
    if reader is None:
        known = ", ".join(sorted(each.name for each in _SETTINGS))
        raise InputError(f"{name} is not defined in {model.name}; it is in {known}")
    return STRATEGIES[kind](reader(model), _number(name, number) if colon else None)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name}: {text!r} behind the colon is no number; write it as in constant:0.5")
    return value


def _constant(setting: _Setting, depth: float | None) -> np.ndarray:
    if depth is None:
        raise InputError("constant needs its depth behind a colon, as in constant:0.5")
    return np.full((setting.steps, 2 * setting.states + 1, 2), depth)


def _avellaneda_stoikov(setting: _Setting, gamma: float | None) -> np.ndarray:
    left = (setting.T - setting.times)[:, None]
    gamma = _risk_aversion("as", setting, gamma)
    sides = distances(setting.inventory, left, setting.sigma, setting.k, gamma, np)
    return np.stack(sides, axis=2) / setting.unit


def _glft(setting: _Setting, gamma: float | None) -> np.ndarray:
    gamma = _risk_aversion("glft", setting, gamma)
    solver = GlftSolver(
        models.Glft(sigma=setting.sigma, A=setting.A, k=setting.k, gamma=gamma, T=setting.T, Q=setting.limit)
    )
    return _padded(setting, solver.table(setting.times))


def _cartea_jaimungal(setting: _Setting, phi: float | None) -> np.ndarray:
    model = models.CarteaJaimungal(
        T=setting.T,
        Q=setting.limit,
        lam=setting.A,
        kappa=setting.k,
        phi=setting.phi if phi is None else phi,
        alpha=setting.alpha,
        sigma=setting.sigma,
    )
    return _padded(setting, CarteaJaimungalSolver(model).table(setting.times))


STRATEGIES: dict[str, Callable[[_Setting, float | None], np.ndarray]] = {
    "constant": _constant,
    "as": _avellaneda_stoikov,
    "glft": _glft,
    "cj": _cartea_jaimungal,
}


def _risk_aversion(name: str, setting: _Setting, given: float | None) -> float:
    gamma = setting.gamma if given is None else given
    if not gamma > 0:
        raise InputError(f"{name} needs a risk aversion above zero; write it behind a colon, as in {name}:0.1")
    return gamma


def _padded(setting: _Setting, table: np.ndarray) -> np.ndarray:
    """Depths within the limit, in the table's unit, among all inventories; nan, no quote, beyond."""
    wide = np.full((setting.steps, 2 * setting.states + 1, 2), np.nan)
    wide[:, setting.states - setting.limit : setting.states + setting.limit + 1] = table / setting.unit
    return wide


def _of_as(m: models.AvellanedaStoikov) -> _Setting:
    limit = min(m.N, _WIDEST)
    return _Setting(m.T, m.N, m.N, limit, m.sigma, m.A, m.k, m.gamma, m.gamma * m.sigma**2 / 2)


def _of_glft(m: models.Glft) -> _Setting:
    return _Setting(m.T, TABLE_STEPS, m.Q, m.Q, m.sigma, m.A, m.k, m.gamma, m.gamma * m.sigma**2 / 2)


def _of_cj(m: models.CarteaJaimungal | models.CarteaJaimungalSteps) -> _Setting:
    steps = m.N if isinstance(m, models.CarteaJaimungalSteps) else TABLE_STEPS
    gamma = 2 * m.phi / m.sigma**2 if m.sigma else math.nan
    return _Setting(m.T, steps, m.Q, m.Q, m.sigma, m.lam, m.kappa, gamma, m.phi, m.alpha)


def _of_spm(m: models.Spm) -> _Setting:
    gamma = 2 * m.phi / m.sigma**2 if m.sigma else math.nan
    return _Setting(float(m.T), m.T, m.Q, m.Q, m.sigma, m.lam, m.kappa, gamma, m.phi, m.alpha, m.tick)


_SETTINGS: dict[type[models.Model], Callable[..., _Setting]] = {
    models.AvellanedaStoikov: _of_as,
    models.Glft: _of_glft,
    models.CarteaJaimungal: _of_cj,
    models.CarteaJaimungalSteps: _of_cj,
    models.Spm: _of_spm,
}
