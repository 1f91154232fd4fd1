"""Price-time priority as one would write it on a blackboard: slow, obvious, and sharing no code with the exchange."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Resting:
    order_id: str
    owner: str
    bid: bool
    price: int
    left: int
    arrived: int


@dataclass
class NaiveBook:
    """The resting orders of one market, in no order at all."""

    orders: dict[str, Resting] = field(default_factory=dict)
    arrivals: int = 0

    def queue(self, *, bid: bool) -> list[tuple[str, int, int]]:
        """(order, price, what is left), in the order in which they would trade."""
        side = [each for each in self.orders.values() if each.bid == bid]
        side.sort(key=lambda each: (-each.price if bid else each.price, each.arrived))
        return [(each.order_id, each.price, each.left) for each in side]

    def crossed_by(self, order: Resting) -> bool:
        """Whether `order` would trade at once."""
        best = self.queue(bid=not order.bid)[:1]
        return any(price <= order.price if order.bid else price >= order.price for _, price, _ in best)

    def take(self, order: Resting, stp: str) -> tuple[list[tuple[str, int, int]], bool]:
        """Trade `order` against the other side: its fills (maker, price, count), and whether its own stopped it."""
        fills: list[tuple[str, int, int]] = []
        for maker_id, price, left in self.queue(bid=not order.bid):
            reaches = price <= order.price if order.bid else price >= order.price
            if not order.left or not reaches:
                break
            if self.orders[maker_id].owner == order.owner:
                if stp == "taker_at_cross":
                    return fills, True
                del self.orders[maker_id]
                continue
            count = min(left, order.left)
            order.left -= count
            self.lower(maker_id, count)
            fills.append((maker_id, price, count))
        return fills, False

    def rest(self, order: Resting) -> None:
        """Put an order behind all others of its price."""
        self.arrivals += 1
        order.arrived = self.arrivals
        self.orders[order.order_id] = order

    def lower(self, order_id: str, by: int) -> None:
        self.orders[order_id].left -= by
        if not self.orders[order_id].left:
            del self.orders[order_id]

    def remove(self, order_id: str) -> None:
        self.orders.pop(order_id, None)
