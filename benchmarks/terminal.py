"""A process on a pseudo-terminal of its own: what it writes, what it costs, and keys for it."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.processes import environment

SLOW_S = 20.0


class Terminal:
    """`python -m …` on a terminal of 160×50. A context: its process is killed at the end."""

    def __init__(self, *arguments: str, size: tuple[int, int] = (160, 50)) -> None:
        self.master, slave = os.openpty()
        columns, rows = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(),
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self.master)

    def wait_for(self, *texts: bytes) -> float:
        """Read until all `texts` were written since the call; when (perf_counter). Raises RuntimeError after 20 s."""
        got = b""
        end = time.perf_counter() + SLOW_S
        while not all(text in got for text in texts):
            if not select.select([self.master], [], [], max(0.0, end - time.perf_counter()))[0]:
                raise RuntimeError(f"{self.child.args!r} never wrote {texts!r}: {got[-500:]!r}")
            got += os.read(self.master, 1 << 16)
        return time.perf_counter()

    def read_for(self, seconds: float) -> int:
        """Take what it writes within `seconds`; how many bytes."""
        return len(self.collect(seconds))

    def collect(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bytes:
        """What it writes within `seconds`, or until `until`."""
        got = b""
        end = time.perf_counter() + seconds
        while (rest := end - time.perf_counter()) > 0 and not until():
            if select.select([self.master], [], [], min(rest, 0.1))[0]:
                got += os.read(self.master, 1 << 16)
        return got

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self.master, keys)

    def cpu_s(self) -> float:
        """Seconds of CPU that the process has used, from the scheduler's own count (nanoseconds)."""
        tasks = Path(f"/proc/{self.child.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
