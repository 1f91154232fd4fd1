"""The permit is renewed while every precondition holds and gone the moment one fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.supervisor.board import Board
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.permit_keeper import PermitKeeper
from engine.supervisor.permits import Limits, PermitOffice
from engine.supervisor.resting import RestingOrders
from state.clock import SimulatedClock
from state.events import EventType
from state.home import Home
from state.kill_record import recent
from state.permit import Identity
from state.sentinel import Anchor

PID = 4_242


@pytest.fixture
def permits(
    clock: SimulatedClock, anchor: Anchor, room: EvidenceRoom, identity: Identity, resting: RestingOrders,
    keeper: Any, board: Board, emit: Any,
) -> PermitKeeper:  # fmt: skip
    room.engine_started(PID)
    resting.verified = True
    return PermitKeeper(
        clock=clock,
        anchor=anchor,
        evidence=room,
        office=PermitOffice(anchor, clock, identity, "77-1234", 15.0, emit),
        resting=resting,
        keeper=keeper,
        board=board,
        limits=Limits(heartbeat_s=5.0, exchange_age_s=15.0, clock_offset_ms=250.0, disk_free_share=0.0),
        renew_every_s=3.0,
        emit=emit,
    )


@pytest.fixture
def healthy(engine: Any, leave: Any) -> None:
    leave.arm()
    engine.beat()
    engine.list_account()


def granted(home: Home) -> bool:
    return home.path(Home.permit).exists()


@pytest.mark.usefixtures("healthy")
def test_it_is_granted_when_everything_holds(permits: PermitKeeper, home: Home, board: Board, emit: Any) -> None:
    permits.judge()
    assert granted(home)
    assert board.state.permit_withheld == ()
    assert emit.types == [EventType.PERMIT_GRANTED]


@pytest.mark.usefixtures("healthy")
def test_it_is_renewed_in_its_time_and_no_oftener(
    permits: PermitKeeper, home: Home, clock: SimulatedClock, engine: Any
) -> None:
    written = set()
    for _ in range(60):
        engine.beat()
        engine.list_account()
        permits.judge()
        written.add(home.path(Home.permit).read_bytes())
        clock.advance(0.5)
    assert len(written) == 10


CAUSES = {
    "a kill": lambda home, leave, keeper: leave.kill(),
    "a start taken back": lambda home, leave, keeper: home.path(Home.armed).unlink(),
    "a damaged start": lambda home, leave, keeper: home.path(Home.armed).write_bytes(b"{"),
    "a dead engine": lambda home, leave, keeper: setattr(keeper, "pid", None),
    "another engine": lambda home, leave, keeper: setattr(keeper, "pid", 1),
    "a damaged heartbeat": lambda home, leave, keeper: home.path(Home.heartbeat).write_bytes(b""),
    "a missing listing": lambda home, leave, keeper: home.path(Home.exchange).unlink(),
    "silence": lambda home, leave, keeper: leave.clock.advance(5.1),
    "a home that moved": lambda home, leave, keeper: home.state.rename(home.root / "elsewhere"),
}


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize("cause", CAUSES)
def test_it_is_gone_at_the_first_judgement_after_a_cause(
    permits: PermitKeeper, home: Home, leave: Any, keeper: Any, anchor: Anchor, emit: Any, cause: str
) -> None:
    permits.judge()
    CAUSES[cause](home, leave, keeper)
    permits.judge()
    assert not granted(home)
    assert not (home.root / "elsewhere" / "permit.json").exists()
    assert EventType.PERMIT_WITHHELD in emit.types


@pytest.mark.usefixtures("healthy")
def test_a_start_that_a_person_gave_to_another_supervisor_is_taken_back_and_permits_nothing(
    permits: PermitKeeper, home: Home, leave: Any, board: Board
) -> None:
    leave.arm(supervisor="76-1")
    permits.judge()
    assert not granted(home)
    assert not home.path(Home.armed).exists()
    assert board.state.permit_withheld == ("not started: armed.json missing",)
    assert [event["act"] for event in recent(home)] == ["disarmed"]


@pytest.mark.usefixtures("healthy")
def test_a_start_of_another_supervisor_that_cannot_be_taken_back_permits_nothing_all_the_same(
    permits: PermitKeeper, home: Home, leave: Any, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    permits.judge()
    monkeypatch.setattr("state.kill.disarm", refuse)
    leave.arm(supervisor="76-1")
    permits.judge()
    assert not granted(home)
    assert board.state.permit_withheld == ("void start cannot be dropped: Read-only file system",)


@pytest.mark.usefixtures("healthy")
def test_when_the_cause_is_over_it_is_granted_at_once(
    permits: PermitKeeper, home: Home, engine: Any, clock: SimulatedClock
) -> None:
    permits.judge()
    clock.advance(6)
    permits.judge()
    assert not granted(home)
    engine.beat()
    permits.judge()
    assert granted(home)


@pytest.mark.usefixtures("healthy")
def test_a_supervisor_that_stops_grants_nothing_though_everything_holds(
    permits: PermitKeeper, home: Home, board: Board
) -> None:
    permits.judge()
    permits.retire()
    permits.judge()
    assert not granted(home)
    assert board.state.permit_withheld == ("the supervisor is stopping",)


@pytest.mark.usefixtures("healthy")
def test_a_disk_that_takes_no_permit_is_its_reason(
    permits: PermitKeeper, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("state.permit.write_sealed", refuse)
    permits.judge()
    assert board.state.permit_withheld == ("permit cannot be written: No space left on device",)


@pytest.mark.usefixtures("healthy")
def test_reasons_are_told_when_they_come_and_go_not_at_every_judgement(
    permits: PermitKeeper, emit: Any, keeper: Any
) -> None:
    for _ in range(3):
        permits.judge()
    keeper.pid = None
    for _ in range(3):
        permits.judge()
    assert emit.types == [EventType.PERMIT_GRANTED, EventType.PERMIT_WITHHELD]


@pytest.mark.usefixtures("healthy")
async def test_a_change_is_judged_before_the_second_is_over(
    permits: PermitKeeper, home: Home, leave: Any, until: Any
) -> None:
    keeping = asyncio.create_task(permits.keep())
    await until(lambda: granted(home))
    leave.kill()
    permits.changed()
    await until(lambda: not granted(home), 0.5)
    keeping.cancel()
