"""Training on a model with a known answer, and exact scores, through the command line."""

import json
from pathlib import Path

import pytest

from jaxmm.config import ModelConfig, load_task
from jaxmm.errors import InputError
from jaxmm.policy.bundle import Bundle
from jaxmm.runs.kept import load_run
from jaxmm.runs.model_training import learner_of, task_model
from tests.commands import ROOT, answer, jaxmm, refusal

CONFIGS = sorted((ROOT / "configs" / "models").glob("*.yaml"))
SMALL = """\
model: {name: cj-dt, settings: {N: 8, Q: 2, sigma: 0.3, lam: 8, actions: [0.25, 0.75, 1.5]}}
learner: {algorithm: tabular_q, num_envs: 64, num_steps: 64, epsilon_steps: 2.0e+5, epsilon_end: 0.2}
train: {seeds: [0, 1], total_steps: 400000, validate_every: 50}
"""
PPO = """\
model: {name: int-dt-b, settings: {N: 30, Q: 2}}
learner: {algorithm: ppo, num_envs: 16, num_steps: 8, num_minibatches: 2, num_epochs: 1, hidden: [8], discount: 1.0}
train: {seeds: [3, 4], total_steps: 512, validate_every: 4}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A table of action values, learned in seconds on a small market."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "small.yaml").write_text(SMALL)
    told = answer(jaxmm("train", folder / "small.yaml", "--out", folder / "run", "--json"))
    assert told["model"] == "cj-dt"
    return folder / "run"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A policy that has hardly learned, exported."""
    folder = tmp_path_factory.mktemp("bundles")
    (folder / "ppo.yaml").write_text(PPO)
    answer(jaxmm("train", folder / "ppo.yaml", "--out", folder / "run", "--json"))
    answer(jaxmm("export", folder / "run", "--seed", 4, "--out", folder / "bundle", "--json"))
    return folder / "bundle"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_of_a_model_makes_a_learner(path):
    config = load_task(path)
    assert isinstance(config, ModelConfig)
    assert learner_of(config).steps_per_update > 0
    assert task_model(config).name


def test_a_table_learns_the_optimum_of_a_small_market(run):
    told = answer(jaxmm("score", run, "--json"))
    assert set(told) >= {"J", "sd", "J_star", "ratio"}
    assert [row["seed"] for row in told["seeds"]] == [0, 1]
    assert min(row["ratio"] for row in told["seeds"]) == told["ratio"] > 0.97
    assert told["J"] < told["J_star"]


def test_one_seed_is_scored_and_the_run_s_records_hold_its_exact_scores(run):
    (row,) = (r for r in answer(jaxmm("score", run, "--json"))["seeds"] if r["seed"] == 1)
    assert answer(jaxmm("score", run, "--seed", 1, "--json"))["J"] == row["J"]
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["validation/score"][1] == pytest.approx(row["J"], rel=1e-6)
    assert last["validation/ratio"][1] == pytest.approx(row["ratio"], rel=1e-6)


def test_a_run_is_scored_on_another_market_too(run):
    same = ("--set", "N=8", "--set", "Q=2", "--set", "lam=8", "--set", "actions=.25,.75,1.5")
    told = answer(jaxmm("score", run, "--model", "cj-dt", *same, "--set", "phi=2", "--json"))
    own = answer(jaxmm("score", run, "--json"))
    assert told["J_star"] != own["J_star"]
    assert told["ratio"] < 1


def test_a_bundle_scores_what_its_seed_scored(bundle):
    run = answer(jaxmm("score", bundle.parent / "run", "--seed", 4, "--json"))
    told = answer(jaxmm("score", bundle, "--json"))
    assert told["model"] == "int-dt"
    assert (told["J"], told["sd"]) == (run["J"], run["sd"])
    assert told["J_star"] == run["J_star"]
    other = answer(jaxmm("score", bundle, "--model", "int-dt-b", "--set", "N=30", "--set", "Q=3", "--json"))
    assert other["J"] != told["J"]


def test_a_bundle_of_another_model_or_kind_is_refused(bundle):
    assert "its actions have shape (3,)" in refusal(jaxmm("score", bundle, "--model", "spm"))
    with pytest.raises(InputError, match="a policy for a model with a known answer, not a quoter"):
        Bundle.load(bundle)


def test_a_table_has_no_bundle(run, tmp_path):
    assert "ppo or dqn" in refusal(jaxmm("export", run, "--out", tmp_path / "bundle"))
    assert not (tmp_path / "bundle").exists()


def test_reference_policies_and_strategies_have_exact_scores():
    constant = answer(jaxmm("score", "constant", "--model", "rl-b", "--json"))
    assert constant["J"] == pytest.approx(1.038189, abs=1e-6)
    assert constant["ratio"] == pytest.approx(0.153, abs=5e-4)
    fixed = answer(jaxmm("score", "fixed_spread", "--model", "rl-b", "--set", "half_spread_ticks=2150", "--json"))
    assert fixed["J"] == pytest.approx(constant["J"], abs=1e-4)  # the best constant depth is 2.15
    leaning = answer(jaxmm("score", "glft", "--model", "rl-b", "--set", "gamma=.001", "--json"))
    assert constant["J"] < leaning["J"] < leaning["J_star"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["constant"], "--model rl-b"),
        (["constnt", "--model", "rl-b"], "did you mean 'constant'?"),
        (["constant", "--model", "rl-bb"], "did you mean 'rl-b'?"),
        (["constant", "--model", "rl-b", "--set", "kapa=1"], "did you mean 'kappa'?"),
        (["constant", "--model", "rl-b", "--set", "Q=1.5"], "whole number"),
        (["constant", "--model", "rl-b", "--set", "N=1e9"], "at most 100000 steps"),
        (["fixed_spread", "--model", "int-dt"], "quote depths around a mid"),
        (["glft_grid", "--model", "rl-b", "--set", "gamma=.001"], "quotes ladders"),
    ],
)
def test_a_wrong_score_is_one_sentence(arguments, says):
    assert says in refusal(jaxmm("score", *arguments))


def test_a_run_on_a_model_is_no_run_on_a_tape(run):
    assert "jaxmm score" in refusal(jaxmm("evaluate", run))
    assert "no seed 7" in refusal(jaxmm("score", run, "--seed", 7))
    with pytest.raises(InputError, match="a run on the model cj-dt"):
        load_run(run)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model: {name: rl-c}", "did you mean 'rl-b'?"),
        ("model: {name: rl-b, settings: {Q: many}}", "settings"),
        ("model: {name: rl-b}\nlearner: {algorithm: tabular_q}", "discrete actions need depths"),
        ("model: {name: rl-b}\nlearner: {algorithm: tabularq}", "'tabular_q'"),
        ("model: {name: rl-b}\nmarket: {kind: synthetic}", "unknown field 'market'"),
    ],
)
def test_a_wrong_task_is_one_sentence_and_leaves_nothing(text, says, tmp_path):
    (tmp_path / "task.yaml").write_text(text)
    assert says in refusal(jaxmm("train", tmp_path / "task.yaml", "--out", tmp_path / "run"))
    assert not (tmp_path / "run").exists()
