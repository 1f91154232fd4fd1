"""When the engine is started again: exit classes, backoff with jitter, and the brake on crash loops. Pure."""

from __future__ import annotations

import os
import signal
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class ExitClass(StrEnum):
    """Why the engine's process ended, as far as its supervisor can tell."""

    COMMANDED = "commanded"
    CONFIG = "configuration"
    UNRESPONSIVE = "unresponsive"
    SIGNALLED = "signalled"
    FAILED = "failed"
    UNASKED = "ended unasked"

    @property
    def restarts(self) -> bool:
        """Whether another start can help: a wrong configuration stays wrong, a commanded stop is meant.

        What restarts is a crash to the brake.
        """
        return self not in {ExitClass.COMMANDED, ExitClass.CONFIG}


def classify(return_code: int, *, commanded: bool = False, unresponsive: bool = False) -> ExitClass:
    """The class of an exit; negative codes are signals, as `subprocess` tells them."""
    if commanded:
        return ExitClass.COMMANDED
    if unresponsive:
        return ExitClass.UNRESPONSIVE
    if return_code < 0:
        return ExitClass.SIGNALLED
    if return_code == os.EX_CONFIG:
        return ExitClass.CONFIG
    return ExitClass.UNASKED if return_code == 0 else ExitClass.FAILED


def describe(return_code: int) -> str:
    """An exit as people say it: the signal's name, or the code."""
    if return_code >= 0:
        return f"exit {return_code}"
    try:
        return signal.Signals(-return_code).name
    except ValueError:
        return f"signal {-return_code}"  # real-time signals have no names of their own


@dataclass(slots=True)
class Backoff:
    """Decorrelated jitter: each delay is uniform between `base` and three times the last one, at most `cap` seconds."""

    base: float
    cap: float
    random: Random
    _last: float = 0.0

    def next(self) -> float:
        """Seconds until the next start."""
        self._last = min(self.cap, self.random.uniform(self.base, max(self.base, self._last * 3)))
        return self._last

    def reset(self) -> None:
        """After a healthy run the next delay is short again."""
        self._last = 0.0


@dataclass(slots=True)
class Brake:
    """Trips when `exits` crashes fall within `window` seconds."""

    exits: int
    window: float
    _crashes: deque[float] = field(default_factory=deque)

    def crashed(self, at: float) -> bool:
        """Count a crash at `at` (seconds, any steady clock); whether the brake trips now."""
        self._crashes.append(at)
        while self._crashes and at - self._crashes[0] > self.window:
            self._crashes.popleft()
        return len(self._crashes) >= self.exits

    def release(self) -> None:
        """Forget the crashes; a person cleared the kill that the brake engaged."""
        self._crashes.clear()
