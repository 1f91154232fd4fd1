from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from state.clock import SimulatedClock
from state.events import Emit, EventType
from state.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 17, 19, 0, tzinfo=UTC))


@pytest.fixture
def emitted() -> list[tuple[EventType, str, dict[str, object]]]:
    """What was emitted: event, message, details."""
    return []


@pytest.fixture
def emit(emitted: list[tuple[EventType, str, dict[str, object]]]) -> Emit:
    def note(event: EventType, message: str, **details: object) -> None:
        emitted.append((event, message, details))

    return note
