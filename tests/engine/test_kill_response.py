"""What the engine does when it sees a kill."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from engine import kill_response
from engine.kill_response import KillResponse
from engine.market.money import ONE_CONTRACT
from engine.stopping import BesideTheLoop
from engine.venues.kalshi.errors import Ambiguous, Unavailable
from engine.venues.kalshi.portfolio import OrderAck
from engine.venues.kalshi.wire import BookSide, NewOrder
from state import kill_record
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import fold, recent
from state.sentinel import Anchor

RUNGS = ["sentinel_durable", "engine_denied", "cancel_sent", "verified_1", "verified_2"]


class Paper:
    halts = 0

    def halt(self) -> int:
        self.halts += 1
        return 3


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
async def response(
    home: Home, clock: SimulatedClock, anchor: Anchor, venue: Any, paper: Paper, done: list[str]
) -> KillResponse:
    return KillResponse(
        home=home,
        clock=clock,
        anchor=anchor,
        rest=venue,
        by="engine 7",
        groups=lambda: ("group-1",),
        unresolved=frozenset,
        halt_paper=paper.halt,
        on_done=lambda: done.append("done"),
    )


def rungs(home: Home, clock: SimulatedClock) -> list[str]:
    return [rung.name for rung in fold(home, clock).rungs]


async def test_without_a_kill_nothing_happens(response: KillResponse, venue: Any, paper: Paper) -> None:
    assert not response.look().engaged
    assert (venue.calls, paper.halts) == ([], 0)


async def test_a_kill_disarms_denies_cancels_and_verifies_and_tells_each_rung_in_order(
    response: KillResponse, home: Home, clock: SimulatedClock, venue: Any, leave: Any, until: Any, done: list[str]
) -> None:
    leave.arm()
    venue.rest_order("a")
    leave.kill()
    assert response.look().engaged
    await until(lambda: done)
    assert not home.path(Home.armed).exists()
    assert rungs(home, clock) == RUNGS
    assert venue.calls[:2] == ["trigger group-1", "cancel_all"]
    assert venue.known == {}
    assert response.error == ""


async def test_paper_halts_before_anything_is_awaited(response: KillResponse, leave: Any, paper: Paper) -> None:
    leave.kill()
    response.look()
    assert paper.halts == 1
    await response.close()


async def test_a_fault_of_the_paper_venue_keeps_no_order_alive(
    response: KillResponse, venue: Any, leave: Any, until: Any, done: list[str]
) -> None:
    def fail() -> int:
        raise KeyError("p-1")

    response.halt_paper = fail
    venue.rest_order("a")
    leave.kill()
    with pytest.raises(KeyError):
        response.look()
    await until(lambda: done)
    assert venue.known == {}


async def test_the_same_kill_is_answered_once_and_the_next_one_again(
    response: KillResponse, venue: Any, leave: Any, until: Any, done: list[str], paper: Paper
) -> None:
    leave.kill()
    for _ in range(5):
        response.look()
    await until(lambda: done)
    response.look()
    assert (venue.calls.count("cancel_all"), paper.halts) == (1, 1)
    leave.clear()
    response.look()
    leave.kill()
    response.look()
    await until(lambda: len(done) == 2)
    assert (venue.calls.count("cancel_all"), paper.halts) == (2, 2)


async def test_a_second_kill_that_replaced_the_first_unseen_is_answered_too(
    response: KillResponse, home: Home, venue: Any, leave: Any, until: Any, done: list[str]
) -> None:
    leave.kill()
    response.look()
    await until(lambda: done)
    (home.state / "other").touch()
    (home.state / "other").rename(home.state / "kill_switch")
    response.look()
    await until(lambda: len(done) == 2)


@pytest.fixture
def order() -> NewOrder:
    return NewOrder("fd-1", "T-1", BookSide.BID, 4_000, ONE_CONTRACT, expires=None)


@pytest.fixture
async def sending(venue: Any, order: NewOrder, until: Any) -> AsyncIterator[asyncio.Task[OrderAck]]:
    """An order on its way; `venue.answer` lets it arrive."""
    venue.answer = asyncio.Event()
    task = asyncio.create_task(venue.create_order(order, lambda: None))
    await until(lambda: venue.orders_in_flight)
    yield task
    task.cancel()


async def test_denied_is_told_only_once_no_order_is_on_its_way(
    response: KillResponse, home: Home, clock: SimulatedClock, venue: Any, leave: Any, until: Any, sending: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kill_response, "ANSWER_WAIT_S", 60.0)
    leave.kill()
    response.look()
    await until(lambda: rungs(home, clock))
    assert rungs(home, clock) == ["sentinel_durable"]
    assert "cancel_all" not in venue.calls
    venue.answer.set()
    await sending
    await until(lambda: rungs(home, clock) == RUNGS)
    assert "unresolved" not in denial(home)


def denial(home: Home) -> str:
    (line,) = [event for event in recent(home) if event.get("rung") == "engine_denied"]
    return str(line.get("why", ""))


async def test_an_order_that_is_not_answered_in_time_is_named_and_cancelled_all_the_same(
    response: KillResponse, home: Home, venue: Any, leave: Any, until: Any, sending: Any, done: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kill_response, "ANSWER_WAIT_S", 0.01)
    leave.kill()
    response.look()
    await until(lambda: done)
    assert denial(home) == "unresolved: fd-1"
    assert "cancel_all" in venue.calls
    assert not sending.done()


async def test_an_order_whose_answer_was_lost_before_the_kill_is_named(
    response: KillResponse, home: Home, leave: Any, until: Any, done: list[str]
) -> None:
    response.unresolved = lambda: frozenset({"fd-9"})
    leave.kill()
    response.look()
    await until(lambda: done)
    assert denial(home) == "unresolved: fd-9"


async def test_an_exchange_that_does_not_answer_is_asked_again_and_told_in_every_cycle(
    response: KillResponse, home: Home, clock: SimulatedClock, venue: Any, leave: Any, until: Any, done: list[str]
) -> None:
    venue.lasting |= {"cancel_all": Ambiguous("no route"), "orders": Unavailable("no route")}
    leave.kill()
    response.look()
    await until(lambda: response.error)
    assert response.error.startswith("kill: ")
    venue.lasting.clear()
    await until(lambda: done)
    assert rungs(home, clock) == RUNGS
    assert response.error == ""


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every line of the kill journal waits until this is set."""
    answers = threading.Event()

    def slow(record: Callable[..., None]) -> Callable[..., None]:
        def recorded(*arguments: Any, **more: Any) -> None:
            assert answers.wait(10)
            record(*arguments, **more)

        return recorded

    monkeypatch.setattr(kill_record, "record", slow(kill_record.record))
    monkeypatch.setattr("engine.stopping.record", slow(kill_record.record))
    yield answers
    answers.set()


