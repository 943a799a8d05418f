"""Arrays appended to `.npy` files before their length is known."""

from pathlib import Path
from typing import Any

import numpy as np

_HEADER_BYTES = 128


class NpyWriter:
    """Appends rows to a `.npy` file; the header is written on `close`, when the number of rows is known."""

    def __init__(self, path: Path, dtype: Any, row_shape: tuple[int, ...] = ()) -> None:
        self.rows = 0
        self._dtype = np.dtype(dtype)
        self._row_shape = row_shape
        self._file = path.open("wb")
        self._file.write(b" " * _HEADER_BYTES)

    def append(self, rows: np.ndarray) -> None:
        """Appends `rows` [n, *row_shape] of exactly the dtype of the file."""
        if rows.dtype != self._dtype or rows.shape[1:] != self._row_shape:
            raise TypeError(f"rows are {rows.dtype}{rows.shape[1:]}, the file holds {self._dtype}{self._row_shape}")
        self._file.write(np.ascontiguousarray(rows).data)
        self.rows += len(rows)

    def close(self) -> None:
        """Writes the header and closes the file."""
        with self._file:
            shape = (self.rows, *self._row_shape)
            fields = f"{{'descr': {self._dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
            length = _HEADER_BYTES - 10
            self._file.seek(0)
            self._file.write(b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little"))
            self._file.write(fields.ljust(length - 1).encode() + b"\n")


class NpyWriters:
    """Several arrays of the same number of rows, appended together; a context manager that closes them all."""

    def __init__(self, folder: Path, **layout: tuple[Any, tuple[int, ...]]) -> None:
        self._files = {name: NpyWriter(folder / f"{name}.npy", *kind) for name, kind in layout.items()}

    def append(self, **rows: np.ndarray) -> None:
        """Appends the same number of rows to every array."""
        for name, writer in self._files.items():
            writer.append(rows[name])

    @property
    def rows(self) -> int:
        """Rows so far."""
        return next(iter(self._files.values())).rows

    def __enter__(self) -> "NpyWriters":
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._files.values():
            writer.close()
