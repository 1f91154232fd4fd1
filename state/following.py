"""Following a journal while others write, rotate, truncate and replace it: every whole line once, in order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from state.lines import LONGEST_LINE

CHUNK = 1024 * 1024
FILES_IN_VIEW = 4
"""Rotated files that are still looked into for lines of writers that were late."""
_PRINT_BYTES = 64
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class Batch:
    """What one poll found. `offset` and `inode` are where to resume: the byte after the last line handed over."""

    lines: list[bytes] = field(default_factory=list)
    offset: int = 0
    inode: int | None = None
    rotated: bool = False
    """The file was moved away and another took its place; the old one was read to its end first."""
    truncated: bool = False
    """The file was cut or rewritten in place; reading goes on from its start."""
    replaced: bool = False
    """The file is another one and the old one is gone."""
    missing: bool = False
    skipped: int = 0
    """Bytes passed over: lines without an end, or torn before a rotation."""
    more: bool = False
    """There is more to read at once."""


class _Open:
    """One open file, the place in it, and a print of the bytes before that place."""

    def __init__(self, fd: int) -> None:
        stat = os.fstat(fd)
        self.fd, self.inode, self.device = fd, stat.st_ino, stat.st_dev
        self.offset = 0
        self.before = b""
        self.skipping = False

    def move_to(self, offset: int) -> None:
        self.offset = offset
        start = max(offset - _PRINT_BYTES, 0)
        self.before = os.pread(self.fd, offset - start, start)

    def altered(self) -> bool:
        """Whether the bytes before our place are no longer those we read: cut, or cut and grown again."""
        return os.pread(self.fd, len(self.before), self.offset - len(self.before)) != self.before

    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def gone(self) -> bool:
        return os.fstat(self.fd).st_nlink == 0

    def take(self, batch: Batch, max_bytes: int) -> None:
        """Hand over the whole lines of the next `max_bytes`; a longer line alone, as far as LONGEST_LINE."""
        window = max_bytes
        data = os.pread(self.fd, window, self.offset)
        end = data.rfind(b"\n") + 1
        while end == 0 and len(data) == window and window < LONGEST_LINE and not self.skipping:
            window = min(window * 4, LONGEST_LINE)
            data = os.pread(self.fd, window, self.offset)
            end = data.rfind(b"\n") + 1
        if end == 0 and (self.skipping or len(data) >= LONGEST_LINE):
            self.skipping = True
            batch.skipped += len(data)
            end = len(data)
        elif end:
            lines = data[: end - 1].split(b"\n")
            if self.skipping:
                batch.skipped += len(lines[0]) + 1
                lines = lines[1:]
                self.skipping = False
            batch.lines += [line for line in lines if line]  # a shared journal's repair leaves empty ones
        if end:
            self.before = (self.before + data[max(end - _PRINT_BYTES, 0) : end])[-_PRINT_BYTES:]
            self.offset += end
        batch.more = batch.more or (end > 0 and len(data) == window)

    def close(self) -> None:
        os.close(self.fd)


class Follower:
    """Follows one journal from `offset` (None: its end now). `inode` says which file the offset belongs to.

    Give both back from the last Batch to resume in another process: a file that was rotated away meanwhile is found
    by its inode among its numbered siblings (NAME.1, NAME.2 …) and read to its end first.
    """

    def __init__(self, path: Path, offset: int | None = None, inode: int | None = None) -> None:
        self.path = path
        self._current: _Open | None = None
        self._left: list[_Open] = []
        self._waiting: list[_Open] = []
        self._pending = Batch()
        self._current = self._open(path)
        if offset is None:
            if self._current is not None:
                self._current.move_to(_after_last_newline(self._current))
        elif inode is None or (self._current is not None and self._current.inode == inode):
            self._resume(offset)
        else:
            self._resume_elsewhere(offset, inode)

    def poll(self, max_bytes: int = CHUNK) -> Batch:
        """Whole lines that are new, about `max_bytes` of them. Never blocks; raises OSError on disk trouble only."""
        batch, self._pending = self._pending, Batch()
        for file in list(self._left):
            file.take(batch, max_bytes)
            if file.gone() and not batch.more:
                self._leave(file)  # a deleted file would keep its blocks for as long as we hold it
        if self._current is None and not batch.more:
            self._current = self._next()
        current = self._current
        if current is not None and not batch.more:
            if current.altered():
                batch.truncated = True
                current.move_to(0)
            current.take(batch, max_bytes)
            if not batch.more:
                self._look_for_another(batch, max_bytes)
        batch.missing = batch.missing or self._current is None
        if self._current is not None:
            batch.offset, batch.inode = self._current.offset, self._current.inode
        return batch

    def close(self) -> None:
        """Close every file."""
        for file in (self._current, *self._left, *self._waiting):
            if file is not None:
                file.close()
        self._current, self._left, self._waiting = None, [], []

    def _look_for_another(self, batch: Batch, max_bytes: int) -> None:
        """At the end of the file: is what lies at the path still this one?"""
        current = self._current
        assert current is not None
        if not self._waiting:
            try:
                stat = os.stat(self.path)  # noqa: PTH116  (Path.stat costs a third more)
                if (stat.st_ino, stat.st_dev) == (current.inode, current.device):
                    return
            except FileNotFoundError:
                batch.missing = True
            self._waiting = [*self._rotated_since(current.inode), *self._open_all([self.path])]
        if not self._waiting and not current.gone():
            return  # moved away, and nothing took its place yet
        batch.rotated = not current.gone()
        batch.replaced = not batch.rotated and not batch.missing
        current.take(batch, max_bytes)  # what was written before it was moved away
        if batch.more:
            return
        self._depart()
        self._current = self._next()
        batch.more = self._current is not None

    def _depart(self) -> None:
        """Keep the file that is being left in view: who opened it before the move may still write."""
        assert self._current is not None
        self._left.append(self._current)
        if len(self._left) > FILES_IN_VIEW:
            self._leave(self._left[0])

    def _leave(self, file: _Open) -> None:
        self._pending.skipped += file.size() - file.offset
        self._left.remove(file)
        file.close()

    def _next(self) -> _Open | None:
        return self._waiting.pop(0) if self._waiting else self._open(self.path)

    def _resume(self, offset: int) -> None:
        if self._current is None:
            return
        if offset > self._current.size():
            self._pending.truncated = True
        else:
            self._current.move_to(offset)

    def _resume_elsewhere(self, offset: int, inode: int) -> None:
        """Go on in the rotated file, then through those rotated after it, then in the one at the path."""
        for number, sibling in self._numbered():
            if sibling.stat().st_ino == inode:
                later = [path for n, path in self._numbered() if n < number]
                self._waiting = self._open_all(later) + ([self._current] if self._current is not None else [])
                self._current = self._open(sibling)
                self._pending.rotated = True
                self._resume(offset)
                return
        self._pending.replaced = self._current is not None

    def _rotated_since(self, inode: int) -> list[_Open]:
        """Files rotated away after the one with this inode, oldest first: logrotate counts upwards."""
        numbered = self._numbered()
        for number, sibling in numbered:
            if sibling.stat().st_ino == inode:
                return self._open_all([path for n, path in numbered if n < number])
        return []

    def _numbered(self) -> list[tuple[int, Path]]:
        """NAME.3, NAME.2, NAME.1: oldest first."""
        pattern = re.compile(re.escape(self.path.name) + r"\.(\d{1,4})")
        found = []
        for sibling in _names(self.path.parent):
            match = pattern.fullmatch(sibling)
            if match:
                found.append((int(match[1]), self.path.with_name(sibling)))
        return sorted(found, reverse=True)

    def _open_all(self, paths: list[Path]) -> list[_Open]:
        return [file for path in paths if (file := self._open(path)) is not None]

    @staticmethod
    def _open(path: Path) -> _Open | None:
        try:
            return _Open(os.open(path, _READ))
        except FileNotFoundError:
            return None


def _names(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries)
    except FileNotFoundError:
        return


def _after_last_newline(file: _Open) -> int:
    """Where the first line that is not whole yet begins."""
    end = file.size()
    while end > 0:
        start = max(end - 64 * 1024, 0)
        cut = os.pread(file.fd, end - start, start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0
