"""What is to happen, in order of market time; at the same instant in order of entry."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

from engine.venues.simulated.instants import Instant

Action: TypeAlias = Callable[[], None]


class Agenda:
    """A discrete-event queue."""

    def __init__(self) -> None:
        self._entries: list[tuple[Instant, int, Action]] = []
        self._order = count()

    def add(self, at: Instant, action: Action) -> None:
        """Have `action` run at `at`."""
        heappush(self._entries, (at, next(self._order), action))

    def next_at(self) -> Instant | None:
        """When the next action is due; None when nothing is planned."""
        return self._entries[0][0] if self._entries else None

    def take(self, until: Instant) -> tuple[Instant, Action] | None:
        """The next action due at or before `until`, taken off; None when there is none."""
        if not self._entries or self._entries[0][0] > until:
            return None
        at, _, action = heappop(self._entries)
        return at, action
