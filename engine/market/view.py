"""What a desk and the shadow book see of a market: its terms, its book, its prints. Integers, as in `money`.

Books here are two lists of *bids*, one a side, each on the scale of its own side (a YES ask at 0.60 is a NO bid at
0.40). So every rule about an order is written once, for "my side", and holds for YES and NO alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeAlias

from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.money import ONE_DOLLAR, Count, Price
from engine.market.strikes import Strike
from state.models import Side

Level: TypeAlias = tuple[Price, Count]


class MarketStatus(StrEnum):
    """Where a market is in its life; only an active one takes orders."""

    INITIALIZED = "initialized"
    ACTIVE = "active"
    INACTIVE = "inactive"
    CLOSED = "closed"
    DETERMINED = "determined"
    DISPUTED = "disputed"
    AMENDED = "amended"
    FINALIZED = "finalized"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MarketInfo:
    """The terms of one market. None for a strike or a fee that this house cannot compute with."""

    ticker: str
    event: str
    series: str
    family: str
    strike: Strike | None
    grid: PriceGrid
    fees: FeeSchedule | None
    opens_at: datetime
    """Market time, like `closes_at`."""
    closes_at: datetime
    status: MarketStatus


class BookView(Protocol):
    """One market's book as the feed has it now."""

    @property
    def ticker(self) -> str: ...

    @property
    def stale(self) -> bool:
        """The feed does not vouch for it: a gap, a lost connection, no snapshot yet."""
        ...

    @property
    def age_s(self) -> float:
        """Seconds since the feed last vouched for this book; a quiet market on a live connection is not old."""
        ...

    @property
    def as_of(self) -> datetime | None:
        """Exchange time of the last change in it; None when the exchange does not say."""
        ...

    def bids(self, side: Side) -> Sequence[Level]:
        """Bids to buy `side`, on its own scale, best first; every size above 0."""
        ...


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A book that stands still."""

    ticker: str
    yes: tuple[Level, ...] = ()
    no: tuple[Level, ...] = ()
    """NO bids on the NO scale."""
    age_s: float = 0.0
    stale: bool = False
    as_of: datetime | None = None

    def bids(self, side: Side) -> tuple[Level, ...]:
        return self.yes if side == "YES" else self.no


def freeze(book: BookView) -> BookSnapshot:
    """`book` as it is now; one that stands still is itself."""
    if isinstance(book, BookSnapshot):
        return book
    return BookSnapshot(
        book.ticker, tuple(book.bids("YES")), tuple(book.bids("NO")), book.age_s, book.stale, book.as_of
    )


@dataclass(frozen=True, slots=True)
class Print:
    """One public trade; `price` on the YES scale, `taker` the side that the aggressor bought."""

    trade_id: str
    ticker: str
    price: Price
    count: Count
    taker: Side
    at: datetime
    """Exchange time."""
    block: bool = False
    """Negotiated away from the book: no resting order could have been its other side."""


def other(side: Side) -> Side:
    """The side that pays when `side` does not."""
    return "NO" if side == "YES" else "YES"


def on_scale(side: Side, yes_price: Price) -> Price:
    """A YES price on the scale of `side`, and back: the map is its own inverse."""
    return yes_price if side == "YES" else ONE_DOLLAR - yes_price


def size_at(book: BookView, side: Side, price: Price) -> Count:
    """What the book shows bidding for `side` at exactly `price` (its own scale)."""
    for level, size in book.bids(side):
        if level <= price:
            return size if level == price else 0
    return 0


def offered_to(book: BookView, side: Side, price: Price) -> Count:
    """What the book offers to a buyer of `side` who pays up to `price`: opposite bids that a dollar covers."""
    least = ONE_DOLLAR - price
    total = 0
    for level, size in book.bids(other(side)):
        if level < least:
            break
        total += size
    return total


def is_crossed(book: BookView) -> bool:
    """Whether bid and ask meet or overlap, which an exchange's book does only between two messages."""
    yes, no = book.bids("YES"), book.bids("NO")
    return bool(yes and no) and yes[0][0] + no[0][0] >= ONE_DOLLAR


def price_above(grid: PriceGrid, side: Side, price: Price) -> Price | None:
    """The next better price for a buyer of `side` to bid, own scale; None at the top."""
    if side == "YES":
        return grid.next_above(price)
    below = grid.next_below(ONE_DOLLAR - price)
    return None if below is None else ONE_DOLLAR - below


def price_below(grid: PriceGrid, side: Side, price: Price) -> Price | None:
    """The next worse price for a buyer of `side` to bid, own scale; None at the bottom."""
    if side == "YES":
        return grid.next_below(price)
    above = grid.next_above(ONE_DOLLAR - price)
    return None if above is None else ONE_DOLLAR - above


def dollars(price: Price) -> Decimal:
    """A price as files hold it."""
    return Decimal(price).scaleb(-4)


def contracts(count: Count) -> Decimal:
    """A count as files hold it."""
    return Decimal(count).scaleb(-2)
