"""Runs a program under strace and tells which system calls it made that change files, in their order."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHANGING = (
    *("open", "openat", "creat", "close", "dup", "dup2", "dup3", "mkdir", "mkdirat", "rmdir"),
    *("write", "writev", "pwrite64", "pwritev", "truncate", "ftruncate", "fallocate", "copy_file_range", "sendfile"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat"),
    *("fsync", "fdatasync", "sync", "syncfs"),
)
LONGEST = 1 << 20
_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+)")
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})*")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that returned; the arguments as strace spells them."""

    name: str
    arguments: tuple[str, ...]
    result: int

    def text(self, at: int) -> bytes:
        """The string in argument `at`."""
        argument = self.arguments[at]
        assert argument.startswith('"'), f"{self.name}: no string: {argument[:80]}"
        assert argument.endswith('"'), f"{self.name}: cut by strace: {argument[-80:]}"
        return _plain(argument[1:-1])

    def descriptor(self, at: int) -> int:
        """The number of the descriptor in argument `at`."""
        return int(self.arguments[at].partition("<")[0])

    def path(self, at: int, folder: int | None = None) -> str:
        """The path in argument `at`, below the folder in argument `folder` or the working directory."""
        base = _plain(self.arguments[folder].partition("<")[2][:-1]).decode() if folder is not None else ""
        return os.path.join(base, self.text(at).decode())


def trace(argv: list[str], told: Path, folder: Path) -> list[Call]:
    """What `argv`, run in `folder`, did that changes files. It must end well; strace writes to `told`."""
    seen = ",".join(CHANGING)
    prefix = ["strace", "-f", "-y", "-xx", "-qq", "-s", str(LONGEST), "-o", str(told), "-e", f"trace={seen}"]
    done = subprocess.run([*prefix, *argv], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [call for line in told.read_text().splitlines() if (call := _call(line)) is not None]


def _call(line: str) -> Call | None:
    assert "unfinished" not in line, f"more than one thread: {line[:200]}"
    found = _LINE.match(line)
    if found is None:
        return None  # a signal or an exit
    return Call(found[1], tuple(found[2].split(", ")), int(found[3]))


def _plain(escaped: str) -> bytes:
    assert _ESCAPED.fullmatch(escaped), f"not what strace -xx writes: {escaped[:80]}"
    return bytes.fromhex(escaped.replace("\\x", ""))
