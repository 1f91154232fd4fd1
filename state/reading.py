"""Reading documents: for everybody; it changes nothing, and whatever lies there becomes a named outcome."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG, filemode
from typing import Generic, TypeVar

from state.clock import NANOS, Clock
from state.home import Document, Home
from state.judging import MAX_BYTES, Reading, freshness, judge, too_large
from state.models import DocumentModel
from state.outcome import Outcome

M = TypeVar("M", bound=DocumentModel)
Signature = tuple[int, int, int]
"""Inode, size, mtime (ns): what a file looks like from outside."""

RACY_NS = 20_000_000
"""A file changed so recently may change again within one tick of its mtime (ext4: 4 ms) and look the same."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY


def read(home: Home, entry: Document, model: type[M], clock: Clock, *, seen: int = 0) -> Reading[M]:
    """Read a document as it lies there, whatever it is. Never raises, blocks, follows a link or heals."""
    raw = load_bytes(home.below(entry.path))
    return judge(raw, entry, model, clock, seen=seen) if isinstance(raw, bytes) else unreadable(raw)


def load_bytes(path: str | Path) -> bytes | OSError | int:
    """The bytes at `path`; else the error, or the size of a file too large to load."""
    try:
        fd = os.open(path, _READ)
    except OSError as error:
        return error
    try:
        stat = os.fstat(fd)
        if not S_ISREG(stat.st_mode):
            return OSError(errno.EINVAL, f"not a regular file ({filemode(stat.st_mode)})")
        if stat.st_size > MAX_BYTES:
            return stat.st_size
        raw = os.read(fd, stat.st_size + 1)
        return raw if len(raw) == stat.st_size else _read_on(fd, raw)
    except OSError as error:
        return error
    finally:
        os.close(fd)


def _read_on(fd: int, raw: bytes) -> bytes:
    """The rest of a file that grew while it was read, or came in pieces; at most a byte more than is allowed."""
    while len(raw) <= MAX_BYTES and (more := os.read(fd, MAX_BYTES + 1 - len(raw))):
        raw += more
    return raw


def unreadable(found: OSError | int) -> Reading[M]:
    """The outcome for a document whose bytes could not be had."""
    if isinstance(found, int):
        return too_large(found)
    if isinstance(found, FileNotFoundError):
        return Reading(Outcome.MISSING, reason="missing")
    if found.errno == errno.ELOOP:
        return Reading(Outcome.CORRUPT, reason="a symbolic link (ELOOP), not a file of its own")
    name = errno.errorcode.get(found.errno or 0, "?")
    return Reading(Outcome.CORRUPT, reason=f"cannot be read: {name} {found.strerror}")


class DocumentReader(Generic[M]):
    """Reads one document again and again; an unchanged file costs one stat. Notices when it goes back in time."""

    def __init__(self, home: Home, entry: Document, model: type[M], clock: Clock) -> None:
        self.entry = entry
        self._home, self._model, self._clock = home, model, clock
        self._path = os.fspath(home.path(entry))
        self._signature: Signature | None = None
        self._last: Reading[M] = Reading(Outcome.MISSING, reason="missing")
        self._same_boot = False
        self._seen = 0

    def read(self) -> Reading[M]:
        """The document now, with its age now."""
        changed = self.read_if_changed()
        if changed is not None:
            return changed
        last = self._last
        if last.value is None:
            return last
        return Reading(last.outcome, last.value, last.reason, last.size, self._age(last.value))

    def read_if_changed(self) -> Reading[M] | None:
        """A new reading when the file changed or has just gone stale, else None."""
        try:
            stat = os.stat(self._path, follow_symlinks=False)  # noqa: PTH116  (Path.stat costs a third more)
        except OSError:
            return self._look(None)
        signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if signature != self._signature:
            return self._look(signature)
        value = self._last.value
        limit = self.entry.stale_after
        if value is None or limit is None or self._last.outcome is Outcome.STALE:
            return None
        age_s = self._age(value)
        if age_s <= limit:
            return None
        outcome, reason = freshness(age_s, self._same_boot, self.entry)
        self._last = replace(self._last, outcome=outcome, reason=reason, age_s=age_s)
        return self._last

    def _look(self, signature: Signature | None) -> Reading[M]:
        now_ns = int(self._clock.now().timestamp() * NANOS)
        self._last = read(self._home, self.entry, self._model, self._clock, seen=self._seen)
        settled = signature is not None and now_ns - signature[2] >= RACY_NS
        # what could not be judged may be judged differently later: permissions, a clock set right
        self._signature = signature if settled and self._last.value is not None else None
        if self._last.value is not None:
            self._same_boot = self._last.value.boot_id == self._clock.boot_id()
            self._seen = max(self._seen, self._last.value.seq) if self._same_boot else self._seen
        return self._last

    def _age(self, value: M) -> float:
        if self._same_boot:
            return (self._clock.boottime_ns() - value.seq) / NANOS
        return max((self._clock.now() - value.written_at).total_seconds(), 0.0)
