"""Reading documents: for everybody; it changes nothing, and whatever lies there becomes a named outcome."""

from __future__ import annotations

import errno
import os
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
    found = load(home.below(entry.path))
    return judge(found[0], entry, model, clock, seen=seen) if isinstance(found, tuple) else unreadable(found)


def load(path: str | Path, stat: os.stat_result | None = None) -> tuple[bytes, os.stat_result] | OSError | int:
    """The bytes at `path` and what the file looked like before; else the error, or the size of one too large to load.

    `stat`: a look at the path a moment ago, which spares one. What changes after it will look changed.
    """
    try:
        fd = os.open(path, _READ)
    except OSError as error:
        return error
    try:
        if stat is None:
            stat = os.fstat(fd)
        if not S_ISREG(stat.st_mode):
            return OSError(errno.EINVAL, f"not a regular file ({filemode(stat.st_mode)})")
        size = stat.st_size
        if size > MAX_BYTES:
            return size
        raw = os.read(fd, size + 1)
        return (raw if len(raw) == size else _read_on(fd, raw)), stat
    except OSError as error:
        return error
    finally:
        os.close(fd)


def _read_on(fd: int, raw: bytes) -> bytes:
    """The rest of a file that grew while it was read, or came in pieces; at most a byte more than is allowed."""
    while len(raw) <= MAX_BYTES and (more := os.read(fd, MAX_BYTES + 1 - len(raw))):
        raw += more
    return raw


def signature_of(stat: os.stat_result) -> Signature:
    """What a later look is compared with."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


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
        self._model, self._clock = model, clock
        self._path = os.fspath(home.path(entry))
        self._signature: Signature | None = None
        self._last: Reading[M] = Reading(Outcome.MISSING, reason="missing")
        self._same_boot = False
        self._seen = 0

    def read(self) -> Reading[M]:
        """The document now, with its age now."""
        if self._signature is None:
            return self._look(None)
        try:
            stat = os.stat(self._path, follow_symlinks=False)  # noqa: PTH116  (Path.stat costs a third more)
        except OSError:
            return self._look(None)
        if (stat.st_ino, stat.st_size, stat.st_mtime_ns) != self._signature:  # signature_of, without the call
            return self._look(stat)
        outcome, value, reason, size, _ = self._last
        assert value is not None, "only what was good has a signature"
        age_s, limit = self._age(value), self.entry.stale_after
        if limit is not None and age_s > limit and outcome is Outcome.OK:
            outcome, reason = freshness(age_s, self._same_boot, self.entry)
            self._last = Reading(outcome, value, reason, size)
        return Reading(outcome, value, reason, size, age_s)

    def _look(self, stat: os.stat_result | None) -> Reading[M]:
        settled_ns = self._clock.now().timestamp() * NANOS - RACY_NS
        found = load(self._path, stat)
        self._signature = None
        if not isinstance(found, tuple):
            self._last = unreadable(found)
            return self._last
        raw, stat = found
        self._last = judge(raw, self.entry, self._model, self._clock, seen=self._seen)
        value = self._last.value
        if value is not None:  # what could not be judged may be judged differently later: a clock set right
            if stat.st_mtime_ns <= settled_ns:
                self._signature = signature_of(stat)
            self._same_boot = value.boot_id == self._clock.boot_id()
            if self._same_boot and value.seq > self._seen:
                self._seen = value.seq
        return self._last

    def _age(self, value: M) -> float:
        if self._same_boot:
            return (self._clock.boottime_ns() - value.seq) / NANOS
        return max((self._clock.now() - value.written_at).total_seconds(), 0.0)
