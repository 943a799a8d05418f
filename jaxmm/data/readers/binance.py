"""Raw Binance recordings (`<local ns> <json>` a line): USD-margined and coin-margined futures, and spot.

`exch_ts` is the match time `T` where there is one (futures, and every trade), else the event time `E` (spot depth). A
spot `bookTicker` or REST snapshot has no venue time at all: it carries the receiver's, and the import report says so.
Update ids follow https://developers.binance.com/docs (how to manage a local order book correctly).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from jaxmm.data.readers.lines import LineNames, raw_lines
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.readers.rows import BATCH_ROWS, NO_ID, event_batch
from jaxmm.data.schema import Kind, Side
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument

NS_PER_MS = 1_000_000
KEPT_DIFFS = 2000  # diffs that wait for a snapshot; a REST answer takes seconds, this is minutes

TRADE, DEPTH, TOP, SNAPSHOT, CLEAR, GAP, FUNDING, MARK = (
    int(k) for k in (Kind.TRADE, Kind.DEPTH, Kind.TOP, Kind.SNAPSHOT, Kind.CLEAR, Kind.GAP, Kind.FUNDING, Kind.MARK)
)

Levels = Sequence[Sequence[str]]  # (price, quantity) as the venue wrote them


def read(paths: Sequence[Path], instrument: Instrument, log: ReadLog) -> Iterator[pa.RecordBatch]:
    """Canonical batches of one recording, whose files follow each other in time.

    Raises `InputError` with file and line on a line that is no whole message, another symbol, a damaged or empty file.
    """
    names = LineNames()
    rows = _Rows(instrument, names, log)
    handle = _Messages(instrument, rows, names, log).handle
    for number, line in raw_lines(paths, names):
        handle(number, line)
        if len(rows.levels) >= BATCH_ROWS:
            yield rows.flush()
    log.lines += number
    if rows.levels:
        yield rows.flush()


class _Diff(NamedTuple):
    """One book message."""

    number: int  # line
    exch_ts: int
    before: int  # the update id that the book must have reached
    last: int  # the update id it brings the book to
    bids: Levels
    asks: Levels


class _Rows:
    """Messages and their levels, made into arrays a batch at a time."""

    def __init__(self, instrument: Instrument, names: LineNames, log: ReadLog):
        self.instrument = instrument
        self.names = names
        self.log = log
        self.messages: list[tuple[int, ...]] = []
        self.levels: list[Sequence[str]] = []

    def add(
        self, number: int, exch_ts: int, recv_ts: int, kind: int, id: int, bids: Levels = (), asks: Levels = ()
    ) -> None:
        """One message with its rows of each side."""
        self.messages.append((number, exch_ts, recv_ts, kind, id, len(bids), len(asks), 0))
        self.levels += bids
        self.levels += asks

    def add_sideless(self, number: int, exch_ts: int, recv_ts: int, kind: int, id: int, price: str = "0") -> None:
        """One message of one row that is about no side of the book."""
        self.messages.append((number, exch_ts, recv_ts, kind, id, 0, 0, 1))
        self.levels.append((price, "0"))

    def flush(self) -> pa.RecordBatch:
        """The rows so far, which are forgotten."""
        messages = np.array(self.messages, dtype=np.int64)
        counts = messages[:, 5:]  # [messages, sides]
        number, exch_ts, recv_ts, kind, id = np.repeat(messages[:, :5], counts.sum(axis=1), axis=0).T
        side = np.repeat(np.tile(np.arange(len(Side)), len(messages)), counts.ravel())
        price, qty = self._decimals(number)
        self.messages, self.levels = [], []
        return event_batch(
            exch_ts=exch_ts,
            recv_ts=recv_ts,
            kind=kind,
            side=side,
            price=price,
            qty=qty,
            id=id,
            instrument=self.instrument,
            log=self.log,
            where=lambda i: self.names(int(number[i])),
        )

    def _decimals(self, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            price, qty = _decimals(self.levels)
        except (TypeError, ValueError) as error:
            bad = next(i for i, level in enumerate(self.levels) if not _is_level(level))
            where = self.names(int(number[bad]))
            raise InputError(f"{where}: {self.levels[bad]!r} is not a price and a quantity") from error
        return price, qty


def _decimals(levels: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """(prices, quantities), each [levels]; one JSON array of all parses three times as fast as `float` on each."""
    values = orjson.loads("[" + ",".join(chain.from_iterable(levels)) + "]")
    price, qty = np.array(values, dtype=np.float64).reshape(len(levels), 2).T
    return np.ascontiguousarray(price), np.ascontiguousarray(qty)


def _is_level(level: Sequence[str]) -> bool:
    try:
        _decimals([level])
    except (TypeError, ValueError):
        return False
    return True


class _Messages:
    """Message by message into rows; holds what the update-id chain needs."""

    def __init__(self, instrument: Instrument, rows: _Rows, names: LineNames, log: ReadLog):
        self.symbol = instrument.symbol
        self.rows = rows
        self.names = names
        self.log = log
        self.last: int | None = None  # update id of the book, None before the first snapshot
        self.whole = False  # a snapshot came and the chain has held since
        self.waiting: deque[_Diff] = deque()  # diffs that a coming snapshot may have to be followed by
        self.next_funding: tuple[int, str] | None = None  # when, ms, and at what rate as far as it is known
        self.handlers: dict[str, Callable[[int, int, dict[str, Any]], None]] = {
            "depthUpdate": self._depth,
            "bookTicker": self._book_ticker,
            "trade": self._trade,
            "markPriceUpdate": self._mark,
        }

    def handle(self, number: int, line: bytes) -> None:
        """One line of the recording."""
        stamp, _, text = line.partition(b" ")
        try:
            recv_ts = int(stamp)
            message = orjson.loads(text)
            data = message.get("data", message)
            event = data.get("e") or _unnamed(data)
            handler = self.handlers.get(event)
            if handler is not None:
                if data["s"] != self.symbol:
                    self._refuse_symbol(number, data["s"])
                handler(number, recv_ts, data)
            elif event == "snapshot":
                self._snapshot(number, recv_ts, data)
            elif line.isspace():
                self.log.skipped["blank"] += 1
            else:
                self.log.skipped[event] += 1
        except KeyError as error:
            raise InputError(f"{self.names(number)}: a {event} message without its field {error}") from error
        except InputError:
            raise
        except (ValueError, TypeError, AttributeError) as error:
            what = str(error).partition(":")[0]
            raise InputError(
                f"{self.names(number)}: not a whole `<local ns> <json>` message ({what}); "
                "was the recording cut there? Remove the line or fetch the file again"
            ) from error

    def _refuse_symbol(self, number: int, symbol: str) -> None:
        raise InputError(
            f"{self.names(number)}: the message is of symbol {symbol!r} but the instrument is {self.symbol!r}; "
            "give the instrument file of this recording"
        )

    def _trade(self, number: int, recv_ts: int, data: dict[str, Any]) -> None:
        if data.get("X", "MARKET") != "MARKET":
            self.log.skipped[f"trade {data['X']}"] += 1  # insurance fund and liquidation bookings are not the market's
            return
        print_ = ((data["p"], data["q"]),)
        buys, sells = ((), print_) if data["m"] else (print_, ())  # m: the buyer was the maker
        self.rows.add(number, data["T"] * NS_PER_MS, recv_ts, TRADE, data["t"], buys, sells)

    def _book_ticker(self, number: int, recv_ts: int, data: dict[str, Any]) -> None:
        if "T" in data:
            exch_ts = data["T"] * NS_PER_MS
        else:
            exch_ts = recv_ts
            self.log.receiver_stamped += 1
        bid, ask = (data["b"], data["B"]), (data["a"], data["A"])
        self.rows.add(number, exch_ts, recv_ts, TOP, data["u"], (bid,), (ask,))

    def _mark(self, number: int, recv_ts: int, data: dict[str, Any]) -> None:
        """A mark price; and once the next funding is a later one, the one that was settled, at the last rate told."""
        before, self.next_funding = self.next_funding, (data["T"], data["r"]) if data.get("r") else None
        if before is not None and before[0] <= data["E"] and (self.next_funding is None or data["T"] > before[0]):
            self.rows.add_sideless(number, before[0] * NS_PER_MS, recv_ts, FUNDING, NO_ID, before[1])
        self.rows.add_sideless(number, data["E"] * NS_PER_MS, recv_ts, MARK, NO_ID, data["p"])

    def _depth(self, number: int, recv_ts: int, data: dict[str, Any]) -> None:
        before = data["pu"] if "pu" in data else data["U"] - 1
        exch_ts = data["T" if "T" in data else "E"] * NS_PER_MS
        diff = _Diff(number, exch_ts, before, data["u"], data["b"], data["a"])
        if self.last is None:
            self._keep(diff)
        else:
            self._apply(diff, self.last, recv_ts)

    def _keep(self, diff: _Diff) -> None:
        self.waiting.append(diff)
        if len(self.waiting) > KEPT_DIFFS:
            self.waiting.popleft()
            if self.last is None:
                self.log.snapshot_drops += 1

    def _apply(self, diff: _Diff, last: int, recv_ts: int) -> None:
        if diff.last <= last:
            self.log.duplicates += 1
            return
        if diff.before > last:
            self.rows.add_sideless(diff.number, diff.exch_ts, recv_ts, GAP, last)
            self.whole = False
        if not self.whole:
            self._keep(diff)
        self.last = diff.last
        self.rows.add(diff.number, diff.exch_ts, recv_ts, DEPTH, diff.last, diff.bids, diff.asks)

    def _snapshot(self, number: int, recv_ts: int, data: dict[str, Any]) -> None:
        if data.get("symbol", self.symbol) != self.symbol:
            self._refuse_symbol(number, data["symbol"])
        last = data["lastUpdateId"]
        if self.whole and self.last is not None and last <= self.last:
            self.log.skipped["snapshot older than the book"] += 1
            return
        waiting = [diff for diff in self.waiting if diff.last > last]
        if self.last is None:
            self.log.snapshot_drops += len(self.waiting) - len(waiting)
        exch_ts = self._snapshot_time(recv_ts, data, waiting)
        self.rows.add_sideless(number, exch_ts, recv_ts, CLEAR, last)
        self.rows.add(number, exch_ts, recv_ts, SNAPSHOT, last, data["bids"], data["asks"])
        self.waiting.clear()
        self.last, self.whole = last, True
        for diff in waiting:  # known to us only now, so they carry the snapshot's local time
            self._apply(diff, last, recv_ts)
            last = max(last, diff.last)

    def _snapshot_time(self, recv_ts: int, data: dict[str, Any], continuing: Sequence[_Diff]) -> int:
        """Its own time or the receiver's, but not after a diff that continues it: in exchange order it comes first."""
        if "T" in data:
            return min([data["T"] * NS_PER_MS, *(diff.exch_ts for diff in continuing)])
        self.log.receiver_stamped += 1
        return min([recv_ts, *(diff.exch_ts for diff in continuing or list(self.waiting)[-1:])])


def _unnamed(data: dict[str, Any]) -> str:
    """What a message without an event name is: spot's bookTicker and REST snapshots have none."""
    if "lastUpdateId" in data:
        return "snapshot"
    return "bookTicker" if "B" in data and "A" in data else "other"
