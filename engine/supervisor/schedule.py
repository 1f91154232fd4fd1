"""Commands of ours that run again and again where there are no timers: each a process, never two of one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from state.events import EventType
from state.home import Home
from state.process import tied_command
from state.settings import ScheduledRun

LOG = "logs/schedule.log"
"""What scheduled commands print; their real records are their own files."""
LOOK_S = 0.5
STOP_WITHIN_S = 3.0
STOP_LOOK_S = 0.02


def due(
    runs: Sequence[ScheduledRun], started: Mapping[int, float], running: Collection[int], at: float
) -> tuple[int, ...]:
    """Which of `runs` to start at `at` (seconds, any steady clock), by their place in the table.

    Each at once, then `every_s` from start to start. One that still runs is not started again; what it missed is not
    made up for.
    """
    return tuple(
        number
        for number, run in enumerate(runs)
        if number not in running and (number not in started or at - started[number] >= run.every_s)
    )


@dataclass(slots=True)
class Schedule:
    """The schedule table of one supervisor. Its processes end with it, however it ends."""

    home: Home
    runs: tuple[ScheduledRun, ...]
    emit: Callable[..., None]
    _started: dict[int, float] = field(default_factory=dict)
    _running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _stopped: bool = False

    async def keep(self) -> None:
        """Start what is due and journal what ended, for ever; at once over where nothing is scheduled."""
        clock = asyncio.get_running_loop().time
        while self.runs and not self._stopped:
            self._reap()
            for number in due(self.runs, self._started, self._running, clock()):
                self._started[number] = clock()
                self._start(number)
            await asyncio.sleep(LOOK_S)

    async def stop(self) -> None:
        """End what runs: SIGTERM, and SIGKILL for what is left after a while. Nothing is started any more."""
        self._stopped = True
        clock = asyncio.get_running_loop().time
        deadline = clock() + STOP_WITHIN_S
        self._signal(signal.SIGTERM)
        while self._running:
            await asyncio.sleep(STOP_LOOK_S)
            self._reap()
            if clock() >= deadline:
                self._signal(signal.SIGKILL)

    def _start(self, number: int) -> None:
        run = self.runs[number]
        argv = tied_command(run.command, *run.arguments, "--home", str(self.home.root))
        try:
            log = os.open(self.home.root / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                self._running[number] = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            finally:
                os.close(log)
        except OSError as error:
            self._tell(run, f"could not be started: {error}", None)

    def _reap(self) -> None:
        for number, process in tuple(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[number]
                self._tell(self.runs[number], f"exit {code}" if code >= 0 else f"signal {-code}", code)

    def _signal(self, which: signal.Signals) -> None:
        for process in self._running.values():
            try:
                os.killpg(process.pid, which)
            except ProcessLookupError:
                continue

    def _tell(self, run: ScheduledRun, how: str, code: int | None) -> None:
        said = " ".join((run.command, *run.arguments))
        severity = "info" if code == os.EX_OK else "warning"
        self.emit(
            EventType.SCHEDULED_RUN_ENDED, f"{said}: {how}", severity=severity, command=run.command, exit_code=code
        )
