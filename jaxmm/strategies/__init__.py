"""Closed-form and baseline quoters, over numpy or JAX arrays alike."""

from jaxmm.strategies.avellaneda_stoikov import AvellanedaStoikov
from jaxmm.strategies.fixed import FixedSpread
from jaxmm.strategies.glft import GLFT
from jaxmm.strategies.registry import STRATEGIES, Strategy, calibrated, strategy_from
from jaxmm.strategies.skewed import SkewedSpread

__all__ = [
    "GLFT",
    "STRATEGIES",
    "AvellanedaStoikov",
    "FixedSpread",
    "SkewedSpread",
    "Strategy",
    "calibrated",
    "strategy_from",
]
