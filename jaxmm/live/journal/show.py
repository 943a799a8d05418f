"""Rows of a journal for people and for `jq`: one JSON object a line."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxmm.live.journal.reading import read_rows
from jaxmm.live.journal.rows import Row


def shown(journal: str | Path, kinds: Collection[str], after: int, last: int | None) -> Iterator[dict[str, Any]]:
    """Rows behind number `after`, of some kinds or all; with `last` only so many from the end."""
    rows: Iterable[Row] = (row for row in read_rows(journal) if row.seq > after and (not kinds or row.kind in kinds))
    if last is not None:
        rows = deque(rows, maxlen=last)
    for row in rows:
        time = f"{np.datetime64(row.ts_ns, 'ns')}Z"
        blob = {"blob_bytes": len(row.blob)} if row.blob else {}
        yield {"seq": row.seq, "time": time, "kind": row.kind, **blob, "body": dict(row.body)}
