"""What a family's published value may turn out to be. Floats live here and nowhere above.

A `Distribution` is of the *latent* value, before the publisher rounds it; `Strike.probability` puts the rounding in.
Real models come behind `Model`: what they read is theirs, what they answer is a distribution or nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.desks.ladders.families import FamilySettings


class Distribution(Protocol):
    """A continuous distribution of the latent value."""

    def survival(self, x: float) -> float:
        """P(value > x): between 0 and 1, never rising with x, 1 and 0 at its ends."""
        ...


class Model(Protocol):
    """One family's view of its events."""

    def forecast(self, event: str, at: datetime) -> Distribution | None:
        """The distribution for `event` as known at market time `at`; None when the model has no inputs for it."""
        ...


@dataclass(frozen=True, slots=True)
class Normal:
    """Gaussian with `mean` and standard deviation `spread`, in the units of the published value."""

    mean: float
    spread: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.spread) and self.spread > 0):
            raise ValueError(f"normal of mean {self.mean} and spread {self.spread}: needs finite numbers, spread > 0")

    def survival(self, x: float) -> float:
        # erfc keeps its precision far out in the upper tail, where 1 − Φ would be 0
        return 0.5 * math.erfc((x - self.mean) / (self.spread * math.sqrt(2)))


@dataclass(frozen=True, slots=True)
class ConfiguredModel:
    """First form: every event of the family has the mean and spread that the configuration names."""

    settings: FamilySettings

    def forecast(self, event: str, at: datetime) -> Distribution | None:
        return Normal(self.settings.mean, self.settings.spread) if self.settings.configured else None
