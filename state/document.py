"""Documents: one small JSON file, one writer, replaced atomically. Reading is in `state.reading` and `.judging`.

Writing heals: a file that is not the one its writer left there is set aside, and the current value put in its place.
"""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from stat import S_ISREG
from typing import Generic, TypeVar

from state.clock import Clock
from state.disk import sync_folder, write_all
from state.event_types import Emit, EventType
from state.healing import quarantine
from state.home import Document, Home
from state.judging import MAX_BYTES, Reading, judge
from state.models import DocumentModel
from state.outcome import Outcome
from state.reading import DocumentReader, Signature, load, read, signature_of, unreadable
from state.redact import mask_line

__all__ = ["MAX_BYTES", "DocumentReader", "DocumentWriter", "Outcome", "Reading", "judge", "read"]

M = TypeVar("M", bound=DocumentModel)

FILE_MODE = 0o640
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


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

        Returns None where nothing good was found. Raises OSError when the disk refuses to tell or to take.
        """
        with self._lock:
            self._remove_leftovers()
            found = load(self._path)
            if isinstance(found, tuple):
                raw, stat = found
                reading = judge(raw, self.entry, type(self._default), self._clock)
                if reading.value is not None:
                    self._remember(signature_of(stat), raw, reading.value)
                    return reading.value
            elif isinstance(found, OSError) and _is_regular(self._path):
                raise found  # what was not read is not judged: it may be a good one
            else:
                reading = unreadable(found)
            if reading.outcome is not Outcome.MISSING:
                self._set_aside(reading)
                self._signature = None  # what is gone now was told of
            self._replace(self._default)
            return None

    def write(self, value: M) -> None:
        """Put `value` there, enveloped with boot, sequence and time. Raises OSError only: the disk refuses."""
        with self._lock:
            self._replace(value)

    def touch(self) -> bool:
        """A sign of life where the disk takes no more: the time of the file that stands moves on. Whether it did."""
        try:
            os.utime(self._path, follow_symlinks=False)
        except OSError:
            return False
        return True

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
        temporary = f"{self._path.parent}/.{self._path.name}.{os.getpid()}.tmp"
        if self._signature is None:
            self._remove_leftovers()
        try:
            signature = _create(temporary, raw, self.entry.durable)
            if self._signature is not None:
                self._heal_foreign()  # as late as can be: what comes while the disk is waited for would be lost unseen
            os.replace(temporary, self._path)  # noqa: PTH105  (a third of the cost of Path.replace, each cycle)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
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
        found = load(self._path)
        if not isinstance(found, tuple):
            reading: Reading[M] = unreadable(found)
        elif found[0] == self._last:
            return  # touched or copied, not altered
        else:
            reading = judge(found[0], self.entry, type(self._default), self._clock, seen=self._seen + 1)
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


def _create(path: str, data: bytes, durable: bool) -> Signature:
    fd = os.open(path, _CREATE, FILE_MODE)
    try:
        write_all(fd, data)
        stat = os.fstat(fd)
        if stat.st_mode & 0o777 != FILE_MODE:
            os.fchmod(fd, FILE_MODE)  # the umask took something away
        if durable:
            os.fsync(fd)
        return signature_of(stat)
    finally:
        os.close(fd)


def _is_regular(path: Path) -> bool:
    try:
        return S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _signature(path: Path) -> Signature | None:
    try:
        stat = os.lstat(path)
    except OSError:
        return None
    return signature_of(stat)
