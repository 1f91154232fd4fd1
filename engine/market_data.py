"""The feed's books and events as the desks see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.gate import BooksLook
from engine.market.money import ONE_DOLLAR
from engine.market.view import Level, Print
from engine.venues.kalshi.book import Book
from engine.venues.kalshi.events import (
    BookChanged,
    BookReplaced,
    Connected,
    Disconnected,
    FeedEvent,
    Fill,
    Lifecycle,
    Trade,
    Unreadable,
    UserOrder,
)
from engine.venues.kalshi.feed import Feed
from engine.venues.kalshi.wire import BookSide
from state.clock import NANOS, Clock
from state.events import EventType
from state.models import Side


@dataclass(frozen=True, slots=True)
class LiveBook:
    """A book of the feed. `heard_ns` tells when its connection last said anything: a quiet market is not old."""

    book: Book
    clock: Clock
    heard_ns: Callable[[], int | None]

    @property
    def ticker(self) -> str:
        return self.book.ticker

    @property
    def stale(self) -> bool:
        return self.book.stale is not None

    @property
    def age_s(self) -> float:
        heard = max(self.book.received_ns or 0, self.heard_ns() or 0)
        return (self.clock.boottime_ns() - heard) / NANOS

    @property
    def as_of(self) -> datetime | None:
        return None if self.book.as_of_ms is None else instant(self.book.as_of_ms)

    def bids(self, side: Side) -> tuple[Level, ...]:
        levels = self.book.levels()
        if side == "YES":
            return levels.bids
        return tuple((ONE_DOLLAR - price, count) for price, count in levels.asks)


@dataclass(slots=True)
class MarketData:
    """The feed, its books as the desks see them, and what its events set off. Give `on_event` to the feed."""

    clock: Clock
    emit: Callable[..., None]
    on_trade: Callable[[Print], None]
    on_book: Callable[[LiveBook], None]
    on_own: Callable[[Fill | UserOrder], None] = lambda _: None
    """What the feed says of one order of our account."""
    on_account: Callable[[], None] = lambda: None
    """Something of our own account changed: list it."""
    on_markets: Callable[[], None] = lambda: None
    """Markets came or changed: list them."""
    books: dict[str, LiveBook] = field(default_factory=dict)
    _feed: Feed | None = None
    _rate_from: tuple[int, int] | None = None

    @property
    def feed(self) -> Feed:
        """The connection; set once with `attach`."""
        assert self._feed is not None
        return self._feed

    def attach(self, feed: Feed) -> None:
        """The feed whose listener is `on_event`."""
        self._feed = feed

    @property
    def messages(self) -> int:
        """Frames received since the start."""
        return self.feed.counters.messages

    def rate(self) -> float:
        """Frames a second since the last time this was asked."""
        now, count = self.clock.boottime_ns(), self.messages
        before, self._rate_from = self._rate_from, (now, count)
        if before is None or now <= before[0]:
            return 0.0
        return round((count - before[1]) * NANOS / (now - before[0]), 1)

    def follow(self, tickers: Iterable[str]) -> None:
        """Follow exactly these markets from now on."""
        wanted = frozenset(tickers)
        gone = [ticker for ticker in self.feed.books if ticker not in wanted]
        self.feed.delete_markets(gone)
        self.feed.add_markets(sorted(wanted))
        self.books = {
            ticker: self.books.get(ticker) or LiveBook(book, self.clock, self._heard)
            for ticker, book in self.feed.books.items()
        }

    def _heard(self) -> int | None:
        return self.feed.heard_ns

    def on_event(self, event: FeedEvent) -> None:
        """Everything the feed says, in order; paper orders live and die by it."""
        match event:
            case Trade():
                self.on_trade(as_print(event))
            case BookChanged() | BookReplaced():
                if event.ticker in self.books:
                    self.on_book(self.books[event.ticker])
            case Lifecycle():
                self.on_markets()
            case Fill() | UserOrder():
                self.on_own(event)
                self.on_account()
            case Unreadable(kind="fill" | "user_order"):
                self.on_account()
            case Connected():
                self.emit(EventType.FEED_CONNECTED, f"market data session {event.session}")
                self.on_account()
            case Disconnected():
                self.emit(EventType.FEED_LOST, f"market data: {event.reason}", severity="warning")
            case _:
                return


def look_at(books: Iterable[LiveBook], fresh_s: float) -> BooksLook:
    """How many books can be traded on, and how old the oldest of those is."""
    total, fresh, oldest = 0, 0, None
    for book in books:
        total += 1
        if not book.stale and book.age_s <= fresh_s:
            fresh += 1
            oldest = max(oldest or 0.0, book.age_s)
    return BooksLook(fresh, total, oldest)


def as_print(trade: Trade) -> Print:
    """A trade of the feed as the paper venue takes it."""
    return Print(
        trade_id=trade.trade_id,
        ticker=trade.ticker,
        price=trade.price,
        count=trade.count,
        taker="YES" if trade.taker is BookSide.BID else "NO",
        at=instant(trade.ts_ms),
    )


def instant(ts_ms: int) -> datetime:
    """Unix milliseconds as an aware instant, exactly."""
    seconds, millis = divmod(ts_ms, 1_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=millis * 1_000)
