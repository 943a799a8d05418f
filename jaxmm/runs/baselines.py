"""The baselines of an evaluation, each as good as the spans before the test can make it.

σ, A and k are measured on the training span; the free parameters are chosen on the validation span, where the learned
policy's checkpoint is chosen too, by the same score: net P&L under the fill model that the policy was trained on.
"""

import itertools
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmm.calibrate.quoting import Calibration, calibrate
from jaxmm.config import Config, Strategy
from jaxmm.envs.market_making import Params
from jaxmm.policy.types import Quoter
from jaxmm.runs.market import Parts
from jaxmm.runs.task import env_params_of, pass_over
from jaxmm.strategies.registry import Strategy as AnyStrategy
from jaxmm.strategies.registry import calibrated


class Baseline(NamedTuple):
    """A tuned strategy."""

    name: str
    quoter: Quoter
    validated_pnl: float  # settlement currency
    tried: int  # sets of parameters

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the results file."""
        numbers = {name: float(value) for name, value in self.quoter._asdict().items()}  # type: ignore[attr-defined]
        return {"name": self.name, "validated_pnl": self.validated_pnl, "tried": self.tried, "settings": numbers}


def tuned_baselines(config: Config, parts: Parts) -> list[Baseline]:
    """The configured strategies at their best on the validation span."""
    measured = calibrate(parts.train)
    params = env_params_of(config, parts.validate, engine="event")  # a baseline quotes further off than any action
    return [_tuned(strategy, config, measured, params) for strategy in config.evaluate.baselines]


def _tuned(strategy: Strategy, config: Config, measured: Calibration, params: Params) -> Baseline:
    sizes = {"lots": max(_lots(config)), "max_position_lots": config.env.max_position_lots}
    base = calibrated(strategy.name, measured, **(sizes | strategy.settings))
    candidates = [
        base._replace(
            **{name: getattr(base, name) * factor for name, factor in zip(strategy.tune, factors, strict=True)}
        )
        for factors in itertools.product(*strategy.tune.values())
    ]
    scores = np.asarray(_scores(_stacked(candidates), params))
    best = int(np.argmax(scores))
    return Baseline(strategy.name, candidates[best], float(scores[best]), len(candidates))


@jax.jit
def _scores(quoters: Quoter, params: Params) -> jax.Array:
    """Net P&L of a batch of quoters over the replay, settlement currency."""
    return jax.vmap(lambda quoter: pass_over(params, quoter).net)(quoters)


def _stacked(candidates: list[AnyStrategy]) -> Any:
    def column(*values: float) -> np.ndarray:
        whole = all(isinstance(value, int) for value in values)
        return np.asarray(values, np.int32 if whole else np.float32)

    return jax.tree.map(column, *candidates)


def _lots(config: Config) -> tuple[int, ...]:
    lots = config.env.actions.lots
    return (lots,) if isinstance(lots, int) else lots
