"""What the benchmark's sections share: sizes, figures, repeats, and a process of its own for each section.

A section runs in a fresh process: its peak memory is its own, and the bundle is timed where JAX was never loaded.
"""

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Figure(NamedTuple):
    """One row of the table: the median over runs, and the least and the largest of them."""

    section: str
    name: str
    unit: str
    median: float
    least: float
    most: float
    runs: int


class Sizes(NamedTuple):
    """How much is measured."""

    repeats: int  # timed runs of each figure, after one that is not counted
    batches: tuple[int, ...]  # environments side by side
    env_steps: int  # environment steps of one timed run, of all environments
    updates: int  # timed updates of a training run
    seeds: tuple[int, ...]  # numbers of seeds side by side
    learners: dict[str, dict[str, Any]]  # settings over those of the configuration
    observations: int  # compared between numpy and Flax
    quotes: int  # decisions of one timed run of the bundle
    seconds: float  # length of the synthetic market, where there is no recording
    feed_seconds: float  # length of the feed that the peer and we run on
    feed_batches: tuple[int, ...]  # environments side by side there
    feed_sets: int  # parameter sets of the sweep there


DQN = {"algorithm": "dqn", "num_envs": 16, "num_iterations": 512}
PPO = {"algorithm": "ppo", "num_envs": 256, "num_steps": 32}
FULL = Sizes(
    repeats=7,
    batches=(1, 256, 4096),
    env_steps=80_000,
    updates=12,
    seeds=(1, 4),
    learners={"ppo": PPO, "dqn": DQN},
    observations=100_000,
    quotes=20_000,
    seconds=600.0,
    feed_seconds=15_700.0,
    feed_batches=(256, 1024, 4096),
    feed_sets=1000,
)
QUICK = FULL._replace(
    repeats=3, env_steps=20_000, updates=5, quotes=5_000, feed_seconds=1_570.0, feed_batches=(256, 1024)
)
TINY = Sizes(
    repeats=2,
    batches=(4,),
    env_steps=64,
    updates=3,
    seeds=(1,),
    learners={"ppo": {**PPO, "num_envs": 8, "num_steps": 4, "num_epochs": 1, "num_minibatches": 1, "hidden": [8]}},
    observations=500,
    quotes=100,
    seconds=180.0,
    feed_seconds=20.0,
    feed_batches=(4,),
    feed_sets=8,
)
SIZES = {"full": FULL, "quick": QUICK, "tiny": TINY}


class Plan(NamedTuple):
    """What a section is given."""

    sizes: Sizes
    recording: Path | None  # None: the synthetic market stands in
    work: Path  # a folder for what one section leaves to the next: `tape`, `run-ppo`, `run-dqn`


def spread(section: str, name: str, unit: str, values: Iterable[float]) -> Figure:
    """A figure from the values of several runs."""
    values = sorted(values)
    return Figure(section, name, unit, statistics.median(values), values[0], values[-1], len(values))


def single(section: str, name: str, unit: str, value: float) -> Figure:
    """A figure that has no spread: a size or a count."""
    return spread(section, name, unit, [value])


def seconds_of(run: Callable[[int], Any], repeats: int) -> list[tuple[float, float]]:
    """(wall, processor) seconds of each `run(i)`, i = 1 …, after `run(0)`, which is not counted."""
    taken = []
    for i in range(repeats + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        run(i)
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return taken[1:]


def in_own_process(section: Callable[..., Any], *arguments: Any, environment: dict[str, str] | None = None) -> Any:
    """(what `section(*arguments)` returns, peak memory of its process in MiB)."""
    before = dict(os.environ)
    os.environ.update(environment or {})
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_with_peak, section, arguments).result()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _with_peak(section: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float]:
    result = section(*arguments)
    per_mib = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mib
