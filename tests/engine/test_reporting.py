"""What the engine writes of itself after each cycle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from engine.loop import CycleResult
from engine.reporting import Observed, Reporter
from state.clock import SimulatedClock
from state.document import DocumentReader, DocumentWriter
from state.events import EventType
from state.home import Home
from state.journal import JournalWriter
from state.lines import read_all
from state.models.gate import GateReport
from state.models.heartbeat import Feed, Heartbeat, Progress
from state.models.shadow import ShadowBook

OK = CycleResult(7, (), 12.345, 20.0)
OPEN = GateReport(open=True, level="RUN", paper_level="RUN", reasons=())
SEEN = Observed(
    gate=OPEN,
    progress=Progress(messages=100, decisions=40, listings=3, orders=6),
    feed=Feed(connected=True, messages_per_s=50.0),
    clock_offset_ms=(-10.0, 20.0),
    exchange_trading=True,
    market_open=12,
    orders_resting=6,
    orders_unknown=0,
    errors=(),
)


@pytest.fixture
def reporter(home: Home, clock: SimulatedClock, emit: Any) -> Reporter:
    return Reporter(
        clock=clock,
        emit=emit,
        identity=Heartbeat(pid=42, build="build-1"),
        heartbeat=DocumentWriter(home, Home.heartbeat, clock, emit, Heartbeat()),
        gate=DocumentWriter(home, Home.gate, clock, emit, GateReport()),
        positions=DocumentWriter(home, Home.positions, clock, emit, ShadowBook()),
        cycles=JournalWriter(home, Home.cycles, emit, clock=clock),
    )


def beat(home: Home, clock: SimulatedClock) -> Heartbeat:
    value = DocumentReader(home, Home.heartbeat, Heartbeat, clock).read().value
    assert value is not None
    return value


def cycles(home: Home) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in read_all(home.path(Home.cycles))]


async def test_a_good_cycle_is_ok_in_every_file(reporter: Reporter, home: Home, clock: SimulatedClock) -> None:
    await reporter.report(OK, SEEN, ShadowBook)
    told = beat(home, clock)
    assert (told.engine_status, told.errors, told.cycle, told.pid) == ("ok", (), 7, 42)
    assert (told.progress, told.orders_resting, told.market_open) == (SEEN.progress, 6, 12)
    (line,) = cycles(home)
    assert (line["engine_status"], line["orders"], line["level"], line["paper_level"]) == ("ok", 6, "RUN", "RUN")
    assert line["duration_ms"] == 12.35 or line["duration_ms"] == 12.34
    assert home.path(Home.gate).exists()
    assert home.path(Home.positions).exists()


async def test_errors_of_steps_and_of_questions_degrade_it_by_name(
    reporter: Reporter, home: Home, clock: SimulatedClock
) -> None:
    result = replace(OK, errors=("paper: KeyError: 'x'",))
    await reporter.report(result, replace(SEEN, errors=("listing: Unavailable: no route",)), ShadowBook)
    told = beat(home, clock)
    assert told.engine_status == "degraded"
    assert told.errors == ("paper: KeyError: 'x'", "listing: Unavailable: no route")
    assert told.last_error_at == clock.now()
    assert cycles(home)[0]["errors_this_cycle"] == list(told.errors)


async def test_the_time_of_the_last_error_outlives_it(reporter: Reporter, home: Home, clock: SimulatedClock) -> None:
    await reporter.report(replace(OK, errors=("paper: x",)), SEEN, ShadowBook)
    failed_at = clock.now()
    clock.advance(60)
    await reporter.report(OK, SEEN, ShadowBook)
    told = beat(home, clock)
    assert (told.engine_status, told.last_error_at) == ("ok", failed_at)


async def test_what_is_unknown_is_null_and_never_zero(reporter: Reporter, home: Home) -> None:
    unknown = {"clock_offset_ms": None, "exchange_trading": None, "market_open": None, "orders_resting": None}
    await reporter.report(OK, replace(SEEN, **unknown), ShadowBook)
    written = orjson.loads(home.path(Home.heartbeat).read_bytes())
    assert {name: written[name] for name in unknown} == unknown


FILES = [Home.gate, Home.heartbeat, Home.positions, Home.cycles]


@pytest.mark.parametrize("broken", ["gate", "heartbeat", "positions", "cycles"])
async def test_a_file_that_cannot_be_written_keeps_no_other_from_it(
    reporter: Reporter, home: Home, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(getattr(reporter, broken), "append" if broken == "cycles" else "write", refuse)
    with pytest.raises(OSError, match="No space left"):
        await reporter.report(OK, SEEN, ShadowBook)
    written = {entry.path for entry in FILES if home.path(entry).exists() and home.path(entry).stat().st_size}
    assert written == {entry.path for entry in FILES if entry is not getattr(Home, broken)}


async def test_a_book_that_cannot_be_told_keeps_no_heartbeat_back(reporter: Reporter, home: Home) -> None:
    def impossible() -> ShadowBook:
        raise AssertionError("positions do not add up")

    with pytest.raises(AssertionError, match="do not add up"):
        await reporter.report(OK, SEEN, impossible)
    assert home.path(Home.heartbeat).exists()
    assert len(cycles(home)) == 1


async def test_everything_that_failed_is_named(reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reporter.gate, "write", refuse)
    monkeypatch.setattr(reporter.positions, "write", refuse)
    with pytest.raises(ExceptionGroup) as failed:
        await reporter.report(OK, SEEN, ShadowBook)
    assert len(failed.value.exceptions) == 2


async def test_changes_of_state_are_events_and_states_are_not(reporter: Reporter, emit: Any) -> None:
    shut = replace(SEEN, gate=GateReport(reasons=("kill switch: on",)))
    bad = replace(OK, errors=("paper: x",))
    for result, seen in ((OK, shut), (OK, shut), (OK, SEEN), (bad, SEEN), (bad, SEEN), (OK, SEEN)):
        await reporter.report(result, seen, ShadowBook)
    assert emit.types == [
        EventType.GATE_SHUT,
        EventType.GATE_OPEN,
        EventType.CYCLE_DEGRADED,
        EventType.CYCLE_RECOVERED,
    ]
    assert emit.said(EventType.GATE_SHUT) == ["kill switch: on"]


async def test_a_first_cycle_that_is_well_is_no_recovery(reporter: Reporter, emit: Any) -> None:
    await reporter.report(OK, SEEN, ShadowBook)
    assert emit.types == [EventType.GATE_OPEN]
