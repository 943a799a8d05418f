"""Train, evaluate, export and backtest for several learners in one process of its own: `thin_line.py FOLDER`.

Apart from the tests' process because XLA takes its cheap settings only at the start; leaves one JSON file a learner.
"""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxmm.config import parse_config
from jaxmm.errors import InputError
from jaxmm.exchange.latency import Latency
from jaxmm.exchange.replay import replay_of
from jaxmm.exchange.rules import Rules
from jaxmm.exchange.types import FillModel
from jaxmm.policy.bundle import Bundle
from jaxmm.runs.backtesting import Conditions, backtest
from jaxmm.runs.evaluation import evaluate
from jaxmm.runs.export import export
from jaxmm.runs.training import train
from jaxmm.tape.tape import Tape

GRID = {"kind": "discrete", "bid_offsets": [0, 1], "ask_offsets": [0, 1], "lots": [2]}
BOX = {"kind": "continuous", "max_offset": 3, "lots": 2}
PPO = {"algorithm": "ppo", "num_envs": 8, "num_steps": 32, "num_minibatches": 2, "hidden": [8]}
DQN = {
    "algorithm": "dqn", "num_envs": 8, "num_iterations": 32, "batch_size": 16, "replay_size": 1024,
    "learning_starts": 64, "hidden": [8],
}  # fmt: skip
EVALUATED = ("ppo-discrete", "dqn")
LINES = {"ppo-discrete": (PPO, GRID), "ppo-continuous": (PPO, BOX), "dqn": (DQN, GRID)}


def config_of(learner: dict, actions: dict) -> dict:
    return {
        "market": {"kind": "synthetic", "seconds": 240, "seed": 3, "clock": "200ms", "levels": 5},
        "env": {"actions": actions, "episode_steps": 50},
        "learner": learner,
        "train": {"seeds": [0, 1], "total_steps": 2048, "validate_every": 4, "checkpoint_every": 4},
        "evaluate": {"baselines": [{"name": "fixed_spread", "settings": {"half_spread_ticks": 1}}]},
    }


def line(run: Path, learner: dict, actions: dict) -> dict:
    """One run, all its stages, and what each said."""
    config = parse_config(config_of(learner, actions), "tests")
    said: dict = {"train": train(config, run, progress=False)}
    if run.name in EVALUATED:
        said["evaluate"], written = evaluate(run), (run / "evaluation" / "report.html").stat().st_mtime_ns
        said["again"] = evaluate(run)
        said["report_rewritten"] = (run / "evaluation" / "report.html").stat().st_mtime_ns != written
    said["export"] = export(run, run / "bundle")
    said["no_seed"] = refused(lambda: export(run, run / "bundle-7", seed=7))
    conditions = Conditions(FillModel(), Latency(10_000_000, 10_000_000))
    said["backtest"] = backtest(str(run / "bundle"), run / "tape", conditions, {})
    said["differing_decisions"] = differing(run)
    return said


def refused(action) -> str:
    try:
        action()
    except InputError as error:
        return str(error)
    return ""


def differing(run: Path) -> list[int]:
    """Decisions of a jitted replay at which numpy, shown the same view, quotes otherwise."""
    policy, tape = Bundle.load(run / "bundle").policy, Tape.open(run / "tape")
    rules, latency = Rules.of(FillModel()), Latency(10_000_000, 10_000_000)

    @jax.jit
    def decisions(replay, policy):
        def body(carry, k):
            venue, position = carry
            view = replay.view(venue, position, k, jnp.float32(1))
            quotes = policy.quote(view, jnp)
            venue, stepped = replay.step(venue, position, quotes, k, rules)
            return (venue, stepped.position), (view, quotes)

        start = (replay.empty_venue(rules), jnp.int32(0))
        return jax.lax.scan(body, start, jnp.arange(tape.decisions - 1, dtype=jnp.int32))[1]

    views, jitted = jax.tree.map(np.asarray, decisions(replay_of(tape, latency), policy))
    wrong = []
    for k in range(tape.decisions - 1):
        ours = policy.quote(jax.tree.map(lambda leaf, k=k: leaf[k], views), np)
        theirs = jax.tree.map(lambda leaf, k=k: leaf[k], jitted)
        if any(int(a) != int(b) for a, b in zip(ours, theirs, strict=True)):
            wrong.append(k)
    assert jitted.bid_lots.any()
    assert jitted.ask_lots.any()
    return wrong


if __name__ == "__main__":
    for name, (learner, actions) in LINES.items():
        folder = Path(sys.argv[1]) / name
        (folder.with_suffix(".json")).write_text(json.dumps(line(folder, learner, actions), default=float))
