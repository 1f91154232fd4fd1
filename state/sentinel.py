"""The kill sentinel `state/kill_switch`: presence in any form means HALT, and so does any doubt about its absence.

Standard library only: this is the path that must work when everything else is broken. Nothing here uses `exists()` or
`access()`, which swallow errors; the folder is anchored by device and inode, so that a moved, unmounted or
replaced home is noticed; only "no such entry" in that very folder counts as absence.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from state.home import Home

NAME = "kill_switch"
READY = ".kill_switch.ready"
"""Prepared in advance and renamed into place: a rename needs neither a free block nor a free inode."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the sentinel said. `reason` is empty only when it is off."""

    engaged: bool
    reason: str
    kill_id: str | None = None
    """Identity of the sentinel, inode and mtime; None when absent or unreadable."""


class Anchor:
    """The state folder of a home as this process first found it. Never raises: what cannot be opened is engaged."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.path = os.fspath(home.state)
        self.fd = -1
        self.doubt = ""
        try:
            self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened = os.fstat(self.fd)
            self.identity = (opened.st_dev, opened.st_ino)
        except OSError as error:
            self.doubt = no_home(error, self.path)

    def close(self) -> None:
        """Give the descriptor back; every later look is engaged."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self.doubt = "this look was closed"

    def look(self) -> Look:
        """Is the sentinel there? Two system calls, 4 µs; every answer but a clean "no such entry" is engaged."""
        if self.doubt:
            return Look(True, self.doubt)
        try:
            folder = os.stat(self.path)
            if (folder.st_dev, folder.st_ino) != self.identity:
                return Look(True, f"{self.path} is another folder than at start")
            found = os.stat(NAME, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError as error:
            return ABSENT if error.filename == NAME else Look(True, no_home(error, self.path))
        except OSError as error:
            return Look(True, f"kill switch cannot be read: {named(error)}")
        except Exception as error:  # noqa: BLE001  (fail closed: MemoryError and whatever else may come)
            return Look(True, f"kill switch cannot be read: {type(error).__name__}")
        return Look(True, "kill switch is on", identity_of(found))


ABSENT = Look(False, "")


def look(home: Home) -> Look:
    """One look without an anchor kept, for processes that live for one question."""
    anchor = Anchor(home)
    try:
        return anchor.look()
    finally:
        anchor.close()


def prepare(home: Home) -> None:
    """Lay the file ready that `place` renames. Called by processes that run long before a kill may be needed."""
    os.close(os.open(home.state / READY, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))


def place(home: Home) -> bool:
    """Make the sentinel visible; False when one was there already (two kills are one). Raises OSError when it cannot.

    Renames the prepared file; without one creates it, which a full disk may refuse.
    """
    target = home.state / NAME
    if os.path.lexists(target):
        return False
    try:
        os.rename(home.state / READY, target)
    except OSError as error:
        if error.errno in {errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST}:
            return False
        return _create(target)
    return True


def _create(target: os.PathLike[str]) -> bool:
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    except FileExistsError:
        return False
    return True


def sync(home: Home) -> None:
    """Make a placed sentinel survive a power cut: the file, then its folder. Raises OSError."""
    for path, flags in ((home.state / NAME, os.O_RDONLY | os.O_NONBLOCK), (home.state, os.O_RDONLY | os.O_DIRECTORY)):
        fd = os.open(path, flags | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a fifo or a socket has nothing to sync; its entry is the folder's
                raise
        finally:
            os.close(fd)


def identity_of(found: os.stat_result) -> str:
    """Identity of one sentinel: a later one has another inode or another mtime."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}"


def named(error: OSError) -> str:
    """The errno by name and text, as operators and manuals know it."""
    return f"{errno.errorcode.get(error.errno or 0, '?')} ({error.strerror})"


def no_home(error: OSError, path: str) -> str:
    """Why a state folder that cannot be opened counts as engaged."""
    what = "no home" if error.errno == errno.ENOENT else "home cannot be opened"
    return f"{what}: {path}: {named(error)}"
