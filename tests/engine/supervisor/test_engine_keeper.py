"""One engine, kept running: started, watched, started again after a while, braked when it only crashes."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from engine.supervisor import engine_keeper
from engine.supervisor.board import Board
from engine.supervisor.engine_keeper import EngineKeeper
from engine.supervisor.evidence import EvidenceRoom
from state.clock import SimulatedClock
from state.events import EventType
from state.home import Home
from state.sentinel import Anchor
from state.settings import Supervisor as Options

OPTIONS = Options(backoff_base_s=0.001, backoff_cap_s=0.002, brake_exits=3, brake_window_s=60.0, hang_s=15.0)


@pytest.fixture
def started(process_type: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every process that was started, in order; an exception that is put here is raised instead."""
    made: list[Any] = []

    def start(home: Home, lock_fd: int) -> Any:
        made.append(process_type(100 + len(made)))
        return made[-1]

    monkeypatch.setattr(engine_keeper.EngineProcess, "start", start)
    monkeypatch.setattr(engine_keeper, "HEARTBEAT_LOOK_S", 0.001)
    monkeypatch.setattr(engine_keeper, "DUMP_S", 0.001)
    return made


@pytest.fixture
def keep(
    home: Home, clock: SimulatedClock, anchor: Anchor, room: EvidenceRoom, board: Board, emit: Any, started: Any
) -> EngineKeeper:
    return EngineKeeper(home, clock, OPTIONS, anchor, 3, room, board, emit, asyncio.Event())


@pytest.fixture
def gone(keep: EngineKeeper) -> list[str]:
    told: list[str] = []
    keep.gone = lambda: told.append("gone")
    return told


async def stop(keep: EngineKeeper, running: asyncio.Task[None]) -> None:
    keep.stopping.set()
    await keep.stop()
    async with asyncio.timeout(5):
        await running


async def test_an_engine_is_starting_until_it_is_heard_and_running_from_then(
    keep: EngineKeeper, started: list[Any], engine: Any, board: Board, emit: Any, until: Any
) -> None:
    running = asyncio.create_task(keep.keep())
    await until(lambda: started)
    assert (board.state.engine, keep.pid) == ("starting", 100)
    engine.beat(pid=100)
    await until(lambda: board.state.engine == "running")
    await stop(keep, running)
    assert emit.types == [
        EventType.TRADING_ENGINE_STARTING,
        EventType.TRADING_ENGINE_STARTED,
        EventType.TRADING_ENGINE_EXITED,
    ]
    assert board.state.last_exit == "exit 0 (commanded)"
    assert keep.pid is None


async def test_an_engine_that_ends_is_started_again_and_told_as_gone_at_once(
    keep: EngineKeeper, started: list[Any], board: Board, emit: Any, until: Any, gone: list[str]
) -> None:
    running = asyncio.create_task(keep.keep())
    await until(lambda: started)
    started[0].die(-signal.SIGKILL)
    await until(lambda: len(started) == 2)
    assert gone == ["gone"]
    assert board.state.restarts == 1
    assert board.state.last_exit == "SIGKILL (signalled)"
    assert EventType.TRADING_ENGINE_RESTARTING in emit.types
    await stop(keep, running)


async def test_a_wrong_configuration_is_not_tried_again_and_is_the_exit_of_all(
    keep: EngineKeeper, started: list[Any], until: Any
) -> None:
    running = asyncio.create_task(keep.keep())
    await until(lambda: started)
    started[0].die(os.EX_CONFIG)
    async with asyncio.timeout(5):
        await running
    assert (len(started), keep.exit_code, keep.stopping.is_set()) == (1, os.EX_CONFIG, True)
    assert keep.fault == "the engine's configuration is wrong: flightdeck.toml: engine.cycle_s = -1"


async def test_an_engine_that_cannot_be_started_is_tried_again_later(
    keep: EngineKeeper, started: list[Any], emit: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = engine_keeper.EngineProcess.start
    problems: list[Exception] = [BlockingIOError(11, "Resource temporarily unavailable")]

    def refuse_once(home: Home, lock_fd: int) -> Any:
        if problems:
            raise problems.pop()
        return start(home, lock_fd)

    monkeypatch.setattr(engine_keeper.EngineProcess, "start", refuse_once)
    running = asyncio.create_task(keep.keep())
    await until(lambda: started)
    assert "could not be started" in emit.said(EventType.TRADING_ENGINE_EXITED)[0]
    await stop(keep, running)


async def test_a_crash_loop_engages_the_kill_and_starts_nothing_until_a_person_cleared_it(
    keep: EngineKeeper, started: list[Any], board: Board, anchor: Anchor, leave: Any, until: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    running = asyncio.create_task(keep.keep())
    for number in range(3):
        await until(lambda number=number: len(started) == number + 1)
        started[number].die(1)
    await until(lambda: board.state.engine == "braked")
    assert anchor.look().engaged
    await asyncio.sleep(0.02)
    assert len(started) == 3
    leave.clear()
    await until(lambda: len(started) == 4)
    await stop(keep, running)


async def test_a_stop_that_was_commanded_is_no_crash(
    keep: EngineKeeper, started: list[Any], anchor: Anchor, until: Any
) -> None:
    for _ in range(5):
        keep.stopping.clear()
        before = len(started)
        running = asyncio.create_task(keep.keep())
        await until(lambda before=before: len(started) > before)
        await stop(keep, running)
    assert not anchor.look().engaged


async def test_an_engine_that_falls_silent_dumps_its_stacks_and_is_ended_as_a_crash(
    keep: EngineKeeper, started: list[Any], engine: Any, clock: SimulatedClock, board: Board, emit: Any, until: Any
) -> None:
    running = asyncio.create_task(keep.keep())
    await until(lambda: started)
    engine.beat(pid=100)
    await until(lambda: board.state.engine == "running")
    clock.advance(15.1)
    await until(lambda: len(started) == 2)
    assert started[0].signals == [signal.SIGQUIT, signal.SIGKILL]
    assert EventType.ENGINE_UNRESPONSIVE in emit.types
    assert board.state.last_exit == "SIGKILL (unresponsive)"
    await stop(keep, running)


async def test_an_engine_that_never_comes_up_is_ended_too(
    keep: EngineKeeper, started: list[Any], clock: SimulatedClock, until: Any
) -> None:
    running = asyncio.create_task(keep.keep())
    await until(lambda: started)
    clock.advance(15.1)
    await until(lambda: len(started) == 2)
    await stop(keep, running)


async def test_one_that_the_kernel_holds_is_not_waited_for_without_end(
    keep: EngineKeeper, started: list[Any], until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_keeper, "END_WITHIN_S", 0.02)
    running = asyncio.create_task(keep.keep())
    await until(lambda: started)
    started[0].deaf = True
    assert not await keep.end_unresponsive("a test")
    started[0].deaf = False
    assert await keep.end_unresponsive("a test")
    await stop(keep, running)


async def test_a_watch_that_fails_ends_supervision_and_is_never_silent(
    keep: EngineKeeper, started: list[Any], room: EvidenceRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: EvidenceRoom) -> bool:
        raise RuntimeError("cannot look")

    monkeypatch.setattr(EvidenceRoom, "engine_was_heard", broken)
    with pytest.raises(ExceptionGroup) as failed:
        await keep.keep()
    assert failed.group_contains(RuntimeError, match="cannot look")
    assert keep.pid == 100  # and `stop` can end it
