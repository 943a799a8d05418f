"""The benchmark's entry: runs the sections one after another, prints one table and writes JSON.

Nothing here loads JAX: each section that needs it does so in a process of its own.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench_measure import ONE_THREAD, SIZES, Figure, Plan, in_own_process, seconds_of, single, spread

RECORDING = Path("../shared/data/binance_usdm/btcusdt_20240808.gz")
SECTIONS = ("import", "environment", "training", "bundle", "start-up", "models", "peer")
PEER = Path(".venv-peers/bin/python")
EXACT = {"JAX_ENABLE_X64": "1"}  # a probabilistic queue agrees with the peer's to the last fill in 64 bits
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
FUSED = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion"  # as `jaxmm backtest` sets it for a sweep
ALL_CORES = {"JAX_NUM_CPU_DEVICES": str(CORES), "XLA_FLAGS": FUSED}  # environments are split among them
ASK_HELP = (sys.executable, "-c", "from jaxmm.cli import main; main()", "--help")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what was asked for."""
    asked = _arguments(arguments)
    recording = RECORDING if RECORDING.exists() and not asked.synthetic else None
    market = recording.name if recording else "synthetic: no recording here"
    facts = {"machine": machine(), "market": market, "sizes": asked.size}
    for name, value in {**facts["machine"], "market": market, "sizes": asked.size}.items():
        print(f"{name:14} {value}")
    print(f"\n{'':28}{'':40}{'median':>14}   {'least – most':<25} runs")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="jaxmm-bench-") as work:
        for found in _measured(Plan(SIZES[asked.size], recording, Path(work)), asked.sections):
            figures += found
            for figure in found:
                print(_row(figure), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps({**facts, "figures": [f._asdict() for f in figures]}, indent=1) + "\n")
        print(f"\nwrote {asked.json}")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "device": ", ".join(_in_own_process("bench_environment", "device_names")[0]),
        "processor": _processor(),
        "cores": CORES,
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        **{name: version(name) for name in ("jaxmm", "jax", "jaxlib", "flax", "numpy")},
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def start_up(plan: Plan) -> list[Figure]:
    """How long a person waits for `jaxmm --help`."""
    taken = seconds_of(lambda i: subprocess.run(ASK_HELP, check=True, capture_output=True), plan.sizes.repeats)
    return [spread("start-up", "jaxmm --help", "s", (wall for wall, _ in taken))]


def _measured(plan: Plan, sections: Sequence[str]) -> Iterator[list[Figure]]:
    """The figures of each section as they come."""
    if set(sections) & {"import", "environment", "training", "bundle"}:
        yield from _of_ourselves(plan, sections)
    if "start-up" in sections:
        yield start_up(plan)
    if "models" in sections:
        yield _with_peak("bench_models", "model_figures", plan, environment={**ALL_CORES, **ONE_THREAD})
    if "peer" in sections:
        yield from _beside_the_peer(plan)


def _of_ourselves(plan: Plan, sections: Sequence[str]) -> Iterator[list[Figure]]:
    """The tape is built in any case: the later sections need it."""
    if "import" in sections:
        yield _with_peak("bench_import", "import_figures", plan)
    tape = _with_peak("bench_import", "tape_figures", plan)
    yield tape if "import" in sections else []
    if "environment" in sections:
        for batch in plan.sizes.batches:
            yield _with_peak("bench_environment", "environment_figures", plan, batch)
    for algorithm in plan.sizes.learners:
        if "training" in sections or "bundle" in sections:
            for seeds in plan.sizes.seeds if "training" in sections else plan.sizes.seeds[:1]:
                trained = _with_peak("bench_training", "training_figures", plan, algorithm, seeds)
                yield trained if "training" in sections else []
        if "bundle" in sections:
            _in_own_process("bench_training", "leave_bundle", plan, algorithm)
            yield _with_peak("bench_bundle", "bundle_figures", plan, algorithm, environment=ONE_THREAD)


def _beside_the_peer(plan: Plan) -> Iterator[list[Figure]]:
    """Us and hftbacktest on one feed; nothing, and a line that says so, where it is not installed."""
    if not PEER.exists():
        print("peer: hftbacktest is not installed here; ./scripts/peer-setup does it")
        return
    for clock in ("100ms", "10ms"):
        for model in ("risk_averse", "power3(3)"):
            environment = EXACT if model.startswith("power") else {}
            yield _with_peak("bench_peer", "quoting_figures", plan, clock, model, environment=environment)
    yield _with_peak("bench_peer", "grid_figures", plan)
    for batch in plan.sizes.feed_batches:
        for random_starts in (False, True):
            yield _with_peak("bench_peer", "batch_figures", plan, batch, random_starts, environment=ALL_CORES)
    yield _with_peak("bench_peer", "sweep_figures", plan, environment=ALL_CORES)


def _with_peak(module: str, name: str, *arguments: Any, **keywords: Any) -> list[Figure]:
    """A section's figures and the peak memory of its process."""
    figures, peak_mib = _in_own_process(module, name, *arguments, **keywords)
    return [*figures, single(figures[0].section, "peak memory", "MiB", peak_mib)] if figures else []


def _in_own_process(module: str, name: str, *arguments: Any, **keywords: Any) -> Any:
    """Runs a function of a module that this process does not import."""
    return in_own_process(run_section, module, name, *arguments, **keywords)


def run_section(module: str, name: str, *arguments: Any) -> Any:
    """In the section's own process."""
    return getattr(importlib.import_module(module), name)(*arguments)


def _row(figure: Figure) -> str:
    """One line of the table."""
    between = f"{_number(figure.least)} – {_number(figure.most)}" if figure.runs > 1 else ""
    runs = str(figure.runs) if figure.runs > 1 else ""
    value = f"{_number(figure.median):>14} {figure.unit:<11}"
    return f"{figure.section:24}{figure.name:38}{value} {between:<25} {runs}".rstrip()


def _number(value: float) -> str:
    """Thousands grouped, four figures, and small values as powers of ten."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2e}" if abs(value) < 1e-3 else f"{value:.4g}"


def _processor() -> str:
    """The CPU's model name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measures jaxmm on this machine.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="fewer and shorter runs")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny", help="only shows that it runs")
    parser.add_argument("--synthetic", action="store_true", help="the synthetic market even where a recording is")
    parser.add_argument("--sections", type=_sections, default=SECTIONS, help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.set_defaults(size="full")
    return parser.parse_args(arguments)


def _sections(text: str) -> tuple[str, ...]:
    asked = tuple(text.split(","))
    for name in asked:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"no section {name!r}; give some of {', '.join(SECTIONS)}")
    return asked


if __name__ == "__main__":
    main()
