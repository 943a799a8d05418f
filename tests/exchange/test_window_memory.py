"""A tape, and a table, larger than memory."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's private memory as RLIMIT_DATA")
def test_a_tape_larger_than_memory_folds(tmp_path):
    command = [sys.executable, "-m", "tests.exchange.fold_in_little_memory", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    allowed, tape, table = map(int, done.stdout.split())
    assert tape > 3 * allowed
    assert table > 3 * allowed
