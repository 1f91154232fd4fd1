"""How long a storm lasts and of which seed it is; `python -m benchmarks.soak` says so in the environment."""

from __future__ import annotations

import os


def storm_of(rounds: int, seed: int) -> tuple[int, int]:
    """Rounds and seed: those of the environment, else those given."""
    return int(os.environ.get("STORM_ROUNDS", rounds)), int(os.environ.get("STORM_SEED", seed))