async def test_a_disk_that_hangs_delays_nothing_at_the_exchange_and_is_told_in_order_afterwards(
    response: KillResponse, home: Home, clock: SimulatedClock, venue: Any, leave: Any, until: Any, done: list[str],
    slow_disk: threading.Event,
) -> None:  # fmt: skip
    venue.rest_order("a")
    leave.kill()
    response.look()
    await until(lambda: "total_resting_order_value" in venue.calls)
    assert venue.calls == ["trigger group-1", "cancel_all", "orders", "total_resting_order_value"]
    assert (venue.known, done, rungs(home, clock)) == ({}, [], [])
    slow_disk.set()
    await until(lambda: done)
    assert rungs(home, clock) == RUNGS


async def test_what_was_reached_is_told_before_an_engine_that_stops_has_stopped(
    response: KillResponse, home: Home, clock: SimulatedClock, venue: Any, leave: Any, until: Any,
    slow_disk: threading.Event,
) -> None:  # fmt: skip
    venue.lasting["orders"] = Unavailable("no route")
    leave.kill()
    response.look()
    await until(lambda: "orders" in venue.calls)
    closing = asyncio.create_task(response.close())
    await asyncio.sleep(0)
    slow_disk.set()
    await closing
    assert rungs(home, clock) == RUNGS[:3]


async def test_the_group_is_triggered_at_once_and_once_while_orders_are_on_their_way(
    response: KillResponse, venue: Any, leave: Any, until: Any, sending: Any, done: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kill_response, "ANSWER_WAIT_S", 60.0)
    leave.kill()
    response.look()
    await until(lambda: "trigger group-1" in venue.calls)
    assert not sending.done()
    venue.answer.set()
    await sending
    await until(lambda: done)
    assert venue.calls.count("trigger group-1") == 1


