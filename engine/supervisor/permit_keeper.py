"""Renews the permit while every precondition holds, and withdraws it the moment one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.supervisor.board import Board
from engine.supervisor.engine_keeper import EngineKeeper
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.permits import Limits, PermitOffice, withheld
from engine.supervisor.resting import RestingOrders
from engine.waiting import happened
from state.clock import NANOS, Clock
from state.events import EventType
from state.sentinel import Anchor

JUDGE_EVERY_S = 1.0
SETTLE_S = 0.02
"""Several files change together; they are judged once."""


@dataclass(slots=True)
class PermitKeeper:
    """Judges every second and at every change in state/."""

    clock: Clock
    anchor: Anchor
    evidence: EvidenceRoom
    office: PermitOffice
    resting: RestingOrders
    keeper: EngineKeeper
    board: Board
    limits: Limits
    renew_every_s: float
    emit: Callable[..., None]
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _due: float = 0.0
    _granted: bool | None = None
    _retired: bool = False

    async def keep(self) -> None:
        """Judge for ever."""
        while True:
            self._changed.clear()
            self.judge()
            if await happened(self._changed, min(JUDGE_EVERY_S, self.renew_every_s)):
                await asyncio.sleep(SETTLE_S)

    def changed(self) -> None:
        """Something in state/ changed: judge again soon."""
        self._changed.set()

    def judge(self) -> None:
        """One verdict. A permit that cannot be written runs out by itself; that is told as its reason."""
        reasons: tuple[str, ...] = ("the supervisor is stopping",) if self._retired else ()
        try:
            self.office.drop_void_start()
        except OSError as error:
            reasons += (f"void start cannot be dropped: {error.strerror}",)
        found = self.evidence.gather(self.anchor.look(), self.keeper.pid, self.resting.verified)
        reasons += withheld(found, self.limits)
        try:
            if reasons:
                self.withdraw()
            else:
                self._renew(found.arming_id)
        except OSError as error:
            reasons += (f"permit cannot be written: {error.strerror}",)
        self.board.tell(permit_withheld=reasons)
        self._note(reasons)

    def retire(self) -> None:
        """Grant nothing any more, whatever holds: the supervisor is stopping."""
        self._retired = True

    def withdraw(self) -> None:
        """Take the permit away now. Raises OSError."""
        self._due = 0.0
        self.office.withdraw()

    def _renew(self, arming_id: str) -> None:
        now = self.clock.boottime_ns() / NANOS
        if now >= self._due:
            self.office.renew(arming_id, self.resting.source)
            self._due = now + self.renew_every_s

    def _note(self, reasons: tuple[str, ...]) -> None:
        granted = not reasons
        if granted == self._granted:
            return
        self._granted = granted
        if granted:
            self.emit(EventType.PERMIT_GRANTED, "permit granted")
        else:
            self.emit(EventType.PERMIT_WITHHELD, f"permit withheld: {'; '.join(reasons)}", severity="warning")
