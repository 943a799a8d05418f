"""`jaxmm realism`: a recording beside another one, or beside the synthetic market, fact by fact."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxmm.calibrate.realism import compare
from jaxmm.data.store import open_store
from jaxmm.evaluate.realism import FILES, to_dict, write
from jaxmm.files import whole_folder
from jaxmm.markets.synthetic import SyntheticMarket, SyntheticStore
from jaxmm.runs.calibrating import CLOCK, tape_of
from jaxmm.tape.rows import EventStore

SYNTHETIC = "synthetic"
_LONGEST_SYNTHETIC_S = 3600.0
Progress = Callable[[int, int], None]


def realism(store: Path, against: str, out: Path, seed: int = 0, progress: Progress | None = None) -> dict[str, Any]:
    """Compares a store with `against`, another store's folder or `synthetic`, and writes the report into `out`."""
    opened = open_store(store)
    other_store = None if against == SYNTHETIC else open_store(against)
    with whole_folder(out, FILES[0]) as folder, tape_of(opened, progress) as tape:
        market = other_store or _synthetic(tape.span_s, seed)
        with tape_of(market) as other:
            compared = compare(tape, other)
        names = (_name(opened), f"{SYNTHETIC} market" if other_store is None else _name(market))
        meta = {"source": tape.meta.source, "seconds": tape.span_s, "clock": CLOCK} | (
            {"seed": seed, "market": dataclasses.asdict(SyntheticMarket())} if other_store is None else {}
        )
        write(folder, compared, names, meta)
    return to_dict(compared, names, meta) | {"files": [str(out / name) for name in FILES]}


def _synthetic(real_s: float, seed: int) -> SyntheticStore:
    """As long as the half that it is held against, and a little more."""
    return SyntheticStore(SyntheticMarket(), seed=seed, seconds=min(real_s / 2 + 5.0, _LONGEST_SYNTHETIC_S))


def _name(store: EventStore) -> str:
    return f"{store.instrument.venue} {store.instrument.symbol}"
