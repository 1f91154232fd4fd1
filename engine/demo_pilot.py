"""A few real resting orders on the simulated exchange, so that a kill has something to cancel. Never elsewhere.

A strategy: it says what it wants to rest, and nothing more. Sending, and whatever follows, is `engine.orders`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.market.money import ONE_CONTRACT, Price
from engine.market.view import BookView, MarketInfo, price_below
from engine.orders.path import Wish
from engine.venues.kalshi.wire import Intent

TICKS_BELOW_BEST = 3
"""Deep enough to rest for a while, near enough to be a real order of a real book."""
LOWEST = 500
"""Price units; nothing below five cents, where there is no room beneath."""
QUIET_BEFORE_CLOSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DemoPilot:
    """Wants `wanted` orders of one contract to rest, in as many markets."""

    wanted: int

    def wishes(
        self,
        busy: Collection[str],
        markets: Iterable[MarketInfo],
        books: Mapping[str, BookView],
        market_now: datetime,
    ) -> Iterator[Wish]:
        """What is missing of the wanted orders; `busy` are the tickers, one an order, of those that may be alive."""
        missing = self.wanted - len(busy)
        for market in markets:
            if missing <= 0:
                return
            price = _price(market, books.get(market.ticker), market_now)
            if price is not None and market.ticker not in busy:
                yield Wish(market.ticker, Intent.BUY_YES, price, ONE_CONTRACT)
                missing -= 1


def _price(market: MarketInfo, book: BookView | None, market_now: datetime) -> Price | None:
    """A few ticks below the best YES bid; None where no order of ours should rest."""
    if book is None or book.stale or not market.opens_at <= market_now < market.closes_at - QUIET_BEFORE_CLOSE:
        return None
    bids = book.bids("YES")
    price: Price | None = bids[0][0] if bids and bids[0][0] >= LOWEST else None
    for _ in range(TICKS_BELOW_BEST):
        price = None if price is None else price_below(market.grid, "YES", price)
    return price
