"""The arrays a simulator reads: what was visible at each decision, and every market event in exchange order.

D decisions · N events · K levels a side · F features · P fundings. Prices are int32 ticks, quantities int32 lots, times
int64 ns.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.errors import InputError
from jaxmm.files import whole_folder
from jaxmm.instrument import Instrument

FORMAT_VERSION = 2
META_FILE = "tape.json"
DECISION_ARRAYS = ("ts_ns", "lag_ns", "book_price", "book_qty", "features", "cursor")
EVENT_ARRAYS = ("exch_ts", "event", "best")
FUNDING_ARRAYS = ("funding_ts", "funding")
"""Left out of the folder of a tape without fundings."""


class Code(IntEnum):
    """What happened in one event; trades are named by the aggressor."""

    SELL_TRADE = 0
    """A seller took: the print hits bids."""
    BUY_TRADE = 1
    """A buyer took: the print hits asks."""
    BID_DEPTH = 2
    """The displayed bid at the price changed."""
    ASK_DEPTH = 3
    """The displayed ask at the price changed."""


@dataclass(frozen=True)
class TapeMeta:
    """Where a tape comes from and how it was cut."""

    instrument: Instrument
    clock: str
    """Decision clock, as `jaxmm.features.clock.parse_clock` reads it."""
    features: tuple[str, ...]
    """Names of the columns of `features`."""
    source: str = ""
    """sha256 that identifies the store, so that results can name their data."""
    clocks: str = "both"
    """`both`, or `exchange` where the source has no receiver's clock and latency cannot be seen."""
    lag_ns: int = 0
    """Longest time between an event at the exchange and the moment it was visible locally."""
    feed: str = "recorded"
    """How late market data is: as recorded, or another delay that replaced the receiver's times."""
    rows: int = 0
    """Rows of the store that were read."""
    trades: int = 0
    """Events that are trades."""
    unsided: int = 0
    """Trades without an aggressor, such as auctions: not in the tape."""
    gaps: int = 0
    """GAP rows: places where messages are missing."""
    restamped: int = 0
    """Book rows whose exchange time ran back and was replaced by the latest before it."""
    crossed: int = 0
    """Whole messages after which the exchange-order book had best bid ≥ best ask."""


