"""The benchmark's short cousin: every section runs, and table and JSON say the same. No figure is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "scripts/bench_main.py", "--tiny", "--synthetic")


def bench(quick: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, **quick, "PYTHONWARNINGS": "default"}  # of a process of its own, as users run it
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_the_bench_prints_a_table_and_writes_its_figures(quick, tmp_path):
    sections = "import,environment,training,bundle,start-up,models"  # the peer has a test of its own
    done = bench(quick, "--json", str(tmp_path / "bench.json"), "--sections", sections)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "bench.json").read_text())
    assert {"device", "processor", "cores", "jax", "date"} <= written["machine"].keys()
    assert written["market"].startswith("synthetic")
    figures = {(figure["section"], figure["name"]): figure for figure in written["figures"]}
    for section, name in figures:
        assert any(line.startswith(section) and name in line for line in done.stdout.splitlines())
    measured = {section.partition(",")[0] for section, _ in figures}
    assert measured == {"tape", "environment", "ppo", "bundle", "start-up", "as-2008"}
    for figure in figures.values():
        assert figure["least"] <= figure["median"] <= figure["most"]
    assert figures["environment, batch 4", "steps"]["runs"] == 2
    assert figures["environment, batch 4", "state of an environment"]["median"] <= 256
    assert figures["tape", "a decision, 20 levels a side"]["median"] <= 400
    assert figures["bundle, ppo", "|numpy − Flax|, most of 500"]["median"] <= 1e-6
    assert figures["bundle, ppo", "JAX modules loaded"]["median"] == 0


def test_an_unknown_section_is_refused_with_the_names_that_there_are(quick):
    done = bench(quick, "--sections", "envronment")
    assert done.returncode == 2
    assert "'envronment'" in done.stderr
    assert "environment" in done.stderr
