"""Raw text recordings, plain or gzip, one line at a time, with names for lines that span several files."""

import gzip
import io
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from jaxmm.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
BUFFER_BYTES = 1 << 18


@dataclass
class LineNames:
    """Turns a running line number over all files of a recording into `file: line n`."""

    starts: list[int] = field(default_factory=list)  # lines before each file
    paths: list[Path] = field(default_factory=list)

    def begin(self, path: Path, lines_before: int) -> None:
        """Says that the lines after `lines_before` are those of `path`."""
        self.starts.append(lines_before)
        self.paths.append(path)

    def __call__(self, number: int) -> str:
        """`file: line n` of a running line number from 1."""
        index = max(bisect_right(self.starts, number - 1) - 1, 0)
        return f"{self.paths[index]}: line {number - self.starts[index]}"


def is_gzip(path: Path) -> bool:
    """Whether the file starts as gzip does, whatever its name. Raises `InputError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(2) == GZIP_MAGIC
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the path of a recording") from error


def open_recording(path: Path) -> IO[bytes]:
    """The bytes of a plain or gzip file."""
    if is_gzip(path):
        return io.BufferedReader(gzip.GzipFile(path), BUFFER_BYTES)
    return path.open("rb", BUFFER_BYTES)


def raw_lines(paths: Sequence[Path], names: LineNames) -> Iterator[tuple[int, bytes]]:
    """(running number from 1, line) of all files in order; tells `names` where each file begins.

    Raises `InputError` with file and line on a truncated or damaged gzip file, and on an empty one.
    """
    number = 0
    for path in paths:
        names.begin(path, number)
        before = number
        try:
            with open_recording(path) as file:
                for line in file:
                    number += 1
                    yield number, line
        except EOFError as error:
            where = f"{path}: line {number - before + 1}"
            raise InputError(f"{where}: the gzip stream ends early; the file is truncated, fetch it again") from error
        except (zlib.error, gzip.BadGzipFile) as error:
            where = f"{path}: line {number - before + 1}"
            raise InputError(f"{where}: damaged gzip data ({error}); fetch the file again") from error
        if number == before:
            raise InputError(f"{path}: line 1: the file is empty; a recording has at least one line")