@dataclass(frozen=True)
class Tape:
    """A recording cut at decisions. Arrays may be memory-mapped and must not be written to.

    Decision k was taken at `ts_ns[k]` on the local clock and saw every row received up to and including then.
    Events stand in the exchange's order: by exchange time, trades before book changes, then as received.
    """

    meta: TapeMeta
    ts_ns: np.ndarray  # int64 [D], strictly increasing
    lag_ns: np.ndarray  # int64 [D], receiver's minus exchange's time of the latest row received that carries both
    book_price: np.ndarray  # int32 [D, 2, K]: bids descending, asks ascending; unused levels repeat the last used one
    book_qty: np.ndarray  # int32 [D, 2, K]; 0 where a level is unused
    features: np.ndarray  # float32 [D, F], named by meta.features
    cursor: np.ndarray  # int32 [D], number of events with exch_ts <= ts_ns
    exch_ts: np.ndarray  # int64 [N], ascending
    event: (
        np.ndarray
    )  # int32 [N, 4]: Code, price, quantity (for depth the new displayed one), displayed before (trades: 0)
    best: np.ndarray  # int32 [N, 2]: exchange best bid and ask after the event; 0 where the side is empty
    funding_ts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # int64 [P], ascending: when settled
    funding: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))  # float64 [P, 2]: rate; mark, quote currency

    def __post_init__(self) -> None:
        for name, (dtype, shape) in self._layout().items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                raise InputError(f"tape: {name} is {array.dtype}{array.shape}; it must be {np.dtype(dtype)}{shape}")

    def _layout(self) -> dict[str, tuple[Any, tuple[int, ...]]]:
        d, n, k, f = self.decisions, self.events, self.levels, len(self.meta.features)
        return {
            "ts_ns": (np.int64, (d,)),
            "lag_ns": (np.int64, (d,)),
            "book_price": (np.int32, (d, 2, k)),
            "book_qty": (np.int32, (d, 2, k)),
            "features": (np.float32, (d, f)),
            "cursor": (np.int32, (d,)),
            "exch_ts": (np.int64, (n,)),
            "event": (np.int32, (n, 4)),
            "best": (np.int32, (n, 2)),
            "funding_ts": (np.int64, (len(self.funding_ts),)),
            "funding": (np.float64, (len(self.funding_ts), 2)),
        }

    @property
    def instrument(self) -> Instrument:
        """What the ticks and lots mean."""
        return self.meta.instrument

    @property
    def decisions(self) -> int:
        """D."""
        return len(self.ts_ns)

    @property
    def events(self) -> int:
        """N."""
        return len(self.exch_ts)

    @property
    def levels(self) -> int:
        """K."""
        return int(self.book_price.shape[-1])

    @property
    def bytes_per_decision(self) -> int:
        """Bytes on disk for one decision."""
        return sum(getattr(self, name)[:1].nbytes for name in DECISION_ARRAYS) if self.decisions else 0

    @property
    def bytes_per_event(self) -> int:
        """Bytes on disk for one event."""
        return sum(getattr(self, name)[:1].nbytes for name in EVENT_ARRAYS) if self.events else 0

    @property
    def span_s(self) -> float:
        """Seconds from the first decision to the last."""
        return float(self.ts_ns[-1] - self.ts_ns[0]) / 1e9 if self.decisions else 0.0

    def summary(self) -> dict[str, Any]:
        """Counts and sizes as plain values: what the command line prints and `tape.json` keeps."""
        meta = asdict(self.meta) | {"features": list(self.meta.features)}
        return {
            "decisions": self.decisions,
            "events": self.events,
            "levels": self.levels,
            "fundings": len(self.funding_ts),
            "bytes_per_decision": self.bytes_per_decision,
            "bytes_per_event": self.bytes_per_event,
            "span_s": self.span_s,
            **meta,
        }

    @classmethod
    def from_arrays(
        cls,
        instrument: Instrument,
        *,
        ts_ns: Any,
        book_price: Any,
        book_qty: Any,
        exch_ts: Any,
        event: Any,
        best: Any,
        features: Any = None,
        feature_names: tuple[str, ...] = (),
        lag_ns: Any = None,
        clock: str = "100ms",
    ) -> "Tape":
        """A tape in memory from anything array-like; the cursor follows from the times, missing features are none.

        Without `lag_ns` the feed has no lag.
        """
        times, stamps = np.asarray(ts_ns, np.int64), np.asarray(exch_ts, np.int64)
        columns = np.zeros((len(times), 0)) if features is None else features
        return cls(
            meta=TapeMeta(instrument, clock, tuple(feature_names)),
            ts_ns=times,
            lag_ns=np.zeros(len(times), np.int64) if lag_ns is None else np.asarray(lag_ns, np.int64),
            book_price=np.asarray(book_price, np.int32),
            book_qty=np.asarray(book_qty, np.int32),
            features=np.asarray(columns, np.float32),
            cursor=np.searchsorted(stamps, times, side="right").astype(np.int32),
            exch_ts=stamps,
            event=np.asarray(event, np.int32).reshape(-1, 4),
            best=np.asarray(best, np.int32).reshape(-1, 2),
        )

    @classmethod
    def open(cls, path: str | Path) -> "Tape":
        """The tape in a folder, memory-mapped. Raises `InputError` where it is no whole tape of this version."""
        return cls(meta=_meta_from_dict(read_meta(path)), **read_arrays(path))

    def save(self, path: str | Path) -> None:
        """Writes the folder whole or not at all."""
        with whole_folder(path, META_FILE) as folder:
            kept = DECISION_ARRAYS + EVENT_ARRAYS + (FUNDING_ARRAYS if len(self.funding_ts) else ())
            for name in kept:
                np.save(folder / f"{name}.npy", getattr(self, name))
            write_meta(folder, self)

    def priced(self, instrument: Instrument) -> "Tape":
        """The same tape under an instrument of other fees."""
        return replace(self, meta=replace(self.meta, instrument=instrument))

    def slice(self, start: int, stop: int, *, after_ns: int = 1_000_000_000) -> "Tape":
        """Decisions [start, stop) and the events around them; `cursor` counts from the first event kept.

        Kept are the events that could still be under way at the first decision (`meta.lag_ns` before it) and those up
        to `after_ns` after the last decision, which the last orders may meet. The exchange's book before them comes
        first, as level changes from an empty book, so that a slice replays like a whole tape.
        """
        start, stop, _ = slice(start, stop).indices(self.decisions)
        if start >= stop:
            raise InputError(f"tape: decisions [{start}, {stop}) hold none of the {self.decisions}")
        first = int(np.searchsorted(self.exch_ts, self.ts_ns[start] - self.meta.lag_ns, side="left"))
        last = int(np.searchsorted(self.exch_ts, self.ts_ns[stop - 1] + after_ns, side="right"))
        book = _book_as_events(self.event[:first])
        kept = {name: getattr(self, name)[start:stop] for name in DECISION_ARRAYS}
        kept["cursor"] = kept["cursor"] + np.int32(len(book) - first)
        kept |= {name: getattr(self, name)[first:last] for name in EVENT_ARRAYS}
        if len(book):
            kept["event"] = np.concatenate([book, kept["event"]])
            for name in ("exch_ts", "best"):
                before = getattr(self, name)[first - 1]
                kept[name] = np.concatenate([np.broadcast_to(before, (len(book), *before.shape)), kept[name]])
        settled = slice(
            *np.searchsorted(self.funding_ts, [self.ts_ns[start] - self.meta.lag_ns, self.ts_ns[stop - 1] + after_ns])
        )
        kept |= {name: getattr(self, name)[settled] for name in FUNDING_ARRAYS}
        trades = int(np.count_nonzero(kept["event"][:, 0] <= Code.BUY_TRADE))
        return replace(self, meta=replace(self.meta, trades=trades), **kept)


