"""Folds a tape that is larger than the memory this process allows itself; prints bytes allowed, of tape, of table.

Run by `test_window_memory.py` in a process of its own: `python -m tests.exchange.fold_in_little_memory FOLDER`.
"""

import resource
import sys
from pathlib import Path

import numpy as np

from jaxmm.exchange.latency import Latency
from jaxmm.exchange.types import FillModel
from jaxmm.exchange.window_table import Levels, build_table
from jaxmm.tape.npy import NpyWriters
from jaxmm.tape.tape import Tape
from tests.exchange.streams import INSTRUMENT

BLOCK, BLOCKS, STEP_NS = 1 << 18, 48, 2_000_000
ALLOWED = 96 << 20
LATENCY, LEVELS = Latency(10_000_000, 10_000_000), Levels(20, 4)


def written(folder: Path) -> Tape:
    """12.6 million random changes of 20 levels a side, in files, with a decision every 40."""
    rng = np.random.default_rng(0)
    with NpyWriters(folder, exch_ts=(np.int64, ()), event=(np.int32, (4,)), best=(np.int32, (2,))) as files:
        for i in range(BLOCKS):
            side, qty = rng.integers(0, 2, BLOCK), rng.integers(1, 50, BLOCK)
            price = 1000 + side + (2 * side - 1) * rng.integers(0, 20, BLOCK)
            files.append(
                exch_ts=np.arange(i * BLOCK, (i + 1) * BLOCK) * STEP_NS,
                event=np.stack([2 + side, price, qty, qty], axis=1).astype(np.int32),
                best=np.broadcast_to(np.array([1000, 1001], np.int32), (BLOCK, 2)),
            )
    ts_ns = np.arange(100, BLOCK * BLOCKS - 1, 40) * STEP_NS
    price = np.broadcast_to(np.array([[1000], [1001]], np.int32), (len(ts_ns), 2, 1))
    mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("exch_ts", "event", "best")}
    return Tape.from_arrays(INSTRUMENT, ts_ns=ts_ns, book_price=price, book_qty=price, **mapped)


def data_bytes() -> int:
    """Private memory of this process, which RLIMIT_DATA counts; mapped files are none."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData"))


def main(folder: Path) -> None:
    """Writes, limits itself, folds."""
    tape, out = written(folder), folder / "table"
    out.mkdir()
    build_table(tape.slice(0, 600), LATENCY, FillModel(), LEVELS)  # compiles
    limit = data_bytes() + ALLOWED
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    build_table(tape, LATENCY, FillModel(), LEVELS, out)
    table = sum(file.stat().st_size for file in out.iterdir())
    print(ALLOWED, tape.exch_ts.nbytes + tape.event.nbytes + tape.best.nbytes, table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
