"""The command line as a contract: forms, JSON keys, exit codes, help, and a training run that Ctrl-C stops."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jaxmm.strategies.registry import STRATEGIES
from tests.commands import JAXMM, TINY, answer, importing, jaxmm, process, recording, refusal

COMMANDS = (
    ("data", "import"), ("data", "check"), ("tape", "build"), ("train",), ("evaluate",), ("export",), ("backtest",),
    ("sim-venue",),
)  # fmt: skip
CHECK_KEYS = ["rows", "quotes", "trades", "span_s", "crossed", "id_breaks", "top_match", "clock_offset_ms", "max_gap_s"]
TAPE_KEYS = ["decisions", "events", "bytes_per_decision"]
LONG = ("--set", "train.total_steps=960", "--set", "train.checkpoint_every=2")
"""30 updates with many checkpoints: seconds, so that there is time to stop it."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_s_help_has_an_example_of_itself(command):
    done = jaxmm(*command, "--help")
    assert done.returncode == 0
    assert f"Example: jaxmm {' '.join(command)} " in " ".join(done.stdout.split())


def test_a_command_of_commands_shows_them_and_the_executable_is_the_same_as_the_module():
    done = process()
    assert done.returncode == 2
    assert all(command[0] in done.stderr for command in COMMANDS)
    assert process("--help").stdout == jaxmm("--help").stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recording `good.txt`, its store and its tape."""
    folder = tmp_path_factory.mktemp("line")
    report = answer(process(*importing(folder / "store", recording(folder / "good.txt")), "--json"))
    assert report["lines"] == 181
    built = answer(
        process(
            "tape", "build", folder / "store", "--clock", "100ms", "--levels", 20, "--out", folder / "tape", "--json"
        )
    )
    assert set(TAPE_KEYS) <= set(built)
    assert built["bytes_per_decision"] <= 400
    return folder


def test_a_check_answers_the_agreed_keys_as_json_and_the_same_as_text(folder):
    report = answer(jaxmm("data", "check", folder / "store", "--json"))
    assert set(CHECK_KEYS) <= set(report)
    assert (report["quotes"], report["trades"], report["crossed"], report["id_breaks"]) == (80, 20, 0, 0)
    assert report["top_match"] == 1.0
    text = jaxmm("data", "check", folder / "store")
    assert text.returncode == 0
    assert all(key.replace("_", " ") in text.stdout for key in CHECK_KEYS)


def test_whoever_reads_only_the_first_line_is_no_error(folder):
    done = subprocess.run(f"{JAXMM} data check {folder / 'store'} | true", shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_backtest_answers_json_and_writes_its_fills(folder, quick):
    out = folder / "fills.parquet"
    options = ("--set", "half_spread_ticks=0.5", "--latency", "1ms,2ms", "--fills", "touch:partial", "--fills-out", out)
    scores = answer(process("backtest", "fixed_spread", "--tape", folder / "tape", *options, "--json", **quick))
    fills = pq.read_table(out)
    assert scores["latency"] == "1ms,2ms"
    assert scores["fills_model"] == "touch:partial"
    assert scores["fills"] == fills.num_rows > 0
    signed = sum(side * qty for side, qty in zip(*(fills[name].to_pylist() for name in ("side", "qty")), strict=True))
    assert signed == scores["position_lots"]


# --- what is typed wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fixed_sprad"], "did you mean 'fixed_spread'?"),
        (["nothing_like_it"], ", ".join(sorted(STRATEGIES))),
        (["fixed_spread", "--latency", "10"], "such as 10ms"),
        (["fixed_spread", "--latency", "1ms,2ms,3ms"], "entry,response"),
        (["fixed_spread", "--latency", "place=1ms,cancel=2ms"], "response="),
        (["fixed_spread", "--set", "half_sprad=2"], "did you mean 'half_spread_ticks'?"),
        (["fixed_spread", "--set", "half_spread_ticks=wide"], "must be a number"),
        (["fixed_spread", "--set", "half_spread_ticks"], "name=value"),
        (["fixed_spread", "--set", "half_spread_ticks=[1"], "no YAML value"),
        (["fixed_spread", "--fills", "optimistic"], "no queue model 'optimistic'"),
        (["fixed_spread", "--fills", "power3"], "write power3(3)"),
        (["fixed_spread", "--order-type", "limit"], "order type 'limit'"),
        (["fixed_spread", "--venue-limit", "max_request=3"], "did you mean 'max_requests'?"),
        (["fixed_spread", "--venue-limit", "max_requests=few"], "it is a whole number"),
        (["fixed_spread", "--max-position-lots", "0"], "max_position_lots is 0"),
        (["fixed_spread", "--fills-out", "nowhere/fills.parquet"], "nowhere/fills.parquet"),
        (["store"], "store/policy.json: No such file"),
        (["damaged"], "damaged/policy.json: not JSON"),
        (["foreign"], "foreign/policy.json: not a policy of jaxmm"),
    ],
)
def test_a_wrong_backtest_is_one_sentence(folder, arguments, says):
    for name, text in (("damaged", '{"format": "jax'), ("foreign", '{"format": "onnx"}')):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "policy.json").write_text(text)
    assert says in refusal(jaxmm("backtest", *arguments, "--tape", "tape", cwd=folder))


@pytest.mark.parametrize("tape", ["store", "nowhere"])
def test_a_tape_that_is_none_says_how_to_make_one(folder, tape):
    assert "jaxmm tape build" in refusal(jaxmm("backtest", "fixed_spread", "--tape", tape, cwd=folder))


@pytest.mark.parametrize("command", [["evaluate"], ["export", "--out", "bundle"]])
def test_a_run_that_is_none_is_refused(folder, command):
    assert "jaxmm train" in refusal(jaxmm(command[0], "store", *command[1:], cwd=folder))
    assert not (folder / "bundle").exists()


# --- training, stopped and resumed ----------------------------------------------------------------------------------


def train(config: Path, run: Path, *options: str) -> list[str]:
    return [str(JAXMM), "train", str(config), "--out", str(run), *LONG, *options, "--json"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, quick: dict[str, str]) -> tuple[Path, Path]:
    """A configuration, and its run that SIGINT stopped after the first checkpoint."""
    folder = tmp_path_factory.mktemp("stopped")
    config, run = folder / "tiny.yaml", folder / "run"
    config.write_text(TINY)
    child = subprocess.Popen(
        train(config, run), env=os.environ | quick, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while child.poll() is None and not any((run / "checkpoints").glob("[0-9]*")):
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    told, said = child.communicate(timeout=120)
    assert child.returncode == 130, said
    assert told == ""
    last = said.splitlines()[-1]
    assert last.startswith("jaxmm: stopped: stopped by SIGINT; the run resumes after update ")
    assert "Traceback" not in said
    return config, run


def updates(run: Path) -> list[int]:
    return [json.loads(line)["update"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_ctrl_c_leaves_a_checkpoint_and_says_where_the_run_resumes(stopped):
    _, run = stopped
    done = json.loads((run / "run.json").read_text())
    assert done["status"] == "interrupted"
    assert 1 <= done["updates"] < 30
    assert max(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit()) == done["updates"]


def test_an_unfinished_run_is_neither_exported_nor_evaluated_nor_begun_again(stopped, tmp_path):
    config, run = stopped
    assert "jaxmm train --resume" in refusal(jaxmm("export", run, "--out", tmp_path / "bundle"))
    assert "jaxmm train --resume" in refusal(jaxmm("evaluate", run))
    assert "--resume" in refusal(jaxmm("train", config, "--out", run, *LONG))
    assert "another configuration" in refusal(jaxmm("train", config, "--out", run, "--resume"))
    assert not list(tmp_path.iterdir())
    assert not (run / "evaluation").exists()


def test_a_stopped_run_resumes_and_finishes(stopped, quick):
    config, run = stopped
    done = subprocess.run(
        train(config, run, "--resume"), env=os.environ | quick, capture_output=True, text=True, timeout=300
    )
    assert answer(done)["env_steps"] == 960
    assert updates(run) == list(range(1, 31))
    assert json.loads((run / "run.json").read_text())["status"] == "done"
