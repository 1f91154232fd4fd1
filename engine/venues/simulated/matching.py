"""One market's book: price-time priority on the YES scale, bids and asks."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.market.money import Count, Price
from engine.venues.simulated.orders import Order, SelfTrade, Side

LevelChange: TypeAlias = Callable[[Order, Count], None]
"""Told of every change of a level: the order whose quantity changed, and by how much (signed)."""


@dataclass(frozen=True, slots=True)
class Match:
    """`count` contracts of `maker` traded, at its price."""

    maker: Order
    price: Price
    count: Count


@dataclass(frozen=True, slots=True)
class Crossing:
    """What an incoming order met: its matches in order, own resting orders taken out, and whether it was stopped."""

    matches: list[Match]
    own_canceled: list[Order]
    stopped_at_own: bool


@dataclass(slots=True)
class Level:
    """One price: its orders in order of arrival, and their sum."""

    orders: dict[str, Order] = field(default_factory=dict)
    total: Count = 0


@dataclass(slots=True)
class _Half:
    levels: dict[Price, Level] = field(default_factory=dict)
    prices: list[Price] = field(default_factory=list)


class Book:
    """The resting orders of one market."""

    __slots__ = ("_asks", "_bids", "_changed")

    def __init__(self, changed: LevelChange) -> None:
        self._bids = _Half()
        self._asks = _Half()
        self._changed = changed

    def best(self, side: Side) -> Price | None:
        """The best price of a side; None where nothing rests."""
        if side is Side.BID:
            return self._bids.prices[-1] if self._bids.prices else None
        return self._asks.prices[0] if self._asks.prices else None

    def total(self, side: Side, price: Price) -> Count:
        """What rests at a price; 0 where nothing does."""
        level = self._half(side).levels.get(price)
        return level.total if level else 0

    def levels(self, side: Side) -> list[tuple[Price, Count]]:
        """A side, best level last."""
        half = self._half(side)
        prices = half.prices if side is Side.BID else reversed(half.prices)
        return [(price, half.levels[price].total) for price in prices]

    def orders(self, side: Side, price: Price) -> list[Order]:
        """The orders at a price, first in the queue first."""
        level = self._half(side).levels.get(price)
        return list(level.orders.values()) if level else []

    def ahead_of(self, order: Order) -> Count:
        """Contracts that trade before `order`: better prices, and earlier orders at its own."""
        half = self._half(order.side)
        ahead = sum(half.levels[price].total for price in half.prices if _better(order.side, price, order.price))
        for earlier in half.levels[order.price].orders.values():
            if earlier is order:
                return ahead
            ahead += earlier.remaining
        raise AssertionError(f"order {order.order_id} is not in the book of {order.ticker}")

    def rest(self, order: Order) -> None:
        """Put an order at the back of the queue of its price."""
        assert order.remaining > 0, f"order {order.order_id}: nothing left to rest"
        half = self._half(order.side)
        level = half.levels.get(order.price)
        if level is None:
            level = half.levels[order.price] = Level()
            insort(half.prices, order.price)
        level.orders[order.order_id] = order
        level.total += order.remaining
        self._changed(order, order.remaining)

    def remove(self, order: Order) -> None:
        """Take an order out; what was left of it stays in `order.remaining`."""
        half = self._half(order.side)
        level = half.levels[order.price]
        del level.orders[order.order_id]
        self._lower(half, level, order, order.remaining)

    def reduce(self, order: Order, by: Count) -> None:
        """Make a resting order smaller without losing its place; at nothing left it leaves the book."""
        assert 0 < by <= order.remaining, f"order {order.order_id}: {by} of {order.remaining}"
        half = self._half(order.side)
        level = half.levels[order.price]
        order.remaining -= by
        if order.remaining == 0:
            del level.orders[order.order_id]
        self._lower(half, level, order, by)

    def crosses(self, side: Side, price: Price) -> bool:
        """Whether an order of this side and price would trade at once."""
        best = self.best(side.opposite)
        return best is not None and _reaches(side, price, best)

    def available(self, side: Side, price: Price) -> Count:
        """What rests within an incoming order's reach, its own account's orders included."""
        return sum(resting.remaining for resting in self._opposing(side, price))

    def cross(self, taker: Order, self_trade: SelfTrade) -> Crossing:
        """Trade an incoming order against the book as far as its price reaches; lowers `taker.remaining`."""
        matches: list[Match] = []
        own: list[Order] = []
        while taker.remaining > 0:
            maker = next(self._opposing(taker.side, taker.price), None)
            if maker is None:
                break
            if maker.owner is not None and maker.owner == taker.owner:
                if self_trade is SelfTrade.TAKER_AT_CROSS:
                    return Crossing(matches, own, stopped_at_own=True)
                self.remove(maker)
                own.append(maker)
                continue
            count = min(taker.remaining, maker.remaining)
            taker.remaining -= count
            self.reduce(maker, count)
            matches.append(Match(maker, maker.price, count))
        return Crossing(matches, own, stopped_at_own=False)

    def _opposing(self, side: Side, limit: Price) -> Iterator[Order]:
        half = self._half(side.opposite)
        prices = half.prices if side is Side.BID else reversed(half.prices)
        for price in prices:
            if not _reaches(side, limit, price):
                return
            yield from half.levels[price].orders.values()

    def _lower(self, half: _Half, level: Level, order: Order, by: Count) -> None:
        level.total -= by
        if level.total == 0:
            assert not level.orders, f"{order.ticker}: orders left at {order.price}, where nothing should be"
            del half.levels[order.price]
            del half.prices[bisect_left(half.prices, order.price)]
        self._changed(order, -by)

    def _half(self, side: Side) -> _Half:
        return self._bids if side is Side.BID else self._asks


def _reaches(side: Side, limit: Price, price: Price) -> bool:
    return price <= limit if side is Side.BID else price >= limit


def _better(side: Side, price: Price, than: Price) -> bool:
    return price > than if side is Side.BID else price < than
