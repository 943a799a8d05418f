"""A decision by numpy alone: how long it takes and how far it is from Flax. This module must not load JAX."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bench_measure import Figure, Plan, single, spread

from jaxmm.policy.bundle import Bundle
from jaxmm.policy.types import View
from jaxmm.tape.tape import Tape


def bundle_figures(plan: Plan, algorithm: str) -> list[Figure]:
    """Figures of one algorithm's bundle."""
    bundle = Bundle.load(plan.work / f"bundle-{algorithm}")
    with np.load(plan.work / f"flax-{algorithm}.npz") as flax:
        seen, expected = flax["observation"], flax["output"]
    section = f"bundle, {algorithm}"
    timed = [*seen[: plan.sizes.quotes]]
    figures = _percentiles(section, "action", bundle.action, timed, plan.sizes.repeats)
    views = _views(bundle, Tape.open(plan.work / "tape"), plan.sizes.quotes)
    figures += _percentiles(section, "quote", bundle.quote, views, plan.sizes.repeats)
    figures += _parity(section, bundle, seen, expected)
    loaded = sum(name.partition(".")[0] == "jax" for name in sys.modules)
    return [*figures, single(section, "JAX modules loaded", "", loaded)]


def _percentiles(
    section: str, name: str, decide: Callable[[Any], Any], inputs: Sequence[Any], repeats: int
) -> list[Figure]:
    """Median and 99th percentile of a decision, each over the runs; on a busy machine wall time waits for others."""
    figures = []
    for clock, of in ((time.perf_counter_ns, ""), (time.thread_time_ns, " of cpu time")):
        runs = [_times_us(decide, inputs, clock) for _ in range(repeats + 1)][1:]
        for percent in (50, 99):
            values = np.percentile(runs, percent, axis=1).tolist()
            figures.append(spread(section, f"{name}, p{percent}{of}", "µs", values))
    return figures


def _times_us(decide: Callable[[Any], Any], inputs: Sequence[Any], clock: Callable[[], int]) -> np.ndarray:
    taken = np.empty(len(inputs))
    for i, given in enumerate(inputs):
        began = clock()
        decide(given)
        taken[i] = clock() - began
    return taken / 1e3


def _parity(section: str, bundle: Bundle, seen: np.ndarray, expected: np.ndarray) -> list[Figure]:
    """Numpy one observation at a time, as it quotes, against Flax in one batch."""
    network = bundle.policy.network
    outputs = np.stack([network.forward(one, np) for one in seen])
    apart = float(np.abs(outputs - expected).max())
    same = (outputs.argmax(axis=1) == expected.argmax(axis=1)).mean()
    return [
        single(section, f"|numpy − Flax|, most of {len(seen):,}", "", apart),
        single(section, "largest |output|", "", float(np.abs(expected).max())),
        single(section, "equal greedy actions", "%", 100 * float(same)),
    ]


def _views(bundle: Bundle, tape: Tape, n: int) -> list[View]:
    """Views of the tape's decisions with random positions and own quotes at the touch."""
    rng = np.random.default_rng(1)
    limit = int(bundle.policy.max_position_lots)
    views = []
    for k, position in zip(rng.integers(0, tape.decisions, n), rng.integers(-limit, limit + 1, n), strict=True):
        bid, ask = tape.book_price[k, :, 0]
        lots = np.int32(rng.integers(0, 2))
        views.append(View(bid, ask, np.int32(position), tape.features[k], bid, lots, ask, lots, np.float32(1)))
    return views
