"""The paper venue: orders that rest nowhere but here, filled by what the market does. Pure, no clock of its own.

At most one order of a side rests in a market, so that no print and no offer can fill two of ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from engine.market.fees import FeeAccumulator, FeeSchedule
from engine.market.money import Count, Micros, Price
from engine.market.view import BookView, Print, freeze, is_crossed, offered_to, on_scale, other, size_at
from engine.shadow.queue import QueuePosition
from state.models import Side

Key: TypeAlias = tuple[str, Side]
PRINTS_REMEMBERED = 4096
"""Trade ids kept to drop a print told twice (a reconnect that overlaps); some minutes of a lively exchange."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A paper order as a desk wants it; price on the scale of `side`, `fair` the probability that `side` pays."""

    ticker: str
    desk: str
    family: str
    side: Side
    price: Price
    count: Count
    fair: Price | None
    fees: FeeSchedule
    expires_at: datetime | None = None
    """Market time."""


@dataclass(slots=True)
class PaperOrder:
    """A paper order that rests. `queue_at_start` is what the level showed when it joined."""

    order_id: str
    ticket: Ticket
    queue: QueuePosition
    placed_at: datetime
    """System time."""
    book_as_of: datetime | None
    """Exchange time of the book it was placed on; older prints are in that book already."""
    queue_at_start: Count
    accumulator: FeeAccumulator = field(default_factory=FeeAccumulator)
    fills: int = 0

    @property
    def key(self) -> Key:
        return self.ticket.ticker, self.ticket.side

    @property
    def remaining(self) -> Count:
        return self.queue.remaining


@dataclass(frozen=True, slots=True)
class PaperFill:
    """Part of an order that traded. `fill_id` is unique for ever: orders are, and each counts its fills."""

    fill_id: str
    order: PaperOrder
    count: Count
    fee: Micros
    basis: Literal["print", "book"]


class WouldCross(ValueError):
    """The order would have taken from the book at once; a maker order is refused, as the exchange would."""


@dataclass(slots=True)
class PaperVenue:
    """Orders by market and side, one each. `prefix` makes their ids unique over every run there ever was."""

    prefix: str
    orders: dict[Key, PaperOrder] = field(default_factory=dict)
    _placed: int = 0
    _seen: set[str] = field(default_factory=set)
    _recent: deque[str] = field(default_factory=deque)

    def place(self, ticket: Ticket, book: BookView, at: datetime) -> PaperOrder:
        """Join the queue behind what `book` shows at that price.

        Raises WouldCross; ValueError on a stale or foreign book, and where an order of that side rests already.
        """
        if book.stale or book.ticker != ticket.ticker:
            raise ValueError(f"{ticket.ticker}: cannot be placed on a stale or foreign book ({book.ticker})")
        if (ticket.ticker, ticket.side) in self.orders:
            raise ValueError(f"{ticket.ticker}: an order to buy {ticket.side} rests already")
        if offered_to(book, ticket.side, ticket.price):
            raise WouldCross(f"{ticket.ticker}: {ticket.side} at {ticket.price} would take from the book")
        ahead = size_at(book, ticket.side, ticket.price)
        self._placed += 1
        order = PaperOrder(
            order_id=f"{self.prefix}-{self._placed}",
            ticket=ticket,
            queue=QueuePosition(ticket.price, ticket.count, ahead),
            placed_at=at,
            book_as_of=book.as_of,
            queue_at_start=ahead,
        )
        self.orders[order.key] = order
        return order

    def cancel(self, order: PaperOrder) -> bool:
        """Take an order back; False when it does not rest (any more)."""
        if self.orders.get(order.key) is not order:
            return False
        del self.orders[order.key]
        return True

    def halt(self) -> tuple[PaperOrder, ...]:
        """Take every order back."""
        return self._cancel_all(self.orders.values())

    def expire(self, at: datetime) -> tuple[PaperOrder, ...]:
        """Take back what ends by market time `at`."""
        return self._cancel_all(o for o in self.orders.values() if o.ticket.expires_at and o.ticket.expires_at <= at)

    def of(self, ticker: str) -> tuple[PaperOrder, ...]:
        """The orders of one market, at most one a side."""
        found = (self.orders.get((ticker, "YES")), self.orders.get((ticker, "NO")))
        return tuple(order for order in found if order is not None)

    def on_print(self, trade: Print) -> PaperFill | None:
        """What a public trade fills. Prints told twice, block trades and prints older than the order fill nothing."""
        side = other(trade.taker)  # who buys NO takes YES bids
        order = self.orders.get((trade.ticker, side))
        if order is None or trade.block or not self._first_time(trade.trade_id):
            return None
        if order.book_as_of is not None and trade.at <= order.book_as_of:
            return None
        return self._filled(order, order.queue.on_print(on_scale(side, trade.price), trade.count), "print")

    def on_book(self, book: BookView) -> list[PaperFill]:
        """What a book says of our queues, and what it fills by having moved through us.

        A stale book, or one caught between two messages, says nothing.
        """
        mine = self.of(book.ticker)
        if not mine or book.stale:
            return []
        book = freeze(book)  # a live book is spelt out anew each time it is asked
        if is_crossed(book):
            return []
        fills = []
        for order in mine:
            side, price = order.ticket.side, order.ticket.price
            order.queue.on_level(size_at(book, side, price))
            fills.append(self._filled(order, order.queue.on_offer(offered_to(book, side, price)), "book"))
        return [fill for fill in fills if fill is not None]

    def end_window(self) -> None:
        """A cycle has passed."""
        for order in self.orders.values():
            order.queue.end_window()

    def _cancel_all(self, orders: Iterable[PaperOrder]) -> tuple[PaperOrder, ...]:
        return tuple(order for order in tuple(orders) if self.cancel(order))

    def _filled(self, order: PaperOrder, count: Count, basis: Literal["print", "book"]) -> PaperFill | None:
        if not count:
            return None
        order.fills += 1
        price = order.ticket.price
        trade_fee = order.ticket.fees.trade_fee(price, count, taker=False)
        fee = order.accumulator.charge(-price * count, trade_fee).net
        if not order.remaining:
            self.cancel(order)
        return PaperFill(f"{order.order_id}.{order.fills}", order, count, fee, basis)

    def _first_time(self, trade_id: str) -> bool:
        if trade_id in self._seen:
            return False
        self._seen.add(trade_id)
        self._recent.append(trade_id)
        if len(self._recent) > PRINTS_REMEMBERED:
            self._seen.discard(self._recent.popleft())
        return True
