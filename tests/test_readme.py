"""What the README tells its reader to type works, as it stands there."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    """The one fenced block of a language that holds a text."""
    (found,) = [b for b in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in b]
    return found


def run(script: str, environment: dict[str, str]) -> str:
    """What a block of commands prints on stdout."""
    more = {"cwd": ROOT, "env": os.environ | environment}
    done = subprocess.run(["bash", "-euc", script], **more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def out(shared_data, quick, tmp_path_factory) -> Path:
    """The folder left by the loop in the README, run on fewer training steps."""
    folder = tmp_path_factory.mktemp("readme") / "my"
    script = block("sh", "jaxmm data import").replace("runs/my STEPS=200000", f"{folder} STEPS=5000")
    assert str(folder) in script
    run(script.replace("../shared/data", str(shared_data)), quick)
    return folder


def test_the_loop_on_a_recording_runs_as_written(out):
    for left in (
        "store/store.json",
        "tape/tape.json",
        "sweep/sweep.parquet",
        "run/evaluation/report.html",
        "bundle/policy.json",
    ):
        assert (out / left).is_file(), left


def test_a_recorded_day_on_paper_runs_as_written_and_is_its_simulation(out, quick, tmp_path):
    script = block("sh", "jaxmm live replay").replace("runs/quote STORE=runs/my", f"{tmp_path} STORE={out}")
    assert str(out) in script
    told = run(script, quick)
    assert re.search(r"fills: [1-9]\d* hit, 0 missed by the simulator, 0 extra", told)


def test_the_lines_on_a_known_optimum_run_as_written(quick, tmp_path):
    script = block("sh", "jaxmm solve").replace("runs/rl_b STEPS=7800000", f"{tmp_path / 'run'} STEPS=20000")
    assert str(tmp_path) in script
    told = run(script, quick)
    assert "J* 6.763948547" in told
    assert 0 < json.loads(told.splitlines()[-1])["J_star"] - 6.763948 < 1e-6


def test_the_python_example_runs_as_written(out, quick):
    code = block("python", "Tape.open").replace("runs/my", str(out))
    more = {"cwd": ROOT, "env": os.environ | quick}
    done = subprocess.run([ROOT / ".venv/bin/python", "-c", code], **more, capture_output=True, text=True, check=False)
    assert re.match(r"-?\d+\.\d+ before fees, from [1-9]\d* fills\n", done.stdout), done.stdout + done.stderr


def test_every_file_the_readme_links_to_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
