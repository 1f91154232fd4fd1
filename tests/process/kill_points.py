"""Kill points: a process that kills itself (SIGKILL) before a given line of the order path, without a word in its code.

A point is "FILE:LINE:HIT": the HIT-th time that LINE is about to run. Points are found by recording a run.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ("http", "looked", "network", "rest", "signing", "transport")
WATCHED = (
    *("engine/orders/", "engine/last_look.py", "state/journal.py"),
    *(f"engine/venues/kalshi/{name}.py" for name in CLIENT),
)
"""From the intent over signature, last look and socket to the answer, and the journal written before and after."""
CO_OPTIMIZED = 1
"""Of functions; module and class bodies run on import, which is no step of the path."""

Trace = Callable[[FrameType, str, Any], Any]


def record(into: Path) -> None:
    """Append each line of the order path to `into` when it runs for the first time."""
    seen: set[str] = set()

    def line(file: str, number: int) -> None:
        point = f"{file}:{number}"
        if point not in seen:
            seen.add(point)
            _note(into, point)

    _trace(WATCHED, line)


def kill_at(
    point: str,
    latest_s: float | None = None,
    number: signal.Signals = signal.SIGKILL,
    reached: Path | None = None,
) -> None:
    """Die before the line of `point` runs (or get `number`), and note in `reached` that it came so far.

    `latest_s` from now at the latest, wherever that is.
    """
    file, place, hit = point.split(":")
    wanted, left = int(place), int(hit)

    def line(_: str, at: int) -> None:
        nonlocal left
        if at == wanted:
            left -= 1
            if not left:
                if reached is not None:
                    _note(reached, point)
                os.kill(os.getpid(), number)

    _trace((file,), line)
    if latest_s is not None:
        last = threading.Timer(latest_s, os.kill, (os.getpid(), number))
        last.daemon = True
        last.start()


def _note(into: Path, point: str) -> None:
    fd = os.open(into, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    os.write(fd, f"{point}\n".encode())
    os.close(fd)


def next_point(points: Path) -> str | None:
    """Take the first line of a file of points; None when none is left."""
    with points.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.read().splitlines()
        file.seek(0)
        file.truncate()
        file.writelines(f"{each}\n" for each in lines[1:])
    return lines[0] if lines else None


def _trace(files: tuple[str, ...], line: Callable[[str, int], None]) -> None:
    begin = len(str(ROOT)) + 1
    wanted = tuple(str(ROOT / file) for file in files)

    def local(frame: FrameType, event: str, _: Any) -> Trace:
        if event == "line":
            line(frame.f_code.co_filename[begin:], frame.f_lineno)
        return local

    def called(frame: FrameType, event: str, _: Any) -> Trace | None:
        code = frame.f_code
        return local if code.co_flags & CO_OPTIMIZED and code.co_filename.startswith(wanted) else None

    threading.settrace(called)
    sys.settrace(called)
