"""Waiting after the exchange has said no, twice as long each time."""

from __future__ import annotations

from dataclasses import dataclass

from state.clock import NANOS, Clock

FIRST_S, LONGEST_S = 1.0, 30.0
IN_A_ROW = 6
"""Refusals after which the next order would hardly fare better: its group is triggered, or the account has no money."""


@dataclass(slots=True)
class Pause:
    """Begun anew by each refusal; short again once something was taken."""

    clock: Clock
    _length_s: float = 0.0
    _until_ns: int = 0

    @property
    def left_s(self) -> float:
        """Seconds that are left of it; 0 when it is over."""
        return max(0, self._until_ns - self.clock.boottime_ns()) / NANOS

    def begin(self) -> None:
        """Wait from now on."""
        self._length_s = min(LONGEST_S, max(FIRST_S, self._length_s * 2))
        self._until_ns = self.clock.boottime_ns() + round(self._length_s * NANOS)

    def relax(self) -> None:
        """The next one begins with the first length again."""
        self._length_s = 0.0


@dataclass(slots=True)
class Refusals:
    """Orders that were refused in a row."""

    pause: Pause
    _count: int = 0
    _last: str = ""

    def add(self, why: str) -> None:
        """One more."""
        self._count, self._last = self._count + 1, why
        if self._count >= IN_A_ROW:
            self.pause.begin()

    def end(self) -> None:
        """One was taken."""
        self._count = 0
        self.pause.relax()

    @property
    def reason(self) -> str:
        """Why nothing new should be tried for a while; empty when it may."""
        left_s = self.pause.left_s
        if not left_s:
            return ""
        return (
            f"{self._count} orders in a row were refused, the last: {self._last}; the next is tried in {left_s:.0f} s"
        )
