"""Pictures of both screens and of the release dialog, in five states, at three sizes.

After a wanted change: `pytest tests/console/test_screens.py --snapshot-update`, and look at what changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import Console
from console.picture import NOON
from console.screens.log import Log
from console.snapshot import Snapshot
from console.widgets.journal_view import JournalView
from state.clock import SimulatedClock, stamp
from state.home import Home

SIZES = [(80, 24), (120, 40), (200, 50)]
STATES = ["healthy", "empty", "stale", "corrupt", "killed"]
pytestmark = [
    pytest.mark.parametrize("size", SIZES, ids=[f"{columns}x{rows}" for columns, rows in SIZES]),
    pytest.mark.parametrize("state", STATES),
]
States = dict[str, Callable[[], Snapshot]]


@pytest.fixture(autouse=True)
def _own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)


def app(home: Home, states: States, state: str) -> Console:
    snapshot = states[state]()
    return Console(home, SimulatedClock(snapshot.at), first=snapshot)


def journal(home: Home, state: str) -> None:
    """Events as they may lie there in each state."""
    if state == "empty":
        return
    rows = [
        {
            "at": stamp(NOON - timedelta(seconds=90 - n)), "event": "BOOKS_STALE" if n % 9 == 4 else "SHADOW_FILL",
            "subsystem": "engine", "severity": "warning" if n % 9 == 4 else "info",
            "message": f"KXCPI-26NOV-T0.3: bought {n} YES at 0.310, queue ahead {n * 7} of 120",
            "details": {"n": n}, "pid": 4121,
        }
        for n in range(90)
    ]  # fmt: skip
    lines = [json.dumps(row).encode() for row in rows]
    if state == "corrupt":
        lines[-3] = b'{"at": "2026-11-24T19:3'
        lines[-2] = b"\x00\x1b]0;owned\x07 \xff"
    if state == "killed":
        lines.append(
            json.dumps({**rows[-1], "event": "GATE_SHUT", "severity": "critical", "message": "kill engaged"}).encode()
        )
    home.path(Home.events).write_bytes(b"\n".join(lines) + b"\n")


def test_overview(snap_compare: Any, home: Home, states: States, state: str, size: tuple[int, int]) -> None:
    assert snap_compare(app(home, states, state), terminal_size=size)


def test_log(snap_compare: Any, home: Home, states: States, state: str, size: tuple[int, int]) -> None:
    journal(home, state)

    async def until_read(pilot: Pilot[int]) -> None:
        await pilot.press("2")
        assert isinstance(pilot.app.screen, Log)
        while pilot.app.screen.query_one(JournalView).tail is None:
            await pilot.pause(0.01)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    assert snap_compare(app(home, states, state), terminal_size=size, run_before=until_read)


def test_release(snap_compare: Any, home: Home, states: States, state: str, size: tuple[int, int]) -> None:
    assert snap_compare(app(home, states, state), terminal_size=size, press=["R"])
