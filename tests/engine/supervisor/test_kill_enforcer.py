"""The supervisor steps in exactly where a rung is missing after its time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from engine.supervisor import kill_enforcer
from engine.supervisor.kill_enforcer import KillEnforcer
from engine.supervisor.resting import RestingOrders
from engine.venues.kalshi.errors import Ambiguous
from state import kill_record
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import fold, record
from state.sentinel import Anchor, Look

PID = 4_242
RUNGS = ["sentinel_durable", "engine_denied", "cancel_sent", "verified_1", "verified_2"]


@pytest.fixture
def enforcer(
    home: Home, clock: SimulatedClock, anchor: Anchor, resting: RestingOrders, keeper: Any, engine: Any, emit: Any,
    room: Any,
) -> KillEnforcer:  # fmt: skip
    room.engine_started(PID)
    engine.beat()
    return KillEnforcer(home, clock, anchor, resting, keeper, "supervisor 77", 0.01, lambda _: None, emit)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill_enforcer, "LOOK_S", 0.001)


def by(home: Home, clock: SimulatedClock) -> dict[str, str]:
    return {rung.name: rung.by.split()[0] for rung in fold(home, clock).rungs}


def engine_tells(home: Home, clock: SimulatedClock, kill_id: str, *rungs: str) -> None:
    for rung in rungs:
        record(home, clock, "rung", kill_id=kill_id, rung=rung, by="engine 4242", left=0)


async def test_an_engine_that_does_everything_is_left_alone(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, keeper: Any, venue: Any
) -> None:
    leave.arm()
    engine_tells(home, clock, leave.kill(), *RUNGS[1:])
    await enforcer.enforce(anchor.look())
    assert keeper.ended == []
    assert venue.calls == []
    assert by(home, clock)["engine_denied"] == "engine"
    assert not home.path(Home.armed).exists()


async def test_an_engine_that_does_not_deny_is_ended_and_its_orders_cancelled(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, keeper: Any, venue: Any
) -> None:
    venue.rest_order("a")
    leave.kill()
    await enforcer.enforce(anchor.look())
    assert len(keeper.ended) == 1
    assert venue.known == {}
    assert list(by(home, clock)) == RUNGS
    assert set(by(home, clock).values()) == {"supervisor"}


async def test_an_engine_that_denied_but_did_not_cancel_lives_and_its_orders_are_cancelled(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, keeper: Any, venue: Any
) -> None:
    venue.rest_order("a")
    engine_tells(home, clock, leave.kill(), "engine_denied")
    await enforcer.enforce(anchor.look())
    assert keeper.ended == []
    assert venue.known == {}
    assert by(home, clock)["cancel_sent"] == "supervisor"


async def test_an_engine_that_cancels_in_its_time_is_waited_for(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, venue: Any
) -> None:
    kill_id = leave.kill()
    engine_tells(home, clock, kill_id, "engine_denied", "cancel_sent")
    enforcing = asyncio.create_task(enforcer.enforce(anchor.look()))
    await asyncio.sleep(0.03)
    assert venue.calls == []
    engine_tells(home, clock, kill_id, "verified_1", "verified_2")
    async with asyncio.timeout(5):
        await enforcing
    assert venue.calls == []


async def test_a_kill_that_the_engine_cannot_verify_is_taken_over(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, venue: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kill_enforcer, "TAKE_OVER_S", 0.005)
    engine_tells(home, clock, leave.kill(), "engine_denied", "cancel_sent")
    await enforcer.enforce(anchor.look())
    assert by(home, clock)["verified_2"] == "supervisor"


async def test_where_no_engine_lives_the_supervisor_does_it_all(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, keeper: Any
) -> None:
    keeper.pid = None
    leave.kill()
    await enforcer.enforce(anchor.look())
    assert list(by(home, clock)) == RUNGS


async def test_an_engine_that_is_still_starting_never_had_a_permit_and_is_not_ended(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, keeper: Any, room: Any
) -> None:
    room.engine_started(PID + 1)
    leave.kill()
    await enforcer.enforce(anchor.look())
    assert keeper.ended == []
    assert list(by(home, clock)) == RUNGS


async def test_denied_is_never_told_of_an_engine_that_could_not_be_ended_yet_its_orders_are_cancelled(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, keeper: Any, venue: Any
) -> None:
    keeper.immortal = True
    venue.rest_order("a")
    leave.kill()
    await enforcer.enforce(anchor.look())
    assert "engine_denied" not in by(home, clock)
    assert venue.known == {}


async def test_a_kill_that_is_cleared_meanwhile_needs_nothing_more(
    enforcer: KillEnforcer, leave: Any, anchor: Anchor, keeper: Any, venue: Any
) -> None:
    leave.kill()
    look = anchor.look()
    leave.clear()
    await enforcer.enforce(look)
    assert (keeper.ended, venue.calls) == ([], [])


async def test_a_home_that_is_gone_has_no_rungs_and_is_cancelled_all_the_same(
    enforcer: KillEnforcer, home: Home, anchor: Anchor, venue: Any
) -> None:
    venue.rest_order("a")
    home.root.rename(home.root.with_name("moved"))
    await enforcer.enforce(anchor.look())
    assert venue.known == {}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        for name in ("engine.stopping.record", "engine.supervisor.kill_enforcer.record", "state.kill.disarm"):
            patch.setattr(name, refuse)
        patch.setattr(kill_record, "record", refuse)
        yield


@pytest.mark.usefixtures("full_disk")
async def test_a_full_disk_keeps_no_order_alive(
    enforcer: KillEnforcer, leave: Any, anchor: Anchor, venue: Any, emit: Any
) -> None:
    venue.rest_order("a")
    leave.kill()
    await enforcer.enforce(anchor.look())
    assert venue.known == {}
    assert any("No space left" in message for _, message, _ in emit.lines)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every line of the kill journal waits until this is set."""
    answers, recorded = threading.Event(), kill_record.record

    def slow(*arguments: Any, **more: Any) -> None:
        assert answers.wait(10)
        recorded(*arguments, **more)

    for name in ("state.kill_record", "engine.stopping", "engine.supervisor.kill_enforcer"):
        monkeypatch.setattr(f"{name}.record", slow)
    yield answers
    answers.set()


