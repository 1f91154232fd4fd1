"""Order groups: orders that are cancelled together when too much of them fills within 15 seconds of market time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from engine.market.money import Count
from engine.venues.simulated.instants import SECOND, Instant

WINDOW: Instant = 15 * SECOND


@dataclass(slots=True)
class OrderGroup:
    """One group. `triggered`: its orders are gone and it takes no new ones until it is reset."""

    group_id: str
    limit: Count
    triggered: bool = False
    _filled: deque[tuple[Instant, Count]] = field(default_factory=deque)

    def fill(self, count: Count, at: Instant) -> bool:
        """Count a fill; whether the group has now had strictly more than its limit within the window."""
        self._filled.append((at, count))
        return self.exceeded(at)

    def exceeded(self, at: Instant) -> bool:
        """Whether the window that ends at `at` holds strictly more than the limit."""
        while self._filled and self._filled[0][0] <= at - WINDOW:
            self._filled.popleft()
        return sum(count for _, count in self._filled) > self.limit

    def reset(self) -> None:
        """Forget what was filled and take orders again."""
        self.triggered = False
        self._filled.clear()
