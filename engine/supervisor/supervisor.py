"""The supervisor's life, on one event loop in the main thread: engine, permit, kill, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from engine.supervisor.board import Board
from engine.supervisor.engine_keeper import EngineKeeper
from engine.supervisor.kill_enforcer import KillEnforcer
from engine.supervisor.permit_keeper import PermitKeeper
from engine.supervisor.resting import RestingOrders
from engine.supervisor.schedule import Schedule
from engine.wake import FolderWake
from state import kill
from state.clock import Clock
from state.events import EventType
from state.home import Home
from state.lock import Lock
from state.sentinel import NAME, Anchor

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PRECONDITIONS = frozenset(
    {NAME, *(entry.path.removeprefix("state/") for entry in (Home.armed, Home.heartbeat, Home.exchange))}
)
"""Files in state/ that a permit depends on. What the supervisor writes itself must not wake it: it would never rest."""


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
    schedule: Schedule
    locks: tuple[Lock, ...]
    _duties: set[asyncio.Task[None]] = field(default_factory=set)
    _failure: str = ""
    _unverified: str = ""

    @property
    def fault(self) -> str:
        """Why it ended unasked, else what its stop could not verify, in one line; empty when all was well."""
        return self._failure or self.engine.fault or self._unverified

    async def run(self) -> int:
        """Supervise until a signal asks to stop or a duty fails; returns the exit code of the command.

        1: stopped, and it is not verified that nothing rests.
        """
        for number in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self.stopping.set)
        self.engine.gone = self._withdraw
        wake = FolderWake(self.anchor.home.state, self._woken)
        wake.start()
        try:
            self._begin("engine", self.engine.keep())
            self._begin("permit", self.permit.keep())
            self._begin("clean start", self.resting.clean_start(self.enforcer.teller(None)))
            self._begin("listing", self.resting.keep_listing(lambda: self.engine.pid is not None, self.listing_period))
            self._begin("kill switch", self._keep_looking())
            self._begin("schedule", self.schedule.keep())
            self._look()
            await self.stopping.wait()
            await self._stop()
        finally:
            wake.close()
            duties = tuple(self._duties)
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)  # `_ended` tells what they died of
            await self.resting.close()
        if self._failure:
            return os.EX_SOFTWARE
        return self.engine.exit_code or int(bool(self._unverified))

    def _begin(self, name: str, duty: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(duty, name=name)
        self._duties.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A duty that failed ends all, in good order: without supervision no permit, no engine, nothing resting."""
        self._duties.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            told = "".join(traceback.format_exception(error))
            self._fail(f"{task.get_name()}: {type(error).__name__}: {error}; stopping", traceback=told)

    def _fail(self, why: str, **details: str) -> None:
        self._failure = why
        self.emit(EventType.SUPERVISOR_FAILED, why, severity="critical", **details)
        self.stopping.set()

    def _woken(self, names: frozenset[str]) -> None:
        self._look()
        if not names or names & PRECONDITIONS:
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
            self._begin("kill enforcement", self.enforcer.enforce(look))
        if not self.stopping.is_set():
            self._hold()

    def _hold(self) -> None:
        """Without its locks it would not be the only one for long: end before a second engine can trade."""
        for lock in self.locks:
            if not lock.stands(self.anchor.fd):
                self._fail(
                    f"state/{lock.name}.lock is gone or another file: a second {lock.name} could start; stopping"
                )
                return

    def _withdraw(self) -> None:
        try:
            self.permit.withdraw()
        except OSError as error:
            self.emit(EventType.WRITE_FAILED, f"permit cannot be withdrawn: {error}", severity="critical")

    def _disarm(self) -> None:
        try:
            kill.disarm(self.anchor, self.clock, by=self.board.name, why="supervisor stopped")
        except OSError as error:  # the next supervisor drops it, and starts nothing before it could
            self.emit(EventType.WRITE_FAILED, f"start cannot be taken back: {error}", severity="critical")

    async def _stop(self) -> None:
        """Withdraw, disarm, stop the engine, then cancel and verify what rests: the last act of a commanded stop."""
        self.permit.retire()
        self._withdraw()
        self.board.tell(engine="stopping")
        self._disarm()
        await self.engine.stop()
        await self.schedule.stop()
        teller = self.enforcer.teller(self.anchor.look().kill_id)
        if await self.resting.cancel(teller, deadline_s=self.stop_timeout_s):
            await self.resting.list_once()  # the last word on what rests is a true one
        else:
            within = f"within {self.stop_timeout_s:.0f} s"
            self._unverified = f"not verified {within} that nothing rests; what does ends by its expiry"
            self.emit(EventType.ORDERS_NOT_VERIFIED, self._unverified, severity="critical")
        self.board.tell(engine="stopped", engine_pid=None, end="unverified" if self._unverified else "verified")
