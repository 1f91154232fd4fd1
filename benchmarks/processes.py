"""Processes beside a benchmark: started with compiled code, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOREIGN = ("FLIGHTDECK", "TEXTUAL", "COLORTERM", "NO_COLOR", "PYTHONDONTWRITEBYTECODE")


def environment() -> dict[str, str]:
    """Ours without what would change what is measured; a process compiles what it imports once, and leaves it there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}


@contextmanager
def running(module: str, *arguments: str, core: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """`python -m module`, on one core when named; killed at the end."""
    pin = [] if core is None else ["taskset", "-c", str(core)]
    argv = [*pin, sys.executable, "-m", module, *arguments]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that it prints. Raises RuntimeError when it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with {process.wait()}")
    return line.strip()
