"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest

LONGEST = (
    "test_readme.py",
    "test_bench.py",
    "test_thin_line.py",
    "test_live_compare.py",
    "test_sweeping.py",
    "test_fault_trials.py",
    "test_risk_end_to_end.py",
)
"""Files that take longest: they begin first, so that no worker waits for the other at the end."""
SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; the test skips where a clone has none beside it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the recordings (../shared/data) are not beside this clone")
    return SHARED_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; of equal ones, in the order found."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a process that compiles cheaply, and once only what another one of this session compiled."""
    cache = tmp_path_factory.mktemp("compiled")
    least = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
    return {"XLA_FLAGS": "--xla_backend_optimization_level=0", "JAX_COMPILATION_CACHE_DIR": str(cache), **least}
