"""Cancel and verify at the exchange, told rung by rung into the kill journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.venues.kalshi.cancel import VERIFIED_2, Progress, cancel_and_verify
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.rest import KalshiRest
from state.clock import Clock
from state.home import Home
from state.kill_journal import record

Told = Callable[[Progress], None]


@dataclass(slots=True)
class RungTeller:
    """Journals what stopping reaches: every rung durably, `left` when it changed. Never raises: stopping goes on."""

    home: Home
    clock: Clock
    kill_id: str | None
    by: str
    told: Told
    _left: int | None = None

    def __call__(self, progress: Progress) -> None:
        try:
            if progress.rung is not None:
                self._record("rung", progress, rung=progress.rung)
            elif progress.left != self._left or progress.problem:
                self._record("left", progress, why=progress.problem or "")
        except OSError:
            self.told(progress)  # a full disk must not keep orders alive; whoever listens hears of it
            return
        self._left = progress.left
        self.told(progress)

    def _record(self, act: str, progress: Progress, **more: object) -> None:
        event = {"kill_id": self.kill_id, "left": progress.left, **more}
        record(self.home, self.clock, act, by=self.by, durable=act == "rung", **event)


async def stop_at_exchange(
    rest: KalshiRest, told: Told, *, groups: Sequence[str] | None = None, deadline_s: float | None = None
) -> bool:
    """Trigger the order groups (None: all the exchange knows), cancel all, verify twice; whether it was verified."""
    if groups is None:
        groups = await _all_groups(rest, told)
    done = await cancel_and_verify(rest, groups, told, deadline=deadline_s)
    return done.rung == VERIFIED_2


async def _all_groups(rest: KalshiRest, told: Told) -> Sequence[str]:
    try:
        return await rest.order_group_ids(urgent=True, attempts=1)
    except VenueError as error:
        told(Progress(None, None, f"listing of order groups: {error}"))
        return ()
