"""`jaxmm` as a user calls it, in a process of its own or, to save its start, in this one; and small inputs for it."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import jax

from jaxmm.cli import main
from tests.data.recordings import diff, snapshot, ticker, trade, write

ROOT = Path(__file__).resolve().parent.parent
BTCUSDT = ROOT / "configs" / "instruments" / "binance_usdm_btcusdt.yaml"
JAXMM = Path(sys.executable).with_name("jaxmm")

TINY = """\
market: {kind: synthetic, seconds: 60, seed: 3, clock: 200ms, levels: 5}
env:
  actions: {kind: discrete, bid_offsets: [0, 1], ask_offsets: [0, 1], lots: [2]}
  episode_steps: 20
learner: {algorithm: ppo, num_envs: 4, num_steps: 8, num_minibatches: 2, hidden: [8]}
train: {seeds: [0], total_steps: 64, validate_every: 100, checkpoint_every: 1}
evaluate: {baselines: [{name: fixed_spread}]}
"""
"""A run of seconds."""


Done = subprocess.CompletedProcess
Place = Path | None


def process(*arguments: object, cwd: Place = None, **env: str) -> Done:
    """Runs the real executable to its end; stdout and stderr are text."""
    command = [str(JAXMM), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True, timeout=300)


def jaxmm(*arguments: object, cwd: Place = None) -> Done:
    """The same in this process, through the same entry point; JAX keeps the flags that other tests run with."""
    jax.devices()
    told, said, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["jaxmm", *map(str, arguments)]),
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(said),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Done(sys.argv, code, told.getvalue(), said.getvalue())


def answer(done: Done) -> dict[str, Any]:
    """The one JSON object that a command printed on stdout."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, done.stdout
    return json.loads(done.stdout)


def refusal(done: Done, code: int = 2) -> str:
    """The one sentence on stderr with which a command refused; nothing on stdout."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert done.stderr.startswith("jaxmm: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("jaxmm: ").rstrip("\n")


def recording_lines(seconds: int = 4) -> list[str]:
    """A futures recording: snapshot, a diff and a quote every 50 ms, a trade every 200 ms."""
    lines = [snapshot(0, 10, [["100.0", "5"], ["99.9", "7"]], [["100.1", "4"], ["100.2", "9"]])]
    for i in range(seconds * 20):
        size = f"{1 + i % 9}.5"
        lines.append(diff(10 + 50 * i, 11 + i, 11 + i, 10 + i, [["100.0", size]], []))
        lines.append(ticker(11 + 50 * i, 11 + i, ("100.0", size), ("100.1", "4")))
        if i % 4 == 0:
            lines.append(trade(20 + 50 * i, i, "100.0", "0.5", buyer_is_maker=True))
    return lines


def recording(path: Path, lines: list[str] | None = None) -> Path:
    """Such a recording, written to a file."""
    return write(path, recording_lines() if lines is None else lines)


def importing(out: Path, *paths: Path, instrument: Path = BTCUSDT, format: str = "binance") -> list[object]:
    """The arguments that import futures files."""
    return ["data", "import", *paths, "--format", format, "--instrument", instrument, "--out", out]
