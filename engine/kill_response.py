"""What the engine does when it sees a kill: deny, then cancel, then verify, and tell each rung as it is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from engine.stopping import BesideTheLoop, RungTeller
from engine.venues.kalshi.cancel import Cancellation, Progress
from engine.venues.kalshi.rest import KalshiRest
from state import kill
from state.clock import Clock
from state.home import Home
from state.kill_journal import record_anyway
from state.sentinel import Anchor, Look

ANSWER_WAIT_S = 0.3
"""Orders on their way may be answered within this; then they are named as unresolved and the cancel goes out."""

TRIGGERS_FIRST_S = 0.005
"""For so long at most the journal waits for the triggers: to fold it holds the interpreter that must sign and send."""


@dataclass(slots=True)
class KillResponse:
    """One engine's answer to kills. `groups` are our order groups; `halt_paper` cancels paper orders."""

    home: Home
    clock: Clock
    anchor: Anchor
    rest: KalshiRest
    by: str
    groups: Callable[[], tuple[str, ...]]
    unresolved: Callable[[], AbstractSet[str]]
    """Orders whose fate the exchange has not told."""
    halt_paper: Callable[[], int]
    on_done: Callable[[], None] = lambda: None
    """Told when verified, to ask for a fresh listing."""
    error: str = ""
    """What went wrong with the answer to the kill that stands; shown in every cycle."""
    _answered: str | None = None
    _answers: set[asyncio.Task[None]] = field(default_factory=set)

    def look(self) -> Look:
        """Look now, and start to answer a kill that was not answered yet. Called by the wake and by every cycle."""
        look = self.anchor.look()
        if not look.engaged:
            self._answered, self.error = None, ""
        elif self._answered != (look.kill_id or look.reason):
            self._answered = look.kill_id or look.reason
            answer = asyncio.get_running_loop().create_task(self._answer(look))
            self._answers.add(answer)
            answer.add_done_callback(self._ended)
            self.halt_paper()  # last: whatever it raises, what is real is cancelled
        return look

    async def close(self) -> None:
        """Stop answering; the supervisor, whose last act is to cancel, sees what is not done."""
        answers = tuple(self._answers)
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    async def _answer(self, look: Look) -> None:
        """The exchange is told at once; the journal follows in its order, however long the disk takes."""
        disk = BesideTheLoop()
        tell = RungTeller(self.home, self.clock, look.kill_id, self.by, self._listen)
        run = Cancellation(self.rest, partial(disk.do, tell))
        disk.do(self._take_start_back, look)
        run.trigger(self.groups())
        try:
            await run.triggered(TRIGGERS_FIRST_S)
            disk.do(self._observe, look)
            unresolved = await self._settle_in_flight()
            disk.do(self._tell_denied, look, unresolved)
            run.trigger(self.groups())  # one that was being made when the kill came
            await run.until_verified()
        finally:
            run.abandon()
            await disk.done()
        self.error = ""
        self.on_done()

    def _take_start_back(self, look: Look) -> None:
        try:
            kill.disarm(self.anchor, self.clock, by=self.by, why=look.reason)
        except OSError as error:
            self._note(f"start cannot be taken back: {error}")

    def _observe(self, look: Look) -> None:
        if look.kill_id is not None:
            kill.observe(self.home, self.clock, by=self.by)

    def _tell_denied(self, look: Look, unresolved: list[str]) -> None:
        if look.kill_id is None:
            return
        why = f"unresolved: {', '.join(unresolved)}" if unresolved else ""
        rung = "engine_denied"
        self._note(record_anyway(self.home, self.clock, "rung", rung=rung, kill_id=look.kill_id, by=self.by, why=why))

    async def _settle_in_flight(self) -> list[str]:
        """Wait a moment for answers; the orders of which it is not known whether they arrived."""
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                await self.rest.none_in_flight()
        except TimeoutError:
            return sorted(self.rest.orders_in_flight | self.unresolved())
        return sorted(self.unresolved())

    def _listen(self, progress: Progress) -> None:
        self._note(progress.problem or "")

    def _note(self, trouble: str) -> None:
        if trouble:
            self.error = f"kill: {trouble}"

    def _ended(self, answer: asyncio.Task[None]) -> None:
        self._answers.discard(answer)
        error = None if answer.cancelled() else answer.exception()
        if error is not None:  # the supervisor cancels when no rung stands in time
            self._note(f"{type(error).__name__}: {error}")
