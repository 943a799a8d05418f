"""Several streams of events made one, in the order of local time."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from jaxmm.data.arrow import array, column

FOREVER = np.iinfo(np.int64).max


class _Stream:
    """One stream, looked into a batch ahead. Its own order stands even where its clock steps back."""

    def __init__(self, batches: Iterator[pa.RecordBatch]):
        self.batches = batches
        self.held: list[tuple[np.ndarray, pa.RecordBatch]] = []
        self.reached = np.iinfo(np.int64).min
        self.read_on()

    def read_on(self) -> None:
        batch = next(self.batches, None)
        if batch is None:
            self.reached = FOREVER
        elif batch.num_rows:
            due = np.maximum.accumulate(np.maximum(column(batch, "recv_ts"), self.reached))
            self.reached = int(due[-1])
            self.held.append((due, batch))

    def take(self, until: int) -> list[tuple[np.ndarray, pa.RecordBatch]]:
        """What is due before `until`."""
        taken, kept = [], []
        for due, batch in self.held:
            n = int(np.searchsorted(due, until))
            taken.append((due[:n], batch.slice(0, n)))
            kept.append((due[n:], batch.slice(n)))
        self.held = [(due, batch) for due, batch in kept if len(due)]
        return [(due, batch) for due, batch in taken if len(due)]


def merge(streams: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """All rows by `recv_ts`; at equal times those of the earlier stream come first. Holds about a batch a stream."""
    if len(streams) == 1:
        yield from streams[0]
        return
    open_streams = [_Stream(stream) for stream in streams]
    while True:
        until = min(stream.reached for stream in open_streams)
        taken = [part for stream in open_streams for part in stream.take(until)]
        if taken:
            order = np.argsort(np.concatenate([due for due, _ in taken]), kind="stable")
            yield pa.concat_batches([batch for _, batch in taken]).take(array(order, pa.int64()))
        if until == FOREVER:
            return
        for stream in open_streams:
            if stream.reached == until:
                stream.read_on()
