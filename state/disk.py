"""What documents and journals share in dealing with the disk. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """fsync a folder, so that a rename or a new name in it survives a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte: a regular file may take fewer than it is given when the disk fills."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
