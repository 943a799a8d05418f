"""Where the time of a step goes: an XLA trace of each engine, as a table of the kernels that take most of it.

.venv/bin/python scripts/profile_engines.py [--environments 256] [--seconds 120]
"""

import argparse
import gzip
import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.evaluate.backtest import run
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.replay import BATCH, replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel
from jaxmm.exchange.window import window_replay_of
from jaxmm.exchange.window_table import Levels
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.strategies.skewed import SkewedSpread
from jaxmm.tape.build import build_tape

SHOWN = 8
NOT_KERNELS = ("$", "Thunk", "end:", "PjRt", "Tfrt", "Parse", "Handle", "Execute", "Xla", "Cpu", "Common")


def kernels(trace: Path) -> Counter[str]:
    """Microseconds by name of a kernel, without those of the kernels that it calls."""
    (file,) = trace.rglob("*.trace.json.gz")
    events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    spans = [e for e in events if e.get("ph") == "X" and not e["name"].startswith(NOT_KERNELS)]
    spent: Counter[str] = Counter()
    around: dict[tuple[int, int], list[tuple[float, str]]] = defaultdict(list)  # (end, name) of what is still running
    for event in sorted(spans, key=lambda e: (e["ts"], -e["dur"])):
        running = around[event["pid"], event["tid"]]
        while running and running[-1][0] <= event["ts"]:
            running.pop()
        if running:
            spent[running[-1][1]] -= event["dur"]
        spent[event["name"]] += event["dur"]
        running.append((event["ts"] + event["dur"], event["name"]))
    return spent


def main() -> None:
    """Profiles both engines in step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the market")
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    quoters = SkewedSpread(
        jnp.asarray(rng.integers(1, 4, asked.environments) / 2, jnp.float32),
        jnp.asarray(rng.integers(0, 3, asked.environments) / 2, jnp.float32),
        jnp.full(asked.environments, 5, jnp.int32),
        jnp.full(asked.environments, 50, jnp.int32),
    )
    with tempfile.TemporaryDirectory() as work:
        store = SyntheticStore(SyntheticMarket.benchmark(), seed=1, seconds=asked.seconds)
        tape, latency, model = build_tape(store, Path(work) / "tape", "100ms", 20), Latency(10**7, 10**7), FillModel()
        engines = {
            "event": replay_of(tape, latency, reading=BATCH),
            "window": window_replay_of(tape, latency, model, Levels(14, 10)),
        }
        for name, replay in engines.items():

            def once(quoter: SkewedSpread, replay=replay) -> jax.Array:
                steps = run(replay, quoter, quoter.max_position_lots, Rules.of(model))
                return jnp.sum(steps.bought + steps.sold, dtype=jnp.int32) + steps.position[-1]

            program = jax.jit(jax.vmap(once)).lower(quoters).compile()
            jax.block_until_ready(program(quoters))
            folder = Path(work) / name
            with jax.profiler.trace(str(folder)):
                jax.block_until_ready(program(quoters))
            spent = kernels(folder)
            whole = sum(spent.values())
            print(f"{name} engine, {asked.environments} environments, {tape.decisions} decisions: {len(spent)} kernels")
            for kernel, took in spent.most_common(SHOWN):
                print(f"  {took / whole:6.1%}  {took / tape.decisions:8.2f} µs a step  {kernel}")


if __name__ == "__main__":
    main()
