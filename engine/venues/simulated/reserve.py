"""What resting orders hold back of an account's money, kept up to date order by order.

An order holds back its price and its maker fee; what only closes a position holds nothing back. The book fills the
best price first, so the best price is what closes the position.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.venues.simulated.orders import Order, Side


@dataclass(frozen=True, slots=True)
class Counted:
    """One order as it was last counted."""

    side: Side
    price: Price
    count: Count
    fee: Micros

    @property
    def paid(self) -> Price:
        """What a contract costs its buyer: of YES at the price, of NO at what is left to a dollar."""
        return self.price if self.side is Side.BID else ONE_DOLLAR - self.price

    @property
    def held(self) -> Micros:
        """What is held back while there is no position to close."""
        return self.paid * self.count + self.fee


@dataclass(slots=True)
class Reserve:
    """The resting orders of one market; `gross` is what they hold back while there is no position to close."""

    gross: Micros = 0
    orders: dict[str, Counted] = field(default_factory=dict)
    _levels: dict[Side, dict[Price, Count]] = field(default_factory=lambda: {Side.BID: {}, Side.ASK: {}})

    def count(self, order: Order, fee: Micros) -> Micros:
        """Count an order as it is now; by how much `gross` has risen."""
        before = self.gross
        self._remove(order.order_id)
        if order.remaining:
            self._add(order.order_id, _counted(order, fee))
        return self.gross - before

    def drop(self, order_id: str) -> Micros:
        """Count an order no more; by how much `gross` has fallen."""
        before = self.gross
        self._remove(order_id)
        return before - self.gross

    def with_order(self, order: Order, fee: Micros, cover: dict[Side, Count]) -> Micros:
        """What would be held back with `order` counted, too, or as it is to become."""
        kept = self.orders.get(order.order_id)
        if kept is None and not any(cover.values()):
            return self.gross + _counted(order, fee).held
        self.count(order, fee)
        wanted = self.needed(cover)
        self._remove(order.order_id)
        if kept is not None:
            self._add(order.order_id, kept)
        return wanted

    def needed(self, cover: dict[Side, Count]) -> Micros:
        """What is held back when `cover` contracts of each side only close a position."""
        return self.gross - sum(self._relief(side, count) for side, count in cover.items() if count)

    def _relief(self, side: Side, cover: Count) -> Micros:
        relief, levels = 0, self._levels[side]
        for price in sorted(levels, reverse=side is Side.BID):
            closing = min(cover, levels[price])
            relief += (price if side is Side.BID else ONE_DOLLAR - price) * closing
            cover -= closing
            if not cover:
                break
        return relief

    def _add(self, order_id: str, item: Counted) -> None:
        self.orders[order_id] = item
        levels = self._levels[item.side]
        levels[item.price] = levels.get(item.price, 0) + item.count
        self.gross += item.held

    def _remove(self, order_id: str) -> None:
        item = self.orders.pop(order_id, None)
        if item is None:
            return
        levels = self._levels[item.side]
        levels[item.price] -= item.count
        if not levels[item.price]:
            del levels[item.price]
        self.gross -= item.held


def _counted(order: Order, fee: Micros) -> Counted:
    return Counted(order.side, order.price, order.remaining, fee)
