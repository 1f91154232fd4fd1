"""Whole lines of a journal file, read once: from its start or backwards from its end. A torn last line is no line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 64 * 1024
LONGEST_LINE = 16 * 1024 * 1024
"""What has no newline for so long is no journal line, and is never loaded as a whole."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive whole lines, oldest first, without their newlines, and the bytes [start, end) they fill."""

    lines: list[bytes]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive whole lines as they lie in the file, with their newlines: the bytes [start, end)."""

    data: bytes
    start: int
    end: int


def last_lines(path: Path, count: int, *, block: int = BLOCK) -> list[bytes]:
    """The last `count` whole lines, oldest first; fewer when there are fewer, none when there is no file.

    Reads blocks backwards from the end, so a journal of 1 GB costs as little as one of 1 MB.
    """
    return lines_before(path, count, block=block).lines


def lines_before(path: Path, count: int, end: int | None = None, *, block: int = BLOCK) -> Page:
    """The last `count` whole lines that end at or before byte `end` (None: the end of the file)."""
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return Page([], 0, 0)
    try:
        size = os.fstat(fd).st_size
        return _before(fd, count, size if end is None else min(end, size), block)
    finally:
        os.close(fd)


def piece_before(path: Path, size: int, end: int) -> Piece:
    """The whole lines among the `size` bytes before byte `end`, which ends a line; a longer line alone.

    Nothing, and a place further back, where there is no line for LONGEST_LINE.

    For those who search: most pieces hold nothing that is looked for, and need not be cut into lines.
    """
    with path.open("rb", buffering=0) as file:
        while True:
            start = max(end - size, 0)
            data = os.pread(file.fileno(), end - start, start)
            cut = data.find(b"\n") + 1 if start else 0
            if start == 0 or cut < len(data):
                return Piece(data[cut:], start + cut, start + len(data))
            if size >= LONGEST_LINE:
                return Piece(b"", start, start)
            size *= 4


def read_all(path: Path, *, block: int = 1024 * 1024) -> Iterator[bytes]:
    """Every whole line from the start, without its newline; nothing when there is no file.

    Of what is too long to be a line only the beginning: it is there, and it cannot be read.
    """
    try:
        file = path.open("rb", buffering=block)
    except FileNotFoundError:
        return
    with file:
        while line := file.readline(LONGEST_LINE):
            whole = line.endswith(b"\n")
            if len(line) == LONGEST_LINE and not whole:
                line = line[:BLOCK]
                whole = _passed_over(file, block)
            if len(line) > 1 and whole:
                yield line.removesuffix(b"\n")


def _passed_over(file: BinaryIO, block: int) -> bool:
    """Read to the end of a line without keeping it; whether it has one."""
    while more := file.readline(block):
        if more.endswith(b"\n"):
            return True
    return False


def _before(fd: int, count: int, end: int, block: int) -> Page:
    blocks: list[bytes] = []
    newlines = unbroken = 0
    position = end
    while position > 0 and newlines <= count and unbroken <= LONGEST_LINE:
        start = max(position - block, 0)
        blocks.append(os.pread(fd, position - start, start))
        found = blocks[-1].count(b"\n")
        newlines += found
        unbroken = 0 if found else unbroken + len(blocks[-1])
        position = start
    data = b"".join(reversed(blocks))
    whole = data.rfind(b"\n") + 1
    if whole == 0 or count <= 0:
        return Page([], end, end)
    lines = data[: whole - 1].split(b"\n")
    if position > 0:
        lines = lines[1:]  # its beginning may lie before what was read
    lines = lines[-count:]
    stop = position + whole
    return Page(lines, stop - sum(map(len, lines)) - len(lines), stop)
