"""Arrow columns as numpy arrays and back, in the same memory.

`pa.array` and `Array.to_numpy` import pandas on first use, a second of start-up that no command of ours needs.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from jaxmm.data.schema import COLUMNS


def column(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """One column (of numbers, without nulls) as numpy [rows], read-only."""
    values = batch.column(batch.schema.get_field_index(name))
    dtype = np.dtype(str(values.type).replace("double", "float64"))
    buffer = values.buffers()[1]
    if buffer is None:
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype)[values.offset : values.offset + len(values)]


def array(values: np.ndarray, type: pa.DataType) -> pa.Array:
    """Numpy [rows] as an Arrow array of `type`, which must have the same layout."""
    return pa.Array.from_buffers(type, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def batch_of(columns: Iterable[np.ndarray]) -> pa.RecordBatch:
    """Canonical columns, in the order of the schema, as a batch."""
    arrays = [array(c, f.type) for c, f in zip(columns, COLUMNS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=COLUMNS)


def rebatch(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of at least `rows` rows, but for the last."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if batch.num_rows:
            held.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield pa.concat_batches(held)
            held, count = [], 0
    if held:
        yield pa.concat_batches(held)
