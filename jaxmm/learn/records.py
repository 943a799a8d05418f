"""What a run tells about itself: `run.json` (what, with which versions, how far) and `metrics.jsonl` (line by line).

A line of `metrics.jsonl` is one update: update, env_steps (of one seed), wall_s, steps_per_s (of all seeds), then every
metric as a list over seeds, nan as null.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from jaxmm.errors import InputError

PACKAGES = ("jaxmm", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def versions() -> dict[str, str]:
    """Versions of the packages that decide what a run computes."""
    return {name: version(name) for name in PACKAGES}


class Records:
    """The two files of one run folder."""

    def __init__(self, run_dir: Path):
        self.run_json = run_dir / "run.json"
        self.metrics = run_dir / "metrics.jsonl"

    def read(self) -> dict[str, Any] | None:
        """`run.json`, or None in a fresh folder. Raises `InputError` where it is not JSON."""
        if not self.run_json.exists():
            return None
        try:
            return orjson.loads(self.run_json.read_bytes())
        except orjson.JSONDecodeError as error:
            raise InputError(f"{self.run_json}: not JSON ({error}); train into another folder") from error

    def write(self, run: dict[str, Any]) -> None:
        """Replaces `run.json`, whole."""
        _replace(self.run_json, orjson.dumps(run, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))

    def append(self, line: dict[str, Any]) -> None:
        """Adds one update to `metrics.jsonl`."""
        with writing(self.metrics), self.metrics.open("ab") as file:
            file.write(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))

    def last(self) -> dict[str, Any]:
        """The newest whole line. Raises `InputError` where there is none."""
        lines = self.metrics.read_bytes().splitlines() if self.metrics.exists() else []
        if not lines:
            raise InputError(f"{self.metrics}: no update yet; train first")
        return orjson.loads(lines[-1])

    def keep_until(self, update: int) -> float:
        """Drops what a killed run wrote past the checkpoint of `update`; returns the wall seconds until then."""
        lines = self.metrics.read_bytes().splitlines(keepends=True) if self.metrics.exists() else []
        kept = [line for line in lines if line.endswith(b"\n") and orjson.loads(line)["update"] <= update]
        _replace(self.metrics, b"".join(kept))
        return orjson.loads(kept[-1])["wall_s"] if kept else 0.0


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says which file could not be written, and why."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error.strerror}); mend that and resume the run") from error


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".partial")
    try:
        with writing(path):
            temporary.write_bytes(content)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
