"""Training curves as the training loop writes them: one JSON object a line, each metric a number or a list over seeds.

Letters: U updates, S seeds.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.errors import InputError, nearest


@dataclass(frozen=True)
class TrainingCurves:
    """The metrics of one training run, in the order in which they are drawn."""

    x_name: str
    x: np.ndarray  # float64 [U]
    series: tuple[tuple[str, np.ndarray], ...]  # name, float64 [U, S]; NaN where an update did not report it


def read_curves(path: str | os.PathLike[str], names: Sequence[str], x_name: str = "env_steps") -> TrainingCurves:
    """Reads `names` from a metrics file.

    Raises:
        InputError: the file is missing or empty, a line is not a JSON object (with its number), a line lacks `x_name`,
            or no line has one of `names`.
    """
    lines = _lines(Path(path), x_name)
    known = {name for line in lines for name in line}
    for name in names:
        if name not in known:
            raise InputError(f"{path}: no line reports {name!r}; {nearest(name, known)}")
    series = tuple((name, _series([line.get(name) for line in lines])) for name in names)
    return TrainingCurves(x_name, np.array([line[x_name] for line in lines], np.float64), series)


def _lines(path: Path, x_name: str) -> list[dict[str, Any]]:
    try:
        text = path.read_text()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the metrics file of a training run") from error
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: line {number} is not JSON ({error.msg})") from error
        if not isinstance(values, dict) or x_name not in values:
            raise InputError(f"{path}: line {number} has no {x_name!r}; each line is an object that has it")
        lines.append(values)
    if not lines:
        raise InputError(f"{path}: empty; training wrote no metrics")
    return lines


def _series(values: list[Any]) -> np.ndarray:
    """Numbers, lists over seeds and gaps (None) as [U, S]."""
    rows = [None if value is None else np.atleast_1d(np.array(value, np.float64)) for value in values]
    seeds = max(len(row) for row in rows if row is not None)
    gap = np.full(seeds, np.nan)
    return np.stack([gap if row is None else np.broadcast_to(row, (seeds,)) for row in rows])
