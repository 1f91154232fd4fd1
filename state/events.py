"""Structured system events: one enum of types, one function that journals them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from state.clock import Clock, stamp
from state.home import Home

if TYPE_CHECKING:
    from state.journal import JournalWriter

Emit = Callable[..., None]
"""`emit(event, message, *, severity="info", **details)`; never raises."""
Severity = Literal["info", "warning", "error", "critical"]
Detail = str | int | float | bool | None


class EventType(StrEnum):
    """Every event type of the system."""

    TRADING_ENGINE_STARTING = "TRADING_ENGINE_STARTING"
    TRADING_ENGINE_STARTED = "TRADING_ENGINE_STARTED"
    TRADING_ENGINE_EXITED = "TRADING_ENGINE_EXITED"
    TRADING_ENGINE_RESTARTING = "TRADING_ENGINE_RESTARTING"
    ENGINE_UNRESPONSIVE = "ENGINE_UNRESPONSIVE"
    ENFORCEMENT_FAILED = "ENFORCEMENT_FAILED"
    CRASH_LOOP_BRAKE = "CRASH_LOOP_BRAKE"
    CYCLE_DEGRADED = "CYCLE_DEGRADED"
    CYCLE_RECOVERED = "CYCLE_RECOVERED"
    DOCUMENT_HEALED = "DOCUMENT_HEALED"
    JOURNAL_TAIL_SET_ASIDE = "JOURNAL_TAIL_SET_ASIDE"
    JOURNAL_LINE_UNREADABLE = "JOURNAL_LINE_UNREADABLE"
    ALREADY_RUNNING = "ALREADY_RUNNING"
    PERMIT_WITHHELD = "PERMIT_WITHHELD"
    PERMIT_GRANTED = "PERMIT_GRANTED"
    GATE_SHUT = "GATE_SHUT"
    GATE_OPEN = "GATE_OPEN"
    FEED_CONNECTED = "FEED_CONNECTED"
    FEED_LOST = "FEED_LOST"
    BOOKS_STALE = "BOOKS_STALE"
    ORDER_REJECTED = "ORDER_REJECTED"
    ORDERS_NOT_VERIFIED = "ORDERS_NOT_VERIFIED"
    LISTING_FAILED = "LISTING_FAILED"
    ORDER_UNRESOLVED = "ORDER_UNRESOLVED"
    SHADOW_FILL = "SHADOW_FILL"
    SHADOW_SETTLED = "SHADOW_SETTLED"
    WRITE_FAILED = "WRITE_FAILED"


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
                from state.journal import JournalWriter  # who only wants EventType needs no journal

                self._journal = JournalWriter(self._home, Home.events)
            self._journal.append(line)
            self._complained = False
        except OSError as error:
            if not self._complained:
                self._complained = True
                print(f"{self._home.path(Home.events)}: {error.strerror}; event {event}: {message}", file=sys.stderr)


def _plain(value: object) -> Detail:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
