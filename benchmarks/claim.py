"""A performance claim: two things measured in one run, and the ratio between them that must hold.

Absolute times belong to one machine; the ratio of two things that ran a moment apart does not. So each claim names a
yardstick, its rounds alternate between the two, and medians are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from statistics import median

Measure = Callable[[], float]
"""Runs the thing once and returns what was measured, in the unit of its claim."""


class Bound(StrEnum):
    """On which side of the goal the ratio must lie."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Claim:
    """`measured / yardstick` must be at most, or at least, `goal`. `rounds` of each, interleaved; medians count.

    `limit`, in the unit of the claim, stands for a goal that is absolute: then it decides, and the ratio is only told.
    """

    name: str
    against: str
    goal: float | None
    measured: Measure
    yardstick: Measure
    unit: str = "s"
    bound: Bound = Bound.AT_MOST
    rounds: int = 7
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed of a claim; medians in the unit of the claim."""

    name: str
    against: str
    bound: Bound
    goal: float | None
    limit: float | None
    unit: str
    measured: float
    yardstick: float
    spread: tuple[float, float] = (0.0, 0.0)
    """First and third quartile of the ratio, round by round."""

    @property
    def ratio(self) -> float:
        """Median over median."""
        return _ratio(self.measured, self.yardstick)

    @property
    def held(self) -> bool:
        """Whether the ratio, and what is limited, lie on the right side."""
        return self._within(self.ratio, self.goal) and self._within(self.measured, self.limit)

    def __str__(self) -> str:
        verdict = "held" if self.held else "MISSED"
        low, high = self.spread
        goal = f"{self.bound} {self.goal:g}×" if self.goal is not None else f"{self.bound} {self.limit:g} {self.unit}"
        return (
            f"{verdict:<7}{self.ratio:8.2f}× [{low:.2f}–{high:.2f}]  ({goal})  {self.name}: "
            f"{self.measured:.4g} {self.unit}, against {self.against}: {self.yardstick:.4g} {self.unit}"
        )

    def _within(self, value: float, bound: float | None) -> bool:
        if bound is None:
            return True
        return value <= bound if self.bound is Bound.AT_MOST else value >= bound


def tried(claim: Claim) -> Result:
    """Measure both, in turn, after one round that warms up."""
    claim.measured()
    claim.yardstick()
    pairs = [(claim.measured(), claim.yardstick()) for _ in range(claim.rounds)]
    ours, theirs = (median(values) for values in zip(*pairs, strict=True))
    ratios = sorted(_ratio(*pair) for pair in pairs)
    spread = (ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4])
    return Result(claim.name, claim.against, claim.bound, claim.goal, claim.limit, claim.unit, ours, theirs, spread)


def _ratio(measured: float, yardstick: float) -> float:
    return measured / yardstick if yardstick else inf if measured else 0.0
