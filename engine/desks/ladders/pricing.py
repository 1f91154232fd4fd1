"""What a strike is worth, what a maker order on it would earn, and which price to bid. Pure.

A book here is compared on the scale of the side that would be bought, so YES and NO share every line.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.desks.ladders.models import Distribution
from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.money import ONE_DOLLAR, Count, Micros, Price
from engine.market.strikes import Strike
from engine.market.view import BookView, other, price_above, price_below
from state.models import Side

DEPTH = 2
"""Ticks behind the best bid at which an order still has a fair chance to trade in its life."""


def fair_yes(strike: Strike, distribution: Distribution, step: Decimal) -> Price:
    """Probability that the strike holds, 1/10,000, rounded to the nearest."""
    return round(strike.probability(distribution.survival, step) * ONE_DOLLAR)


def fair_of(side: Side, yes: Price) -> Price:
    """Probability that `side` pays."""
    return yes if side == "YES" else ONE_DOLLAR - yes


def expected_value(fair: Price, price: Price, count: Count, fees: FeeSchedule) -> Micros:
    """EV of buying `count` at `price` as a maker: count × (fair − price) − fee."""
    return count * (fair - price) - fees.trade_fee(price, count, taker=False)


def maker_prices(book: BookView, side: Side, grid: PriceGrid) -> Iterator[Price]:
    """Prices to bid without crossing, most eager first: one tick above the best bid, the best bid, a few below.

    Nothing where nobody bids on that side: there is no price to join.
    """
    bids, against = book.bids(side), book.bids(other(side))
    if not bids:
        return
    best = bids[0][0]
    ask = ONE_DOLLAR - against[0][0] if against else ONE_DOLLAR
    better = price_above(grid, side, best)
    if better is not None and better < ask:
        yield better
    price: Price | None = best
    for _ in range(DEPTH + 1):
        if price is None:
            return
        yield price
        price = price_below(grid, side, price)
