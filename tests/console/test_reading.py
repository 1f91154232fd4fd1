"""One home, read as it lies there: outcomes by name, last good values, engine state, text made visible."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from console.picture import healthy
from console.reading import HomeReader, _worded, runs, visible_model
from console.snapshot import EngineState
from state import kill
from state.clock import SimulatedClock
from state.document import Outcome
from state.home import Home
from state.kill_record import record
from state.models import Instant, Model, Side
from state.models.gate import GateLine, GateReport
from state.models.heartbeat import Heartbeat
from state.models.supervisor import SupervisorState

Write = Callable[..., None]


def own_start_id() -> str:
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return f"{os.getpid()}-{fields[19]}"


@pytest.fixture
def reader(home: Home, clock: SimulatedClock) -> HomeReader:
    return HomeReader(home, clock, "nyc-1")


def test_a_home_in_which_nothing_ran_is_missing_everywhere_and_down(reader: HomeReader) -> None:
    snapshot = reader.read()
    assert set(snapshot.documents.values()) == {Outcome.MISSING}
    assert list(snapshot.documents) and len(snapshot.documents) == len(list(Home.documents()))
    assert snapshot.engine is EngineState.DOWN
    assert snapshot.source is None


def test_a_missing_home_is_killed_because_absence_cannot_be_established(tmp_path: Path, clock: SimulatedClock) -> None:
    snapshot = HomeReader(Home(tmp_path / "never"), clock).read()
    assert snapshot.kill.engaged
    assert "ENOENT" in snapshot.kill.reason


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (b"", Outcome.EMPTY), (b'{"open": tr', Outcome.CORRUPT), (b"\x00\xff garbage", Outcome.CORRUPT),
        (b"[]", Outcome.CORRUPT),
        (b'{"open": NaN}', Outcome.CORRUPT), (b" " * 10_000_000 + b"{}", Outcome.CORRUPT),
    ],
)  # fmt: skip
def test_a_broken_document_is_named_and_its_last_good_value_stays(
    home: Home, reader: HomeReader, write: Write, clock: SimulatedClock, content: bytes, outcome: Outcome
) -> None:
    write(Home.gate, healthy().gate.value)
    assert reader.read().gate.good
    clock.advance(6)
    home.path(Home.gate).write_bytes(content)
    shown = reader.read().gate
    assert shown.outcome is outcome
    assert shown.value is not None and shown.current is None
    assert shown.age_s == pytest.approx(6, abs=0.01)
    assert home.path(Home.gate).read_bytes() == content, "a reader never heals"


def test_a_document_from_the_future_is_named(reader: HomeReader, write: Write) -> None:
    write(Home.gate, healthy().gate.value, age_s=-60.0)
    assert reader.read().gate.outcome is Outcome.FUTURE


def test_a_document_that_goes_back_in_time_is_named(reader: HomeReader, write: Write) -> None:
    write(Home.gate, healthy().gate.value, age_s=1.0)
    assert reader.read().gate.good
    write(Home.gate, healthy().gate.value, age_s=5.0)
    assert reader.read().gate.outcome is Outcome.ROLLED_BACK


def test_a_document_grows_stale_without_being_touched(reader: HomeReader, write: Write, clock: SimulatedClock) -> None:
    write(Home.gate, healthy().gate.value)
    assert reader.read().gate.good
    clock.advance(15.5)
    shown = reader.read().gate
    assert shown.outcome is Outcome.STALE
    assert shown.current is None and shown.value is not None


@pytest.mark.parametrize(
    ("status", "age_s", "start_id", "state"),
    [
        ("ok", 0.5, None, EngineState.OK),
        ("degraded", 0.5, None, EngineState.DEGRADED),
        ("starting", 0.5, None, EngineState.DEGRADED),
        ("ok", 20.0, None, EngineState.STALE),
        ("ok", 0.5, "999999999-1", EngineState.DOWN),
        ("ok", 20.0, "999999999-1", EngineState.DOWN),
    ],
)
def test_the_engine_is_judged_by_its_beat_and_by_its_process(
    reader: HomeReader, write: Write, status: str, age_s: float, start_id: str | None, state: EngineState
) -> None:
    beat = Heartbeat(pid=os.getpid(), start_id=start_id or own_start_id(), engine_status=status)
    write(Home.heartbeat, beat, age_s=age_s)
    assert reader.read().engine is state


def test_a_pid_that_was_given_to_another_process_is_not_the_engine() -> None:
    assert runs(own_start_id())
    assert not runs(f"{os.getpid()}-1")
    assert not runs("")
    assert not runs("../../etc-1")


def test_a_supervisor_that_was_killed_is_told_at_once_though_its_document_is_fresh(
    home: Home, reader: HomeReader, write: Write, clock: SimulatedClock
) -> None:
    write(Home.supervisor, SupervisorState(pid=os.getpid(), start_id=own_start_id(), engine="running"))
    snapshot = reader.read()
    assert snapshot.keeper is not None and not snapshot.keeper_gone
    write(Home.supervisor, SupervisorState(pid=4100, start_id="999999999-1", engine="running"))
    snapshot = reader.read()
    assert snapshot.supervisor.good, "its file is as it should be"
    assert snapshot.keeper is None
    assert snapshot.keeper_gone == "the supervisor, pid 4100, has ended"
    clock.advance(60)
    assert reader.read().keeper_gone == snapshot.keeper_gone, "and once its document is old"
    home.path(Home.supervisor).write_text("{")
    assert not reader.read().keeper_gone, "nobody knows whose pid that was"


def test_an_unchanged_document_is_the_same_object(reader: HomeReader, write: Write) -> None:
    write(Home.gate, healthy().gate.value)
    assert reader.read().gate.value is reader.read().gate.value


def test_text_from_files_is_made_visible_where_it_is_read(reader: HomeReader, write: Write) -> None:
    hostile = "\x1b]52;c;AAAA\x07\u202e[@click=app.kill]x[/bold]\x9b1m"
    write(Home.gate, GateReport(gates=(GateLine(name=hostile, open=False, value=hostile),), reasons=(hostile,)))
    gate = reader.read().gate.value
    assert gate is not None
    for text in (gate.gates[0].name, gate.gates[0].value, gate.reasons[0]):
        assert text.isprintable()
        assert "[@click=app.kill]x[/bold]" in text


def test_no_field_that_may_hold_words_is_passed_over() -> None:
    class Odd(Model):
        anything: Any
        mapped: dict[str, int]
        either: Decimal | str
        listed: tuple[str, ...]
        side: Side
        amount: Decimal | None
        at: Instant
        counts: tuple[int, ...]

    assert _worded(Odd) == ("anything", "mapped", "either", "listed", "side")


def test_clean_text_is_not_copied() -> None:
    value = healthy().gate.value
    assert visible_model(value) is value


def test_the_permit_is_judged_as_the_engine_would(reader: HomeReader, write: Write) -> None:
    well = healthy()
    write(Home.permit, well.permit.value)
    write(Home.supervisor, well.supervisor.value)
    leave = reader.read().leave
    assert not leave.valid, "this permit has no seal"
    assert leave.reason


def test_the_kill_is_seen_as_soon_as_its_file_is_there(home: Home, reader: HomeReader, clock: SimulatedClock) -> None:
    assert not reader.read().kill.engaged
    kill.engage(home, clock, why="test \x1b[2J", via="console", by="mara")
    seen = reader.read().kill
    assert seen.engaged
    assert seen.why.startswith("test ") and "\x1b" not in seen.why
    assert seen.rung("sentinel_durable")


def test_what_must_be_known_with_a_rung_is_seen(home: Home, reader: HomeReader, clock: SimulatedClock) -> None:
    placed = kill.engage(home, clock, why="test", via="console", by="mara")
    record(home, clock, "rung", rung="cancel_sent", by="engine 7", kill_id=placed.kill_id, why="never \x1b[2J heard")
    rung = reader.read().kill.rung("cancel_sent")
    assert rung is not None
    assert rung.why.isprintable()
    assert rung.why.startswith("never")


def test_each_later_rung_of_a_kill_is_seen_and_its_release(
    home: Home, reader: HomeReader, clock: SimulatedClock
) -> None:
    engagement = kill.engage(home, clock, why="test", via="console", by="mara")
    assert reader.read().kill.left is None
    for left in (3, 0):
        record(home, clock, "left", by="engine", kill_id=engagement.kill_id, left=left, durable=False)
        assert reader.read().kill.left == left
    (home.state / "kill_switch").unlink()
    assert not reader.read().kill.engaged
    kill.engage(home, clock, why="again", via="console", by="mara")
    assert reader.read().kill.why == "again"
    home.path(Home.kills).unlink()
    assert reader.read().kill.why != "again", "what nobody can read any more is not told"


def test_ages_follow_the_boot_clock_not_the_wall(reader: HomeReader, write: Write, clock: SimulatedClock) -> None:
    write(Home.gate, healthy().gate.value)
    clock.wall -= timedelta(seconds=3)
    clock.boot_ns += 2_000_000_000
    assert reader.read().gate.age_s == pytest.approx(2, abs=0.01)
