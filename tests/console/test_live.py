"""The threads that watch and read: a change arrives soon, the journals feed events and trends."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from console.history import History, MinuteMeans
from console.live import Live, Looks
from console.picture import NOON, healthy
from console.snapshot import Snapshot
from state.clock import SimulatedClock, SystemClock, stamp
from state.home import Home

Write = Callable[..., None]


@pytest.fixture
def arrivals(home: Home) -> Iterator[queue.SimpleQueue[Snapshot]]:
    """Snapshots of the home, as a running Live delivers them."""
    arrived: queue.SimpleQueue[Snapshot] = queue.SimpleQueue()
    live = Live(home, SystemClock(), arrived.put, lambda _: None)
    live.start()
    yield arrived
    live.stop()


def test_a_change_is_delivered_without_waiting_for_the_second(
    home: Home, arrivals: queue.SimpleQueue[Snapshot]
) -> None:
    sentinel = home.state / "kill_switch"
    waits = []
    for engaged in (True, False) * 3:
        while arrivals.get(timeout=5).at.microsecond > 300_000:
            pass  # until one came at a whole second: the next such one is far
        began = time.monotonic()
        sentinel.touch() if engaged else sentinel.unlink()
        while arrivals.get(timeout=5).kill.engaged != engaged:
            pass
        waits.append(time.monotonic() - began)
    assert min(waits) < 0.3


class Wakes:
    """Stands for the event that changes set: tells what `Live` would wait for, and whether something came."""

    def __init__(self, *came: bool) -> None:
        self._came = list(came)
        self.waited: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return self._came.pop(0)

    def clear(self) -> None:
        return


def test_a_desk_that_changes_each_second_is_drawn_once_a_second_and_a_silent_one_at_each(home: Home) -> None:
    pictures: list[Snapshot] = []
    live = Live(home, SimulatedClock(NOON.replace(microsecond=250_000)), pictures.append, lambda _: None)
    live._wake = wakes = Wakes(True, True, False, False, True)  # type: ignore[assignment]
    for _ in range(5):
        live._deliver_and_wait()
    assert len(pictures) == 5
    assert wakes.waited == [0.75, 1.05, 1.05, 0.75, 0.75]


def test_a_home_that_does_not_exist_yet_is_shown_as_soon_as_it_does(home: Home, tmp_path: object) -> None:
    later = Home(home.root / "later")
    arrived: queue.SimpleQueue[Snapshot] = queue.SimpleQueue()
    live = Live(later, SystemClock(), arrived.put, lambda _: None)
    live.start()
    assert "ENOENT" in arrived.get(timeout=5).kill.reason
    later.create()
    while arrived.get(timeout=5).kill.engaged:
        pass
    live.stop()


def append(home: Home, entry: object, **fields: object) -> None:
    with home.path(entry).open("a") as file:  # type: ignore[arg-type]
        file.write(json.dumps({"at": stamp(NOON), **fields}) + "\n")


def test_events_and_kills_come_newest_first_in_one_list(home: Home) -> None:
    append(home, Home.events, event="GATE_OPEN", severity="info", message="one")
    history = History(home)
    history.poll()
    append(home, Home.kills, at=stamp(NOON + timedelta(seconds=2)), act="engaged", by="mara", why="three")
    append(home, Home.kills, at=stamp(NOON + timedelta(seconds=3)), act="rung", rung="cancel_sent", by="engine")
    append(home, Home.events, at=stamp(NOON + timedelta(seconds=1)), event="GATE_SHUT", severity="info", message="two")
    told, _ = history.poll()
    assert [happening.event for happening in told] == ["KILL_ENGAGED", "GATE_SHUT", "GATE_OPEN"]
    assert told[0].message == "by mara: three"


def test_lines_that_are_no_events_are_left_to_the_log_screen(home: Home) -> None:
    home.path(Home.events).write_bytes(b'garbage\n[]\n{"at": 5}\n{"at": "2026-11-24"}\n\n')
    home.path(Home.cycles).write_bytes(b'{"at": "x"}\nnull\n7\n')
    assert History(home).poll()[0] == ()


def test_an_unchanged_history_is_the_same_object(home: Home) -> None:
    append(home, Home.events, event="GATE_OPEN", severity="info", message="one")
    history = History(home)
    assert history.poll()[0] is history.poll()[0]


def test_trends_sample_once_a_minute() -> None:
    means = MinuteMeans()
    changes = [means.add(NOON + timedelta(seconds=second), float(second)) for second in range(180)]
    assert changes.count(True) == 4, "the first value, then once a minute"
    assert means.samples() == (26.0, 82.5, 142.5)


def test_a_minute_of_silence_is_a_gap_not_a_zero() -> None:
    means = MinuteMeans()
    for minute in (0, 1, 4, 5):
        means.add(NOON + timedelta(minutes=minute), 1.0)
    assert means.samples() == (1.0, 1.0, None, None, 1.0)


def test_marks_are_sampled_once_a_minute_and_forgotten_with_their_position(home: Home) -> None:
    history = History(home)
    at = NOON.replace(second=0)
    for second in range(0, 130, 10):
        history.sample(healthy(at + timedelta(seconds=second)))
    samples = history.trends.marks["KXCPI-26NOV-T0.3 NO"]
    assert samples == (0.52, 0.52, 0.52)
    assert history.trends.marks["KXJOBLESSCLAIMS-26NOV26-215000 YES"] == (None, None, None)


def test_a_snapshot_is_built_from_a_home_on_disk(home: Home, clock: SimulatedClock, write: Write) -> None:
    write(Home.gate, healthy().gate.value)
    append(home, Home.events, event="GATE_OPEN", severity="info", message="one")
    snapshot = Live(home, clock, lambda _: None, lambda _: None).snapshot()
    assert snapshot.gate.good
    assert snapshot.happenings[0].event == "GATE_OPEN"


def test_the_first_picture_does_not_wait_for_the_settings_and_the_second_has_their_name(home: Home) -> None:
    home.config.write_text('droplet = "nyc-1"\n')
    came: queue.SimpleQueue[Snapshot | Looks] = queue.SimpleQueue()
    live = Live(home, SystemClock(), came.put, came.put)
    live.start()
    first, looks, second = (came.get(timeout=5) for _ in range(3))
    live.stop()
    assert isinstance(first, Snapshot) and first.droplet == "?"
    assert isinstance(looks, Looks)
    assert isinstance(second, Snapshot) and second.droplet == "nyc-1"


def test_a_flood_of_fills_does_not_wash_away_what_else_happened(home: Home) -> None:
    append(home, Home.events, event="GATE_SHUT", severity="warning", message="the one that matters")
    history = History(home)
    history.poll()
    for second in range(1, 500):
        at = stamp(NOON + timedelta(seconds=second))
        append(home, Home.events, at=at, event="SHADOW_FILL", severity="info", message=f"fill {second}")
    told, _ = history.poll()
    assert told[0].message == "fill 499"
    assert told[-1].message == "the one that matters"
    assert len(told) == 21
