"""Closed-form and baseline quoters, over numpy or JAX arrays alike, and their calibration."""

from jaxmm.strategies.avellaneda_stoikov import AvellanedaStoikov
from jaxmm.strategies.calibrate import Calibration, calibrate
from jaxmm.strategies.fixed import FixedSpread
from jaxmm.strategies.glft import GLFT
from jaxmm.strategies.registry import STRATEGIES, Strategy, calibrated, strategy_from
from jaxmm.strategies.skewed import SkewedSpread

__all__ = [
    "GLFT",
    "STRATEGIES",
    "AvellanedaStoikov",
    "Calibration",
    "FixedSpread",
    "SkewedSpread",
    "Strategy",
    "calibrate",
    "calibrated",
    "strategy_from",
]
