"""Recordings made up line by line, and stores read back: what the tests of the data room share."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from jaxmm.data.readers import binance
from jaxmm.data.readers.log import ReadLog
from jaxmm.data.schema import Kind, Side
from jaxmm.data.store import Store, import_recording, open_store
from jaxmm.instrument import Instrument

START_MS = 1_723_161_256_000
USDM = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)


def line(local_ms: float, data: dict[str, Any]) -> str:
    """One raw line, received `local_ms` after the start."""
    return f"{int((START_MS + local_ms) * 1_000_000)} {json.dumps(data)}"


def diff(local_ms: float, first: int, last: int, before: int, bids: list, asks: list) -> str:
    data = {"e": "depthUpdate", "E": START_MS + local_ms, "T": START_MS + local_ms, "s": "BTCUSDT"}
    return line(local_ms, {"data": {**data, "U": first, "u": last, "pu": before, "b": bids, "a": asks}})


def ticker(local_ms: float, id: int, bid: tuple[str, str], ask: tuple[str, str]) -> str:
    data = {"e": "bookTicker", "u": id, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return line(local_ms, {"data": {**data, "T": START_MS + local_ms, "E": START_MS + local_ms}})


def trade(local_ms: float, id: int, price: str, qty: str, buyer_is_maker: bool, kind: str = "MARKET") -> str:
    data = {"e": "trade", "E": START_MS + local_ms, "T": START_MS + local_ms, "s": "BTCUSDT", "t": id}
    return line(local_ms, {"data": {**data, "p": price, "q": qty, "X": kind, "m": buyer_is_maker}})


def snapshot(local_ms: float, last: int, bids: list, asks: list) -> str:
    return line(local_ms, {"lastUpdateId": last, "T": START_MS + local_ms, "bids": bids, "asks": asks})


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(text + "\n" for text in lines))
    return path


def read_binance(path: Path, lines: list[str], instrument: Instrument = USDM) -> tuple[list[dict[str, Any]], ReadLog]:
    """The rows that the Binance reader makes of some lines, and its log."""
    log = ReadLog()
    batches = binance.read([write(path, lines)], instrument, log)
    return rows_of(pa.Table.from_batches(batches)), log


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries, with kind and side as what they are."""
    return [{**row, "kind": Kind(row["kind"]), "side": Side(row["side"])} for row in table.to_pylist()]


def store_rows(store: Store) -> list[dict[str, Any]]:
    return rows_of(pa.Table.from_batches(store.batches()))


def imported(paths: list[Path], format: str, instrument: Instrument, out: Path, **options: Any) -> Store:
    import_recording(paths, format, instrument, out, **options)
    return open_store(out)


def books(rows: list[dict[str, Any]]) -> dict[Side, dict[float, float]]:
    """Price to quantity on each side after the rows, by the plainest means."""
    levels: dict[Side, dict[float, float]] = {Side.BID: {}, Side.ASK: {}}
    for row in rows:
        if row["kind"] == Kind.CLEAR:
            for side in levels:
                if row["side"] in (side, Side.NONE):
                    levels[side].clear()
        elif row["kind"] in (Kind.DEPTH, Kind.SNAPSHOT):
            levels[row["side"]].pop(row["price"], None)
            if row["qty"]:
                levels[row["side"]][row["price"]] = row["qty"]
    return levels
