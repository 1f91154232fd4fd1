"""Reading and writing documents: one small JSON file, one writer, replaced atomically.

Reading is for everybody and changes nothing: a named outcome, a value, an age. Writing heals: a file that is not the
one its writer left there is set aside, and the current value is put in its place.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG, filemode
from typing import Generic, TypeVar

from state.clock import NANOS, Clock
from state.disk import sync_folder, write_all
from state.events import Emit, EventType
from state.healing import quarantine
from state.home import Document, Home
from state.judging import MAX_BYTES, Outcome, Reading, freshness, judge, too_large
from state.models import DocumentModel
from state.redact import mask_line

__all__ = ["MAX_BYTES", "DocumentReader", "DocumentWriter", "Outcome", "Reading", "judge", "read"]

M = TypeVar("M", bound=DocumentModel)
Signature = tuple[int, int, int]
"""Inode, size, mtime (ns): what a file looks like from outside."""

FILE_MODE = 0o640
RACY_NS = 20_000_000
"""A file changed so recently may change again within one tick of its mtime (ext4: 4 ms) and look the same."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read(home: Home, entry: Document, model: type[M], clock: Clock, *, seen: int = 0) -> Reading[M]:
    """Read a document as it lies there, whatever it is. Never raises, blocks, follows a link or heals."""
    raw = _load(home.path(entry))
    return judge(raw, entry, model, clock, seen=seen) if isinstance(raw, bytes) else _unreadable(raw)


def _load(path: Path) -> bytes | OSError | int:
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
        blocks = []
        left = MAX_BYTES + 1
        while left and (block := os.read(fd, min(left, max(stat.st_size, 512) + 1))):
            blocks.append(block)
            left -= len(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)
    except OSError as error:
        return error
    finally:
        os.close(fd)


def _unreadable(found: OSError | int) -> Reading[M]:
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
        if self._last.value is None:
            return self._last
        self._last = replace(self._last, age_s=self._age(self._last.value))
        return self._last

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


class DocumentWriter(Generic[M]):
    """The one writer of a document. `default` is what permits nothing: put there when there is no current value."""

    def __init__(self, home: Home, entry: Document, clock: Clock, emit: Emit, default: M) -> None:
        self.entry = entry
        self._path = home.path(entry)
        self._clock, self._emit, self._default = clock, emit, default
        self._signature: Signature | None = None
        self._last = b""
        self._seen = 0
        self._lock = threading.Lock()
        self._order = asyncio.Lock()

    def heal(self) -> M | None:
        """At start, and on taking over from another writer: the last good value; a bad file becomes the default.

        Returns None where nothing good was found. Raises OSError when the disk refuses.
        """
        with self._lock:
            self._remove_leftovers()
            signature = _signature(self._path)
            raw = _load(self._path)
            if isinstance(raw, bytes):
                reading = judge(raw, self.entry, type(self._default), self._clock)
                if reading.value is not None:
                    self._remember(signature, raw, reading.value)
                    return reading.value
            else:
                reading = _unreadable(raw)
            if reading.outcome is not Outcome.MISSING:
                self._set_aside(reading)
            self._replace(self._default)
            return None

    def write(self, value: M) -> None:
        """Put `value` there, enveloped with boot, sequence and time. Raises OSError only: the disk refuses."""
        with self._lock:
            if self._signature is not None:
                self._heal_foreign()
            self._replace(value)

    async def write_off_loop(self, value: M) -> None:
        """`write` in a thread, in the order of the calls: a durable document waits for the disk."""
        async with self._order:
            await asyncio.to_thread(self.write, value)

    def _replace(self, value: M) -> None:
        envelope = {
            "boot_id": self._clock.boot_id(),
            "seq": self._clock.boottime_ns(),
            "written_at": self._clock.now(),
        }
        stamped = value.model_copy(update=envelope)
        raw = mask_line(stamped.model_dump_json().encode()) + b"\n"
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        try:
            signature = _create(temporary, raw, self.entry.durable)
            os.replace(temporary, self._path)  # noqa: PTH105  (a third of the cost of Path.replace, each cycle)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._remember(signature, raw, stamped)
        if self.entry.durable:
            sync_folder(self._path.parent)

    def _remember(self, signature: Signature | None, raw: bytes, value: M) -> None:
        self._signature, self._last = signature, raw
        if value.boot_id == self._clock.boot_id():
            self._seen = value.seq

    def _heal_foreign(self) -> None:
        """Set aside what is not the file we last wrote, and say so."""
        if _signature(self._path) == self._signature:
            return
        raw = _load(self._path)
        if raw == self._last:
            return  # touched or copied, not altered
        if not isinstance(raw, bytes):
            reading: Reading[M] = _unreadable(raw)
        else:
            reading = judge(raw, self.entry, type(self._default), self._clock, seen=self._seen + 1)
        if reading.outcome is Outcome.MISSING:
            self._report("was gone", reading, None)
        elif reading.value is not None:
            self._report("was replaced by another writer", reading, None)
        else:
            self._set_aside(reading)

    def _set_aside(self, reading: Reading[M]) -> None:
        try:
            kept = quarantine(self._path, self._clock)
        except FileNotFoundError:
            kept = None
        self._report(f"was {reading.reason}", reading, kept)

    def _report(self, what: str, reading: Reading[M], kept: Path | None) -> None:
        self._emit(
            EventType.DOCUMENT_HEALED,
            f"{self.entry.path} {what}" + (f" → {kept.name}" if kept else ""),
            severity="warning",
            document=self.entry.path,
            outcome=reading.outcome.value,
            quarantine=kept.name if kept else None,
        )

    def _remove_leftovers(self) -> None:
        """Temporary files of writers that died while writing."""
        for leftover in self._path.parent.glob(f".{self._path.name}.*.tmp"):
            pid = leftover.suffixes[-2][1:]
            if not pid.isdigit() or int(pid) == os.getpid() or not Path("/proc", pid).is_dir():
                leftover.unlink(missing_ok=True)


def _create(path: Path, data: bytes, durable: bool) -> Signature:
    fd = os.open(path, _CREATE, FILE_MODE)
    try:
        os.fchmod(fd, FILE_MODE)
        write_all(fd, data)
        if durable:
            os.fsync(fd)
        stat = os.fstat(fd)
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
    finally:
        os.close(fd)


def _signature(path: Path) -> Signature | None:
    try:
        stat = os.lstat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
