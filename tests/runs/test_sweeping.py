"""`jaxmm backtest --grid` and `--sample`: the sets they mean, what they leave, and what is typed wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread

from jaxmm.errors import InputError
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.runs.parameter_sets import grid, sample
from jaxmm.tape.build import build_tape
from tests.commands import JAXMM, answer, jaxmm, process, refusal


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the tape `tape` of 30 s, and `long` of five minutes, decisions every 10 ms."""
    folder = tmp_path_factory.mktemp("sweeps")
    market = SyntheticMarket.benchmark()
    build_tape(SyntheticStore(market, seed=4, seconds=30.0), folder / "tape", "100ms", 5)
    build_tape(SyntheticStore(market, seed=5, seconds=300.0), folder / "long", "10ms", 1)
    return folder


def sweep_of(tape: Path, *options: object) -> list[object]:
    return ["backtest", "skewed_spread", "--tape", tape, "--latency", "10ms", *options]


def test_a_grid_leaves_a_table_a_picture_and_the_exact_best(folder, quick):
    axes = ("--grid", "half_spread_ticks=.5:2:.5", "--grid", "skew_ticks=0,.25,1")
    sizes = ("--set", "lots=3", "--max-position-lots", 12, "--top", 2, "--out", folder / "out")
    said = answer(process(*sweep_of(folder / "tape", *axes, *sizes), "--json", **quick))
    assert (said["sets"], said["sets_on_windows"], said["sets_with_unknown_fills"]) == (12, 12, 0)
    table = pq.read_table(said["table"])
    assert table.num_rows == 12
    assert table["half_spread_ticks"].to_pylist() == [h for h in (0.5, 1.0, 1.5, 2.0) for _ in range(3)]
    assert table["skew_ticks"].to_pylist() == [0.0, 0.25, 1.0] * 4
    assert set(table["lots"].to_pylist()) != {3}  # lots traded: the setting of that name is `set_lots`
    best = sorted(table["net_pnl"].to_pylist(), reverse=True)[:2]
    assert [top["net_pnl"] for top in said["top"]] == best
    for top in said["top"]:
        assert set(top["difference"].values()) == {0}
        assert table["net_pnl"][top["set"]].as_py() == top["net_pnl"]
        alone = [f"--set={name}={value}" for name, value in top["parameters"].items()]
        exact = answer(process(*sweep_of(folder / "tape", *alone, *sizes[:4]), "--json", **quick))
        assert exact["net_pnl"] == top["backtest_net_pnl"] == pytest.approx(top["net_pnl"], rel=1e-12)
        assert exact["fills"] == top["maker_fills"]
    assert imread(said["heat_map"]).shape[2] == 4
    assert json.loads((folder / "out/sweep.json").read_text())["top"] == said["top"]
    assert json.loads(table.schema.metadata[b"sweep"])["swept"] == ["half_spread_ticks", "skew_ticks"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["heat_map.png", "sweep.json", "sweep.parquet"]
    assert not (folder / "out.partial").exists()


def test_a_sample_is_drawn_again_by_its_seed_and_what_windows_cannot_do_is_said(folder, quick):
    ranges = ("--sample", 20, "--range", "half_spread_ticks=.5:3", "--range", "lots=1:5", "--seed", 7, "--top", 1)
    done = process(*sweep_of(folder / "tape", *ranges, "--fills", "log2", "--out", folder / "drawn"), **quick)
    assert done.returncode == 0, done.stderr
    assert "20 on the event engine" in done.stdout
    assert "fill model log2" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("heat_map: ")
    table = pq.read_table(folder / "drawn/sweep.parquet")
    again = sample("skewed_spread", {}, 20, ("half_spread_ticks=.5:3", "lots=1:5"), 7)
    assert table["half_spread_ticks"].to_pylist() == again.strategies.half_spread_ticks.tolist()
    assert table["set_lots"].to_pylist() == again.strategies.lots.tolist()


LISTENING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
"""Runs a command that Ctrl-C reaches, also where our own shell runs in the background and ignores it."""


def test_ctrl_c_stops_a_sweep_with_130_and_leaves_nothing(folder, quick):
    wide = ("--grid", "half_spread_ticks=0:9.99:.01", "--grid", "skew_ticks=0:.9:.1", "--out", folder / "stopped")
    command = [str(JAXMM), *map(str, sweep_of(folder / "long", *wide, "--fills", "log"))]
    child = subprocess.Popen(
        [sys.executable, "-c", LISTENING, *command],
        env=os.environ | quick,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while child.poll() is None and not (folder / "stopped.partial").exists():
        time.sleep(0.02)
    time.sleep(3.0)
    child.send_signal(signal.SIGINT)
    told, said = child.communicate(timeout=120)
    assert (child.returncode, told, said) == (130, "", "jaxmm: stopped\n")
    assert not list(folder.glob("stopped*"))


# --- the sets -------------------------------------------------------------------------------------------------------


def test_a_range_has_both_ends_and_exact_decimals():
    sets = grid("skewed_spread", {"lots": 2}, ["skew_ticks=0:.3:.1", "max_position_lots=10:30:10"])
    assert sets.strategies.skew_ticks.reshape(4, 3)[:, 0].tolist() == [0.0, 0.1, 0.2, 0.3]
    assert sets.strategies.max_position_lots.tolist() == [10, 20, 30] * 4
    assert sets.strategies.max_position_lots.dtype == np.int64
    assert set(sets.strategies.lots.tolist()) == {2}
    assert (sets.swept, sets.grid) == (("skew_ticks", "max_position_lots"), True)
    assert grid("glft", {}, ["gamma=1e-3,2e-3"]).strategies.gamma.tolist() == [0.001, 0.002]
    assert grid("glft", {}, ["gamma=1:2.1:.5"]).strategies.gamma.tolist() == [1.0, 1.5, 2.0]


def test_a_sample_has_one_value_in_each_part_of_a_range():
    drawn = sample("glft", {}, 1000, ["gamma=.001:1:log", "sigma=2:4", "lots=1:4", "max_position_lots=10:1000:log"], 3)
    gamma = np.sort(np.log10(drawn.strategies.gamma))
    parts = np.linspace(-3, 0, 1001)
    assert (gamma >= parts[:-1] - 1e-12).all()
    assert (gamma <= parts[1:] + 1e-12).all()
    assert 2 <= drawn.strategies.sigma.min() < drawn.strategies.sigma.max() <= 4
    assert np.bincount(drawn.strategies.lots).tolist() == [0, 250, 250, 250, 250]
    most = drawn.strategies.max_position_lots
    assert 10 <= most.min() < 12
    assert 990 < most.max() <= 1000
    assert abs(np.mean(most < 100) - 0.5) < 0.02
    assert abs(np.corrcoef(gamma, drawn.strategies.sigma)[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--grid", "half_sprad=1,2"], "did you mean 'half_spread_ticks'?"),
        (["--grid", "half_spread_ticks"], "write it as half_spread_ticks=.5:3:.25"),
        (["--grid", "half_spread_ticks="], "write it as"),
        (["--grid", "half_spread_ticks=1,wide"], "'wide' is no number"),
        (["--grid", "half_spread_ticks=1,nan"], "'nan' is no number"),
        (["--grid", "half_spread_ticks=-1,1"], "must be zero or more"),
        (["--grid", "half_spread_ticks=1,1.0"], "twice"),
        (["--grid", "half_spread_ticks=3:.5:.25"], "ends below its start"),
        (["--grid", "half_spread_ticks=.5:3"], "first:last:step"),
        (["--grid", "half_spread_ticks=.5:3:0"], "the step is 0"),
        (["--grid", "half_spread_ticks=0:1:1e-6"], "1000001 values"),
        (["--grid", "half_spread_ticks=0:1:1e-3", "--grid", "skew_ticks=0:1:.01"], "1001 × 101 are 101101 sets"),
        (["--grid", "lots=1:2:.5"], "whole number"),
        (["--grid", "lots=1,2", "--grid", "lots=3"], "twice"),
        (["--grid", "lots=1,2", "--set", "lots=3"], "leave one of them out"),
        (["--grid", "lots=1,2", "--set", "skw_ticks=3"], "did you mean 'skew_ticks'?"),
        (["--grid", "lots=1,2", "--sample", "5"], "give one of them"),
        (["--sample", "5"], "--range half_spread_ticks=.5:3"),
        (["--sample", "0", "--range", "skew_ticks=0:1"], "1 to 100000"),
        (["--range", "skew_ticks=0:1"], "--sample how many"),
        (["--sample", "5", "--range", "skew_ticks=1:0"], "1 is not below 0"),
        (["--sample", "5", "--range", "skew_ticks=0:1:log"], "starts above 0"),
        (["--sample", "5", "--range", "skew_ticks=0:1:lin"], "low:high:log"),
        (["--sample", "5", "--range", "skew_ticks=0"], "low:high"),
        (["--sample", "5", "--range", "lots=.5:3"], "whole number"),
        (["--grid", "lots=1,2", "--engine", "windows"], "there are 'window' and 'event'"),
        (["--grid", "lots=1,2", "--engine", "window", "--fills", "log"], "fill model log"),
        (["--grid", "lots=1,2", "--top", "-1"], "--top -1"),
        (["--grid", "lots=1,2", "--fills-out", "fills.parquet"], "a sweep keeps no fills"),
        (["--grid", "lots=1,2", "--out", "."], "exists and holds no sweep.parquet"),
        (["--out", "somewhere"], "--out belongs to a sweep"),
        (["--engine", "event"], "--engine belongs to a sweep"),
    ],
)
def test_a_wrong_sweep_is_one_sentence(folder, options, says):
    assert says in refusal(jaxmm(*sweep_of(Path("tape"), *options), cwd=folder))
    assert not (folder / "somewhere").exists()


def test_only_settings_of_a_strategy_are_swept(folder):
    assert "did you mean 'fixed_spread'?" in refusal(
        jaxmm("backtest", "fixed_sprad", "--tape", "tape", "--grid", "lots=1,2", cwd=folder)
    )
    with pytest.raises(InputError, match="whose settings could be swept"):
        grid("bundles/btc", {}, ["lots=1,2"])