async def test_the_start_is_taken_back_at_once_and_the_journal_waits_for_the_triggers_but_not_for_long(
    response: KillResponse, home: Home, clock: SimulatedClock, venue: Any, leave: Any, until: Any, done: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    answer = asyncio.Event()
    asked: list[str] = []

    async def slow(_: str) -> None:
        await answer.wait()

    class Noted(BesideTheLoop):
        def do(self, act: Any, *arguments: object) -> None:
            asked.append(getattr(act, "__name__", "tell"))
            super().do(act, *arguments)

    monkeypatch.setattr(kill_response, "BesideTheLoop", Noted)
    monkeypatch.setattr(kill_response, "TRIGGERS_FIRST_S", 60.0)
    monkeypatch.setattr(venue, "trigger_order_group", slow)
    leave.arm()
    leave.kill()
    response.look()
    await until(lambda: not home.path(Home.armed).exists())
    assert asked == ["_take_start_back"]
    answer.set()
    await until(lambda: done)
    assert rungs(home, clock) == RUNGS

    answer.clear()
    monkeypatch.setattr(kill_response, "TRIGGERS_FIRST_S", 0.001)
    leave.clear()
    response.look()
    leave.kill()
    response.look()
    await until(lambda: rungs(home, clock) == RUNGS)
    assert not answer.is_set()


async def test_a_group_that_was_being_made_when_the_kill_came_is_triggered_too(
    response: KillResponse, venue: Any, leave: Any, until: Any, done: list[str]
) -> None:
    known = iter([("group-1",), ("group-1", "group-2")])
    response.groups = lambda: next(known)
    leave.kill()
    response.look()
    await until(lambda: done)
    assert sorted(venue.calls[: venue.calls.index("cancel_all")]) == ["trigger group-1", "trigger group-2"]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kill_record, "record", refuse)
        patch.setattr("engine.stopping.record", refuse)
        yield


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every trouble that was noted, also what the next cycle no longer shows."""
    told: list[str] = []
    monkeypatch.setattr(KillResponse, "_note", lambda _, trouble: told.append(trouble) if trouble else None)
    return told


@pytest.mark.usefixtures("full_disk")
async def test_a_full_disk_keeps_no_order_alive_and_is_told(
    response: KillResponse, venue: Any, leave: Any, until: Any, done: list[str], noted: list[str]
) -> None:
    venue.rest_order("a")
    leave.kill()
    response.look()
    await until(lambda: done)
    assert venue.known == {}
    assert any("No space left" in trouble or "ENOSPC" in trouble for trouble in noted)


async def test_a_start_that_cannot_be_taken_back_keeps_no_order_alive(
    response: KillResponse, venue: Any, leave: Any, until: Any, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("state.kill.disarm", refuse)
    venue.rest_order("a")
    leave.kill()
    response.look()
    await until(lambda: done)
    assert venue.known == {}


async def test_a_home_that_is_gone_is_a_kill_without_a_name_and_cancels_too(
    response: KillResponse, home: Home, venue: Any, until: Any, done: list[str], paper: Paper
) -> None:
    venue.rest_order("a")
    home.root.rename(home.root.with_name("moved"))
    look = response.look()
    assert look.engaged
    assert look.kill_id is None
    await until(lambda: done)
    assert venue.known == {}
    assert paper.halts == 1


async def test_what_nobody_foresaw_is_told_and_not_lost(
    response: KillResponse, venue: Any, leave: Any, until: Any
) -> None:
    venue.lasting["cancel_all"] = RuntimeError("client is closed")
    leave.kill()
    response.look()
    await until(lambda: response.error)
    assert response.error == "kill: RuntimeError: client is closed"
    leave.clear()
    response.look()
    assert response.error == ""


async def test_closing_ends_an_answer_that_goes_on_for_ever(
    response: KillResponse, venue: Any, leave: Any, until: Any
) -> None:
    venue.lasting["cancel_all"] = Ambiguous("no route")
    venue.lasting["orders"] = Unavailable("no route")
    leave.kill()
    response.look()
    await until(lambda: response.error)
    await response.close()
    asked = len(venue.calls)
    await asyncio.sleep(0)
    assert len(venue.calls) == asked
