"""The rooms of the package: which way their imports point, what stays without JAX, and what the repository promises."""

import ast
import importlib.util
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "jaxmm"
MOST_LINES = 500

EVERYONE = {"instrument", "errors", "files", "stopping", "policy.types"}
SIMULATING = {"data", "features", "tape", "exchange", "markets", "envs"}
OFFLINE = SIMULATING | {"strategies", "learn", "forecast", "evaluate", "policy", "solve", "calibrate"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "instrument": set(),
    "files": set(),
    "stopping": set(),
    "progress": set(),
    "config": set(),
    "data": set(),
    "features": set(),
    "policy": {"features"},
    "tape": {"data", "features"},
    "markets": {"data"},
    "solve": {"markets.models", "strategies"},
    "calibrate": {"data", "tape", "markets", "exchange", "features"},
    "exchange": {"tape", "data.book"},
    "strategies": {"features"},
    "envs": {"exchange", "markets", "features", "policy.actions", "tape"},
    "learn": {"envs"},
    "forecast": {"tape"},
    "evaluate": OFFLINE,
    "live": {"policy", "strategies", "features", "exchange", "tape.delays", "data", "config"},
    "sim_venue": {"live.messages", "exchange", "data"},
    "runs": OFFLINE | {"config", "live.journal", "live.messages", "live.config"},
    "answers": set(),
    "cli_journal": {"answers", "live"},
    "cli_live": {"answers", "data", "exchange", "live", "runs"},
    "cli_operate": {"answers", "live"},
    "cli": OFFLINE
    | {"answers", "cli_journal", "cli_live", "cli_operate", "config", "progress", "runs", "live", "sim_venue"},
}
"""What a room may import beside itself and what everyone may."""

WITHOUT_JAX = ("live", "sim_venue", "policy", "data", "strategies", "features", "tape", "config", "solve")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file of ours imports from us, without `jaxmm.`: `tape.tape.Tape`."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.removeprefix("jaxmm.") for name in names if name.startswith("jaxmm."))


def allowed(room: str, name: str) -> bool:
    targets = MAY_IMPORT[room] | EVERYONE | {room}
    return any(f"{name}.".startswith(f"{target}.") for target in targets)


def test_no_import_between_rooms_points_the_wrong_way():
    wrong = [
        f"{path.relative_to(ROOT)} imports jaxmm.{name}"
        for path in modules()
        if room_of(path) != "__init__"
        for name in imports(path)
        if not allowed(room_of(path), name)
    ]
    assert not wrong


def test_every_room_stands_in_the_table():
    assert {room_of(path) for path in modules()} - {"__init__"} <= set(MAY_IMPORT)


def loaded_by(code: str) -> set[str]:
    """Top-level packages in `sys.modules` of a fresh interpreter after `code`."""
    show = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + show], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def modules_of(room: str) -> list[str]:
    spec = importlib.util.find_spec(f"jaxmm.{room}")
    assert spec is not None
    if spec.submodule_search_locations is None:
        return [f"jaxmm.{room}"]
    found = pkgutil.walk_packages(spec.submodule_search_locations, f"jaxmm.{room}.")
    return [f"jaxmm.{room}", *(module.name for module in found)]


@pytest.mark.parametrize("room", WITHOUT_JAX)
def test_a_room_without_jax_leaves_it_out_of_the_process(room):
    loaded = loaded_by(f"import {', '.join(modules_of(room))}")
    assert "numpy" in loaded or room == "config"
    assert not loaded & {"jax", "jaxlib", "flax", "optax", "orbax"}


def test_quoting_with_a_bundle_needs_numpy_and_nothing_heavier():
    loaded = loaded_by(f"import {', '.join(modules_of('policy'))}")
    assert not loaded & {"pandas", "pyarrow", "scipy", "numba", "matplotlib"}


def test_help_answers_without_loading_a_room():
    asks = "import sys; from contextlib import suppress; from jaxmm.cli import main; sys.argv = ['jaxmm', '--help']"
    assert not loaded_by(f"{asks}\nwith suppress(SystemExit): main()") & {"jax", "numpy", "pandas", "pyarrow", "yaml"}


def test_a_file_tells_one_story():
    code = [*modules(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    long = {str(path.relative_to(ROOT)): n for path in code if (n := len(path.read_text().splitlines())) > MOST_LINES}
    assert not long


def test_scripts_can_be_run_as_they_are():
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix]
    assert {"demo", "test", "setup"} <= {path.name for path in scripts}
    for path in [*scripts, ROOT / ".ci" / "run"]:
        assert os.access(path, os.X_OK), f"{path.relative_to(ROOT)} is not executable"
        assert path.read_text().startswith("#!"), f"{path.relative_to(ROOT)} names no interpreter"


def test_locks_name_no_registry_and_pin_every_package_by_its_hash():
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text, f"{lock.name} names an address"
        if lock.name != "bootstrap.txt":  # it only brings the installer
            pinned = [line for line in text.splitlines() if line and line[0] not in " #-"]
            assert pinned
            assert all("==" in line for line in pinned), f"{lock.name} leaves a version open"
            assert text.count("--hash=sha256:") >= len(pinned)


def test_no_two_test_files_have_one_name():
    """Else pytest, which imports them by their names alone, takes one for the other and runs neither."""
    names = sorted(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert names == sorted(set(names))
