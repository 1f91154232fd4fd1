"""The supervisor's life, on one event loop in the main thread: engine, permit, kill, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from engine.supervisor.board import Board
from engine.supervisor.engine_keeper import EngineKeeper
from engine.supervisor.kill_enforcer import KillEnforcer
from engine.supervisor.permit_keeper import PermitKeeper
from engine.supervisor.resting import RestingOrders
from engine.wake import FolderWake
from state import kill
from state.clock import Clock
from state.events import EventType
from state.sentinel import Anchor

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(slots=True)
class Supervisor:
    """One run of `flightdeck up`."""

    clock: Clock
    anchor: Anchor
    board: Board
    engine: EngineKeeper
    permit: PermitKeeper
    enforcer: KillEnforcer
    resting: RestingOrders
    listing_period: float
    stop_timeout_s: float
    emit: Callable[..., None]
    stopping: asyncio.Event
    _enforcing: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> int:
        """Supervise until a signal asks to stop; returns the exit code of the command."""
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        self.engine.gone = self._withdraw
        wake = FolderWake(self.anchor.home.state, self._woken)
        wake.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(part) for part in self._parts()]
                self._look()
                await self.stopping.wait()
                await self._stop()
                for task in (*running, *self._enforcing):
                    task.cancel()
        finally:
            wake.close()
            await self.resting.close()
        return self.engine.exit_code

    def _parts(self) -> tuple[Coroutine[None, None, None], ...]:
        return (
            self.engine.keep(),
            self.permit.keep(),
            self.resting.clean_start(self.enforcer.teller(None)),
            self.resting.keep_listing(lambda: self.engine.pid is not None, self.listing_period),
            self._keep_looking(),
        )

    def _woken(self, _: frozenset[str]) -> None:
        self._look()
        self.permit.changed()

    async def _keep_looking(self) -> None:
        """A home that is moved or unmounted tells nobody: look every second as well."""
        while True:
            await asyncio.sleep(1.0)
            self._look()

    def _look(self) -> None:
        """A kill is enforced from here, within a millisecond of its sentinel."""
        look = self.anchor.look()
        if look.engaged:
            self._withdraw()
        if self.enforcer.new(look):
            task = asyncio.get_running_loop().create_task(self.enforcer.enforce(look))
            self._enforcing.add(task)
            task.add_done_callback(self._enforced)

    def _enforced(self, task: asyncio.Task[None]) -> None:
        self._enforcing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.emit(EventType.ENFORCEMENT_FAILED, f"kill enforcement: {task.exception()!r}", severity="critical")
            self.stopping.set()  # fail closed: no supervisor, no permit, no engine

    def _withdraw(self) -> None:
        try:
            self.permit.withdraw()
        except OSError as error:
            self.emit(EventType.WRITE_FAILED, f"permit cannot be withdrawn: {error}", severity="critical")

    async def _stop(self) -> None:
        """Withdraw, disarm, stop the engine, then cancel and verify what rests: the last act of a commanded stop."""
        self._withdraw()
        self.board.tell(engine="stopping")
        kill.disarm(self.anchor, self.clock, by=self.board.name, why="supervisor stopped")
        await self.engine.stop()
        teller = self.enforcer.teller(self.anchor.look().kill_id)
        if await self.resting.cancel(teller, deadline_s=self.stop_timeout_s):
            await self.resting.list_once()  # the last word on what rests is a true one
        self.board.tell(engine="stopped", engine_pid=None)
