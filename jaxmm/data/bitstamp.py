"""Bitstamp's order-by-order log of 2015 read and made clean: who rests where, who left, who was executed.

One line is `<local ms> <kind> <json>`; kinds are order_created, order_changed, order_deleted, trade and order_book (20
levels a side). Letters: M messages on orders and trades, S snapshots. Prices are ticks of .01 USD, quantities lots of
1e-8 BTC, times ms of the recorder's clock. What the log can and cannot tell of time:

- the venue's time has whole seconds and is an order's *creation*: a change or a deletion repeats it. So only the
  recorder's clock says when an order left, and only the order of the lines says what came first within a second;
- that order is the one in which a single connection received the messages. The venue counts its orders, so ids tell how
  often the lines of two creations were swapped (`backward_ids`).
"""

import bz2
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from jaxmm.data.schema import Side
from jaxmm.errors import InputError

TICKS_PER_USD = 100
LOTS_PER_BTC = 10**8
LEVELS = 20
CREATED, CHANGED, DELETED, TRADE = 0, 1, 2, 3
KINDS = {b"order_created": CREATED, b"order_changed": CHANGED, b"order_deleted": DELETED, b"trade": TRADE}
SIDES = {0: int(Side.BID), 1: int(Side.ASK)}


class Messages(NamedTuple):
    """What the log says of orders and trades, line by line; all int64 [M]."""

    line: np.ndarray  # number of the line in the file, from 0
    recv_ms: np.ndarray
    kind: np.ndarray  # CREATED, CHANGED, DELETED or TRADE
    id: np.ndarray  # of the order, or of the trade
    side: np.ndarray  # `Side` of the order; NONE for a trade, which the log does not say it of
    ticks: np.ndarray
    lots: np.ndarray  # what is left of the order (at a deletion: 0 if it was executed), or what was traded
    created_s: np.ndarray  # venue's time of the order's creation, whole seconds; 0 for a trade


class Snapshots(NamedTuple):
    """The venue's own books of 20 levels a side."""

    message: np.ndarray  # int64 [S]: how many messages come before
    ticks: np.ndarray  # int64 [S, 2, LEVELS], best first; 0 where there is no level
    lots: np.ndarray  # int64 [S, 2, LEVELS]


class Log(NamedTuple):
    """One file."""

    messages: Messages
    snapshots: Snapshots


def read_log(path: str | Path) -> Log:
    """Reads a `.log.bz2`. Raises `InputError` where it cannot be read, and on the first line of another form."""
    path = Path(path)
    rows: list[tuple[int, ...]] = []
    books: list[list[float]] = []
    before: list[int] = []
    number = 0
    try:
        with bz2.open(path) as lines:
            for number, line in enumerate(lines):
                recv_ms, kind, text = line.split(b" ", 2)
                values = orjson.loads(text)
                if kind == b"order_book":
                    before.append(len(rows))
                    books.append(_levels(values["bids"]) + _levels(values["asks"]))
                else:
                    rows.append((number, int(recv_ms), *_row(KINDS[kind], values)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: {reason}; give a bzip2 file of Bitstamp's order log") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: line {number + 1}: not `<local ms> <kind> <json>` of Bitstamp's order log ({error!r})"
        ) from error
    if not rows:
        raise InputError(f"{path}: line 1: no message on an order up to the end; is this Bitstamp's order log?")
    return Log(Messages(*np.array(rows, dtype=np.int64).T.copy()), _snapshots(before, books))


def _row(kind: int, values: dict[str, Any]) -> tuple[int, ...]:
    ticks, lots = _units(values["price"], TICKS_PER_USD), _units(values["amount"], LOTS_PER_BTC)
    if kind == TRADE:
        return kind, values["id"], int(Side.NONE), ticks, lots, 0
    return kind, values["id"], SIDES[values["order_type"]], ticks, lots, int(values["datetime"])


def _units(value: str | float, per_unit: int) -> int:
    """A price or quantity as an integer; the log writes those of orders as text and those of trades as floats."""
    return round(float(value) * per_unit)


def _levels(levels: list[list[str]]) -> list[float]:
    """Prices and quantities of a side, one after the other, filled up with zeros."""
    values = [float(value) for level in levels[:LEVELS] for value in level]
    return values + [0.0] * (2 * LEVELS - len(values))


def _snapshots(message: list[int], levels: list[list[float]]) -> Snapshots:
    values = np.array(levels, dtype=np.float64).reshape(-1, 2, LEVELS, 2) * (TICKS_PER_USD, LOTS_PER_BTC)
    whole = np.rint(values).astype(np.int64)
    return Snapshots(np.array(message, dtype=np.int64), whole[..., 0].copy(), whole[..., 1].copy())
