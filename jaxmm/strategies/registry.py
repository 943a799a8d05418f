"""Strategies by name, as configs and the command line ask for them."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

from jaxmm.errors import InputError, nearest
from jaxmm.strategies.avellaneda_stoikov import AvellanedaStoikov
from jaxmm.strategies.fixed import FixedSpread
from jaxmm.strategies.glft import GLFT
from jaxmm.strategies.glft_grid import PLACES, GLFTGrid
from jaxmm.strategies.skewed import SkewedSpread

Strategy = FixedSpread | SkewedSpread | AvellanedaStoikov | GLFT | GLFTGrid

STRATEGIES: dict[str, type[Strategy]] = {
    "fixed_spread": FixedSpread,
    "skewed_spread": SkewedSpread,
    "avellaneda_stoikov": AvellanedaStoikov,
    "glft": GLFT,
    "glft_grid": GLFTGrid,
}

_COUNTS = ("lots", "max_position_lots", "levels", "step_ticks")
_HOLDING_S = 10.0
_ABOVE_ZERO = ("sigma", "A", "k", "gamma", "horizon_s")
_NOT_BELOW_ZERO = ("half_spread_ticks", "skew_ticks")


class Measured(Protocol):
    """What `calibrated` takes from a market: a `jaxmm.calibrate.quoting.Calibration`, or anything that reads alike."""

    @property
    def sigma(self) -> float:
        """Volatility, ticks/√s."""

    @property
    def A(self) -> float:
        """Rate of fills at the mid, 1/s a side."""

    @property
    def k(self) -> float:
        """Decay of that rate with the distance from the mid, 1/tick."""


def strategy_from(name: str, numbers: Mapping[str, Any] | None = None) -> Strategy:
    """The strategy `name` with its defaults, overridden by `numbers`.

    Raises `InputError` on an unknown strategy or number, and on a value outside its range.
    """
    if name not in STRATEGIES:
        raise InputError(f"unknown strategy {name!r}; {nearest(name, STRATEGIES)}")
    strategy = STRATEGIES[name]
    for number, value in (numbers or {}).items():
        if number not in strategy._fields:
            raise InputError(f"strategy {name}: unknown setting {number!r}; {nearest(str(number), strategy._fields)}")
        _check(name, number, value)
    return strategy(**(numbers or {}))


def calibrated(name: str, measured: Measured, **numbers: float) -> Strategy:
    """The strategy `name` with those of σ, A and k that it knows taken from `measured`; `numbers` override.

    Where `numbers` has no γ, it is 1/(kσ²·10 s·Q), Q the position limit in clips: the risk aversion, on any market,
    that lets Avellaneda and Stoikov's quotes over ten seconds lean by 1/k (the half spread without risk) at a full
    position.
    """
    if name not in STRATEGIES:
        raise InputError(f"unknown strategy {name!r}; {nearest(name, STRATEGIES)}")
    market = {field: getattr(measured, field) for field in ("sigma", "A", "k")}
    known = {field: value for field, value in market.items() if field in STRATEGIES[name]._fields}
    strategy = strategy_from(name, known | numbers)
    if isinstance(strategy, AvellanedaStoikov | GLFT | GLFTGrid) and "gamma" not in numbers:
        clips = strategy.max_position_lots / strategy.lots
        return strategy._replace(gamma=1 / (strategy.k * strategy.sigma**2 * _HOLDING_S * clips))
    return strategy


def _check(name: str, number: str, value: Any) -> None:
    what = f"strategy {name}: {number} is {value!r}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{what}; it must be a number")
    if number in _COUNTS and (value != int(value) or value < 1):
        raise InputError(f"{what}; it must be a whole number, at least 1")
    if number == "levels" and value > PLACES:
        raise InputError(f"{what}; a ladder has at most {PLACES} orders a side")
    if number in _ABOVE_ZERO and value <= 0:
        raise InputError(f"{what}; it must be more than zero")
    if number in _NOT_BELOW_ZERO and value < 0:
        raise InputError(f"{what}; it must be zero or more")
