"""What the engine does when it sees a kill: deny, then cancel, then verify, and tell each rung as it is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from engine.stopping import RungTeller, stop_at_exchange
from engine.venues.kalshi.rest import KalshiRest
from state import kill
from state.clock import Clock
from state.home import Home
from state.kill_journal import record
from state.sentinel import Anchor, Look

ANSWER_WAIT_S = 0.3
"""Orders on their way may be answered within this; then they are named as unresolved and the cancel goes out."""


@dataclass(slots=True)
class KillResponse:
    """One engine's answer to kills. `groups` are our order groups; `halt_paper` cancels paper orders."""

    home: Home
    clock: Clock
    anchor: Anchor
    rest: KalshiRest
    by: str
    groups: Callable[[], tuple[str, ...]]
    halt_paper: Callable[[], int]
    on_done: Callable[[], None] = lambda: None
    """Told when verified, to ask for a fresh listing."""
    _answered: str | None = None
    _running: asyncio.Task[None] | None = None

    def look(self) -> Look:
        """Look now, and start to answer a kill that was not answered yet. Called by the wake and by every cycle."""
        look = self.anchor.look()
        if not look.engaged:
            self._answered = None
        elif self._answered != (look.kill_id or look.reason):
            self._answered = look.kill_id or look.reason
            self.halt_paper()
            self._running = asyncio.get_running_loop().create_task(self._answer(look))
        return look

    async def _answer(self, look: Look) -> None:
        kill.disarm(self.anchor, self.clock, by=self.by, why=look.reason)
        if look.kill_id is None:
            return  # no folder to write to: every send is denied by its look, and the permit runs out
        kill.observe(self.home, self.clock, by=self.by)
        unresolved = await self._settle_in_flight()
        why = f"unresolved: {', '.join(unresolved)}" if unresolved else ""
        record(self.home, self.clock, "rung", kill_id=look.kill_id, rung="engine_denied", by=self.by, why=why)
        told = RungTeller(self.home, self.clock, look.kill_id, self.by, lambda _: None)
        await stop_at_exchange(self.rest, told, groups=self.groups())
        self.on_done()

    async def _settle_in_flight(self) -> list[str]:
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                await self.rest.none_in_flight()
        except TimeoutError:
            return sorted(self.rest.orders_in_flight)
        return []
