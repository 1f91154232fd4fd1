"""Commands that run again and again where there are no timers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from engine.supervisor import schedule as module
from engine.supervisor.schedule import Schedule, due
from state.events import EventType
from state.home import Home
from state.process import tied_command
from state.settings import ScheduledRun

EVERY_10 = ScheduledRun(command="status", every_s=10)
EVERY_60 = ScheduledRun(command="files", every_s=60)


class TestDue:
    def test_everything_is_due_at_first(self) -> None:
        assert due((EVERY_10, EVERY_60), {}, set(), 5.0) == (0, 1)

    def test_then_each_after_its_own_time_from_start_to_start(self) -> None:
        started = {0: 100.0, 1: 100.0}
        assert due((EVERY_10, EVERY_60), started, set(), 109.9) == ()
        assert due((EVERY_10, EVERY_60), started, set(), 110.0) == (0,)
        assert due((EVERY_10, EVERY_60), started, set(), 160.0) == (0, 1)

    def test_one_that_still_runs_is_not_started_again(self) -> None:
        assert due((EVERY_10,), {0: 100.0}, {0}, 1_000.0) == ()

    def test_what_was_missed_is_made_up_for_once_at_most(self) -> None:
        assert due((EVERY_10,), {0: 100.0}, set(), 1_000.0) == (0,)
        assert due((EVERY_10,), {0: 1_000.0}, set(), 1_009.0) == ()

    def test_the_same_command_twice_is_two_runs(self) -> None:
        assert due((EVERY_10, EVERY_10), {0: 100.0}, set(), 105.0) == (1,)

    def test_an_empty_table_has_nothing_due(self) -> None:
        assert due((), {}, set(), 0.0) == ()


class Child:
    """Stands for a process of the schedule."""

    def __init__(self, argv: list[str]) -> None:
        self.argv, self.code = argv, None

    pid = 2**22 + 1  # no such process

    def poll(self) -> int | None:
        return self.code


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    made: list[Any] = []

    def popen(argv: list[str], **_: Any) -> Child:
        made.append(Child(argv))
        return made[-1]

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    monkeypatch.setattr(module, "STOP_LOOK_S", 0.001)
    yield made


async def test_a_run_is_one_of_our_commands_on_this_home_tied_to_this_process(
    home: Home, emit: Any, children: list[Any], until: Any
) -> None:
    run = ScheduledRun(command="logs", arguments=("kill", "-n", "3"), every_s=60)
    keeping = asyncio.create_task(Schedule(home, (run,), emit).keep())
    await until(lambda: children)
    assert children[0].argv == tied_command("logs", "kill", "-n", "3", "--home", str(home.root))
    keeping.cancel()


async def test_one_instance_at_a_time_and_each_exit_code_is_journalled(
    home: Home, emit: Any, children: list[Any], until: Any
) -> None:
    keeping = asyncio.create_task(Schedule(home, (ScheduledRun(command="status", every_s=0.001),), emit).keep())
    await until(lambda: children)
    await asyncio.sleep(0.02)
    assert len(children) == 1
    children[0].code = 1
    await until(lambda: len(children) == 2)
    children[1].code = 0
    await until(lambda: len(children) == 3)
    keeping.cancel()
    told = [(message, details["severity"], details["exit_code"]) for _, message, details in emit.lines]
    assert told[:2] == [("status: exit 1", "warning", 1), ("status: exit 0", "info", 0)]
    assert set(emit.types) == {EventType.SCHEDULED_RUN_ENDED}


async def test_a_run_that_cannot_be_started_is_told_and_tried_in_its_time(
    home: Home, emit: Any, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module.subprocess, "Popen", refuse)
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    keeping = asyncio.create_task(Schedule(home, (ScheduledRun(command="status", every_s=0.005),), emit).keep())
    await until(lambda: len(emit.lines) >= 2)
    assert "could not be started" in emit.lines[0][1]
    keeping.cancel()


async def test_a_stopping_schedule_starts_nothing_more(home: Home, emit: Any, children: list[Any], until: Any) -> None:
    schedule = Schedule(home, (ScheduledRun(command="status", every_s=0.001),), emit)
    keeping = asyncio.create_task(schedule.keep())
    await until(lambda: children)
    stopping = asyncio.create_task(schedule.stop())
    await asyncio.sleep(0.01)
    children[0].code = -15
    async with asyncio.timeout(5):
        await stopping
        await keeping
    assert len(children) == 1
    assert emit.lines[-1][1] == "status: signal 15"


async def test_without_a_table_there_is_nothing_to_keep(home: Home, emit: Any) -> None:
    async with asyncio.timeout(1):
        await Schedule(home, (), emit).keep()


@pytest.mark.process
async def test_a_real_command_runs_on_this_home(home: Home, emit: Any, until: Any) -> None:
    schedule = Schedule(home, (ScheduledRun(command="files", every_s=3_600),), emit)
    keeping = asyncio.create_task(schedule.keep())
    await until(lambda: emit.lines, 30)
    assert emit.lines[0][1] == "files: exit 0"
    assert "bot_heartbeat.json" in (home.root / module.LOG).read_text()
    keeping.cancel()


@pytest.mark.process
def test_a_tied_command_is_ended_by_the_kernel_when_its_starter_is_killed(tmp_path: Any) -> None:
    lived = tmp_path / "pid"
    child = f"import os, time; open({str(lived)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    code = (
        "import os, subprocess, sys, time; from state.process import tied_command\n"
        f"tied = tied_command()[:5] + [sys.executable, '-c', {child!r}]\n"
        "subprocess.Popen(tied, start_new_session=True)\n"
        f"while not (os.path.exists({str(lived)!r}) and os.path.getsize({str(lived)!r})): time.sleep(0.005)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    pidfd = _open(int(lived.read_text()))
    if pidfd is not None:
        import select

        gone, _, _ = select.select([pidfd], [], [], 10)
        assert gone


def _open(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
