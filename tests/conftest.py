"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; the test skips where a clone has none beside it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the recordings (../shared/data) are not beside this clone")
    return SHARED_DATA
