"""Journals: append-only JSONL. One whole line with one write; the reading side is in `state.following` and `.lines`."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from state.clock import Clock, SystemClock, stamp
from state.disk import sync_folder, write_all
from state.event_types import Emit, EventType
from state.following import Batch, Follower
from state.home import Home, Journal
from state.lines import LONGEST_LINE, Page, last_lines, lines_before, read_all
from state.redact import mask_line

if TYPE_CHECKING:
    from state.models import JournalLine

__all__ = ["Batch", "Follower", "JournalWriter", "Page", "last_lines", "lines_before", "read_all"]

FILE_MODE = 0o640
_OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME
ROTATION_LOOK_NS = 5_000_000
"""How long lines may still go to a file that was moved away; a look at each line would double its cost."""
_TAIL_BLOCK = 64 * 1024
_COPY_BLOCK = 1024 * 1024


class JournalWriter:
    """Appends to one journal. The single writer of a journal holds its process's lock while it has this open.

    Opening repairs what a killed writer left: in a journal of one writer a torn last line moves to NAME.broken-<ts>
    (a line that lacks only its newline gets it); a shared journal gets a newline before the next line.
    """

    def __init__(self, home: Home, entry: Journal, emit: Emit | None = None, *, clock: Clock | None = None) -> None:
        self.entry = entry
        self._path = home.path(entry)
        self._name = os.fspath(self._path)
        self._emit, self._clock = emit, clock or SystemClock()
        self._lock = threading.Lock()
        self._order = asyncio.Lock()
        self._fd = -1
        self._identity = (0, 0)
        self._looked_ns = 0
        self._open()

    def append(self, line: JournalLine | Mapping[str, object], *, sync: bool = True) -> None:
        """Append one masked line; on disk before this returns when the journal is durable and `sync`.

        Raises OSError when the disk refuses: a line without room leaves nothing behind; after a failed fsync nobody
        knows what the disk has, and the next append opens the file afresh.
        """
        data = mask_line(encode(line))
        with self._lock:
            self._reopen_if_rotated()
            try:
                self._write(data)
                if sync and self.entry.durable:
                    os.fsync(self._fd)
            except OSError:
                self._close()
                raise

    async def append_off_loop(self, line: JournalLine | Mapping[str, object], *, sync: bool = True) -> None:
        """`append` in a thread, in the order of the calls: a durable line waits for the disk."""
        async with self._order:
            await asyncio.to_thread(self.append, line, sync=sync)

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        with self._lock:
            self._close()

    def _write(self, data: bytes) -> None:
        if self.entry.shared and not _ends_whole(self._fd):
            data = b"\n" + data
        written = os.write(self._fd, data)
        if written == len(data):
            return
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            if not self.entry.shared:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise

    def _reopen_if_rotated(self) -> None:
        now = self._clock.boottime_ns()
        if self._fd >= 0:
            if 0 <= now - self._looked_ns < ROTATION_LOOK_NS:
                return
            self._looked_ns = now
            try:
                stat = os.stat(self._name)  # noqa: PTH116  (Path.stat costs a third more)
                if (stat.st_ino, stat.st_dev) == self._identity:
                    return
            except FileNotFoundError:
                pass  # moved away: the journal goes on in a new file
            self._close()
        self._open()

    def _open(self) -> None:
        fd = os.open(self._name, _OPEN, FILE_MODE)
        try:
            stat = os.fstat(fd)
            if stat.st_size == 0 and self.entry.durable:
                sync_folder(self._path.parent)
            if stat.st_size and not self.entry.shared:
                self._repair(fd, stat.st_size)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._identity = fd, (stat.st_ino, stat.st_dev)

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1  # first: a close that fails has closed, and the number may be another file's
            os.close(fd)

    def _repair(self, fd: int, size: int) -> None:
        """Finish or set aside what follows the last newline."""
        start = _tail_start(fd, size)
        torn = size - start
        if not torn:
            return
        if torn <= LONGEST_LINE and _is_whole_object(os.pread(fd, torn, start)):
            os.write(fd, b"\n")
            return
        digits = self._clock.now().strftime("%Y%m%dT%H%M%S%f")
        broken = self._path.with_name(f"{self._path.name}.broken-{digits}")
        aside = os.open(broken, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            _append_copy(fd, start, size, aside)
            os.fsync(aside)
        finally:
            os.close(aside)
        sync_folder(self._path.parent)  # or a power cut could keep the cut, and not what was cut off
        os.ftruncate(fd, start)
        os.fsync(fd)
        if self._emit is not None:
            self._emit(
                EventType.JOURNAL_TAIL_SET_ASIDE,
                f"{self.entry.path} ended in a torn line of {torn} bytes → {broken.name}",
                severity="warning",
                journal=self.entry.path,
                size=torn,
            )


def encode(line: JournalLine | Mapping[str, object]) -> bytes:
    """One line of JSON with its newline. Decimals become strings, instants RFC 3339 in UTC.

    Raises TypeError for a value that has no place in a journal.
    """
    if type(line) is not dict and isinstance(line, Mapping):
        line = dict(line)
    return orjson.dumps(line, default=_spell, option=_OPTIONS)


def _spell(value: object) -> str | dict[str, object]:
    if isinstance(value, datetime):
        return stamp(value)
    if hasattr(value, "__pydantic_fields_set__"):  # a model: its fields, at half of the cost of model_dump
        return value.__dict__
    if isinstance(value, Decimal | Path):
        return str(value)
    raise TypeError(f"a journal cannot hold a {type(value).__name__}")


def _ends_whole(fd: int) -> bool:
    size = os.lseek(fd, 0, os.SEEK_END)  # an eighth of the cost of fstat; appends go to the end regardless
    return size == 0 or os.pread(fd, 1, size - 1) == b"\n"


def _tail_start(fd: int, size: int) -> int:
    """Where what follows the last newline of a file of `size` bytes begins."""
    end = size
    while end > 0:
        start = max(end - _TAIL_BLOCK, 0)
        cut = os.pread(fd, end - start, start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0


def _append_copy(source: int, start: int, end: int, target: int) -> None:
    """The bytes [start, end) of a file after those of another; what is all NUL, as after a power cut, as a hole."""
    base = os.lseek(target, 0, os.SEEK_END) - start
    for at in range(start, end, _COPY_BLOCK):
        piece = os.pread(source, min(_COPY_BLOCK, end - at), at)
        if piece.strip(b"\0"):
            os.lseek(target, base + at, os.SEEK_SET)
            write_all(target, piece)
    os.ftruncate(target, base + end)


def _is_whole_object(tail: bytes) -> bool:
    try:
        return isinstance(orjson.loads(tail), dict)
    except orjson.JSONDecodeError:
        return False
