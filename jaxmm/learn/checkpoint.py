"""Checkpoints of a whole training run: written whole or not at all, read back bit for bit, onto the same devices."""

import logging
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import orbax.checkpoint as ocp

from jaxmm.errors import InputError


class Checkpoints:
    """The folder `checkpoints/<update>` of a run. A context manager, since Orbax keeps threads."""

    def __init__(self, folder: Path, keep: int = 2):
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)
        self._orbax_log = logging.getLogger("absl")
        self._log_level = self._orbax_log.level

    def __enter__(self) -> "Checkpoints":
        self._orbax_log.setLevel(logging.CRITICAL)  # its threads log what we raise, with tracebacks
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manager.close()
        self._orbax_log.setLevel(self._log_level)

    def latest(self) -> int | None:
        """The update of the newest whole checkpoint; None where there is none."""
        return self._manager.latest_step()

    def save(self, update: int, progress: Any) -> None:
        """Writes a pytree of arrays; an update that is saved already is left as it is.

        Raises `InputError` where it could not be written, and leaves nothing of it.
        """
        if self.latest() == update:
            return
        try:
            self._manager.save(update, args=ocp.args.StandardSave(progress))
        except (OSError, ValueError) as error:
            for partial in Path(self._manager.directory).glob("*.orbax-checkpoint-tmp"):
                _remove(partial)
            where = self._manager.directory / str(update)
            raise InputError(f"{where}: could not be written ({error}); make room and resume the run") from error

    def restore(self, update: int, template: Any) -> Any:
        """Reads a pytree like `template`, whose leaves tell shape, dtype and sharding.

        Raises `InputError` where the checkpoint holds other arrays.
        """
        try:
            return self._manager.restore(update, args=ocp.args.StandardRestore(template))
        except (ValueError, KeyError, TypeError) as error:
            where = self._manager.directory / str(update)
            raise InputError(f"{where}: not a checkpoint of this learner and environment ({error})") from error


def _remove(folder: Path, patience_s: float = 5.0) -> None:
    """Removes a folder into which threads of a failed save may still be writing for a moment."""
    until = time.monotonic() + patience_s
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < until)
