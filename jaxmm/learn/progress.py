"""What a person sees while a run trains: a bar on a terminal, a log line now and then anywhere else."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0
MAIN_SCORES = 3  # how many scores are shown


class Display(Protocol):
    """Takes the line of every update."""

    def show(self, line: dict[str, Any]) -> None:
        """Shows one line of `metrics.jsonl`."""
        ...


def main_scores(line: dict[str, Any]) -> dict[str, float]:
    """The few scores worth watching: validation, the environment's, returns; means over the seeds that have any."""
    names = [name for name in line if name.startswith("validation/")]
    names += [name for name in line if name.startswith("score/")]
    names += [name for name in ("episode_return", "reward") if name in line]
    finite = {name: [value for value in line[name] if np.isfinite(value)] for name in names}
    return {name: float(np.mean(values)) for name, values in list(finite.items())[:MAIN_SCORES] if values}


class Bar:
    """A bar with steps/s and the main scores."""

    def __init__(self, bar: Progress, total: int):
        self._bar = bar
        self._task = bar.add_task("training", total=total, text="compiling")

    def show(self, line: dict[str, Any]) -> None:
        """Moves the bar."""
        scores = "  ".join(f"{name} {value:.4g}" for name, value in main_scores(line).items())
        text = f"{line['steps_per_s']:,.0f} steps/s  {scores}"
        self._bar.update(self._task, completed=line["update"], text=text)


class Lines:
    """One log line every few seconds, and the last."""

    def __init__(self, total: int):
        self._total = total
        self._last = time.monotonic()
        self._log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))  # stdout is for answers

    def show(self, line: dict[str, Any]) -> None:
        """Logs the line if it is time."""
        if line["update"] == self._total or time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            head = {"update": line["update"], "of": self._total, "steps_per_s": round(line["steps_per_s"])}
            self._log.info("training", **head, **main_scores(line))


class Silence:
    """Nothing."""

    def show(self, line: dict[str, Any]) -> None:
        """Shows nothing."""


@contextmanager
def display(total: int, wanted: bool) -> Iterator[Display]:
    """The display that fits: a bar if stderr is a terminal, else log lines; silence if not wanted."""
    if not wanted:
        yield Silence()
    elif sys.stderr.isatty():
        percent, text = TextColumn("{task.percentage:3.0f}%"), TextColumn("{task.fields[text]}")
        with Progress(percent, BarColumn(), TimeRemainingColumn(), text, console=Console(stderr=True)) as bar:
            yield Bar(bar, total)
    else:
        yield Lines(total)
