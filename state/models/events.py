"""Structured system events."""

from __future__ import annotations

from typing import Literal

from state.event_types import EventType
from state.models import JournalLine


class SystemEvent(JournalLine):
    """One line of `logs/system_events.jsonl`."""

    event: EventType
    subsystem: str
    severity: Literal["info", "warning", "error", "critical"]
    message: str
    details: dict[str, str | int | float | bool | None] = {}
    pid: int = 0
