"""The environment of each model with a known answer, by the model's parameters."""

import math
from collections.abc import Callable
from typing import Any

from jaxmm.envs.depth_quoting import compose
from jaxmm.envs.internalise import environment_of_internalise
from jaxmm.envs.spm import environment_of_spm
from jaxmm.envs.tabulated import Tabulated
from jaxmm.envs.triangle import environment_of_triangle
from jaxmm.envs.two_quotes import Depths, Pairs, Shares, Span
from jaxmm.errors import InputError, nearest
from jaxmm.markets.arrivals import Poisson, Rate
from jaxmm.markets.fill_functions import Decay, Exponential
from jaxmm.markets.mid import Brownian, RandomWalk, Volatility
from jaxmm.markets.models import AvellanedaStoikov, CarteaJaimungalSteps, Glft, Internalise, Model, Spm, Triangle

Made = tuple[Tabulated, Any]
GLFT_CHANCE = 0.1
"""Of an order on a side in a step of GLFT's model, which is one of continuous time."""


def environment_of(model: Model, discrete: bool | None = None) -> Made:
    """The environment of `model` and its parameters; discrete actions where the model lists some, or as asked.

    Raises `InputError` where the model has no environment, or not of that kind of action.
    """
    if type(model) not in _MAKERS:
        raise InputError(f"{model.name} has no environment; {nearest(model.name, [kind.name for kind in _MAKERS])}")
    return _MAKERS[type(model)](model, discrete)


def environment_of_cj_dt(model: CarteaJaimungalSteps, discrete: bool | None = None) -> Made:
    """Depths in [0, d_max], or the pairs of `model.actions`.

    Those are for learners of action values, which differ by a thousandth from one pair to the next: a network that
    reads the inventory off one number is further off than that, so they are shown each inventory on its own.
    """
    if discrete and not model.actions:
        raise InputError("cj-dt: discrete actions need depths to choose from; set actions, such as .25,.75,1.5")
    pairs = bool(model.actions) and discrete is not False
    return compose(
        mids=[(Brownian(), Volatility(model.sigma))],
        arrivals=(Poisson(), Rate(model.lam)),
        fills=(Exponential(), Decay(model.kappa)),
        quotes=(
            Pairs(model.actions) if pairs else Shares(),
            Span.of(0.0, model.d_max, k=model.kappa),
        ),
        dt=model.dt,
        steps=model.N,
        phi=model.phi,
        alpha=model.alpha,
        limit=model.Q,
        inventory_scale=model.Q,
        each=model.Q if pairs else 0,
    )


def environment_of_as(model: AvellanedaStoikov, discrete: bool | None = None) -> Made:
    """Any depth on either side of the mid; actions of −1 … 1 span those that are worth quoting."""
    _refuse_discrete(model, discrete)
    return compose(
        mids=[(RandomWalk(), Volatility(model.sigma))],
        arrivals=(Poisson(), Rate(model.A)),
        fills=(Exponential(), Decay(model.k)),
        quotes=(Depths(), _worth_quoting(model.A * model.dt, model.k)),
        dt=model.dt,
        steps=model.N,
    )


def environment_of_glft(model: Glft, discrete: bool | None = None) -> Made:
    """In steps so short that an order comes on a side with probability `GLFT_CHANCE` at most."""
    _refuse_discrete(model, discrete)
    steps = math.ceil(model.A * model.T / GLFT_CHANCE)
    dt = model.T / steps
    return compose(
        mids=[(Brownian(), Volatility(model.sigma))],
        arrivals=(Poisson(), Rate(model.A)),
        fills=(Exponential(), Decay(model.k)),
        quotes=(Depths(), _worth_quoting(model.A * dt, model.k)),
        dt=dt,
        steps=steps,
        limit=model.Q,
        inventory_scale=model.Q,
    )


def _refuse_discrete(model: Model, discrete: bool | None) -> None:
    if discrete:
        raise InputError(f"{model.name}: actions are continuous; its depths have no list to choose from")


def _worth_quoting(chance: float, k: float) -> Span:
    """From where a fill is sure, or 1/k in front of the mid, to where one order in 55 comes."""
    return Span.of(min(max(math.log(chance), -1.0), 0.0) / k, 4.0 / k, held=False)


_MAKERS: dict[type[Model], Callable[..., Made]] = {
    AvellanedaStoikov: environment_of_as,
    CarteaJaimungalSteps: environment_of_cj_dt,
    Glft: environment_of_glft,
    Internalise: environment_of_internalise,
    Triangle: environment_of_triangle,
    Spm: environment_of_spm,
}
