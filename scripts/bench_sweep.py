"""The sweep as its user calls it: seconds of `jaxmm.evaluate.sweep.sweep`, its window table included, and a check.

    .venv/bin/python scripts/bench_sweep.py --seconds 15700 --sets 1000 --json sweep.json

One JSON object. `first_s` includes compilation, `walls` are later calls in the same process.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.lockstep import fuse_outputs
from jaxmm.evaluate.sweep import Sweep, difference, sweep
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel
from jaxmm.markets.synthetic import BENCHMARK_SECONDS, SyntheticMarket, SyntheticStore
from jaxmm.strategies.skewed import SkewedSpread
from jaxmm.tape.build import build_tape
from jaxmm.tape.tape import Tape

LATENCY = Latency(10_000_000, 10_000_000)


def strategies_of(count: int) -> SkewedSpread:
    """Sets of the two-sided quoter in whole half-ticks that the peer runs too; those of `bench_peer.sets_of`."""
    random = np.random.default_rng(11)
    half, skew, lots, clips = (random.integers(low, high, count) for low, high in ((0, 7), (0, 3), (1, 10), (4, 11)))
    return SkewedSpread(half / 2, skew / 2, lots, lots * clips)


def measure(
    tape: Tape,
    strategies: SkewedSpread,
    engine: str,
    repeats: int,
    fills: str = "risk_averse",
    batch: int | None = None,
) -> tuple[dict[str, Any], Sweep]:
    """What the calls took, and what the last one found."""
    walls, busy, swept = [], [], None
    for _ in range(repeats + 1):
        began, cpu = time.perf_counter(), time.process_time()
        swept = sweep(tape, strategies, latency=LATENCY, model=FillModel.parse(fills), engine=engine, batch=batch)
        walls.append(time.perf_counter() - began)
        busy.append(time.process_time() - cpu)
    assert swept is not None
    done = len(swept) * (tape.decisions - 1)
    facts = {
        "engine": engine,
        "fills_model": fills,
        "batch": batch,
        "sets": len(swept),
        "decisions": tape.decisions,
        "events": tape.events,
        "first_s": walls[0],
        "walls": walls[1:],
        "cpu_s": busy[1:],
        "set_decisions_per_s": [done / wall for wall in walls[1:]],
        "set_decisions_per_cpu_s": [done / cpu for cpu in busy[1:]],
        "unknown_fills": int((swept.scores.outside > 0).sum()),
    }
    return facts, swept


def differing(tape: Tape, swept: Sweep, fills: str, checked: int) -> int:
    """How many of the first `checked` sets differ from their exact backtests."""
    wrong = 0
    for index in range(min(checked, len(swept))):
        one = swept.strategy(index)
        exact = backtest(
            tape,
            one,
            name="one",
            latency=LATENCY,
            model=FillModel.parse(fills),
            max_position_lots=one.max_position_lots,
        )
        wrong += any(difference(swept, index, exact))
    return wrong


def main() -> None:
    """Measures either engine on the benchmark's feed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=BENCHMARK_SECONDS, help="length of the feed")
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--engines", nargs="*", default=["window", "event"])
    parser.add_argument("--fills", default="risk_averse")
    parser.add_argument("--batch", type=int, nargs="*", default=[None], help="sets side by side; the default if none")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--checked", type=int, default=3, help="sets that are held against their backtests")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    fuse_outputs()
    with tempfile.TemporaryDirectory() as work:
        store = SyntheticStore(SyntheticMarket.benchmark(), seed=1, seconds=asked.seconds)
        tape = build_tape(store, Path(work) / "tape", "100ms", 20)
        runs = []
        for engine in asked.engines:
            for batch in asked.batch:
                facts, swept = measure(tape, strategies_of(asked.sets), engine, asked.repeats, asked.fills, batch)
                runs.append(facts | {"differ": differing(tape, swept, asked.fills, asked.checked)})
    text = json.dumps({"load": round(os.getloadavg()[0], 1), "runs": runs}, indent=1)
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
