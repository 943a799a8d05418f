"""The canonical events every reader writes and every later room reads (DESIGN §3).

One table an instrument and day. Rows stand in the order in which they were received. Prices and quantities are the
source's own decimals as float64; `Instrument.to_ticks` and `to_lots` make integers of them.
"""

import json
from enum import IntEnum

import pyarrow as pa

from jaxmm.instrument import Instrument

FORMAT_VERSION = 1


class Kind(IntEnum):
    """What one row says. Rows of one message share `exch_ts`, `recv_ts` and `id`."""

    TRADE = 0
    """One print. `side` is the aggressor's: BID when a buyer took."""
    DEPTH = 1
    """The displayed quantity at `price` is now `qty`; 0 removes the level."""
    TOP = 2
    """Best bid or best ask and its quantity: one row a side."""
    SNAPSHOT = 3
    """One level of a full book; follows a CLEAR of the same message."""
    CLEAR = 4
    """The book of `side` (NONE: of both) is empty now."""
    FUNDING = 5
    """A funding was settled at `exch_ts`: its rate in `price`, a fraction of notional; longs pay a positive one."""
    MARK = 6
    """Mark price in `price`."""
    GAP = 7
    """Messages are missing before this row (an id chain broke, or the recorder was down); `id` is the id expected."""


class Side(IntEnum):
    """Book side, and for trades the aggressor's side."""

    BID = 0
    ASK = 1
    NONE = 2


COLUMNS = pa.schema(
    [
        pa.field("exch_ts", pa.int64(), nullable=False),  # ns since epoch, the exchange's clock
        pa.field("recv_ts", pa.int64(), nullable=False),  # ns since epoch, the recorder's clock
        pa.field("kind", pa.int8(), nullable=False),  # Kind
        pa.field("side", pa.int8(), nullable=False),  # Side
        pa.field("price", pa.float64(), nullable=False),  # quote currency
        pa.field("qty", pa.float64(), nullable=False),  # base currency or contracts
        pa.field("id", pa.int64(), nullable=False),  # trade id, or the book's (last) update id; -1 where there is none
    ]
)


def event_schema(instrument: Instrument, **extra: object) -> pa.Schema:
    """`COLUMNS` with the instrument (and JSON-able `extra` facts, such as `clocks`) in the metadata."""
    meta = {
        "jaxmm_events": str(FORMAT_VERSION),
        "instrument": json.dumps(instrument.to_dict()),
        "kinds": json.dumps({k.name.lower(): int(k) for k in Kind}),
        "sides": json.dumps({s.name.lower(): int(s) for s in Side}),
        **{name: json.dumps(value) for name, value in extra.items()},
    }
    return COLUMNS.with_metadata(meta)
