"""How long a command takes to start, against the interpreter itself."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.claim import Claim

ROUNDS = 21


def claims() -> Iterator[Claim]:
    """Whole processes, wall clock, in a home that exists."""
    bare = partial(_seconds, sys.executable, "-c", "pass")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "state").mkdir()
        (Path(folder) / "logs").mkdir()
        flightdeck = (sys.executable, "-m", "flightdeck")
        kill = partial(_seconds, *flightdeck, "kill", "on", "--home", folder)
        yield Claim("flightdeck kill on", "python -c pass", 2.5, kill, bare, rounds=ROUNDS)
        yield Claim(
            "flightdeck --help", "python -c pass", 3.0, partial(_seconds, *flightdeck, "--help"), bare, rounds=ROUNDS
        )


def _seconds(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
