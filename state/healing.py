"""Setting a bad file aside without losing a byte of it. Standard library only."""

from __future__ import annotations

import ctypes
import errno
import os
from datetime import timedelta
from pathlib import Path

from state.clock import Clock

AT_FDCWD = -100
RENAME_NOREPLACE = 1
_NOT_OFFERED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def quarantine(path: Path, clock: Clock) -> Path:
    """Move whatever lies at `path` (file, folder, link, pipe) to NAME.corrupted.<UTC timestamp, ms>.json beside it.

    Never over an earlier one: the stamp moves on by a millisecond until the name is free. Returns the new path.
    Raises FileNotFoundError when nothing lies there, OSError when the folder cannot be changed.
    """
    at = clock.now()
    while True:
        digits = at.strftime("%Y%m%dT%H%M%S") + f"{at.microsecond // 1000:03d}"
        target = path.with_name(f"{path.name}.corrupted.{digits}.json")
        try:
            rename_noreplace(path, target)
        except FileExistsError:
            at += timedelta(milliseconds=1)
        else:
            return target


def rename_noreplace(source: Path, target: Path) -> None:
    """rename(2) that fails with FileExistsError instead of replacing (renameat2, RENAME_NOREPLACE)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _NOT_OFFERED:
        raise OSError(number, os.strerror(number), str(source), None, str(target))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)
