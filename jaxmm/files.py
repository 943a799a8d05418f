"""Files and folders that appear whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxmm.errors import InputError

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOTDIR)
"""Errors of the system that a user can mend."""


@contextmanager
def whole_folder(out: str | Path, marker: str) -> Iterator[Path]:
    """Yields `out + ".partial"` to write into and renames it to `out` at the end; after any error nothing is left.

    An older folder at `out` is replaced if it holds the file `marker`.

    Raises:
        InputError: `out` is something else than such a folder, or the disk is full or not writable.
    """
    out = Path(out)
    if out.exists() and not (out / marker).is_file():
        raise InputError(f"{out}: exists and holds no {marker}; name a new folder or remove this one")
    partial = out.with_name(out.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        _replace(partial, out)
    except OSError as error:
        if error.errno in OF_THE_DISK:
            raise InputError(f"{out}: {error.strerror}; free some space or name another folder") from error
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file, whole or not at all. Raises `InputError` where the disk is full or not writable."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: {error.strerror}; free some space or name another place") from error


def _replace(partial: Path, out: Path) -> None:
    if out.exists():
        old = out.with_name(out.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        out.rename(old)
        partial.rename(out)
        shutil.rmtree(old)
    else:
        partial.rename(out)
