"""Days of canonical events on disk: Hive folders `date=YYYY-MM-DD/part-0.parquet`, written once, read in order.

A row belongs to the UTC day of the latest exchange time up to it, so that reading day after day gives received order.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxmm.data.arrow import column, rebatch
from jaxmm.data.schema import COLUMNS, event_schema
from jaxmm.errors import InputError
from jaxmm.instrument import Instrument

DAY_NS = 86_400 * 10**9
GROUP_ROWS = 131_072  # of a Parquet row group


def write_days(
    batches: Iterable[pa.RecordBatch], folder: Path, instrument: Instrument, **facts: object
) -> Iterator[pa.RecordBatch]:
    """Writes the batches and passes each on when it is written; `facts` go into every file's metadata."""
    schema = event_schema(instrument, **facts)
    writer: pq.ParquetWriter | None = None
    today: int | None = None
    latest = np.iinfo(np.int64).min
    try:
        for batch in rebatch(batches, GROUP_ROWS):
            days = np.maximum.accumulate(np.maximum(column(batch, "exch_ts"), latest)) // DAY_NS
            latest = max(latest, int(column(batch, "exch_ts").max()))
            starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
            for start, stop in zip(starts, [*starts[1:], batch.num_rows], strict=True):
                if days[start] != today:
                    today = int(days[start])
                    if writer is not None:
                        writer.close()
                    writer = _open_day(folder, today, schema)
                assert writer is not None
                writer.write_batch(batch.slice(start, stop - start))
            yield batch
    finally:
        if writer is not None:
            writer.close()


def _open_day(folder: Path, day: int, schema: pa.Schema) -> pq.ParquetWriter:
    date = np.datetime64(day, "D")
    path = folder / f"date={date}" / "part-0.parquet"
    path.parent.mkdir(parents=True)
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, use_dictionary=["kind", "side", "price", "qty"]
    )


def day_files(folder: Path) -> list[Path]:
    """The files of a store in time order."""
    return sorted(folder.glob("date=*/part-0.parquet"))


def read_days(folder: Path, batch_rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Record batches of at most `batch_rows` rows over all days, in received order.

    Raises `InputError` on a file that is missing a part of itself.
    """
    for path in day_files(folder):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=batch_rows, columns=columns or COLUMNS.names):
                    yield batch.replace_schema_metadata(None)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: damaged ({error}); import the recording again") from error
