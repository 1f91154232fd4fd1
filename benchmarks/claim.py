"""A performance claim: two things measured in one run, and the ratio between them that must hold.

Absolute times belong to one machine; the ratio of two things that ran a moment apart does not. So each claim names a
yardstick, its rounds alternate between the two, and medians are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

Measure = Callable[[], float]
"""Runs the thing once and returns what was measured, in the unit of its claim."""


class Bound(StrEnum):
    """On which side of the goal the ratio must lie."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Claim:
    """`measured / yardstick` must be at most, or at least, `goal`. `rounds` of each, interleaved; medians count."""

    name: str
    against: str
    goal: float
    measured: Measure
    yardstick: Measure
    unit: str = "s"
    bound: Bound = Bound.AT_MOST
    rounds: int = 7


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed of a claim; medians in the unit of the claim."""

    name: str
    against: str
    bound: Bound
    goal: float
    unit: str
    measured: float
    yardstick: float

    @property
    def ratio(self) -> float:
        """Median over median."""
        return self.measured / self.yardstick

    @property
    def held(self) -> bool:
        """Whether the ratio lies on the right side of the goal."""
        return self.ratio <= self.goal if self.bound is Bound.AT_MOST else self.ratio >= self.goal

    def __str__(self) -> str:
        verdict = "held" if self.held else "MISSED"
        return (
            f"{verdict:<7}{self.ratio:8.2f}×  ({self.bound} {self.goal:g}×)  {self.name}: "
            f"{self.measured:.4g} {self.unit}, against {self.against}: {self.yardstick:.4g} {self.unit}"
        )


def tried(claim: Claim) -> Result:
    """Measure both, in turn, after one round that warms up."""
    claim.measured()
    claim.yardstick()
    pairs = [(claim.measured(), claim.yardstick()) for _ in range(claim.rounds)]
    ours, theirs = (median(values) for values in zip(*pairs, strict=True))
    return Result(claim.name, claim.against, claim.bound, claim.goal, claim.unit, ours, theirs)
