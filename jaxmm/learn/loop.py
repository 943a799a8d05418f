"""The outer loop of all learners: seeds side by side in one compiled update, records, checkpoints, stopping.

A run that is killed at any time and resumed ends bit-equal to one that was not: everything that decides what comes next
is in the checkpoint. Letters: S seeds.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orjson

from jaxmm.errors import InputError
from jaxmm.learn.acting import Policy
from jaxmm.learn.checkpoint import Checkpoints
from jaxmm.learn.learner import Learner
from jaxmm.learn.placement import local_mesh, replicated, state_sharding
from jaxmm.learn.progress import display
from jaxmm.learn.records import Records, versions, writing
from jaxmm.stopping import stop_requests

Validate = Callable[[Policy], dict[str, Any]]  # policies [S, ...] -> scores [S] by name; needs "score", more is better


class Best(NamedTuple):
    """The best policy by validation, of each seed."""

    policy: Policy  # [S, ...]
    score: jax.Array  # float32 [S], −inf before the first validation
    update: jax.Array  # int32 [S], when it was validated
    stalled: jax.Array  # int32 [], validations in a row in which no seed improved


class Progress(NamedTuple):
    """All that a checkpoint holds."""

    state: Any  # the learner's, [S, ...]
    best: Best


def train(
    learner: Learner,
    *,
    seeds: Sequence[int],
    total_steps: int,
    run_dir: str | Path,
    settings: dict[str, Any] | None = None,
    validate: Validate | None = None,
    validate_every: int = 50,
    patience: int | None = None,
    checkpoint_every: int = 50,
    resume: bool = False,
    progress: bool = True,
) -> Progress:
    """Trains every seed for `total_steps` environment steps and returns where it got.

    Args:
        learner: an algorithm with its environment.
        seeds: one training run each, side by side.
        total_steps: environment steps of each seed, rounded up to whole updates.
        run_dir: gets `run.json`, `metrics.jsonl` and `checkpoints/`.
        settings: kept in `run.json` as it is: the configuration that the run was made from.
        validate: scores of the policies; the best of each seed by "score" is kept.
        validate_every: updates between validations; the last update is always validated.
        patience: validations in a row without an improvement of any seed after which the run ends early.
        checkpoint_every: updates between checkpoints; the last update is always saved.
        resume: continues the run in `run_dir`, from the start if it has no checkpoint yet.
        progress: whether to show a bar (on a terminal) or log lines.

    Raises:
        InputError: `run_dir` holds a run and `resume` was not asked, holds another run than this one, or is full.
        KeyboardInterrupt: on SIGINT or SIGTERM, after the update in hand is finished and saved.
    """
    run = _describe_run(learner, seeds, total_steps, settings)
    records = Records(Path(run_dir))
    _check_folder(records, run, resume)
    with writing(records.run_json.parent):
        records.run_json.parent.mkdir(parents=True, exist_ok=True)
    learner = jax.device_put(learner, replicated(local_mesh()))
    target = math.ceil(total_steps / learner.steps_per_update)
    with (
        stop_requests() as stop,
        Checkpoints(_checkpoints_folder(run_dir)) as checkpoints,
        display(target, progress) as shown,
    ):
        current, done = _start_or_restore(learner, seeds, checkpoints)
        records.write({**run, "status": "running", "updates": done})
        line = _Lines(learner, len(seeds), wall_s=records.keep_until(done))
        update = _compile(learner, current.state)
        line.start()
        while done < target and not _exhausted(current.best, patience):
            state, metrics = update(learner, current.state)
            current, done = current._replace(state=state), done + 1
            scores: dict[str, Any] = {}
            if validate is not None and (done % validate_every == 0 or done == target):
                current, scores = _validated(learner, current, validate, done)
            written = line(done, metrics, scores)
            records.append(written)
            shown.show(written)
            stopping = stop.signal is not None and done < target
            if stopping or done % checkpoint_every == 0 or done == target or _exhausted(current.best, patience):
                checkpoints.save(done, current)
            if stopping:
                records.write({**run, "status": "interrupted", "updates": done})
                raise KeyboardInterrupt(f"stopped by {stop.signal}; the run resumes after update {done}")
        records.write({**run, "status": "done", "updates": done})
    return current


def load(learner: Learner, run_dir: str | Path) -> Progress:
    """The newest checkpoint of a run of this learner, on the local devices.

    Raises `InputError` where there is none, or it is of another learner.
    """
    run = Records(Path(run_dir)).read()
    if run is None:
        raise InputError(f"{run_dir}: no run.json here; give the folder of a training run")
    with Checkpoints(_checkpoints_folder(run_dir)) as checkpoints:
        if checkpoints.latest() is None:
            raise InputError(f"{run_dir}: the run has no checkpoint yet; resume it first")
        return _start_or_restore(learner, run["seeds"], checkpoints)[0]


def _checkpoints_folder(run_dir: str | Path) -> Path:
    return Path(run_dir) / "checkpoints"


def _describe_run(
    learner: Learner, seeds: Sequence[int], total_steps: int, settings: dict[str, Any] | None
) -> dict[str, Any]:
    """What `run.json` says of a run; refuses one that is none."""
    if total_steps < 1 or len(seeds) == 0 or len(set(seeds)) < len(seeds):
        raise InputError(
            f"total_steps is {total_steps} and seeds are {list(seeds)}; give at least one step and distinct seeds"
        )
    return {
        "learner": type(learner).__name__,
        "environment": type(learner.env).__name__,
        "config": dataclasses.asdict(learner.config),
        "seeds": list(seeds),
        "total_steps": total_steps,
        "steps_per_update": learner.steps_per_update,
        "settings": settings or {},
        "versions": versions(),
        "device": f"{jax.local_device_count()} x {jax.local_devices()[0].device_kind}",
    }


def _check_folder(records: Records, run: dict[str, Any], resume: bool) -> None:
    """Refuses to overwrite a run, and to continue one as another."""
    before = records.read()
    if before is None:
        return
    if not resume:
        raise InputError(f"{records.run_json.parent} already holds a run; resume it or choose another folder")
    for name in ("learner", "environment", "config", "seeds"):
        asked = orjson.loads(orjson.dumps(run[name]))
        if before.get(name) != asked:
            raise InputError(f"{records.run_json}: the run was made with {name} {before.get(name)}, not {asked}")


def _start_or_restore(learner: Learner, seeds: Sequence[int], checkpoints: Checkpoints) -> tuple[Progress, int]:
    """The newest checkpoint, or a fresh start; with the number of updates done."""
    mesh = local_mesh()
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    shapes = jax.eval_shape(partial(_fresh, learner), keys)
    shardings = jax.tree.map(lambda _: replicated(mesh), shapes)
    shardings = shardings._replace(state=state_sharding(learner, shapes.state, mesh))
    latest = checkpoints.latest()
    if latest is None:
        return jax.jit(_fresh, out_shardings=shardings)(learner, keys), 0
    template = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, shardings)
    return checkpoints.restore(latest, template), latest


def _fresh(learner: Learner, keys: jax.Array) -> Progress:
    state = jax.vmap(learner.init)(keys)
    seeds = keys.shape[0]
    policy = jax.tree.map(jnp.copy, learner.policy(state))  # updates take over the memory of the state
    score, update = jnp.full(seeds, -jnp.inf), jnp.zeros(seeds, jnp.int32)
    return Progress(state, Best(policy, score, update, stalled=jnp.zeros((), jnp.int32)))


def _compile(learner: Learner, state: Any) -> Callable[[Learner, Any], tuple[Any, dict[str, jax.Array]]]:
    """The update of all seeds, compiled ahead: it can not compile again, and it reuses the memory of the state."""
    shardings = jax.tree.map(lambda x: x.sharding, state)
    update = jax.jit(
        lambda learner, state: jax.vmap(learner.update)(state), donate_argnums=1, out_shardings=(shardings, None)
    )
    return update.lower(learner, state).compile()


def _validated(learner: Learner, current: Progress, validate: Validate, done: int) -> tuple[Progress, dict[str, Any]]:
    """The best policies after one more validation, and its scores as lists over seeds."""
    policy = learner.policy(current.state)
    scores = {name: np.asarray(value, np.float32) for name, value in validate(policy).items()}
    best = _keep_best(current.best, policy, jnp.asarray(scores["score"]), jnp.asarray(done, jnp.int32))
    return current._replace(best=best), scores


@jax.jit
def _keep_best(best: Best, policy: Policy, score: jax.Array, update: jax.Array) -> Best:
    """`best` with the policies of the seeds whose score improved. A nan never improves."""
    better = score > best.score
    return Best(
        policy=jax.tree.map(lambda new, old: jax.vmap(jnp.where)(better, new, old), policy, best.policy),
        score=jnp.where(better, score, best.score),
        update=jnp.where(better, update, best.update),
        stalled=jnp.where(jnp.any(better), 0, best.stalled + 1),
    )


def _exhausted(best: Best, patience: int | None) -> bool:
    return patience is not None and int(best.stalled) >= patience


class _Lines:
    """Makes the lines of `metrics.jsonl`: reads the metrics back and adds how far and how fast."""

    def __init__(self, learner: Learner, seeds: int, wall_s: float):
        self._steps = learner.steps_per_update
        self._seeds = seeds
        self._wall_s = wall_s  # of the sessions before
        self._updates = 0

    def start(self) -> None:
        """Starts the clock; compiling is not training."""
        self._began = time.perf_counter()

    def __call__(self, done: int, metrics: dict[str, jax.Array], scores: dict[str, Any]) -> dict[str, Any]:
        read = {name: value.tolist() for name, value in jax.device_get(metrics).items()}
        elapsed = time.perf_counter() - self._began
        self._updates += 1
        return {
            "update": done,
            "env_steps": done * self._steps,
            "wall_s": self._wall_s + elapsed,
            "steps_per_s": self._updates * self._steps * self._seeds / elapsed,
            **read,
            **{f"validation/{name}": value.tolist() for name, value in scores.items()},
        }
