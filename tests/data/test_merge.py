"""Streams of events made one by local time."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jaxmm.data.arrow import batch_of, column, rebatch
from jaxmm.data.readers.merge import merge

times = st.lists(st.integers(0, 8), max_size=25)


def stream(recv_ts, number, batch_rows):
    """Rows that say in `id` which stream they are of and where they stood."""
    recv_ts = np.array(recv_ts, np.int64)
    zero = np.zeros(len(recv_ts))
    ids = 1000 * number + np.arange(len(recv_ts))
    whole = batch_of([recv_ts, recv_ts, zero.astype(np.int8), zero.astype(np.int8), zero, zero, ids])
    return (whole.slice(start, batch_rows) for start in range(0, whole.num_rows, batch_rows))


@given(st.lists(times.map(sorted), min_size=1, max_size=4), st.integers(1, 6))
def test_merging_is_a_stable_sort_of_the_streams_one_after_the_other(streams, batch_rows):
    merged = list(merge([stream(recv_ts, i, batch_rows) for i, recv_ts in enumerate(streams)]))
    expected = sorted(
        ((t, 1000 * i + k) for i, recv_ts in enumerate(streams) for k, t in enumerate(recv_ts)), key=lambda row: row[0]
    )
    got = [row for b in merged for row in zip(column(b, "recv_ts").tolist(), column(b, "id").tolist(), strict=True)]
    assert got == expected


@given(times, times, st.integers(1, 6))
def test_a_clock_that_steps_back_does_not_change_the_order_within_a_stream(one, two, batch_rows):
    merged = list(merge([stream(one, 0, batch_rows), stream(two, 1, batch_rows)]))
    ids = np.concatenate([column(batch, "id") for batch in merged]) if merged else np.empty(0)
    for number, recv_ts in enumerate((one, two)):
        assert ids[ids // 1000 == number].tolist() == [1000 * number + k for k in range(len(recv_ts))]


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 7), st.integers(1, 9))
def test_rebatching_keeps_every_row(recv_ts, batch_rows, rows):
    batches = list(rebatch(stream(recv_ts, 0, batch_rows), rows))
    assert [t for b in batches for t in column(b, "recv_ts").tolist()] == recv_ts
    assert all(b.num_rows >= rows for b in batches[:-1])


def test_a_column_of_a_slice_is_the_slice_of_the_column():
    batch = pa.RecordBatch.from_arrays([pa.array([1.5, 2.5, 3.5]), pa.array([1, 2, 3], pa.int8())], ["a", "b"])
    assert column(batch.slice(1), "a").tolist() == [2.5, 3.5]
    assert column(batch.slice(1, 1), "b").tolist() == [2]
    assert column(batch.slice(3), "b").tolist() == []
