"""Policies of runs on models as bundles, and the exact score of a bundle: numpy decides, the solver judges."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.config import ModelConfig
from jaxmm.envs.models import environment_of
from jaxmm.errors import InputError
from jaxmm.learn import loop
from jaxmm.learn.records import versions
from jaxmm.learn.rollout import within
from jaxmm.markets.models import Model, model_of
from jaxmm.policy.model_bundle import ModelBundle, write_model_bundle
from jaxmm.policy.network import Choice
from jaxmm.runs.export import check_finished, golden
from jaxmm.runs.kept import load_kept
from jaxmm.runs.model_training import Judge, learner_of, row, task_model


def export_policy(run_dir: Path, out: Path, seed: int | None = None) -> dict[str, Any]:
    """Writes the last policy of `seed`, or of the seed that scores best, as a bundle at `out`, with its exact score.

    Raises `InputError` where the run is not finished, has no such seed, or its learner exports nothing.
    """
    config = load_kept(run_dir)
    assert isinstance(config, ModelConfig)
    check_finished(run_dir)
    learner, judge = learner_of(config), Judge.of(task_model(config))
    done, seeds = loop.load(learner, run_dir), list(config.train.seeds)
    if seed is not None and seed not in seeds:
        raise InputError(f"{run_dir}: no seed {seed} in this run; it has {', '.join(map(str, seeds))}")
    policies = learner.policy(done.state)
    scores = judge.scores(learner, policies)
    index = int(np.argmax([score.mean for score in scores])) if seed is None else seeds.index(seed)
    acting = learner.acting(policies, index)
    scored = row(scores[index], judge.solution.J_star)
    write_model_bundle(
        out,
        network=acting.description,
        weights=acting.weights,
        golden=golden(learner, done.state, jax.tree.map(lambda leaf: leaf[index], policies), index),
        model=config.model.name,
        settings=config.model.settings,
        training={
            "algorithm": config.learner.algorithm,
            "seed": seeds[index],
            "env_steps": config.train.total_steps,
            "versions": versions(),
            "config": config.model_dump(mode="json", by_alias=True),
        },
        scores=scored,
    )
    return {"bundle": str(out), "seed": seeds[index], **scored}


def score_bundle(path: Path, model: Model | None = None) -> dict[str, Any]:
    """The exact score of a bundle on its own model, or on another that shows and takes the same."""
    bundle = ModelBundle.load(path)
    judge = Judge.of(model or model_of(bundle.model, dict(bundle.settings)))
    env, params = environment_of(judge.model, discrete=isinstance(bundle.network.head, Choice) or None)
    actions = jnp.asarray(bundle.act(judge.observed(env, params)))  # [N, I] or [N, I, A]
    space = env.action_space(params)
    if not space.shape == actions.shape[2:]:
        raise InputError(
            f"{path}: its actions have shape {actions.shape[2:]}, those of {judge.model.name} {space.shape}"
        )
    decode = jax.vmap(jax.vmap(lambda action: env.decode(within(space, action), params)))
    score = judge.solver.score(np.asarray(decode(actions), np.float64))
    return {**row(score, judge.solution.J_star), "model": judge.model.name}
