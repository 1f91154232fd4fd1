"""What an event is worth at any instant: a seeded random walk that can be asked anywhere, in any order.

The walk is built by halving: the value at both ends first, then midpoints, each from a random number that belongs to
its place alone. So a run that starts in the middle finds the same path, and the same published value, as one that
started at the beginning.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from engine.market.strikes import Strike
from engine.venues.simulated.instants import SECOND, Instant
from engine.venues.simulated.market import Latent

_FINEST = 20 * SECOND


@dataclass(frozen=True, slots=True)
class Forecast:
    """The best forecast at an instant: normal, with mean and standard deviation."""

    mean: float
    deviation: float

    def probability(self, strike: Strike, step: Decimal) -> float:
        """P(the strike holds) for the value published in steps of `step`."""
        return strike.probability(self._survival, step)

    def _survival(self, x: float) -> float:
        return 0.5 * math.erfc((x - self.mean) / (self.deviation * math.sqrt(2)))


class ValuePath:
    """The path of one event's value under one seed."""

    def __init__(self, ticker: str, latent: Latent, seed: int) -> None:
        self._latent = latent
        self._key = f"{seed}:{ticker}"
        self._kept: dict[tuple[int, int], float] = {}

    def forecast(self, at: Instant) -> Forecast:
        """What the best informed believe at `at`."""
        latent = self._latent
        span = latent.known - latent.opens
        passed = min(1.0, max(0.0, (at - latent.opens) / span))
        mean = latent.center + latent.drift * self._walk(passed, span)
        return Forecast(mean, math.sqrt(latent.surprise**2 + latent.drift**2 * (1 - passed)))

    def published(self) -> Decimal:
        """The value the event settles on."""
        last = self.forecast(self._latent.known).mean + self._latent.surprise * self._normal(-1, 0)
        return Decimal(last / float(self._latent.step)).quantize(Decimal(1), ROUND_HALF_EVEN) * self._latent.step

    def _walk(self, at: float, span: Instant) -> float:
        """Standard Brownian motion on [0, 1], linear below the finest interval."""
        left, right = 0.0, self._normal(0, 0)
        level, index, width = 0, 0, 1.0
        while width * span > _FINEST:
            middle = (left + right) / 2 + math.sqrt(width) / 2 * self._normal(level + 1, index)
            level, width = level + 1, width / 2
            if at < (2 * index + 1) * width:
                index, right = 2 * index, middle
            else:
                index, left = 2 * index + 1, middle
        return left + (right - left) * (at / width - index)

    def _normal(self, level: int, index: int) -> float:
        # the coarse levels are asked again and again, the fine ones once or twice
        found = self._kept.get((level, index))
        if found is None:
            found = random.Random(f"{self._key}:{level}:{index}").gauss(0, 1)
            if len(self._kept) > 4_096:
                self._kept.clear()
            self._kept[level, index] = found
        return found
