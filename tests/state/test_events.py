"""Events reach the journal, or stderr once; never the caller."""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest

from state.clock import SimulatedClock
from state.events import Events, EventType
from state.home import Home
from state.journal import read_all
from state.models.events import SystemEvent


def test_an_event_is_a_line_of_its_model(home: Home, clock: SimulatedClock) -> None:
    emit = Events(home, "engine", clock)
    emit(EventType.FEED_LOST, "gone", severity="warning", after_s=1.5, path=home.root)
    (line,) = read_all(home.path(Home.events))
    event = SystemEvent.model_validate_json(line)
    assert (event.event, event.subsystem, event.severity) == (EventType.FEED_LOST, "engine", "warning")
    assert event.details == {"after_s": 1.5, "path": str(home.root)}
    assert event.at == clock.now()


def test_disk_trouble_is_told_once_and_never_raised(
    home: Home, clock: SimulatedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(home.root / "logs")
    emit = Events(home, "engine", clock)
    emit(EventType.FEED_LOST, "first")
    emit(EventType.FEED_LOST, "second")
    assert capsys.readouterr().err.splitlines() == [
        f"{home.path(Home.events)}: No such file or directory; event FEED_LOST: first"
    ]
    home.create()
    emit(EventType.FEED_CONNECTED, "third")
    assert [json.loads(line)["message"] for line in read_all(home.path(Home.events))] == ["third"]


def test_a_standard_error_on_the_same_full_disk_is_no_failure_either(
    home: Home, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(home.root / "logs")
    told = False
    with contextlib.suppress(OSError), open("/dev/full", "w", buffering=1) as full:  # what is held fails on closing
        monkeypatch.setattr("sys.stderr", full)
        emit = Events(home, "supervisor", clock)
        emit(EventType.FEED_LOST, "gone")
        emit(EventType.FEED_LOST, "gone again")
        told = True
    assert told


def test_nothing_is_created_before_the_first_event(home: Home, clock: SimulatedClock) -> None:
    Events(home, "engine", clock)
    assert not home.path(Home.events).exists()
