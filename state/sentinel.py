"""The kill sentinel `state/kill_switch`: presence in any form means HALT, and so does any doubt about its absence.

Standard library only, and little of it: this is the path that must work when everything else is broken. Nothing here
uses `exists()` or `access()`, which swallow errors; the folder is anchored by device and inode, so that a moved,
unmounted or replaced home is noticed; only "no such entry" in that very folder counts as absence.
"""

from __future__ import annotations

import errno
import os

from state.home import Home

NAME = "kill_switch"
READY = ".kill_switch.ready"
"""Prepared in advance and renamed into place: a rename needs neither a free block nor a free inode."""
SPARE = (Home.armed, Home.permit)
"""Files a kill takes away in any case: on a full disk without a prepared file one of them becomes the sentinel."""


class Look:
    """What one look at the sentinel said. `reason` is empty only when it is off."""

    __slots__ = ("engaged", "kill_id", "reason")

    def __init__(self, engaged: bool, reason: str, kill_id: str | None = None) -> None:
        self.engaged = engaged
        self.reason = reason
        self.kill_id = kill_id
        """Identity of the sentinel, see `identity_of`; None when absent or unreadable."""

    def __repr__(self) -> str:
        return f"Look({self.engaged}, {self.reason!r}, {self.kill_id!r})"


class Anchor:
    """The state folder of a home as this process first found it. Never raises: what cannot be opened is engaged."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.path = home.below("state")
        self.fd = -1
        self.doubt = ""
        self.identity = (-1, -1)
        try:
            self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened = os.fstat(self.fd)
            self.identity = (opened.st_dev, opened.st_ino)
        except OSError as error:
            self.doubt = no_home(error, self.path)
        except Exception as error:  # noqa: BLE001  (fail closed: MemoryError and whatever else may come)
            self.doubt = f"home cannot be opened: {self.path!r}: {type(error).__name__}"

    def __enter__(self) -> Anchor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        except MemoryError:
            return NO_MEMORY
        except Exception as error:  # noqa: BLE001  (fail closed, whatever else may come)
            return Look(True, f"kill switch cannot be read: {type(error).__name__}")
        return Look(True, "kill switch is on", identity_of(found))


ABSENT = Look(False, "")
NO_MEMORY = Look(True, "kill switch cannot be read: MemoryError")
"""Made in advance: where there is no memory, none is left to say so."""


def look(home: Home) -> Look:
    """One look without an anchor kept, for processes that live for one question."""
    with Anchor(home) as anchor:
        return anchor.look()


def prepare(home: Home) -> None:
    """Lay the file ready that `place` renames. Called by processes that run long before a kill may be needed."""
    _create(_path(home, READY))


def place(home: Home) -> bool:
    """Make the sentinel visible; False when one was there already (two kills are one). Raises OSError when it cannot.

    Renames the prepared file; without one creates it; where the disk is too full for that, renames what a kill takes
    away anyhow. A rename never leaves a moment without a sentinel, not even over one that came in between.
    """
    target = _path(home, NAME)
    if os.path.lexists(target):
        return False
    if _rename(_path(home, READY), target):
        return True
    try:
        return _create(target)
    except OSError:
        if any(_rename(home.below(spare.path), target) for spare in SPARE):
            return True
        raise


def _path(home: Home, name: str) -> str:
    return home.below(f"state/{name}")


def _rename(source: str, target: str) -> bool:
    try:
        os.rename(source, target)
    except OSError:
        return False  # the next way to place a sentinel is tried, and the last one tells what is wrong
    return True


def _create(path: str) -> bool:
    """Make an empty file. O_EXCL: whatever is there stays, is not followed and does not block."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    except FileExistsError:
        return False
    return True


def sync(home: Home) -> None:
    """Make a placed sentinel survive a power cut: the file, then its folder. Raises OSError."""
    try:
        _fsync(_path(home, NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno not in NOTHING_TO_SYNC:
            raise
    sync_folder(home)


def sync_folder(home: Home) -> None:
    """Make what came and went in the folder survive a power cut. Raises OSError."""
    _fsync(home.below("state"), os.O_RDONLY | os.O_DIRECTORY)


def sync_above(home: Home) -> None:
    """Make a home that the kill itself had to make survive a power cut, with every folder above it. Raises OSError."""
    folder = home.below("state")
    while (above := os.path.dirname(folder)) not in ("", folder):
        folder = above
        try:
            _fsync(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno not in NOTHING_TO_SYNC:
                raise


NOTHING_TO_SYNC = frozenset({errno.ELOOP, errno.ENXIO, errno.EINVAL, errno.EACCES})
"""A link, a socket, a fifo, somebody else's: what must last of those is their entry in the folder that holds them."""


def _fsync(path: str, flags: int) -> None:
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def identity_of(found: os.stat_result) -> str:
    """Identity of one sentinel: inode and time of change.

    A file that was moved away and back, touched again, or made anew in the place of a freed inode, is a later kill: its
    rungs count from nothing. (The time of modification would survive a rename.)
    """
    return f"{found.st_ino:x}-{found.st_ctime_ns:x}"


def named(error: OSError) -> str:
    """The errno by name and text, as operators and manuals know it."""
    return f"{errno.errorcode.get(error.errno or 0, '?')} ({error.strerror or error})"


def no_home(error: OSError, path: str) -> str:
    """Why a state folder that cannot be opened counts as engaged."""
    what = "no home" if error.errno == errno.ENOENT else "home cannot be opened"
    return f"{what}: {path}: {named(error)}"
