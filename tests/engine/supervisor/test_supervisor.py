"""The supervisor's life: it rests between changes, and whatever fails ends all in good order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.supervisor.board import Board
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.kill_enforcer import KillEnforcer
from engine.supervisor.permit_keeper import PermitKeeper
from engine.supervisor.permits import Limits, PermitOffice
from engine.supervisor.resting import RestingOrders
from engine.supervisor.schedule import Schedule
from engine.supervisor.supervisor import STOP_SIGNALS, Supervisor
from engine.venues.kalshi.errors import Ambiguous, Unavailable
from state.clock import SimulatedClock
from state.events import EventType
from state.home import Home
from state.lock import Lock
from state.permit import Identity
from state.sentinel import Anchor

PID = 4_242


class Straw:
    """Stands for EngineKeeper: keeps a healthy engine until it is stopped, or fails."""

    def __init__(self, evidence: EvidenceRoom) -> None:
        self.evidence = evidence
        self.pid: int | None = None
        self.exit_code = os.EX_OK
        self.fault = ""
        self.fails: asyncio.Future[None] | None = None
        self.stopped = 0
        self.permit_at_stop: bool | None = None
        self.home: Home | None = None
        self.during_stop: Callable[[], object] = lambda: None

    async def keep(self) -> None:
        self.pid = PID
        self.evidence.engine_started(PID)
        self.fails = asyncio.get_running_loop().create_future()
        await self.fails

    async def stop(self) -> None:
        assert self.home is not None
        self.during_stop()
        self.permit_at_stop = self.home.path(Home.permit).exists()
        self.stopped += 1
        self.pid = None

    async def end_unresponsive(self, why: str) -> bool:
        self.pid = None
        return True


@pytest.fixture
def straw(room: EvidenceRoom, home: Home) -> Straw:
    made = Straw(room)
    made.home = home
    return made


@pytest.fixture
def supervisor(
    home: Home, clock: SimulatedClock, anchor: Anchor, room: EvidenceRoom, identity: Identity, resting: RestingOrders,
    straw: Any, board: Board, emit: Any,
) -> Iterator[Supervisor]:  # fmt: skip
    locks = Lock(home, "supervisor", clock), Lock(home, "engine", clock)
    for lock in locks:
        lock.acquire()
    permit = PermitKeeper(
        clock=clock,
        anchor=anchor,
        evidence=room,
        office=PermitOffice(anchor, clock, identity, "77-1234", 15.0, emit),
        resting=resting,
        keeper=straw,
        board=board,
        limits=Limits(heartbeat_s=5.0, exchange_age_s=15.0, clock_offset_ms=250.0, disk_free_share=0.0),
        renew_every_s=3.0,
        emit=emit,
    )
    yield Supervisor(
        clock=clock,
        anchor=anchor,
        board=board,
        engine=straw,
        permit=permit,
        enforcer=KillEnforcer(home, clock, anchor, resting, straw, board.name, 0.01, lambda _: None, emit),
        resting=resting,
        listing_period=3_600.0,
        stop_timeout_s=0.2,
        emit=emit,
        stopping=asyncio.Event(),
        schedule=Schedule(home, (), emit),
        locks=locks,
    )
    for lock in locks:
        lock.release()


@pytest.fixture(autouse=True)
async def signals() -> Any:
    yield
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)


@pytest.fixture
def granted(home: Home) -> Any:
    return lambda: home.path(Home.permit).exists()


@pytest.fixture
async def running(supervisor: Supervisor, straw: Straw, engine: Any, leave: Any, until: Any, granted: Any) -> Any:
    """A supervisor that granted a permit to a healthy engine."""
    task = asyncio.create_task(supervisor.run())
    await until(lambda: straw.pid)
    leave.arm()
    engine.beat()
    engine.list_account()
    await until(granted)
    yield task
    supervisor.stopping.set()
    await asyncio.wait([task], timeout=5)


async def finished(task: Any) -> int:
    async with asyncio.timeout(5):
        code: int = await task
    return code


async def test_a_commanded_stop_withdraws_disarms_ends_the_engine_and_then_cancels_and_verifies(
    supervisor: Supervisor, straw: Straw, running: Any, home: Home, venue: Any, granted: Any
) -> None:
    venue.calls.clear()
    venue.rest_order("a")
    supervisor.stopping.set()
    assert await finished(running) == os.EX_OK
    assert not granted()
    assert not home.path(Home.armed).exists()
    assert (straw.stopped, straw.permit_at_stop) == (1, False)
    assert venue.known == {}
    assert venue.closed
    assert (supervisor.fault, supervisor.board.state.end) == ("", "verified")


async def test_what_could_not_be_verified_at_the_end_is_told(
    supervisor: Supervisor, running: Any, venue: Any, emit: Any
) -> None:
    venue.lasting |= {"cancel_all": Ambiguous("no route"), "orders": Unavailable("no route")}
    supervisor.stopping.set()
    assert await finished(running) == 1
    assert any("not verified within" in message for message in emit.said(EventType.ORDERS_NOT_VERIFIED))
    assert supervisor.fault.startswith("not verified within")
    assert supervisor.board.state.end == "unverified"


async def test_a_kill_takes_the_permit_at_once(running: Any, leave: Any, until: Any, granted: Any) -> None:
    leave.kill()
    await until(lambda: not granted(), 0.5)


async def test_a_kill_that_stood_before_it_started_is_enforced_at_once(
    supervisor: Supervisor, home: Home, leave: Any, until: Any, granted: Any
) -> None:
    leave.arm()
    leave.permit()
    leave.kill()
    task = asyncio.create_task(supervisor.run())
    await until(lambda: not home.path(Home.armed).exists() and not granted(), 0.5)
    supervisor.stopping.set()
    await finished(task)


async def test_between_two_changes_it_rests(
    supervisor: Supervisor, running: Any, board: Board, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[None] = []
    judge = PermitKeeper.judge

    def counted(self: PermitKeeper) -> None:
        judged.append(None)
        judge(self)

    monkeypatch.setattr(PermitKeeper, "judge", counted)
    await asyncio.sleep(0.6)
    assert len(judged) <= 2  # its own document changes at each, and must not set off the next


async def test_a_duty_that_fails_ends_all_in_good_order_and_leaves_no_permit(
    straw: Straw, running: Any, home: Home, venue: Any, emit: Any, granted: Any
) -> None:
    venue.rest_order("a")
    assert straw.fails is not None
    straw.fails.set_exception(RuntimeError("cannot fork"))
    assert await finished(running) == os.EX_SOFTWARE
    assert not granted()
    assert not home.path(Home.armed).exists()
    assert straw.stopped == 1
    assert venue.known == {}
    assert emit.said(EventType.SUPERVISOR_FAILED) == ["engine: RuntimeError: cannot fork; stopping"]


@pytest.mark.parametrize("name", ["supervisor", "engine"])
async def test_a_lock_that_is_taken_away_ends_all_before_a_second_one_can_trade(
    supervisor: Supervisor, straw: Straw, running: Any, home: Home, venue: Any, granted: Any, name: str
) -> None:
    venue.rest_order("a")
    (home.state / f"{name}.lock").unlink()
    assert await finished(running) == os.EX_SOFTWARE
    assert not granted()
    assert (straw.stopped, venue.known) == (1, {})
    assert supervisor.fault.startswith(f"state/{name}.lock is gone or another file: ")


async def test_a_permit_keeper_that_fails_leaves_no_permit(
    running: Any, granted: Any, emit: Any, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: EvidenceRoom, *__: object, **___: object) -> None:
        raise KeyError("nobody foresaw this")

    monkeypatch.setattr(EvidenceRoom, "gather", broken)
    supervisor.permit.changed()
    assert await finished(running) == os.EX_SOFTWARE
    assert not granted()


async def test_an_enforcement_that_fails_ends_all_too(
    running: Any, granted: Any, leave: Any, emit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(KillEnforcer, "enforce", broken)
    leave.kill()
    assert await finished(running) == os.EX_SOFTWARE
    assert not granted()


async def test_a_start_that_cannot_be_taken_back_hinders_no_stop(
    supervisor: Supervisor, straw: Straw, running: Any, venue: Any, granted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("state.kill.disarm", refuse)
    straw.during_stop = supervisor.permit.judge  # everything holds still
    venue.rest_order("a")
    supervisor.stopping.set()
    assert await finished(running) == os.EX_OK
    assert not granted()
    assert (straw.stopped, straw.permit_at_stop) == (1, False)
    assert venue.known == {}


async def test_an_unreachable_exchange_keeps_the_permit_back_and_the_supervisor_alive(
    supervisor: Supervisor, straw: Straw, venue: Any, leave: Any, engine: Any, board: Board, until: Any, granted: Any
) -> None:
    venue.lasting |= {"cancel_all": Ambiguous("no route"), "orders": Unavailable("no route")}
    task = asyncio.create_task(supervisor.run())
    await until(lambda: straw.pid)
    leave.arm()
    engine.beat()
    engine.list_account()
    await until(lambda: board.state.permit_withheld == ("orders found at start are not yet verified gone",))
    assert not granted()
    venue.lasting.clear()
    await until(granted)
    supervisor.stopping.set()
    await finished(task)


async def test_a_home_that_is_moved_away_is_noticed_and_its_orders_cancelled(
    running: Any, home: Home, venue: Any, until: Any
) -> None:
    venue.rest_order("a")
    home.root.rename(home.root.with_name("moved"))
    await until(lambda: venue.known == {}, 5)
    await until(lambda: not (home.root.with_name("moved") / Home.permit.path).exists())
