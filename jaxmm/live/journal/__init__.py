"""The audit trail: an append-only, hash-chained log of all that was decided, asked, answered and filled.

Why a log of our own and not a database: every byte of it is under a hash, so that any changed byte is found, where a
SQLite file has bytes that belong to no row and drops the end of its write-ahead log without a word when a byte of it
changes; what a killed process leaves is always a prefix; and a commit is one write of some 6 µs, where SQLite's take 25
and its checkpoints 6 ms. A restart reads only what came after the last state, so no index is missed.
"""

from jaxmm.live.journal.journal import Journal
from jaxmm.live.journal.rows import Row

__all__ = ["Journal", "Row"]
