"""Training end to end: the same outer loop as `jaxmm train`, and the bundle that the next section times."""

import json
import time
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bench_environment import config_of
from bench_measure import Figure, Plan, single, spread

from jaxmm.config import Config, Learner, Training
from jaxmm.learn.learner import Learner as Trained
from jaxmm.runs.export import export, load_finished
from jaxmm.runs.task import env_params_of, learner_of
from jaxmm.runs.training import train
from jaxmm.tape.tape import Tape

WARM_UP = 2
"""Updates that are not counted: first touches of memory."""


def training_figures(plan: Plan, algorithm: str, seeds: int) -> list[Figure]:
    """Environment steps a second of all seeds, update by update; leaves `run-ALGORITHM` and `bundle-ALGORITHM`."""
    config, learner = _task(plan, algorithm, seeds)
    run_dir = plan.work / f"run-{algorithm}-{seeds}"
    began = time.perf_counter()
    train(config, run_dir, progress=False)
    whole_s = time.perf_counter() - began
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    walls = [line["wall_s"] for line in lines]
    skipped = WARM_UP + _before_learning(learner)
    each = [after - before for before, after in pairwise(walls[skipped - 1 : -1])]  # the last one is validated too
    section = f"{algorithm}, {seeds} seed{'s' if seeds > 1 else ''}"
    return [
        spread(section, "training", "steps/s", (learner.steps_per_update * seeds / s for s in each)),
        single(section, "start and compile", "s", whole_s - walls[-1]),
    ]


def leave_bundle(plan: Plan, algorithm: str) -> None:
    """Exports the run of one seed as `bundle-ALGORITHM`, with Flax's outputs on observations of the tape beside it."""
    run_dir = plan.work / f"run-{algorithm}-{plan.sizes.seeds[0]}"
    export(run_dir, plan.work / f"bundle-{algorithm}", seed=0)
    finished = load_finished(run_dir)
    policy = jax.tree.map(lambda leaf: leaf[0], finished.progress.best.policy)
    seen = observations(finished.tape, plan.sizes.observations)
    with jax.default_matmul_precision("highest"):  # an accelerator may round products to 10 bits otherwise
        outputs = jax.jit(finished.learner.outputs)(policy, jnp.asarray(seen))
    np.savez(plan.work / f"flax-{algorithm}.npz", observation=seen, output=np.asarray(outputs))


def observations(tape: Tape, n: int) -> np.ndarray:
    """`n` observations, float32 [n, D]: features of random decisions, and a random state of our own."""
    rng = np.random.default_rng(0)
    features = np.asarray(tape.features)[rng.integers(0, tape.decisions, n)]
    inventory, distances = rng.uniform(-1, 1, (n, 1)), rng.uniform(-1, 5, (n, 2))
    has, left = rng.integers(0, 2, (n, 2)), rng.uniform(0, 1, (n, 1))
    return np.concatenate([features, inventory, distances * has, has, left], axis=1, dtype=np.float32)


def _task(plan: Plan, algorithm: str, seeds: int) -> tuple[Config, Trained]:
    """The configuration with one update more than counted at each end, and its learner."""
    tape = Tape.open(plan.work / "tape")
    changes: dict[str, Any] = {"learner": Learner(**plan.sizes.learners[algorithm])}
    config = config_of(plan).model_copy(update=changes)
    learner = learner_of(config, env_params_of(config, tape))
    updates = WARM_UP + _before_learning(learner) + plan.sizes.updates + 1
    training = Training(
        seeds=tuple(range(seeds)),
        total_steps=updates * learner.steps_per_update,
        validate_every=10**9,
        checkpoint_every=10**9,
    )
    return config.model_copy(update={"train": training}), learner


def _before_learning(learner: Trained) -> int:
    """Updates in which DQN only fills its replay."""
    return -(-getattr(learner.config, "learning_starts", 0) // learner.steps_per_update)
