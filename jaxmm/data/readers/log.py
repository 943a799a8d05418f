"""What a reader noticed beside the events: the part of an import report that only the source can tell."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class ReadLog:
    """Filled while a reader streams; nothing that is left out of the events stays uncounted."""

    lines: int = 0
    snapshot_drops: int = 0  # book messages before the first snapshot or already inside one
    duplicates: int = 0  # book messages received again, older than the book
    rounded: int = 0  # quantities finer than the venue's own increment, rounded to it
    receiver_stamped: int = 0  # messages without a venue time, which carry the receiver's
    skipped: Counter[str] = field(default_factory=Counter)  # lines that carry no market event, by what they are
