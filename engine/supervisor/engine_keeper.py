"""Keeps one engine running: starts it, watches its heart, starts it again after a while, brakes a crash loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from engine.supervisor.board import Board
from engine.supervisor.engine_process import EngineProcess
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.restarts import Backoff, Brake, ExitClass, classify, describe
from engine.waiting import happened
from state import kill
from state.clock import Clock
from state.events import EventType
from state.home import Home
from state.sentinel import Anchor
from state.settings import Supervisor as Options

HEARTBEAT_LOOK_S = 0.25
DUMP_S = 0.2
"""What a hanging engine gets to write its stacks after SIGQUIT."""
END_WITHIN_S = 2.0
"""SIGKILL works at once, but on a process that the kernel itself holds."""


@dataclass(slots=True)
class EngineKeeper:
    """The engine's whole life under one supervisor. `gone` is called the moment an engine has ended."""

    home: Home
    clock: Clock
    options: Options
    anchor: Anchor
    lock_fd: int
    evidence: EvidenceRoom
    board: Board
    emit: Callable[..., None]
    stopping: asyncio.Event
    gone: Callable[[], None] = lambda: None
    engine: EngineProcess | None = None
    exit_code: int = os.EX_OK
    """Not 0 when the engine's configuration is wrong, or a crash loop cannot be braked: the supervisor ends as well."""
    fault: str = ""
    """Why, in one line."""

    @property
    def pid(self) -> int | None:
        """The engine that runs now; a stopped (SIGSTOP) one runs."""
        return self.engine.pid if self.engine is not None and self.engine.running() else None

    async def keep(self) -> None:
        """Start the engine again and again until told to stop."""
        clock = asyncio.get_running_loop().time
        backoff = Backoff(self.options.backoff_base_s, self.options.backoff_cap_s, Random())
        brake = Brake(self.options.brake_exits, self.options.brake_window_s)
        while not self.stopping.is_set():
            started = clock()
            ending = await self._run_once()
            if not ending.restarts or self.stopping.is_set():
                return
            if clock() - started >= self.options.healthy_after_s:
                backoff.reset()
            if self.options.brake and brake.crashed(clock()):
                await self._brake(brake)
            await self._back_off(backoff.next())

    async def stop(self) -> None:
        """End the engine that runs, if one does, and wait until its group is empty."""
        if self.engine is not None:
            await self.engine.stop(self.options.stop_timeout_s)

    async def end_unresponsive(self, why: str) -> bool:
        """An engine that does not answer may hold a signed order: end it. Counted as a crash. Whether it is gone."""
        engine = self.engine
        if engine is None or not engine.running():
            return True
        engine.unresponsive = True
        self.emit(EventType.ENGINE_UNRESPONSIVE, f"engine {engine.pid}: {why}; ended", severity="critical")
        engine.send_group(signal.SIGKILL)
        clock = asyncio.get_running_loop().time
        deadline = clock() + END_WITHIN_S
        while engine.running() and clock() < deadline:  # its end is awaited by `keep`; this only has to see it
            await asyncio.sleep(0.01)
        return not engine.running()

    async def _run_once(self) -> ExitClass:
        self.emit(EventType.TRADING_ENGINE_STARTING, "starting the engine")
        try:
            self.engine = engine = EngineProcess.start(self.home, self.lock_fd)
        except OSError as error:
            return self._ended(None, f"could not be started: {error}", ExitClass.FAILED)
        self.evidence.engine_started(engine.pid)
        self.board.tell(engine="starting", engine_pid=engine.pid, engine_started_at=self.clock.now())
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(engine))
            code = await engine.ended()
            watch.cancel()
        self.engine = None
        self.gone()
        ending = classify(code, commanded=self.stopping.is_set(), unresponsive=engine.unresponsive)
        how = describe(code)
        if ending is ExitClass.CONFIG:
            how = f"{how}: {engine.last_words(self.home)}"
            self._give_up(os.EX_CONFIG, f"the engine's configuration is wrong: {engine.last_words(self.home)}")
        return self._ended(engine.pid, how, ending)

    def _give_up(self, code: int, fault: str) -> None:
        self.exit_code, self.fault = code, fault
        self.stopping.set()

    def _ended(self, pid: int | None, how: str, ending: ExitClass) -> ExitClass:
        said = f"{how} ({ending})"
        self.board.tell(engine="stopped", engine_pid=None, last_exit=said)
        severity = "info" if ending is ExitClass.COMMANDED else "error"
        name = "engine" if pid is None else f"engine {pid}"
        self.emit(EventType.TRADING_ENGINE_EXITED, f"{name}: {said}", severity=severity, exit_class=ending)
        return ending

    async def _watch(self, engine: EngineProcess) -> None:
        """Tell when it is up; when its heart stops, take a stack dump and end it."""
        while not self.evidence.engine_was_heard() and not self._silent():
            await asyncio.sleep(HEARTBEAT_LOOK_S)
        if not self._silent():
            self.board.tell(engine="running")
            self.emit(EventType.TRADING_ENGINE_STARTED, f"engine {engine.pid} is up")
        while not self._silent():
            await asyncio.sleep(HEARTBEAT_LOOK_S)
        engine.send(signal.SIGQUIT)
        await asyncio.sleep(DUMP_S)
        await self.end_unresponsive(f"no heartbeat for {self.options.hang_s:.0f} s")

    def _silent(self) -> bool:
        return self.evidence.silence_s() > self.options.hang_s

    async def _brake(self, brake: Brake) -> None:
        """Engage the kill, and start nothing until a person has cleared it."""
        why = f"crash loop: {self.options.brake_exits} exits within {self.options.brake_window_s:.0f} s"
        self.emit(EventType.CRASH_LOOP_BRAKE, why, severity="critical")
        self.board.tell(engine="braked")
        try:
            kill.engage(self.home, self.clock, why=why, via="brake", by=self.board.name)
        except kill.KillError as error:
            self.emit(EventType.WRITE_FAILED, f"brake: {error}", severity="critical")
            self._give_up(os.EX_IOERR, f"{why}, and {error}")
            return
        while self.anchor.look().engaged and not self.stopping.is_set():
            await happened(self.stopping, 0.5)
        brake.release()

    async def _back_off(self, seconds: float) -> None:
        self.board.tell(engine="backoff")
        if not await happened(self.stopping, seconds):
            self.board.tell(restarts=self.board.state.restarts + 1)
            self.emit(EventType.TRADING_ENGINE_RESTARTING, f"restart {self.board.state.restarts} after {seconds:.1f} s")
