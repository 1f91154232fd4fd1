"""What of inotify(7) one folder's watch needs, by ctypes: no helper process looks for the C library at every start."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from enum import IntFlag
from pathlib import Path
from struct import Struct

_EVENT = Struct("iIII")
_BUFFER = 64 * 1024
"""Bytes of one read; the longest event has 272."""


class Change(IntFlag):
    """Events asked for and told, by the names of inotify(7)."""

    ATTRIB = 0x4
    CLOSE_WRITE = 0x8
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    DELETE_SELF = 0x400
    MOVE_SELF = 0x800
    Q_OVERFLOW = 0x4000
    IGNORED = 0x8000


class Watch:
    """One folder, watched for `changes`. Raises OSError when the kernel will not."""

    def __init__(self, folder: Path, changes: Change) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = _checked(libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1")
        try:
            _checked(libc.inotify_add_watch(self._fd, os.fsencode(folder), changes.value), str(folder))
        except OSError:
            os.close(self._fd)
            raise

    def fileno(self) -> int:
        """The descriptor, readable when something changed."""
        return self._fd

    def read(self) -> Iterator[tuple[int, str]]:
        """What was told and not read yet, without waiting: bits of `Change`, and the name in the folder."""
        try:
            data = os.read(self._fd, _BUFFER)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            _, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            yield mask, os.fsdecode(data[at - length : at].rstrip(b"\0"))

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)


def _checked(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
