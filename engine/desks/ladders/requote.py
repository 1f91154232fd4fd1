"""When a resting order is withdrawn. Pure.

A place in the queue is worth keeping: an order stays while its edge is still half of what a new one needs and its
price is at most a tick from where a new one would go; a tick behind the best it waits a few cycles before it follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.desks.ladders.desk import Holding, Terms
from engine.desks.ladders.pricing import expected_value, fair_of
from engine.desks.ladders.verdict import NoQuote, Verdict
from engine.market.money import Count, Price
from engine.market.view import BookView, price_above, price_below
from state.models import Side

PATIENCE = 5
"""Cycles an order may lag the best price by one tick before its place is given up."""


class Withdraw(StrEnum):
    """Why the desk takes an order back, beyond the reasons of `NoQuote`."""

    EDGE_GONE = "edge_gone"
    PRICE_MOVED = "price_moved"
    HALTED = "halted"
    """The level in force lets nothing of its series rest."""
    REDUCE_ONLY = "reduce_only"
    """The level in force lets positions only shrink."""


@dataclass(frozen=True, slots=True)
class Resting:
    """What requoting needs to know of an order. `lagging`: cycles it has been a tick behind."""

    side: Side
    price: Price
    remaining: Count
    queue_ahead: Count
    lagging: int = 0


@dataclass(frozen=True, slots=True)
class Keep:
    """It stays; `lagging` is its new count."""

    lagging: int = 0


_SOFT = frozenset({NoQuote.NO_EDGE, NoQuote.NO_REFERENCE, NoQuote.POSITION_LIMIT})
"""Reasons against a new order that an order already resting is judged on by itself."""


def review(
    order: Resting, verdict: Verdict, terms: Terms | NoQuote, book: BookView | None, holding: Holding
) -> Keep | Withdraw | NoQuote:
    """Whether `order` stays, given this cycle's verdict on its strike."""
    if isinstance(terms, NoQuote):
        return terms
    if verdict.reason is not None and verdict.reason not in _SOFT:
        return verdict.reason
    if book is None:
        return NoQuote.BOOK_STALE
    if order.remaining > holding.room(order.side, terms.family.max_position):
        return NoQuote.POSITION_LIMIT
    ev = expected_value(fair_of(order.side, terms.fair), order.price, order.remaining, terms.fees)
    if 2 * ev < terms.family.min_edge * order.remaining:
        return Withdraw.EDGE_GONE
    wanted = next((each.price for each in verdict.proposals if each.side == order.side), order.price)
    return _follow(order, wanted, terms, book)


def _follow(order: Resting, wanted: Price, terms: Terms, book: BookView) -> Keep | Withdraw:
    grid, bids = terms.market.grid, book.bids(order.side)
    best = bids[0][0] if bids else 0
    if wanted <= order.price:
        near = wanted in (order.price, price_below(grid, order.side, order.price))
        return Keep() if near else Withdraw.PRICE_MOVED
    if order.price >= best and not order.queue_ahead:
        return Keep()  # first in line at the best price: bidding more would only outbid ourselves
    if wanted == price_above(grid, order.side, order.price) and order.lagging < PATIENCE:
        return Keep(order.lagging + 1)
    return Withdraw.PRICE_MOVED
