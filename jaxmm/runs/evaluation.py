"""`jaxmm evaluate`: every seed's policy and every baseline on the test span, once, under three fill models.

A test span is scored once: the result is kept beside the run and read back by later calls.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmm.config import Config, dump_config
from jaxmm.evaluate.backtest import backtest
from jaxmm.evaluate.comparison import FillModels, Result, compare
from jaxmm.evaluate.curves import TrainingCurves, read_curves
from jaxmm.evaluate.drawing import save_png
from jaxmm.evaluate.plots import quotes_plot
from jaxmm.evaluate.report import Provenance, Split, write_report
from jaxmm.evaluate.result import Backtest
from jaxmm.evaluate.tables import results_table_markdown
from jaxmm.exchange.types import FillModel, OrderType
from jaxmm.files import write_text
from jaxmm.learn.records import versions
from jaxmm.policy.types import Quoter
from jaxmm.runs.baselines import Baseline, tuned_baselines
from jaxmm.runs.export import Finished, load_finished, write
from jaxmm.runs.market import Parts
from jaxmm.runs.task import latency_of, limits_of, terms_of
from jaxmm.tape.tape import Tape

FOLDER = "evaluation"
CURVES = ("reward", "validation/score")


def evaluate(run_dir: Path) -> dict[str, Any]:
    """Scores a finished run on its test span and writes report, table and bundles; a second call reads the first's."""
    out = run_dir / FOLDER
    kept = out / "results.json"
    if kept.exists():
        return {**json.loads(kept.read_text()), "scored": "before"}
    finished = load_finished(run_dir)
    out.mkdir(exist_ok=True)
    baselines = tuned_baselines(finished.config, finished.parts)
    scored = _results(finished, run_dir, baselines)
    comparison = compare(scored, _models(finished.config))
    provenance = _provenance(finished, run_dir)
    algorithm = finished.config.learner.algorithm
    write_report(out / "report.html", comparison, provenance, [(algorithm, _curves(run_dir))])
    save_png(quotes_plot(_picture(scored, finished), decisions=120), out / "quotes.png")
    write_text(out / "results.md", results_table_markdown(comparison))
    results = {
        "run": str(run_dir),
        "scored": "now",
        "report": str(out / "report.html"),
        "table": str(out / "results.md"),
        "bundles": [str(out / f"bundle-seed-{seed}") for seed in finished.config.train.seeds],
        "baselines": [baseline.to_dict() for baseline in baselines],
        **comparison.to_dict(),
        "verdict": [verdict.sentence for verdict in comparison.verdicts],
    }
    write_text(kept, json.dumps(results, indent=1) + "\n")
    return results


def _results(finished: Finished, run_dir: Path, baselines: Sequence[Baseline]) -> list[Result]:
    config, parts = finished.config, finished.parts
    learned = [
        (config.learner.algorithm, seed, write(finished, run_dir, run_dir / FOLDER / f"bundle-seed-{seed}", i).policy)
        for i, seed in enumerate(config.train.seeds)
    ]
    results = []
    for name in config.evaluate.fills:
        for baseline in baselines:
            results.append(Result(_backtest(config, parts, baseline.quoter, baseline.name, name)))
        for quoter, seed, policy in learned:
            results.append(Result(_backtest(config, parts, policy, quoter, name), learned=True, seed=seed))
    return results


def _backtest(config: Config, parts: Parts, quoter: Quoter, name: str, fills: str) -> Backtest:
    return backtest(
        parts.test,
        quoter,
        name=name,
        latency=latency_of(config),
        model=FillModel.parse(fills),
        max_position_lots=config.env.max_position_lots,
        order_type=OrderType.parse(config.venue.order_type),
        limits=limits_of(config),
        terms=terms_of(config),
    )


def _models(config: Config) -> FillModels:
    """The three fill models by the names that backtests give them."""
    return FillModels(*(FillModel.parse(name).name for name in config.evaluate.fills))


def _picture(scored: Sequence[Result], finished: Finished) -> Backtest:
    """The seed that validated best, under the middle fill model."""
    middle = _models(finished.config).calibrated
    best = finished.config.train.seeds[int(np.argmax(finished.progress.best.score))]
    (shown,) = [r.backtest for r in scored if r.seed == best and r.backtest.fills_model == middle]
    return shown


def _provenance(finished: Finished, run_dir: Path) -> Provenance:
    config, tape, parts = finished.config, finished.tape, finished.parts
    named: Sequence[tuple[str, Tape]] = (("train", parts.train), ("validation", parts.validate), ("test", parts.test))
    caveats = () if tape.meta.clocks == "both" else ("The source has one clock: feed latency is taken as zero.",)
    market = f"{tape.instrument.venue} {tape.instrument.symbol}"
    return Provenance(
        title=f"{config.learner.algorithm} on {market}",
        data=f"{market}, source {tape.meta.source[:16]}, clock {tape.meta.clock}",
        config_hash=hashlib.sha256(dump_config(config).encode()).hexdigest()[:16],
        device=str(jax.devices()[0].device_kind),
        splits=tuple(Split(name, int(t.ts_ns[0]), int(t.ts_ns[-1]), t.decisions) for name, t in named),
        commands=(f"jaxmm train {run_dir}/config.yaml --out {run_dir}", f"jaxmm evaluate {run_dir}"),
        versions=tuple(versions().items()),
        caveats=caveats,
    )


def _curves(run_dir: Path) -> TrainingCurves:
    return read_curves(run_dir / "metrics.jsonl", CURVES)
