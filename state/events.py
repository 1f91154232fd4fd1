"""Structured system events: one enum of types, one function that journals them."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Literal

from state.clock import Clock, stamp
from state.event_types import Emit, EventType
from state.home import Home
from state.journal import JournalWriter

__all__ = ["Emit", "EventType", "Events"]

Severity = Literal["info", "warning", "error", "critical"]
Detail = str | int | float | bool | None


class Events:
    """Journals the system events of one subsystem in `logs/system_events.jsonl`."""

    def __init__(self, home: Home, subsystem: str, clock: Clock) -> None:
        self._home, self._subsystem, self._clock = home, subsystem, clock
        self._journal: JournalWriter | None = None
        self._complained = False

    def __call__(self, event: EventType, message: str, *, severity: Severity = "info", **details: object) -> None:
        """Append one event. Never raises: disk trouble is told once on stderr, until the disk takes lines again."""
        line = {
            "at": stamp(self._clock.now()),
            "event": event.value,
            "subsystem": self._subsystem,
            "severity": severity,
            "message": message,
            "details": {name: _plain(value) for name, value in details.items()},
            "pid": os.getpid(),
        }
        try:
            if self._journal is None:
                self._journal = JournalWriter(self._home, Home.events)
            self._journal.append(line)
            self._complained = False
        except OSError as error:
            if not self._complained:
                self._complained = True
                _complain(f"{self._home.path(Home.events)}: {error.strerror}; event {event}: {message}")


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):  # stderr is a file on the same full disk: nobody is left to be told
        print(text, file=sys.stderr, flush=True)


def _plain(value: object) -> Detail:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
