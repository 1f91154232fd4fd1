"""What a market asks: `strike_type`, `floor_strike` and `cap_strike`, never the ticker's text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

_NEEDS_FLOOR = frozenset({"greater", "greater_or_equal", "between"})
_NEEDS_CAP = frozenset({"less", "less_or_equal", "between"})


class UnsupportedStrike(ValueError):
    """A strike that two numbers do not describe (custom, structured, functional), or whose numbers are missing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the latent value makes a strike hold: low < x < high, ±infinity where open."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Strike:
    """A market's condition on the published value."""

    strike_type: str
    floor_strike: Decimal | None
    cap_strike: Decimal | None

    def __post_init__(self) -> None:
        kind = self.strike_type
        if kind not in _NEEDS_FLOOR | _NEEDS_CAP:
            raise UnsupportedStrike(f"strike type {kind!r}: not a comparison with a number")
        for needed, name, value in (
            (kind in _NEEDS_FLOOR, "floor_strike", self.floor_strike),
            (kind in _NEEDS_CAP, "cap_strike", self.cap_strike),
        ):
            if needed and (value is None or not value.is_finite()):
                raise UnsupportedStrike(f"strike type {kind!r}: {name} is {value}")
        if kind == "between" and self.floor > self.cap:
            raise UnsupportedStrike(f"strike between {self.floor} and {self.cap}: empty")

    @property
    def floor(self) -> Decimal:
        """The lower bound of a strike that has one."""
        if self.floor_strike is None:
            raise UnsupportedStrike(f"strike type {self.strike_type!r} has no floor")
        return self.floor_strike

    @property
    def cap(self) -> Decimal:
        """The upper bound of a strike that has one."""
        if self.cap_strike is None:
            raise UnsupportedStrike(f"strike type {self.strike_type!r} has no cap")
        return self.cap_strike

    def holds(self, value: Decimal) -> bool:
        """Whether a published `value` settles the market YES; `between` includes both ends."""
        match self.strike_type:
            case "greater":
                return value > self.floor
            case "greater_or_equal":
                return value >= self.floor
            case "less":
                return value < self.cap
            case "less_or_equal":
                return value <= self.cap
            case _:
                return self.floor <= value <= self.cap

    @lru_cache(maxsize=4096)  # noqa: B019  (a strike is a value: whoever holds an equal one finds it)
    def interval(self, step: Decimal) -> Interval:
        """The latent values that, rounded to the publisher's `step`, make the strike hold.

        Whole degrees (step 1): greater 70 → x > 70.5, between 63 and 64 → 62.5 < x < 64.5. Empty when low ≥ high.
        """
        if step <= 0:
            raise ValueError(f"rounding step {step}: expected more than 0")
        half = step / 2
        low, high = -math.inf, math.inf
        match self.strike_type:
            case "greater":
                low = float((math.floor(self.floor / step) + 1) * step - half)
            case "greater_or_equal" | "between":
                low = float(math.ceil(self.floor / step) * step - half)
        match self.strike_type:
            case "less":
                high = float((math.ceil(self.cap / step) - 1) * step + half)
            case "less_or_equal" | "between":
                high = float(math.floor(self.cap / step) * step + half)
        return Interval(low, high)

    def probability(self, survival: Callable[[float], float], step: Decimal) -> float:
        """P(the strike holds), given the latent value's survival function S(x) = P(X > x) and the published `step`."""
        interval = self.interval(step)
        if interval.low >= interval.high:
            return 0.0
        above_low = 1.0 if interval.low == -math.inf else survival(interval.low)
        above_high = 0.0 if interval.high == math.inf else survival(interval.high)
        return min(1.0, max(0.0, above_low - above_high))
