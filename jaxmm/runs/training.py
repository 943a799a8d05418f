"""`jaxmm train`: tape, learner and outer loop; the best policy of each seed is chosen on the validation span.

S seeds.
"""

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax

from jaxmm.config import Config
from jaxmm.envs.market_making import Params, check_params
from jaxmm.features.observation import observation
from jaxmm.learn import loop
from jaxmm.learn.acting import Policy
from jaxmm.learn.learner import Learner
from jaxmm.learn.records import Records
from jaxmm.policy.types import Quotes, View
from jaxmm.runs.engines import engine_of
from jaxmm.runs.kept import kept_config
from jaxmm.runs.market import parts_of, tape_of
from jaxmm.runs.task import check, check_position, env_params_of, learner_of, pass_over


class Greedy(NamedTuple):
    """A policy in training as a quoter."""

    learner: Any
    policy: Policy

    def quote(self, view: View, xp: ModuleType) -> Quotes:
        """Observation, greedy action, quotes."""
        params: Params = self.learner.env_params
        seen = observation(view, params.settings.max_position_lots, params.distance_ticks, xp)
        return params.actions.decode(self.learner.greedy(self.policy, seen), view, xp)


def train(config: Config, run_dir: Path, *, resume: bool = False, progress: bool = True) -> dict[str, Any]:
    """Trains all seeds into `run_dir` and returns what came of it: steps, and the validated score of each seed."""
    check(config)
    with kept_config(config, run_dir, resume):
        parts = parts_of(config, tape_of(config, run_dir))
        for part in (parts.train, parts.validate, parts.test):  # the last before hours of training, not after
            check_position(config, part)
        learner = learner_of(config, check_params(env_params_of(config, parts.train)))
        validate = validator(learner, env_params_of(config, parts.validate))
    done = loop.train(
        learner,
        seeds=config.train.seeds,
        total_steps=config.train.total_steps,
        run_dir=run_dir,
        settings=config.model_dump(mode="json", by_alias=True),
        validate=validate,
        validate_every=config.train.validate_every,
        patience=config.train.patience,
        checkpoint_every=config.train.checkpoint_every,
        resume=resume,
        progress=progress,
    )
    return {
        "run": str(run_dir),
        "engine": engine_of(learner.env_params.replay),
        "seeds": list(config.train.seeds),
        "env_steps": int(Records(run_dir).read()["updates"]) * learner.steps_per_update,  # type: ignore[index]
        "validated_pnl": [float(score) for score in done.best.score],
        "best_update": [int(update) for update in done.best.update],
    }


def validator(learner: Learner, params: Params) -> loop.Validate:
    """Scores policies [S] by their net P&L, in settlement currency, of one greedy pass over the validation span."""

    @jax.jit
    def score(learner: Learner, params: Params, policy: Policy) -> dict[str, jax.Array]:
        def one(policy: Policy) -> dict[str, jax.Array]:
            net, lots, outside = pass_over(params, Greedy(learner, policy))
            return {"score": net, "volume_lots": lots, "outside": outside}

        return jax.vmap(one)(policy)

    return partial(score, learner, params)
