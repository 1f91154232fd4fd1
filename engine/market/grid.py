"""Which prices an order may have: the market's `price_ranges`, and nothing derived from its name."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from engine.market.money import ONE_DOLLAR, Price, parse_price

Range: TypeAlias = tuple[Price, Price, Price]


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """The ticks of a market from its ranges (start, end, step), in price units; 0 and 1 dollar are never orders."""

    ranges: tuple[Range, ...]
    ticks: tuple[Price, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ticks", _ticks(self.ranges))

    @classmethod
    def of(cls, price_ranges: Iterable[Mapping[str, object]]) -> PriceGrid:
        """From the wire: [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]. Raises ValueError when damaged."""
        return cls(
            tuple(
                (parse_price(each.get("start")), parse_price(each.get("end")), parse_price(each.get("step")))
                for each in price_ranges
            )
        )

    def allows(self, price: Price) -> bool:
        """Whether an order may have this price."""
        at = bisect_left(self.ticks, price)
        return at < len(self.ticks) and self.ticks[at] == price

    def floor(self, price: Price) -> Price | None:
        """The highest allowed price at or below `price`; None when there is none."""
        at = bisect_right(self.ticks, price)
        return self.ticks[at - 1] if at else None

    def ceil(self, price: Price) -> Price | None:
        """The lowest allowed price at or above `price`; None when there is none."""
        at = bisect_left(self.ticks, price)
        return self.ticks[at] if at < len(self.ticks) else None

    def next_above(self, price: Price) -> Price | None:
        """The lowest allowed price above `price`; None at the top."""
        return self.ceil(price + 1)

    def next_below(self, price: Price) -> Price | None:
        """The highest allowed price below `price`; None at the bottom."""
        return self.floor(price - 1)


@lru_cache(maxsize=64)
def _ticks(ranges: tuple[Range, ...]) -> tuple[Price, ...]:
    if not ranges:
        raise ValueError("price ranges: none")
    allowed: set[Price] = set()
    for start, end, step in ranges:
        if step <= 0 or start >= end:
            raise ValueError(f"price range {start} to {end} by {step}: empty")
        allowed.update(range(start, end + 1, step))
    return tuple(sorted(price for price in allowed if 0 < price < ONE_DOLLAR))
