"""What an account has in one market, and what it was paid when the market settled."""

from __future__ import annotations

from dataclasses import dataclass

from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.venues.simulated.instants import Instant
from engine.venues.simulated.orders import Side


@dataclass(slots=True)
class Holding:
    """What an account has in one market: `position` signed (negative: NO), `cost` what its own side was bought for.

    `netted`: only one outcome of the event can win, so collateral for several outcomes is that of the largest.
    """

    ticker: str
    event_ticker: str
    netted: bool
    position: Count = 0
    cost: Micros = 0
    realized: Micros = 0
    fees: Micros = 0
    traded: Micros = 0
    traded_count: Count = 0
    updated: Instant = 0

    @property
    def short(self) -> Count:
        """Contracts sold without being held."""
        return max(0, -self.position)

    def trade(self, side: Side, price: Price, count: Count) -> None:
        """Book a trade: first against the opposite position, at its average cost, then as a new position."""
        paid = price if side is Side.BID else ONE_DOLLAR - price
        self.traded += paid * count
        self.traded_count += count
        closing = min(count, max(0, -side.sign * self.position))
        if closing:
            released = self.cost * closing // abs(self.position)
            self.cost -= released
            self.realized += (ONE_DOLLAR - paid) * closing - released
        self.cost += paid * (count - closing)
        self.position += side.sign * count


@dataclass(frozen=True, slots=True)
class Settlement:
    """A market settled for an account; `value` is what a YES contract paid."""

    ticker: str
    event_ticker: str
    result: str
    position: Count
    cost: Micros
    revenue: Micros
    value: Price
    fees: Micros
    settled: Instant
