"""Markets that start from a recording: components with the numbers of a file that `jaxmm calibrate` wrote.

Prices in ticks and times in seconds, as in the file. `jaxmm.markets.hawkes.Hawkes.from_yaml` reads a Hawkes process,
`jaxmm.markets.models.model_from_yaml` a model.
"""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import linalg

from jaxmm.errors import InputError
from jaxmm.markets.mid import Regimes, RegimeSwitching
from jaxmm.markets.parameter_file import read_parameters
from jaxmm.markets.queue_flow import Flow, queue_reactive


def flow_from_yaml(path: str | Path) -> Flow:
    """Queue-reactive order flow, a lot of which is one average event of its level.

    Raises `InputError` where the file is no `jaxmm calibrate --model queue-reactive`.
    """
    settings = _settings(path, "queue-reactive", ("limit", "cancel", "market"))
    return queue_reactive(settings["limit"], settings["cancel"], settings["market"], where=str(path))


def regimes_from_yaml(path: str | Path) -> tuple[RegimeSwitching, Regimes]:
    """A mid without drift whose volatility is a hidden chain, from lowest to highest, in ticks and seconds.

    The file's chain moves once a step; the rates are those of the chain in continuous time that is seen so: the
    logarithm of the transition matrix over the step. Where no such chain exists the logarithm has entries below zero,
    which become zero. Raises `InputError` where the file is no `jaxmm calibrate --model regimes`.
    """
    settings = _settings(path, "regimes", ("sigma", "transition", "step_s"))
    try:
        sigma, moves = (np.asarray(settings[name], np.float64) for name in ("sigma", "transition"))
        step_s = float(settings["step_s"])
    except (TypeError, ValueError):
        raise InputError(f"{path}: sigma, transition and step_s must be numbers; calibrate again") from None
    if sigma.ndim != 1 or moves.shape != (len(sigma),) * 2 or not np.allclose(moves.sum(axis=1), 1) or step_s <= 0:
        raise InputError(f"{path}: transition must have a row for each sigma, adding up to one; calibrate again")
    rates = np.maximum(np.real(linalg.logm(moves)) / step_s, 0.0) * ~np.eye(len(sigma), dtype=bool)
    numbers = (jnp.asarray(values, jnp.float32) for values in (rates, np.zeros_like(sigma), sigma))
    return RegimeSwitching(), Regimes(*numbers)


def _settings(path: str | Path, model: str, names: tuple[str, ...]) -> dict[str, Any]:
    settings = read_parameters(path, [model]).settings
    missing = [name for name in names if name not in settings]
    if missing:
        raise InputError(f"{path}: {', '.join(missing)} missing; calibrate again")
    return settings
