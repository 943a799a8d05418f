"""The benchmark against hftbacktest, shrunk to seconds: what it compares is the same run, fill by fill."""

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture
def bench(monkeypatch):
    """The section's module, which stands among the scripts."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("bench_peer")


@pytest.fixture
def plan(bench, tmp_path):
    """A plan of the smallest size, where the peer is."""
    if not (SCRIPTS.parent / ".venv-peers/bin/python").exists():
        pytest.skip("hftbacktest is not installed here: ./scripts/peer-setup does it")
    return bench.Plan(importlib.import_module("bench_measure").TINY, None, tmp_path)


def test_the_bench_times_the_peer_and_both_engines_on_runs_that_do_not_differ(bench, plan):
    figures = {
        (figure.section, figure.name): figure.median for figure in bench.quoting_figures(plan, "100ms", "risk_averse")
    }
    figures |= {(figure.section, figure.name): figure.median for figure in bench.sweep_figures(plan)}
    differing = [value for (_, name), value in figures.items() if "differ" in name or "unknown" in name]
    assert differing == [0] * 8
    ratios = [value for (_, name), value in figures.items() if "engine /" in name]
    assert len(ratios) == 4
    assert min(ratios) > 0
    for engine in ("event engine", "window engine"):
        fills = figures["two quotes, 100ms, risk_averse", f"{engine}, fills"]
        assert fills == figures["two quotes, 100ms, risk_averse", "hftbacktest, fills"] > 50


def test_the_sets_of_a_sweep_are_the_same_every_time_and_hold_whole_clips(bench):
    sets = bench.sets_of(50)
    assert sets == bench.sets_of(50)
    assert len(set(sets)) > 40
    assert all(one.max_position_lots % one.lots == 0 for one in sets)
