"""`jaxmm export`: the checkpointed policy of one seed as a bundle that numpy reads."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.config import Config, ModelConfig
from jaxmm.errors import InputError
from jaxmm.learn import loop
from jaxmm.learn.acting import Policy
from jaxmm.learn.learner import Learner
from jaxmm.learn.records import Records, versions
from jaxmm.policy.bundle import Bundle, Observing, Provenance, write_bundle
from jaxmm.runs.kept import load_kept, load_run
from jaxmm.runs.market import Parts, parts_of, tape_of
from jaxmm.runs.task import actions_of, env_params_of, learner_of
from jaxmm.tape.tape import Tape

GOLDEN = 64
"""Observations that travel with a bundle, with the learner's own outputs for them."""


class Finished(NamedTuple):
    """A finished run, loaded."""

    config: Config
    tape: Tape
    parts: Parts
    learner: Learner
    progress: loop.Progress


def load_finished(run_dir: Path) -> Finished:
    """Loads a run. Raises `InputError` where it is none, or not finished."""
    config = load_run(run_dir)
    check_finished(run_dir)
    tape = tape_of(config, run_dir)
    parts = parts_of(config, tape)
    learner = learner_of(config, env_params_of(config, parts.train))
    return Finished(config, tape, parts, learner, loop.load(learner, run_dir))


def check_finished(run_dir: Path) -> None:
    """Raises `InputError` where a run has not trained to its end."""
    records = Records(run_dir).read()
    if records is None or records["status"] != "done":
        how_far = "has not begun to train" if records is None else f"stopped after update {records['updates']}"
        raise InputError(f"{run_dir}: the run {how_far}; finish it with `jaxmm train --resume` first")


def export(run_dir: Path, out: Path, seed: int | None = None) -> dict[str, Any]:
    """Writes the policy of `seed`, or of the seed that validated best, as a bundle at `out`."""
    if isinstance(load_kept(run_dir), ModelConfig):
        from jaxmm.runs.model_bundles import export_policy

        return export_policy(run_dir, out, seed)
    finished = load_finished(run_dir)
    seeds = list(finished.config.train.seeds)
    if seed is not None and seed not in seeds:
        raise InputError(f"{run_dir}: no seed {seed} in this run; it has {', '.join(map(str, seeds))}")
    index = int(np.argmax(finished.progress.best.score)) if seed is None else seeds.index(seed)
    write(finished, run_dir, out, index)
    return {"bundle": str(out), "seed": seeds[index], "validated_pnl": float(finished.progress.best.score[index])}


def write(finished: Finished, run_dir: Path, out: Path, index: int) -> Bundle:
    """Writes and loads back the bundle of the `index`-th seed: its best policy by validation."""
    config, learner, best = finished.config, finished.learner, finished.progress.best
    acting = learner.acting(best.policy, index)
    policy = jax.tree.map(lambda leaf: leaf[index], best.policy)
    return write_bundle(
        out,
        network=acting.description,
        weights=acting.weights,
        golden=golden(learner, finished.progress.state, policy, index),
        actions=actions_of(config),
        instrument=finished.tape.instrument,
        observing=Observing(
            finished.tape.meta.clock, finished.tape.levels, config.env.max_position_lots, config.env.distance_ticks
        ),
        provenance=Provenance(
            training={
                "algorithm": config.learner.algorithm,
                "seed": config.train.seeds[index],
                "env_steps": config.train.total_steps,
                "best_update": int(best.update[index]),
                "versions": versions(),
                "config": config.model_dump(mode="json", by_alias=True),
            },
            data={"source": finished.tape.meta.source, "train_ns": _span(finished.parts.train)},
            scores={"validated_pnl": float(best.score[index]), "validate_ns": _span(finished.parts.validate)},
        ),
    )


def golden(learner: Learner, state: Any, policy: Policy, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Observations from where the training environments stand, float32 [G, D], and the policy's outputs for them.

    Where there are fewer environments, observations repeat.
    """
    seen = np.asarray(state.runner.observation[index], np.float32)
    observations = np.resize(seen, (GOLDEN, seen.shape[-1]))
    with jax.default_matmul_precision("highest"):  # a GPU's shortened products would not be reproduced by numpy
        return observations, np.asarray(learner.outputs(policy, jnp.asarray(observations)))


def _span(tape: Tape) -> list[int]:
    return [int(tape.ts_ns[0]), int(tape.ts_ns[-1])]
