"""Steps a second of `as-2008` beside a vectorised numpy loop of the same model, by turns, on the same cores.

Both quote by Avellaneda & Stoikov's closed form and sum profits; both take as many cores as there are (numpy one
process a core, we one device a core) with B trajectories on each. Ratios are at B = 1,000 and at each side's best B.

  .venv/bin/python scripts/bench_models.py [--steps 40000000] [--repeats 7] [--json FILE]
"""

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench_measure import ONE_THREAD, Figure, Plan, spread
from numpy_loop import Loop, simulate

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BATCHES = (1000, 4000, 16000)
FUSED = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion"
EXACT_MEAN, EXACT_SD = 64.8925, 6.5432
SECTION = "as-2008"
Run = Callable[[int, int], tuple[float, float, int]]  # (batch, seed) -> steps a second, mean profit, episodes


def compared(steps: int, repeats: int, batches: tuple[int, ...] = BATCHES) -> list[Figure]:
    """Rates of both, and of each repeat our rate by numpy's; `steps` of all trajectories together in a timed run."""
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        sides: dict[str, Run] = {
            "ours": ours(steps),
            "ours, keys split": ours(steps, split=True),
            "numpy": partial(numpys, pool, steps, False),
            "numpy, raw bits": partial(numpys, pool, steps, True),
        }
        rates: dict[tuple[str, int], list[float]] = {(side, batch): [] for side in sides for batch in batches}
        for repeat in range(repeats + 1):
            for (side, batch), found in rates.items():
                rate, mean, episodes = sides[side](batch, repeat)
                if abs(mean - EXACT_MEAN) > 4.5 * EXACT_SD / math.sqrt(episodes):
                    raise RuntimeError(f"{side}, {batch}: a mean profit of {mean}, not {EXACT_MEAN}")
                if repeat:
                    found.append(rate)
    best = {side: max(batches, key=lambda batch: statistics.median(rates[side, batch])) for side in sides}
    figures = [spread(SECTION, f"{side}, {batch:,} a core", "steps/s", found) for (side, batch), found in rates.items()]
    for rival in ("numpy", "numpy, raw bits"):
        for what, a, b in (("1,000 a core", 1000, 1000), ("best batches", best["ours"], best[rival])):
            ratios = [x / y for x, y in zip(rates["ours", a], rates[rival, b], strict=True)]
            figures.append(spread(SECTION, f"ours / {rival}, {what}", "", ratios))
    return figures


def numpys(pool: ProcessPoolExecutor, steps: int, raw: bool, batch: int, seed: int) -> tuple[float, float, int]:
    """The loop in a process a core."""
    each = _episodes_of(steps, batch) * 200
    loop = Loop(T=1.0, N=200, sigma=2.0, k=1.5, A=140.0, gamma=0.1)
    list(pool.map(abs, range(CORES)))  # all are up
    began = time.perf_counter()
    profits = list(pool.map(partial(simulate, loop, batch, each, raw=raw), range(seed * CORES, (seed + 1) * CORES)))
    wall = time.perf_counter() - began
    episodes = each // 200 * batch * CORES
    return CORES * batch * each / wall, sum(float(p.sum(dtype=float)) for p in profits) / episodes, episodes


def ours(steps: int, split: bool = False) -> Run:
    """The environment under `step`, with auto-reset, a device a core; keys fanned out, or split as learners do."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import PartitionSpec

    from jaxmm.envs.models import environment_of
    from jaxmm.markets.models import AvellanedaStoikov
    from jaxmm.markets.randomness import fan

    model = AvellanedaStoikov()
    env, params = environment_of(model)
    keys_of = jax.random.split if split else fan

    def act(state: Any, params: Any) -> jax.Array:
        risk = model.gamma * model.sigma**2 * (model.T - state.step * model.dt)
        half, shift = 0.5 * risk + math.log1p(model.gamma / model.k) / model.gamma, state.inventory * risk
        return env.encode(jnp.stack([half + shift, half - shift]), params)

    def profits(batch: int, each: int, key: jax.Array, params: Any) -> jax.Array:
        """[1, B] of one device."""
        _, states = jax.vmap(env.reset, in_axes=(0, None))(jax.random.split(key[0], batch), params)

        def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
            states, profit = carry
            actions = jax.vmap(act, in_axes=(0, None))(states, params)
            _, states, reward, *_ = jax.vmap(env.step, in_axes=(0, 0, 0, None))(
                keys_of(key, batch), states, actions, params
            )
            return (states, profit + reward), None

        return jax.lax.scan(step, (states, jnp.zeros(batch)), jax.random.split(key[0], each))[0][1][None]

    mesh = jax.make_mesh((jax.device_count(),), ("core",), axis_types=(jax.sharding.AxisType.Auto,))
    cores = PartitionSpec("core")
    programs: dict[int, Any] = {}

    def run(batch: int, seed: int) -> tuple[float, float, int]:
        each = _episodes_of(steps, batch) * model.N
        if batch not in programs:
            shards = jax.shard_map(
                partial(profits, batch, each),
                mesh=mesh,
                in_specs=(cores, PartitionSpec()),
                out_specs=cores,
                check_vma=False,
            )
            programs[batch] = jax.jit(shards)
        keys = jax.random.split(jax.random.key(seed), jax.device_count())
        began = time.perf_counter()
        profit = jax.block_until_ready(programs[batch](keys, params))
        wall = time.perf_counter() - began
        episodes = each // model.N * batch * jax.device_count()
        return jax.device_count() * batch * each / wall, float(profit.sum(dtype=float)) / episodes, episodes

    return run


def _episodes_of(steps: int, batch: int) -> int:
    """Whole episodes of each trajectory, at least one."""
    return max(round(steps / (CORES * batch * 200)), 1)


def model_figures(plan: Plan) -> list[Figure]:
    """For `scripts/bench`, which sets the devices."""
    steps = 500 * plan.sizes.env_steps
    return compared(steps, plan.sizes.repeats, BATCHES if steps > 10**6 else BATCHES[:1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40_000_000, help="of all trajectories, in one timed run")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    os.environ.update(ONE_THREAD, JAX_NUM_CPU_DEVICES=str(CORES), XLA_FLAGS=FUSED)
    figures = compared(arguments.steps, arguments.repeats)
    print(f"{CORES} cores, load {os.getloadavg()[0]:.1f}; median of {arguments.repeats} runs, least – most")
    for figure in figures:
        scale, unit = (1e6, f"M {figure.unit}") if figure.unit else (1.0, "")
        median, least, most = (value / scale for value in (figure.median, figure.least, figure.most))
        print(f"{figure.name:42}{median:10.2f} {unit:12}{least:8.2f} – {most:.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps([figure._asdict() for figure in figures], indent=1) + "\n")


if __name__ == "__main__":
    main()
