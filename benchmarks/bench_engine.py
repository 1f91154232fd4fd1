"""The engine's cycle on a busy market: 5 families, 60 books and more, a cycle ten times a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import orjson

from benchmarks.claim import Claim
from benchmarks.processes import environment
from benchmarks.timing import percentile
from state.clock import SystemClock
from state.document import read
from state.home import Home
from state.lines import read_all
from state.models.heartbeat import Heartbeat

SECONDS, SETTLE_S = 40.0, 10.0
CYCLE_S = 0.1
FEWEST_BOOKS = 60


def claims() -> Iterator[Claim]:
    """A headless demo with faster cycles; what its engine wrote of its cycles, and its memory."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        memory = _run(home)
        cycles = [orjson.loads(line)["duration_ms"] for line in read_all(home.path(Home.cycles))]
        steady = cycles[int(SETTLE_S / CYCLE_S) :] or cycles
    yield Claim(
        "engine cycle, p99", "its median", None, lambda: percentile(steady, 0.99), lambda: median(steady),
        unit="ms", rounds=1, limit=20.0,
    )  # fmt: skip
    yield Claim(
        "engine, resident memory at the end", "at the start", None, lambda: memory[-1], lambda: memory[0],
        unit="MB", rounds=1, limit=120.0,
    )  # fmt: skip


def _run(home: Home) -> list[float]:
    """Run a demo in `home`; resident megabytes of its engine, once a second. Raises RuntimeError for too few books."""
    env = {**environment(), "FLIGHTDECK_ENGINE__CYCLE_S": str(CYCLE_S)}
    argv = [sys.executable, "-m", "flightdeck", "demo", "--headless", "--seconds", "600", "--home", str(home.root)]
    demo = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL)
    try:
        memory: list[float] = []
        end = time.monotonic() + SECONDS
        books = 0
        while time.monotonic() < end:
            time.sleep(1.0)
            beat = read(home, Home.heartbeat, Heartbeat, SystemClock()).value
            if beat is not None and beat.pid:
                books = beat.feed.books_fresh
                memory.append(_resident_mb(beat.pid))
    finally:
        os.kill(demo.pid, signal.SIGTERM)
        demo.wait()
    if books < FEWEST_BOOKS:
        raise RuntimeError(f"{books} books are fresh; this wants {FEWEST_BOOKS} and more")
    return memory


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20
