"""An order book as the feed tells it: a snapshot, then deltas, in integers, both sides on the YES scale."""

from __future__ import annotations

from collections.abc import Iterable

from engine.market.money import Count, Price
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.wire import BookSide

_NO_SNAPSHOT = "no snapshot yet"
_BID = BookSide.BID  # a member looked up on its enum costs a tenth of a change


class BookDamaged(VenueError):
    """A level below zero, or twice in one snapshot: something was missed, and the book cannot be believed."""


class Book:
    """One market's book. While `stale` names a reason its levels are the last that were believed.

    `as_of_ms` is the market's time of the newest change that was told (Unix ms; None before the first),
    `received_ns` our CLOCK_BOOTTIME when the newest frame came.
    """

    __slots__ = ("_asks", "_best_ask", "_best_bid", "_bids", "_levels", "as_of_ms", "received_ns", "stale", "ticker")

    def __init__(self, ticker: str) -> None:
        self.ticker = ticker
        self.stale: str | None = _NO_SNAPSHOT
        self.as_of_ms: int | None = None
        self.received_ns: int | None = None
        self._bids: dict[Price, Count] = {}
        self._asks: dict[Price, Count] = {}
        self._best_bid: Price | None = None
        self._best_ask: Price | None = None
        self._levels: BookLevels | None = None

    @property
    def best_bid(self) -> Price | None:
        """The highest bid; None when nobody bids."""
        return self._best_bid

    @property
    def best_ask(self) -> Price | None:
        """The lowest offer; None when nobody offers."""
        return self._best_ask

    def depth(self, side: BookSide, price: Price) -> Count:
        """What rests at one price of one side."""
        return (self._bids if side is BookSide.BID else self._asks).get(price, 0)

    def levels(self) -> BookLevels:
        """The whole book, best first; sorted once for each change."""
        if self._levels is None:
            bids = tuple(sorted(self._bids.items(), reverse=True))
            self._levels = BookLevels(self.ticker, bids, tuple(sorted(self._asks.items())))
        return self._levels

    def replace(self, bids: Iterable[tuple[Price, Count]], asks: Iterable[tuple[Price, Count]]) -> None:
        """Take a snapshot: the book is what it says, and fresh. Raises BookDamaged and keeps the old levels."""
        new_bids, new_asks = self._side(bids), self._side(asks)
        self._bids, self._asks, self._levels = new_bids, new_asks, None
        self._best_bid = max(new_bids, default=None)
        self._best_ask = min(new_asks, default=None)
        self.stale = None

    def change(self, side: BookSide, price: Price, delta: Count) -> None:
        """Add `delta` (signed) to one level. Raises BookDamaged, the book unchanged, when it would fall below zero."""
        levels = self._bids if side is _BID else self._asks
        count = levels.get(price, 0) + delta
        if count > 0:
            levels[price] = count
        elif count == 0:
            levels.pop(price, None)
        else:
            raise BookDamaged(f"{self.ticker}: {side} at {price} falls to {count}")
        self._levels = None
        if side is _BID:
            best = self._best_bid
            if count and (best is None or price > best):
                self._best_bid = price
            elif not count and price == best:
                self._best_bid = max(levels, default=None)
        else:
            best = self._best_ask
            if count and (best is None or price < best):
                self._best_ask = price
            elif not count and price == best:
                self._best_ask = min(levels, default=None)

    def _side(self, levels: Iterable[tuple[Price, Count]]) -> dict[Price, Count]:
        side: dict[Price, Count] = {}
        for price, count in levels:
            if count <= 0 or price in side:
                raise BookDamaged(f"{self.ticker}: snapshot has {count} at {price}, or has it twice")
            side[price] = count
        return side
