"""The supervisor's life: keep one engine running, grant the permit while all is well, enforce a kill to the end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random

from engine.stopping import RungTeller
from engine.supervisor.engine_process import EngineProcess
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.permits import Limits, PermitOffice, withheld
from engine.supervisor.restarts import Backoff, Brake, ExitClass, classify, describe
from engine.supervisor.resting import RestingOrders
from engine.venues.kalshi.cancel import Progress
from engine.waiting import happened
from engine.wake import FolderWake
from state import kill, sentinel
from state.clock import Clock
from state.config import Settings
from state.document import DocumentWriter
from state.events import EventType
from state.home import Home
from state.kill_journal import KillState, fold, record
from state.lock import Lock
from state.models.supervisor import EngineState, SupervisorState

TAKE_OVER_S = 10.0
"""A kill the engine has not verified by then is verified by the supervisor as well."""


@dataclass(slots=True)
class Supervisor:
    """One run of `flightdeck up`. Everything happens on one event loop in the main thread."""

    home: Home
    settings: Settings
    clock: Clock
    emit: Callable[..., None]
    anchor: sentinel.Anchor
    engine_lock: Lock
    evidence: EvidenceRoom
    office: PermitOffice
    resting: RestingOrders
    document: DocumentWriter[SupervisorState]
    state: SupervisorState
    engine: EngineProcess | None = None
    exit_code: int = os.EX_OK
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _look_again: asyncio.Event = field(default_factory=asyncio.Event)
    _granted: bool | None = None
    _enforced: str | None = None
    _problem: str | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> int:
        """Supervise until a signal asks to stop; returns the exit code of the command."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stopping.set)
        wake = FolderWake(self.home.state, lambda names: self._wake())
        wake.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(part()) for part in (self._keep_engine, self._keep_permit)]
                period = self.settings.engine.reconcile_every * self.settings.engine.cycle_s
                listing = self.resting.keep_listing(lambda: self._engine_pid() is not None, period)
                running.append(tasks.create_task(listing))
                running.append(tasks.create_task(self.resting.clean_start(self._teller(None))))
                await self._stopping.wait()
                await self._stop()
                for task in (*running, *self._tasks):
                    task.cancel()
        finally:
            wake.close()
            await self.resting.close()
        return self.exit_code

    def _wake(self) -> None:
        """Something changed in state/: a kill is enforced from here, within a millisecond of its sentinel."""
        look = self.anchor.look()
        if look.engaged:
            self._withdraw()
            if self._enforced != (look.kill_id or look.reason):
                self._enforced = look.kill_id or look.reason
                self._spawn(self._enforce(look))
        self._look_again.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The engine's process

    async def _keep_engine(self) -> None:
        options = self.settings.supervisor
        backoff = Backoff(options.backoff_base_s, options.backoff_cap_s, Random())
        brake = Brake(options.brake_exits, options.brake_window_s)
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            ending = await self._run_engine()
            ran = asyncio.get_running_loop().time() - started
            if ending is ExitClass.CONFIG:
                self.exit_code = os.EX_CONFIG
                self._stopping.set()
            if not ending.restarts or self._stopping.is_set():
                return
            if ran >= options.healthy_after_s:
                backoff.reset()
            if options.brake and brake.crashed(asyncio.get_running_loop().time()):
                await self._brake(brake)
            await self._pause(backoff.next())

    async def _run_engine(self) -> ExitClass:
        self.emit(EventType.TRADING_ENGINE_STARTING, "starting the engine")
        self.engine = engine = EngineProcess.start(self.home, self.engine_lock.fileno())
        self._tell("starting", engine_pid=engine.pid, engine_started_at=self.clock.now())
        self.evidence.engine_started(engine.pid)
        watch = asyncio.get_running_loop().create_task(self._watch_engine(engine))
        try:
            code = await engine.ended()
        finally:
            watch.cancel()
        ending = classify(code, commanded=self._stopping.is_set(), unresponsive=engine.unresponsive)
        self.engine = None
        self._withdraw()
        said = f"{describe(code)} ({ending})"
        self._tell("stopped", engine_pid=None, last_exit=said)
        level = "info" if ending is ExitClass.COMMANDED else "error"
        self.emit(EventType.TRADING_ENGINE_EXITED, f"engine {engine.pid}: {said}", severity=level, exit_class=ending)
        return ending

    async def _watch_engine(self, engine: EngineProcess) -> None:
        """Tell when it is up; end it when its heart stops: SIGQUIT for a stack dump, then SIGKILL."""
        told = False
        while True:
            await asyncio.sleep(0.25)
            age = self.evidence.heartbeat_age(engine.pid)
            if age is not None and not told:
                told = True
                self._tell("running")
                self.emit(EventType.TRADING_ENGINE_STARTED, f"engine {engine.pid} is up", pid_engine=engine.pid)
            if self.evidence.silent_for(engine.pid) > self.settings.supervisor.hang_s:
                await self._end_unresponsive(engine, f"no heartbeat for {self.settings.supervisor.hang_s:.0f} s")
                return

    async def _end_unresponsive(self, engine: EngineProcess, why: str) -> None:
        engine.unresponsive = True
        self.emit(EventType.ENGINE_UNRESPONSIVE, f"engine {engine.pid}: {why}; ended", severity="critical")
        engine.send(signal.SIGQUIT)
        await asyncio.sleep(0.2)
        engine.send_group(signal.SIGKILL)

    async def _brake(self, brake: Brake) -> None:
        options = self.settings.supervisor
        why = f"crash loop: {options.brake_exits} exits within {options.brake_window_s:.0f} s"
        self.emit(EventType.CRASH_LOOP_BRAKE, why, severity="critical")
        self._tell("braked")
        kill.engage(self.home, self.clock, why=why, via="brake", by=self._name())
        while self.anchor.look().engaged and not self._stopping.is_set():
            self._look_again.clear()
            await self._pause(1.0)
        brake.release()

    async def _pause(self, seconds: float) -> None:
        self._tell("backoff" if self.state.engine != "braked" else "braked", restarts=self.state.restarts)
        if not await happened(self._stopping, seconds) and self.state.engine != "braked":
            self._tell("starting", restarts=self.state.restarts + 1)
            self.emit(EventType.TRADING_ENGINE_RESTARTING, f"restart {self.state.restarts} after {seconds:.1f} s")

    # The permit

    async def _keep_permit(self) -> None:
        """Judge every second and at every change in state/; renew every few seconds, withdraw at once."""
        due = 0.0
        while True:
            loop = asyncio.get_running_loop()
            look = self.anchor.look()
            if look.engaged:
                self._wake()
            found = self.evidence.gather(fold(self.home, self.clock, look), self._engine_pid(), self.resting.verified)
            reasons = withheld(found, self._limits())
            if reasons:
                self._withdraw()
                due = 0.0
            elif loop.time() >= due:
                self.office.renew(found.arming_id, self.resting.source)
                due = loop.time() + self.settings.supervisor.renew_every_s
            self._tell(self.state.engine, permit_withheld=reasons)
            self._note_permit(not reasons, reasons)
            self._look_again.clear()
            await self._wait_for_change(min(1.0, self.settings.supervisor.renew_every_s))

    async def _wait_for_change(self, seconds: float) -> None:
        if await happened(self._look_again, seconds):
            await asyncio.sleep(0.02)  # several files change together; judge them once

    def _engine_pid(self) -> int | None:
        return self.engine.pid if self.engine is not None and self.engine.running() else None

    def _limits(self) -> Limits:
        options = self.settings
        return Limits(
            heartbeat_s=options.supervisor.heartbeat_s,
            exchange_age_s=options.gate.exchange_age_s,
            clock_offset_ms=options.gate.clock_offset_ms,
            disk_free_share=options.supervisor.disk_free_share,
        )

    def _withdraw(self) -> None:
        if self.office.withdraw():
            self._granted = None

    def _note_permit(self, granted: bool, reasons: tuple[str, ...]) -> None:
        if granted == self._granted:
            return
        self._granted = granted
        if granted:
            self.emit(EventType.PERMIT_GRANTED, "permit granted")
        else:
            self.emit(EventType.PERMIT_WITHHELD, f"permit withheld: {'; '.join(reasons)}", severity="warning")

    # A kill

    async def _enforce(self, look: sentinel.Look) -> None:
        """Disarm at once; step in where the engine does not deny, cancel and verify by itself in time."""
        kill.disarm(self.anchor, self.clock, by=self._name(), why=look.reason)
        if look.kill_id is None:
            return
        kill.observe(self.home, self.clock, by=self._name())
        await asyncio.sleep(self.settings.supervisor.cancel_after_s)
        if self._open_kill(look.kill_id, "engine_denied") is not None:
            await self._deny_for_engine(look.kill_id)
        if self._open_kill(look.kill_id, "cancel_sent") is None:
            await self._leave_to_engine(look.kill_id)
        if self._open_kill(look.kill_id, "verified_2") is not None:
            await self.resting.cancel(self._teller(look.kill_id))

    def _open_kill(self, kill_id: str, rung: str) -> KillState | None:
        """The state of that kill while it stands and lacks `rung`; None otherwise."""
        state = fold(self.home, self.clock)
        return state if state.kill_id == kill_id and state.rung(rung) is None else None

    async def _deny_for_engine(self, kill_id: str) -> None:
        """An engine that has not denied in time may hold a signed order: end it, so that none can leave."""
        if self.engine is not None and self.engine.running():
            self.engine.unresponsive = True
            ended = self.engine
            self.emit(EventType.ENGINE_UNRESPONSIVE, f"engine {ended.pid} did not answer the kill", severity="critical")
            ended.send_group(signal.SIGKILL)
            while ended.running():
                await asyncio.sleep(0.01)
        if self._open_kill(kill_id, "engine_denied") is not None:
            record(self.home, self.clock, "rung", kill_id=kill_id, rung="engine_denied", by=self._name())

    async def _leave_to_engine(self, kill_id: str) -> None:
        waited = 0.0
        while waited < TAKE_OVER_S and self._open_kill(kill_id, "verified_2") is not None:
            await asyncio.sleep(0.25)
            waited += 0.25

    def _teller(self, kill_id: str | None) -> RungTeller:
        return RungTeller(self.home, self.clock, kill_id, self._name(), self._note_problem)

    def _note_problem(self, progress: Progress) -> None:
        if progress.problem != self._problem and progress.problem:
            self.emit(EventType.ORDERS_NOT_VERIFIED, progress.problem, severity="critical")
        self._problem = progress.problem

    # The end

    async def _stop(self) -> None:
        """Withdraw, disarm, stop the engine, then cancel and verify what rests: the last act of a commanded stop."""
        self._withdraw()
        kill.disarm(self.anchor, self.clock, by=self._name(), why="supervisor stopped")
        self._tell("stopping")
        if self.engine is not None:
            await self.engine.stop(self.settings.supervisor.stop_timeout_s)
        teller = self._teller(self.anchor.look().kill_id)
        await self.resting.cancel(teller, deadline_s=self.settings.supervisor.stop_timeout_s)
        self._tell("stopped", engine_pid=None)

    def _tell(self, engine: EngineState, **changes: object) -> None:
        self.state = self.state.model_copy(update={"engine": engine, **changes})
        self.document.write(self.state)

    def _name(self) -> str:
        return f"supervisor {self.state.pid}"
