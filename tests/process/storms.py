"""What storms share: how long they last, of which seed they are, and what of their processes counts."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path


def storm_of(rounds: int, seed: int) -> tuple[int, int]:
    """Rounds and seed: those of the environment (`python -m benchmarks.soak`), else those given."""
    return int(os.environ.get("STORM_ROUNDS", rounds)), int(os.environ.get("STORM_SEED", seed))


def grown(processes: dict[int, str]) -> Counter[str]:
    """How many run of each command, but for children forked a moment ago that are not yet what they are to be."""
    found: Counter[str] = Counter()
    for pid, word in processes.items():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            found[word] += processes.get(parent) != word
    return found