async def test_a_disk_that_hangs_delays_nothing_at_the_exchange_and_is_told_in_order_afterwards(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, venue: Any, until: Any,
    slow_disk: threading.Event,
) -> None:  # fmt: skip
    venue.rest_order("a")
    leave.arm()
    leave.kill()
    threading.Timer(3, slow_disk.set).start()  # else a supervisor that waits for its disk would wait for ever
    enforcing = asyncio.create_task(enforcer.enforce(anchor.look()))
    await until(lambda: venue.known == {})
    assert not slow_disk.is_set()
    assert by(home, clock) == {}
    assert not home.path(Home.armed).exists()
    slow_disk.set()
    await enforcing
    assert list(by(home, clock)) == RUNGS


def test_a_kill_is_new_once_and_the_next_one_again(enforcer: KillEnforcer, leave: Any, anchor: Anchor) -> None:
    assert not enforcer.new(anchor.look())
    leave.kill()
    assert [enforcer.new(anchor.look()) for _ in range(3)] == [True, False, False]
    leave.clear()
    assert not enforcer.new(anchor.look())
    leave.kill()
    assert enforcer.new(anchor.look())


def test_a_doubt_that_comes_back_is_new_again(enforcer: KillEnforcer) -> None:
    doubt = Look(True, "kill switch cannot be read: EIO")
    assert [enforcer.new(look) for look in (doubt, doubt, Look(False, ""), doubt)] == [True, False, False, True]


async def test_an_exchange_that_does_not_answer_at_first_is_asked_until_it_does(
    enforcer: KillEnforcer, home: Home, clock: SimulatedClock, leave: Any, anchor: Anchor, venue: Any
) -> None:
    venue.faults["cancel_all"] = [Ambiguous("no route")]
    venue.rest_order("a")
    leave.kill()
    await enforcer.enforce(anchor.look())
    assert list(by(home, clock)) == RUNGS
