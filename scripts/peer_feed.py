"""A tape as plain arrays that the peer's environment can read: what the venue did, what we saw, when we decide.

Both engines are given the same events. The exchange's are the tape's, in its order and on its clock; ours are the rows
in received order, turned into changes of displayed quantity by the same pass (a snapshot becomes the changes it makes),
on the receiver's clock. N exchange events · M local events · D decisions; ticks and lots, times in ns.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxmm.tape.exchange_order import ExchangePass
from jaxmm.tape.rows import EventStore, scan, tape_rows
from jaxmm.tape.tape import Tape

FEED_FILE = "feed.json"
FACTS = ("tick_size", "lot_size", "kind", "contract_size", "maker_fee", "taker_fee")
DEEP_TICKS = 5_000
"""How far beyond the touch of all decisions the peer's vector of levels reaches."""


@dataclass(frozen=True)
class LocalEvents:
    """What reached us, in received order."""

    ts: np.ndarray  # int64 [M], ascending
    event: np.ndarray  # int32 [M, 4], as `Tape.event`


def local_events(store: EventStore) -> LocalEvents:
    """The store's rows as changes of the book that we saw, and trades, stamped with when they had reached us."""
    venue, now = ExchangePass(), np.iinfo(np.int64).min
    parts = []
    for _, rows in tape_rows(store, scan(store).has_diffs):
        if len(rows.recv_ts):
            seen = np.maximum(np.maximum.accumulate(rows.recv_ts), now)
            now = seen[-1]
            parts.append(venue.feed(rows._replace(exch_ts=seen)))
    parts.append(venue.finish())
    return LocalEvents(np.concatenate([part.exch_ts for part in parts]), np.concatenate([part.event for part in parts]))


def write_feed(tape: Tape, local: LocalEvents, folder: Path) -> Path:
    """Writes the peer's input; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "ts_ns.npy", tape.ts_ns)
    np.save(folder / "exch_ts.npy", tape.exch_ts)
    np.save(folder / "exch_event.npy", np.ascontiguousarray(tape.event[:, :3]))
    np.save(folder / "local_ts.npy", local.ts)
    np.save(folder / "local_event.npy", np.ascontiguousarray(local.event[:, :3]))
    touch = tape.book_price[:, :, 0]
    reach = {"lowest_tick": int(touch.min()) - DEEP_TICKS, "highest_tick": int(touch.max()) + DEEP_TICKS}
    facts = {name: getattr(tape.instrument, name) for name in FACTS} | reach
    (folder / FEED_FILE).write_text(json.dumps(facts, indent=1) + "\n")
    return folder
