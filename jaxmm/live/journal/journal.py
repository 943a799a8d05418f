"""The journal's one writer: rows get their number at once and are in the file after `commit`.

One process writes a journal at a time. What `commit` wrote survives the death of the process; `sync`, called from time
to time from a thread, makes it survive the machine's.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxmm.errors import InputError
from jaxmm.live.journal.bodies import kind_of
from jaxmm.live.journal.head import Head, head_path, read_head, write_head
from jaxmm.live.journal.market import MARKET, MarketBlock
from jaxmm.live.journal.reading import last_whole, read_rows
from jaxmm.live.journal.rows import MAGIC, ROWS_LOST, STATE, Place, Row, encode
from jaxmm.live.messages import Market, Message, Request

OPENED = "opened"
"""The kind of the row that begins every run of the process."""
INSTRUMENT = "instrument"
"""The fact of such a row that holds `Instrument.to_dict()`."""


class Journal:
    """An open journal; make one with `Journal.open`.

    Attributes:
        path: its file.
        quoter: the quoter's name, which client ids are made from.
    """

    def __init__(self, path: Path, quoter: str, files: tuple[int, int], head: Head) -> None:
        self.path = path
        self.quoter = quoter
        self._log, self._head_file = files
        self._end, self._state = head
        self._committed = head.end
        self._buffer = bytearray()
        self._block = MarketBlock()

    @classmethod
    def open(cls, path: str | Path, *, quoter: str, facts: Mapping[str, Any], now_ns: int) -> "Journal":
        """Creates a journal, or continues one behind its last whole row.

        Writes a row `opened` with `facts` (hashes of config and bundle, versions). What a killed process left of an
        unfinished row is cut off. Rows that the head counts and that are not there (a machine that lost its power) are
        named in a row `rows_lost`, and their numbers are never used again.

        Raises:
            InputError: the file is no journal, belongs to another quoter or to a running process, or cannot be written.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            log = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; name a journal in a folder that can be written") from error
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(log)
            raise InputError(f"{path}: another process writes this journal; stop it first or name another") from error
        head_file = os.open(head_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            journal = cls._continued(path, quoter, (log, head_file))
            journal.append(OPENED, now_ns, {"quoter": quoter, **facts})
            journal.commit()
        except BaseException:
            os.close(log)
            os.close(head_file)
            raise
        return journal

    @classmethod
    def _continued(cls, path: Path, quoter: str, files: tuple[int, int]) -> "Journal":
        log, head_file = files
        begun = os.pread(log, len(MAGIC), 0)
        if begun != MAGIC and MAGIC.startswith(begun):  # new, or killed then; or all is lost but what the head knows
            if not os.fstat(head_file).st_size:
                write_head(head_file, Head())
            os.pwrite(log, MAGIC, 0)
        head = read_head(path)
        first = next((row for row in read_rows(path) if row.kind == OPENED), None)
        if first is not None and first.body.get("quoter") != quoter:
            raise InputError(
                f"{path}: the journal of quoter {first.body.get('quoter')!r}, not of {quoter!r}; "
                "name the journal of this quoter, or a new one"
            )
        end = last_whole(path, head.state)
        if end.seq < head.end.seq and head.state.seq:  # perhaps the state itself is gone
            end = last_whole(path, Place())
        lost = end.seq < head.end.seq
        if lost:
            _keep_rest(path, end)
        os.ftruncate(log, end.offset)
        state = head.state if head.state.offset <= end.offset else Place()
        journal = cls(path, quoter, files, Head(end, state))
        if lost:
            hole = {"first": end.seq + 1, "last": head.end.seq, "link": head.end.link.hex()}
            journal._end = end._replace(seq=head.end.seq)
            journal.append(ROWS_LOST, 0, hole)
        return journal

    @property
    def next_seq(self) -> int:
        """The number that the next row will get."""
        return self._end.seq + 1

    @property
    def end(self) -> Place:
        """The last row's number and hash: noted elsewhere, they prove later that nothing before them is missing."""
        return self._end

    def append(self, kind: str, ts_ns: int, body: Mapping[str, Any], blob: bytes = b"") -> int:
        """Adds a row and returns its number; after the next `commit` it is in the file.

        `body` holds what orjson writes and `Decimal`s; `blob` raw bytes, such as an observation's.
        """
        return self._add(kind, ts_ns, body, blob)

    def record(self, said: Message | Request, now_ns: int) -> int:
        """Adds a message (but of the market) or a request, which must carry the number that it gets."""
        if isinstance(said, Request) and said.request_id != self.next_seq:
            raise ValueError(
                f"request {said.request_id} is recorded as row {self.next_seq}; its id is its row's number"
            )
        return self._add(kind_of(said), now_ns, said, b"")

    def record_market(self, message: Market) -> None:
        """Keeps a market message; about a second of them becomes one row."""
        self._block.add(message)
        if self._block.full:
            self._end_block()

    def checkpoint(self, ts_ns: int, body: Mapping[str, Any]) -> int:
        """Adds a state: all that a restart needs of the rows before it."""
        self._end_block()
        before = self._end
        seq = self._add(STATE, ts_ns, body, b"")
        self._state = before
        return seq

    def commit(self) -> None:
        """Writes what was added.

        Raises `OSError` with the file's name where the disk is full: a quoter without a journal may only cancel. Then
        nothing of it is in the file, and the rows are kept for the next commit.
        """
        if self._buffer:
            try:
                self._write()
            except OSError as error:
                os.ftruncate(self._log, self._committed.offset)
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            self._buffer.clear()
            self._committed = self._end
            write_head(self._head_file, Head(self._end, self._state))

    def sync(self) -> None:
        """Asks the disk to keep what was committed; takes milliseconds and may be called from another thread."""
        os.fdatasync(self._log)
        os.fdatasync(self._head_file)

    def rows(self, *kinds: str, after: int = 0) -> Iterator[Row]:
        """Committed rows behind number `after` in order, of the given kinds or of all; every one is checked."""
        start = self._state if after >= self._state.seq else Place()
        for row in read_rows(self.path, start, until=self._committed.offset):
            if row.seq > after and (not kinds or row.kind in kinds):
                yield row

    def since_state(self) -> Iterator[Row]:
        """The last state and what came after it; the whole journal where there is no state."""
        return read_rows(self.path, self._state, until=self._committed.offset)

    def close(self) -> None:
        """Commits, and lets another process continue."""
        try:
            self._end_block()
            self.commit()
            self.sync()
        finally:
            os.close(self._head_file)
            os.close(self._log)

    def _end_block(self) -> None:
        if self._block.messages:
            self._add(MARKET, *self._block.take())

    def _add(self, kind: str, ts_ns: int, body: Any, blob: bytes) -> int:
        data, self._end = encode(self._end, ts_ns, kind, body, blob)
        self._buffer += data
        return self._end.seq

    def _write(self) -> None:
        rest, offset = memoryview(self._buffer), self._committed.offset
        try:
            while rest:
                written = os.pwrite(self._log, rest, offset)
                rest, offset = rest[written:], offset + written
        finally:
            rest.release()


def _keep_rest(path: Path, end: Place) -> None:
    """Puts what stands behind the last good row aside, for a person to look at."""
    with path.open("rb") as file:
        file.seek(end.offset)
        rest = file.read()
    if rest:
        path.with_name(f"{path.name}.lost-{end.seq + 1}").write_bytes(rest)
