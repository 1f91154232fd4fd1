"""One instance of a process: flock on state/NAME.lock, with the holder's name inside. Standard library only.

The lock belongs to the open file description: a child that inherits the descriptor holds it too, and it is free when
the last of them is gone, however they went.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import stat
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from state.clock import Clock, SystemClock, stamp
from state.home import Home

_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
FILE_MODE = 0o640
RETRIES = 5
RETRY_S = 0.01
"""A look by `holder` may hold the lock for a moment; it is not a holder."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as it wrote itself. A holder that has not written yet has pid 0."""

    pid: int
    start_id: str
    host: str
    since: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host} since {self.since}" if self.pid else "a process not yet named"


class Held(Exception):
    """Somebody else holds the lock. Exit code 75."""

    def __init__(self, name: str, holder: Holder) -> None:
        super().__init__(f"{name} is already running here: {holder}")
        self.holder = holder


class Lock:
    """The right to be the only process called `name` in this home."""

    def __init__(self, home: Home, name: str, clock: Clock) -> None:
        self.name = name
        self._path = home.state / f"{name}.lock"
        self._clock = clock
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises Held when another has it, OSError when the file cannot be opened or written."""
        for attempt in range(RETRIES):
            fd = os.open(self._path, _OPEN, FILE_MODE)
            try:
                _refuse_irregular(fd, self._path)
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(self._path, fd):
                    _name_holder(fd, self._clock)
                    self._fd = fd
                    return
            except BlockingIOError:
                if attempt == RETRIES - 1:
                    holder = _read_holder(fd)
                    os.close(fd)
                    raise Held(self.name, holder) from None
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
            time.sleep(RETRY_S)
        raise OSError(f"{self._path} is replaced faster than it can be locked")

    @classmethod
    def adopt(cls, fd: int, clock: Clock | None = None) -> Lock:
        """The lock a parent passed on as descriptor `fd` (pass_fds); names this process as its holder.

        Raises Held when the descriptor does not carry the lock and another process has it.
        """
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115  (text of the link, not a path to resolve)
        lock = cls(Home(path.parent.parent), path.stem, clock or SystemClock())
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(lock.name, _read_holder(fd)) from None
        os.set_inheritable(fd, False)
        _name_holder(fd, lock._clock)
        lock._fd = fd
        return lock

    def fileno(self) -> int:
        """The descriptor that holds the lock, for pass_fds. Raises ValueError when it is not held."""
        if self._fd is None:
            raise ValueError(f"lock {self.name} is not held")
        return self._fd

    def stands(self, folder: int) -> bool:
        """Whether the file held is the one that others find in `folder` (a descriptor); else it excludes nobody.

        What cannot be told counts as standing: no other process could open the file either.
        """
        try:
            return os.path.samestat(
                os.stat(self._path.name, dir_fd=folder, follow_symlinks=False), os.fstat(self.fileno())
            )
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def release(self) -> None:
        """Let go of this process's share; a child that inherited the descriptor keeps its own."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder(home: Home, name: str) -> Holder | None:
    """Who holds the lock, or None when it is free or was never taken. Raises OSError when that cannot be told."""
    try:
        fd = os.open(home.state / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        _refuse_irregular(fd, home.state / f"{name}.lock")
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(fd)
    finally:
        os.close(fd)
    return None


def live_homes(name: str) -> list[Path]:
    """The homes in which a process that we may look into holds the lock `name`, in alphabetical order."""
    homes: set[Path] = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            path = Path(os.readlink(link))  # noqa: PTH115  (text of the link, not a path to resolve)
        except OSError:
            continue  # the process or the descriptor is gone, or belongs to somebody else
        if path.name == f"{name}.lock" and path.parent.name == "state" and holder(Home(path.parent.parent), name):
            homes.add(path.parent.parent)
    return sorted(homes)


def start_id(pid: int) -> str:
    """Identity of a process: "pid-starttime", the second in kernel ticks since boot (/proc/PID/stat, field 22).

    Raises ProcessLookupError when there is no such process.
    """
    try:
        told = Path("/proc", str(pid), "stat").read_bytes()
    except FileNotFoundError:
        raise ProcessLookupError(f"no process {pid}") from None
    return f"{pid}-{int(told[told.rindex(b')') + 2 :].split()[19])}"


def _refuse_irregular(fd: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", str(path))


def _name_holder(fd: int, clock: Clock) -> None:
    me = Holder(os.getpid(), start_id(os.getpid()), socket.gethostname(), stamp(clock.now()))
    text = json.dumps(asdict(me)).encode() + b"\n"
    os.pwrite(fd, text, 0)
    os.ftruncate(fd, len(text))


def _read_holder(fd: int) -> Holder:
    try:
        found = json.loads(os.pread(fd, 4096, 0))
        return Holder(int(found["pid"]), str(found["start_id"]), str(found["host"]), str(found["since"]))
    except (ValueError, KeyError, TypeError):
        return Holder(0, "", "", "")


def _is_at(path: Path, fd: int) -> bool:
    """Whether `fd` is still the file at `path`: a lock on a deleted file excludes nobody."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False