def _book_as_events(event: np.ndarray) -> np.ndarray:
    """The book after `event` [n, 4] as level changes from an empty one, int32 [L, 4]."""
    depth = event[event[:, 0] >= Code.BID_DEPTH][::-1]
    _, latest = np.unique(depth[:, 0].astype(np.int64) << 32 | depth[:, 1].astype(np.int64), return_index=True)
    levels = depth[np.sort(latest)[::-1]]
    return levels[levels[:, 2] > 0] * np.array([1, 1, 1, 0], np.int32)


def read_meta(path: str | Path) -> dict[str, Any]:
    """The contents of `tape.json`. Raises `InputError` where there is none, or one of another version."""
    file = Path(path) / META_FILE
    try:
        values = json.loads(file.read_text())
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; give a folder that `jaxmm tape build` wrote") from error
    except ValueError as error:
        raise InputError(f"{file}: not JSON ({error}); build the tape again") from error
    version = values.get("jaxmm_tape") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(f"{file}: tape format {version!r}; this jaxmm reads {FORMAT_VERSION}: build the tape again")
    return dict(values)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a tape's folder by name, memory-mapped. Raises `InputError` where one is missing or cut."""
    arrays = {}
    fundings = FUNDING_ARRAYS if (Path(path) / f"{FUNDING_ARRAYS[0]}.npy").exists() else ()
    for name in DECISION_ARRAYS + EVENT_ARRAYS + fundings:
        file = Path(path) / f"{name}.npy"
        try:
            arrays[name] = _read_only(file)
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: {error}; build the tape again") from error
    return arrays


def write_meta(folder: Path, tape: Tape) -> None:
    """Writes `tape.json` into the folder that holds the arrays of `tape`."""
    (folder / META_FILE).write_text(json.dumps({"jaxmm_tape": FORMAT_VERSION} | tape.summary(), indent=1) + "\n")


def _meta_from_dict(values: Mapping[str, Any]) -> TapeMeta:
    known = {name: values[name] for name in TapeMeta.__dataclass_fields__ if name in values}
    known["instrument"] = Instrument.from_dict(known["instrument"], where=META_FILE)
    return TapeMeta(**known | {"features": tuple(known["features"])})


def _read_only(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        # an array without rows cannot be mapped
        return np.load(path, allow_pickle=False)
