"""Sees a kill through to its last rung, whatever the engine does: disarm, deny, cancel, verify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine.stopping import BesideTheLoop, RungTeller, Told
from engine.supervisor.engine_keeper import EngineKeeper
from engine.supervisor.resting import RestingOrders
from state import kill
from state.clock import Clock
from state.events import EventType
from state.home import Home
from state.kill_journal import KillState, fold, record
from state.sentinel import Anchor, Look

TAKE_OVER_S = 10.0
"""A kill that the engine has not verified by then is cancelled and verified by the supervisor as well."""
LOOK_S = 0.1


@dataclass(slots=True)
class KillEnforcer:
    """Steps in where the engine does not: each step only when its rung is missing after its time."""

    home: Home
    clock: Clock
    anchor: Anchor
    resting: RestingOrders
    keeper: EngineKeeper
    by: str
    cancel_after_s: float
    told: Told
    emit: Callable[..., None]
    _enforced: str | None = None

    def new(self, look: Look) -> bool:
        """Whether this kill is not being enforced yet; then it is from now on."""
        kill_id = look.kill_id or look.reason
        fresh = look.engaged and self._enforced != kill_id
        self._enforced = kill_id if look.engaged else None
        return fresh

    async def enforce(self, look: Look) -> None:
        """The whole kill; files follow beside it in their order, however long the disk takes.

        Where nothing can be written the permit has run out by itself, and orders expire.
        """
        disk = BesideTheLoop()
        disk.do(self._take_start_back, look)
        try:
            if look.kill_id is None:  # no rungs tell what the engine does about a doubt
                await self.resting.cancel(partial(disk.do, self.teller(None)))
            else:
                await self._climb(look.kill_id, disk)
        finally:
            await disk.done()

    def _take_start_back(self, look: Look) -> None:
        try:
            kill.disarm(self.anchor, self.clock, by=self.by, why=look.reason)
            if look.kill_id is not None:
                kill.observe(self.home, self.clock, by=self.by)
        except OSError as error:
            self.emit(EventType.WRITE_FAILED, f"kill: {error}", severity="critical")

    async def _climb(self, kill_id: str, disk: BesideTheLoop) -> None:
        await asyncio.sleep(self.cancel_after_s)
        if self._lacks(kill_id, "engine_denied") and await self._engine_cannot_send():
            disk.do(self._note_denied, kill_id)
        waited = 0.0
        while self._lacks(kill_id, "verified_2"):
            if self._lacks(kill_id, "cancel_sent") or waited >= TAKE_OVER_S or self.keeper.pid is None:
                await self.resting.cancel(partial(disk.do, self.teller(kill_id)))
                return
            await asyncio.sleep(LOOK_S)
            waited += LOOK_S

    async def _engine_cannot_send(self) -> bool:
        """End an engine that does not deny. One that was never heard had no permit, and finds the kill as it starts."""
        if not self.keeper.evidence.engine_was_heard():
            return True
        return await self.keeper.end_unresponsive("it did not deny within the time a kill gives it")

    def teller(self, kill_id: str | None) -> RungTeller:
        """Journals the rungs that this supervisor reaches."""
        return RungTeller(self.home, self.clock, kill_id, self.by, self.told)

    def _lacks(self, kill_id: str, rung: str) -> bool:
        state: KillState = fold(self.home, self.clock)
        return state.kill_id == kill_id and state.rung(rung) is None

    def _note_denied(self, kill_id: str) -> None:
        if not self._lacks(kill_id, "engine_denied"):
            return
        try:
            record(self.home, self.clock, "rung", kill_id=kill_id, rung="engine_denied", by=self.by)
        except OSError as error:
            self.emit(EventType.WRITE_FAILED, f"kill: {error}", severity="critical")
