"""The thin line on a tiny synthetic market: train, evaluate, export, backtest, for every learner and kind of action."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from thin_line import EVALUATED, LINES

from jaxmm.policy.bundle import Bundle
from jaxmm.policy.types import View
from jaxmm.tape.tape import Tape
from tests.commands import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, quick: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("lines")
    script = Path(__file__).with_name("thin_line.py")
    debugged = {**quick, "PYTHONPATH": str(ROOT), "JAXMM_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", script, folder], env=os.environ | debugged, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=sorted(LINES))
def line(request: pytest.FixtureRequest, folder: Path) -> tuple[Path, dict[str, Any]]:
    """A run's folder and what every stage said."""
    return folder / request.param, json.loads((folder / f"{request.param}.json").read_text())


def test_training_takes_every_step_of_every_seed_and_keeps_the_best(line):
    run, said = line
    lines = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["env_steps"] >= 2048
    validated = [entry["validation/score"] for entry in lines if "validation/score" in entry]
    np.testing.assert_allclose(np.max(validated, axis=0), said["train"]["validated_pnl"], rtol=1e-6)
    assert json.loads((run / "run.json").read_text())["status"] == "done"


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluating_writes_report_table_and_a_bundle_for_every_seed(folder, name):
    out = folder / name / "evaluation"
    results = json.loads((folder / f"{name}.json").read_text())["evaluate"]
    assert results["verdict"]
    assert "fixed_spread" in (out / "results.md").read_text()
    assert (out / "quotes.png").read_bytes().startswith(b"\x89PNG")
    assert "</html>" in (out / "report.html").read_text()
    assert results["bundles"] == [str(out / f"bundle-seed-{seed}") for seed in (0, 1)]
    assert all(Bundle.load(bundle).provenance.training["seed"] == i for i, bundle in enumerate(results["bundles"]))


@pytest.mark.parametrize("name", EVALUATED)
def test_the_test_span_is_scored_once(folder, name):
    said = json.loads((folder / f"{name}.json").read_text())
    assert said["again"] == said["evaluate"] | {"scored": "before"}
    assert not said["report_rewritten"]


def test_the_exported_seed_is_the_one_that_validated_best(line):
    run, said = line
    pnl = said["train"]["validated_pnl"]
    assert said["export"]["seed"] == int(np.argmax(pnl))
    assert said["export"]["validated_pnl"] == pytest.approx(max(pnl))
    assert "no seed 7 in this run; it has 0, 1" in said["no_seed"]
    assert not (run / "bundle-7").exists()


def test_numpy_decides_what_the_jitted_backtest_decides(line):
    _, said = line
    assert said["differing_decisions"] == []


def test_a_bundle_backtests_on_the_tape_of_its_run_and_quotes_from_numpy(line):
    run, said = line
    tape = Tape.open(run / "tape")
    assert said["backtest"]["decisions"] == tape.decisions
    zero = np.int32(0)
    touch = (np.int32(price) for price in tape.book_price[-1, :, 0])
    quotes = Bundle.load(run / "bundle").quote(
        View(*touch, zero, tape.features[-1], zero, zero, zero, zero, np.float32(1))
    )
    assert quotes.bid_ticks < quotes.ask_ticks
