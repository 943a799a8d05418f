"""From a store to a tape on disk, in two streaming passes: what was seen locally, and what happened at the exchange.

Memory holds one batch of rows, one block of decisions and the rows of the longest disorder of exchange time, however
long the recording is.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from jaxmm.errors import InputError
from jaxmm.features.clock import Clock, parse_clock
from jaxmm.features.market import FEATURES, market_features, time_of_day
from jaxmm.features.window import RollingWindows
from jaxmm.files import whole_folder
from jaxmm.instrument import INT32_MAX
from jaxmm.tape.delays import Delay
from jaxmm.tape.exchange_order import Events, ExchangeOrder, ExchangePass
from jaxmm.tape.funding import at_mid, read_fundings
from jaxmm.tape.local import Decisions, LocalPass
from jaxmm.tape.npy import NpyWriters
from jaxmm.tape.rows import RECORDED, EventStore, Rows, Scan, scan, tape_rows
from jaxmm.tape.tape import META_FILE, Code, Tape, TapeMeta, read_arrays, write_meta

Progress = Callable[[int, int], None]
_CURSOR_BLOCK = 1 << 20


def build_tape(
    store: EventStore,
    out: str | Path,
    clock: str,
    levels: int,
    progress: Progress | None = None,
    feed: Delay = RECORDED,
) -> Tape:
    """Cuts a store at decisions and writes the tape, whole or not at all.

    Args:
        store: the recording.
        out: folder of the tape; an older tape there is replaced.
        clock: such as `100ms` or `50ev`; see `parse_clock`.
        levels: book levels kept a side, K ≥ 1.
        progress: called with (rows done, rows to do) after every batch; each row is done twice.
        feed: how late market data is; as recorded, or this much after the exchange's time with its order kept.

    Returns:
        The tape, memory-mapped from `out`.

    Raises:
        InputError: a bad clock or number of levels, a store without a moment at which both sides of the book are there,
            a price or quantity that is off its unit or does not fit int32, a full disk.
    """
    parsed = parse_clock(clock)
    if levels < 1:
        raise InputError(f"levels is {levels}; a tape keeps at least one level a side")
    with whole_folder(out, META_FILE) as folder:
        facts = scan(store)
        advance = _counter(progress, 2 * facts.rows)
        rows = _advancing(store, facts, feed, advance)
        lag_ns = _write_decisions(rows, folder, parsed, levels, store.instrument.symbol)
        order, venue = ExchangeOrder(facts.disorder_ns), ExchangePass()
        trades = _write_events(_advancing(store, facts, feed, advance), folder, order, venue)
        _write_cursor(folder)
        if facts.fundings:
            _write_fundings(store, folder)
        meta = TapeMeta(
            instrument=store.instrument,
            clock=clock.strip(),
            features=FEATURES,
            source=_fingerprint(store, facts),
            clocks=str(store.meta.get("clocks", "both")),
            lag_ns=lag_ns,
            feed="recorded" if feed == RECORDED else feed.name,
            rows=facts.rows,
            trades=trades,
            unsided=facts.unsided,
            gaps=facts.gaps,
            restamped=order.restamped,
            crossed=venue.crossed,
        )
        write_meta(folder, Tape(meta=meta, **read_arrays(folder)))
    return Tape.open(out)


def _counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done, total)

    return advance


def _advancing(store: EventStore, facts: Scan, feed: Delay, advance: Callable[[int], None]) -> Iterator[Rows]:
    for read, rows in tape_rows(store, facts.has_diffs, feed):
        yield rows
        advance(read)


def _write_decisions(batches: Iterable[Rows], folder: Path, clock: Clock, levels: int, symbol: str) -> int:
    """Writes the arrays of the decisions but the cursor; returns the longest lag from exchange to receiver, ns."""
    local, rolling = LocalPass(clock, levels), RollingWindows()
    lag_ns = 0
    with NpyWriters(
        folder,
        ts_ns=(np.int64, ()),
        lag_ns=(np.int64, ()),
        book_price=(np.int32, (2, levels)),
        book_qty=(np.int32, (2, levels)),
        features=(np.float32, (len(FEATURES),)),
    ) as writers:
        for block in _decisions(batches, local):
            sums, day = rolling.extend(block.windows), time_of_day(block.ts_ns)
            features = market_features(block.price, block.qty, sums, day, np)
            writers.append(
                ts_ns=block.ts_ns,
                lag_ns=block.lag_ns,
                book_price=block.price,
                book_qty=block.qty,
                features=features,
            )
        lag_ns = local.lag_ns
    if writers.rows == 0:
        raise InputError(
            f"{symbol}: no decision: the recording never shows both sides of the book, or is shorter than the clock; "
            "look at it with `jaxmm data check`"
        )
    return lag_ns


def _decisions(batches: Iterable[Rows], local: LocalPass) -> Iterator[Decisions]:
    for rows in batches:
        yield from local.feed(rows)
    yield from local.finish()


def _write_events(batches: Iterable[Rows], folder: Path, order: ExchangeOrder, venue: ExchangePass) -> int:
    """Writes the arrays of the events; returns the number of trades."""
    trades = 0
    with NpyWriters(folder, exch_ts=(np.int64, ()), event=(np.int32, (4,)), best=(np.int32, (2,))) as writers:
        for events in _events(batches, order, venue):
            writers.append(**events._asdict())
            trades += int(np.count_nonzero(events.event[:, 0] <= Code.BUY_TRADE))
    if writers.rows > INT32_MAX:
        raise InputError(f"{writers.rows} events are more than a tape's {INT32_MAX}; build one of fewer days")
    return trades


def _events(batches: Iterable[Rows], order: ExchangeOrder, venue: ExchangePass) -> Iterator[Events]:
    for rows in order.sort(batches):
        yield venue.feed(rows)
    yield venue.finish()


def _write_cursor(folder: Path) -> None:
    """Writes, for each decision, the number of events with an exchange time up to it."""
    ts_ns = np.load(folder / "ts_ns.npy", mmap_mode="r")
    exch_ts = np.load(folder / "exch_ts.npy", mmap_mode="r")
    with NpyWriters(folder, cursor=(np.int32, ())) as writers:
        for start in range(0, len(ts_ns), _CURSOR_BLOCK):
            block = np.asarray(ts_ns[start : start + _CURSOR_BLOCK])
            writers.append(cursor=np.searchsorted(exch_ts, block, side="right").astype(np.int32))


def _write_fundings(store: EventStore, folder: Path) -> None:
    """Writes when fundings were settled, and their rates and marks."""
    ts_ns, fundings = read_fundings(store)
    exch_ts, best = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("exch_ts", "best"))
    np.save(folder / "funding_ts.npy", ts_ns)
    np.save(folder / "funding.npy", at_mid(fundings, ts_ns, exch_ts, best, store.instrument))


def _fingerprint(store: EventStore, facts: Scan) -> str:
    """sha256 over what `store.json` holds and the number of rows."""
    text = json.dumps(store.meta, sort_keys=True, default=str)
    return hashlib.sha256(f"{text}\n{facts.rows}".encode()).hexdigest()
