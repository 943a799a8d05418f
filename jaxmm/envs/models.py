"""The environment of each model with a known answer, by the model's parameters."""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxmm.envs.depth_quoting import UNLIMITED, DepthParams, DepthQuoting
from jaxmm.envs.internalise import environment_of_internalise
from jaxmm.envs.spm import environment_of_spm
from jaxmm.envs.tabulated import Tabulated
from jaxmm.envs.triangle import environment_of_triangle
from jaxmm.envs.two_quotes import Depths, Pairs, Shares, Span
from jaxmm.errors import InputError, nearest
from jaxmm.markets.arrivals import Poisson, Rate
from jaxmm.markets.fill_functions import Decay, Exponential
from jaxmm.markets.mid import Brownian, RandomWalk, Volatility
from jaxmm.markets.models import AvellanedaStoikov, CarteaJaimungalSteps, Internalise, Model, Spm, Triangle

Made = tuple[Tabulated, Any]


def environment_of(model: Model, discrete: bool | None = None) -> Made:
    """The environment of `model` and its parameters; discrete actions where the model lists some, or as asked.

    Raises `InputError` where the model has no environment, or not of that kind of action.
    """
    if type(model) not in _MAKERS:
        raise InputError(f"{model.name} has no environment; {nearest(model.name, [kind.name for kind in _MAKERS])}")
    return _MAKERS[type(model)](model, discrete)


def environment_of_cj_dt(model: CarteaJaimungalSteps, discrete: bool | None = None) -> Made:
    """Depths in [0, d_max], or the pairs of `model.actions`."""
    if discrete and not model.actions:
        raise InputError("cj-dt: discrete actions need depths to choose from; set actions, such as .25,.75,1.5")
    quotes = Pairs(model.actions) if model.actions and discrete is not False else Shares()
    return DepthQuoting((Brownian(),), Poisson(), Exponential(), quotes), _params(
        sigma=model.sigma,
        rate=model.lam,
        k=model.kappa,
        dt=model.dt,
        steps=model.N,
        phi=model.phi,
        alpha=model.alpha,
        limit=model.Q,
        quotes=Span.of(0.0, model.d_max, k=model.kappa),
        inventory_scale=model.Q,
    )


def environment_of_as(model: AvellanedaStoikov, discrete: bool | None = None) -> Made:
    """Any depth on either side of the mid; actions of −1 … 1 span those that are worth quoting."""
    if discrete:
        raise InputError("as: actions are continuous; its depths have no list to choose from")
    surest = min(max(math.log(model.A * model.dt), -1.0), 0.0) / model.k
    return DepthQuoting((RandomWalk(),), Poisson(), Exponential(), Depths()), _params(
        sigma=model.sigma,
        rate=model.A,
        k=model.k,
        dt=model.dt,
        steps=model.N,
        phi=0.0,
        alpha=0.0,
        limit=UNLIMITED,
        quotes=Span.of(surest, 4.0 / model.k, held=False),
        inventory_scale=10.0,
    )


def _params(
    *,
    sigma: float,
    rate: float,
    k: float,
    dt: float,
    steps: int,
    phi: float,
    alpha: float,
    limit: int,
    quotes: Span,
    inventory_scale: float,
) -> DepthParams:
    """Of a market with one mid of one volatility, Poisson orders and exponential fills."""
    number = jnp.float32
    return DepthParams(
        mids=(Volatility(number(sigma)),),
        arrivals=Rate(number(rate)),
        fills=Decay(number(k)),
        dt=number(dt),
        steps=jnp.int32(steps),
        mid=number(100.0),
        phi=number(phi),
        alpha=number(alpha),
        limit=jnp.int32(limit),
        quotes=quotes,
        inventory_scale=number(inventory_scale),
    )


_MAKERS: dict[type[Model], Callable[..., Made]] = {
    AvellanedaStoikov: environment_of_as,
    CarteaJaimungalSteps: environment_of_cj_dt,
    Internalise: environment_of_internalise,
    Triangle: environment_of_triangle,
    Spm: environment_of_spm,
}
