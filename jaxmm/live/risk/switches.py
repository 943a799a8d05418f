"""Two kill switches that need nothing but a shell: a file that is there, and a signal. What they say is in `Facts`."""

import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Switches:
    """The switches of one process."""

    file: Path | None  # halted as long as it is there; None: there is no such file
    pressed: str | None = None  # the name of the signal that came

    @property
    def kill_file(self) -> str | None:
        """The file's path where it is there. A path that cannot be read counts as there: better halted than deaf."""
        if self.file is None:
            return None
        try:
            self.file.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return f"{self.file}: {error.strerror}"
        return str(self.file)

    def press(self, number: int) -> None:
        """A kill signal came; it counts until a person releases."""
        self.pressed = signal.Signals(number).name

    def reset(self) -> None:
        """A person has released: the signal is over. The file goes only by being removed."""
        self.pressed = None
