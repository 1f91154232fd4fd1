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
from benchmarks.processes import environment
from benchmarks.samples import filled_home

ROUNDS = 31
AGAINST = "python -c pass"


def claims() -> Iterator[Claim]:
    """Whole processes, wall clock, in a home that is filled."""
    bare = partial(_seconds, "-c", "pass")
    with tempfile.TemporaryDirectory() as folder:
        filled_home(Path(folder))
        for goal, *arguments in (
            (2.5, "kill", "on", "--home", folder),
            (3.0, "--help"),
            (15.0, "status", "--home", folder),
        ):
            ours = partial(_seconds, "-m", "flightdeck", *map(str, arguments))
            name = f"flightdeck {' '.join(map(str, arguments)).replace(folder, '…')}"
            yield Claim(name, AGAINST, goal, ours, bare, rounds=ROUNDS)


def _seconds(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=False, stdout=subprocess.DEVNULL, env=environment())
    return time.perf_counter() - began
