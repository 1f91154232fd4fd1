"""How our commands end when something is wrong: one clear line on stderr, and the exit code that goes with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from engine.venues.kalshi.errors import Misconfigured, VenueError
from state.config import ConfigError
from state.home import HomeError
from state.lock import Held
from state.process import Orphaned

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (HomeError, os.EX_CONFIG),
    (ConfigError, os.EX_CONFIG),
    (Misconfigured, os.EX_CONFIG),
    (VenueError, os.EX_UNAVAILABLE),
    (Orphaned, os.EX_UNAVAILABLE),
    (Held, os.EX_TEMPFAIL),
    (OSError, os.EX_IOERR),
)
"""The first that fits counts."""


def ended(command: str, act: Callable[[], int]) -> int:
    """The exit code of `act`, or of what it raised: 69 unavailable, 74 I/O, 75 held by another, 78 configuration."""
    try:
        return act()
    except BrokenPipeError:
        raise  # the roof knows what to do when nobody reads
    except tuple(kind for kind, _ in _CODES) as error:
        print(f"flightdeck {command}: {error}", file=sys.stderr)
        return next(code for kind, code in _CODES if isinstance(error, kind))
