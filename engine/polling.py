"""Questions asked of the exchange again and again, beside the cycle, so that a slow answer never stalls it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.waiting import happened

RETRY_S = 5.0
"""A question that failed is asked again within this, however seldom it is asked else."""


@dataclass(slots=True)
class Poller:
    """Runs `ask` every `period` seconds, or soon when woken. A failure is kept as `error` until a success.

    A burst of wakes is one question: between two there is a tenth of the period at least.
    """

    name: str
    period: float
    ask: Callable[[], Awaitable[None]]
    answered: int = 0
    error: str = ""
    _now: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Ask for ever. Nothing that an answer can do ends it: the next question may succeed."""
        while True:
            try:
                await self.ask()
            except Exception as error:  # noqa: BLE001  (kept by name and shown in every heartbeat until it is over)
                self.error = f"{self.name}: {type(error).__name__}: {error}"
            else:
                self.answered += 1
                self.error = ""
            await self._pause()

    def wake(self) -> None:
        """Ask again soon."""
        self._now.set()

    async def _pause(self) -> None:
        period = min(self.period, RETRY_S) if self.error else self.period
        least = period / 10
        await asyncio.sleep(least)
        await happened(self._now, period - least)
        self._now.clear()
