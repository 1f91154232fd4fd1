"""The cycle that never dies and never lies: an exception becomes a degraded cycle with its error named."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from engine.waiting import happened

REMEMBERED = 300
"""Cycles over which the 99th percentile is taken: five minutes."""

Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one cycle came to; `errors` is empty exactly when it was ok."""

    cycle: int
    errors: tuple[str, ...]
    duration_ms: float
    p99_ms: float

    @property
    def status(self) -> str:
        """ok or degraded."""
        return "degraded" if self.errors else "ok"


@dataclass(slots=True)
class Loop:
    """Runs the named `steps` in order, `period` seconds from start to start, then hands the result to `report`."""

    steps: Sequence[tuple[str, Step]]
    report: Callable[[CycleResult], Awaitable[None]]
    period: float
    cycle: int = 0
    _durations: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _report_error: tuple[str, ...] = ()

    async def run(self, stop: asyncio.Event) -> None:
        """Cycle until `stop` is set. A cycle that takes too long delays the next; none is made up for."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while not stop.is_set():
            await self.run_once()
            due = max(due + self.period, clock())
            await happened(stop, due - clock())

    async def run_once(self) -> CycleResult:
        """One cycle; never raises. What went wrong in the last report is told by this one."""
        clock = asyncio.get_running_loop().time
        began = clock()
        self.cycle += 1
        errors = self._report_error
        for name, step in self.steps:
            errors += await _guarded(name, step)
        duration = (clock() - began) * 1e3
        self._durations.append(duration)
        result = CycleResult(self.cycle, errors, duration, self._p99())
        self._report_error = await _guarded("report", lambda: self.report(result))
        return result

    def _p99(self) -> float:
        ordered = sorted(self._durations)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


async def _guarded(name: str, step: Step) -> tuple[str, ...]:
    try:
        await step()
    except Exception as error:  # noqa: BLE001  (the contract: no failure ends the cycle, each is named)
        return (f"{name}: {type(error).__name__}: {error}",)
    return ()
