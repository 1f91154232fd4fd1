"""The feed's books and events as the desks see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.gate import BooksLook
from engine.market_data import LiveBook, MarketData, as_print, instant, look_at
from engine.venues.kalshi.book import Book
from engine.venues.kalshi.events import (
    BookChanged,
    BookReplaced,
    BookStale,
    Connected,
    Disconnected,
    Gap,
    Lifecycle,
    Trade,
    Unreadable,
)
from engine.venues.kalshi.stream import Counters
from engine.venues.kalshi.wire import BookSide
from state.clock import NANOS, SimulatedClock
from state.events import EventType

TRADE = Trade("t-1", "T-1", 4_200, 300, BookSide.ASK, 1_794_942_000_123)


class Feed:
    """Keeps the books that were asked for."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self.counters = Counters()
        self.heard_ns: int | None = None

    def add_markets(self, tickers: list[str]) -> None:
        for ticker in tickers:
            self.books.setdefault(ticker, Book(ticker))

    def delete_markets(self, tickers: list[str]) -> None:
        for ticker in tickers:
            del self.books[ticker]


class Heard:
    def __init__(self) -> None:
        self.trades: list[Any] = []
        self.books: list[str] = []
        self.asked: list[str] = []


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def data(clock: SimulatedClock, emit: Any, heard: Heard, feed: Any) -> MarketData:
    made = MarketData(
        clock=clock,
        emit=emit,
        on_trade=heard.trades.append,
        on_book=lambda book: heard.books.append(book.ticker),
        on_account=lambda: heard.asked.append("account"),
        on_markets=lambda: heard.asked.append("markets"),
    )
    made.attach(feed)
    return made


class TestFollowing:
    def test_exactly_the_markets_that_are_wanted(self, data: MarketData, feed: Feed) -> None:
        data.follow(["T-1", "T-2"])
        assert set(data.books) == set(feed.books) == {"T-1", "T-2"}
        data.follow(["T-2", "T-3"])
        assert set(data.books) == set(feed.books) == {"T-2", "T-3"}

    def test_a_market_that_is_followed_on_keeps_its_book(self, data: MarketData) -> None:
        data.follow(["T-1"])
        book = data.books["T-1"]
        data.follow(["T-1", "T-2"])
        assert data.books["T-1"] is book

    def test_one_that_comes_back_has_a_new_book_and_not_the_old_one(self, data: MarketData, feed: Feed) -> None:
        data.follow(["T-1"])
        data.follow([])
        data.follow(["T-1"])
        assert data.books["T-1"].book is feed.books["T-1"]


class TestBook:
    @pytest.fixture
    def book(self, clock: SimulatedClock) -> Book:
        made = Book("T-1")
        made.replace([(4_000, 500), (4_100, 300)], [(4_300, 200)])
        made.received_ns = clock.boottime_ns()
        return made

    def test_both_sides_are_bids_on_their_own_scale_best_first(self, book: Book, clock: SimulatedClock) -> None:
        live = LiveBook(book, clock, lambda: None)
        assert live.bids("YES") == ((4_100, 300), (4_000, 500))
        assert live.bids("NO") == ((5_700, 200),)

    def test_a_quiet_market_on_a_live_connection_is_not_old(self, book: Book, clock: SimulatedClock) -> None:
        heard = clock.boottime_ns()
        live = LiveBook(book, clock, lambda: heard)
        clock.advance(60)
        assert live.age_s == 60.0
        heard = clock.boottime_ns()
        assert live.age_s == 0.0

    def test_a_book_is_stale_until_its_snapshot_and_after_a_gap(self, book: Book, clock: SimulatedClock) -> None:
        assert LiveBook(Book("T-1"), clock, lambda: None).stale
        live = LiveBook(book, clock, lambda: None)
        assert not live.stale
        book.stale = "frames 3 to 4 were lost"
        assert live.stale

    def test_books_in_use_are_those_that_are_fresh_and_not_stale(self, book: Book, clock: SimulatedClock) -> None:
        old = Book("T-2")
        old.replace([], [])
        old.received_ns = clock.boottime_ns() - 11 * NANOS
        clock.advance(2)
        books = [LiveBook(each, clock, lambda: None) for each in (book, old, Book("T-3"))]
        assert look_at(books, 10.0) == BooksLook(1, 3, 2.0)
        assert look_at([], 10.0) == BooksLook(0, 0, None)


class TestEvents:
    def test_a_trade_is_a_print_of_whoever_crossed(self, data: MarketData, heard: Heard) -> None:
        data.on_event(TRADE)
        (seen,) = heard.trades
        assert (seen.ticker, seen.price, seen.count, seen.taker) == ("T-1", 4_200, 300, "NO")
        assert as_print(TRADE).at == instant(TRADE.ts_ms)

    def test_a_change_of_a_followed_book_is_looked_at_and_of_another_is_not(
        self, data: MarketData, heard: Heard
    ) -> None:
        data.follow(["T-1"])
        data.on_event(BookReplaced("T-1"))
        data.on_event(BookChanged("T-1", BookSide.BID, 4_000, 100, None, None))
        data.on_event(BookReplaced("T-9"))
        assert heard.books == ["T-1", "T-1"]

    def test_after_each_connection_the_account_is_listed_for_nothing_is_replayed(
        self, data: MarketData, heard: Heard, emit: Any
    ) -> None:
        data.on_event(Connected(1))
        data.on_event(Disconnected("no answer to a ping"))
        assert heard.asked == ["account"]
        assert emit.types == [EventType.FEED_CONNECTED, EventType.FEED_LOST]

    @pytest.mark.parametrize(("kind", "asked"), [("fill", ["account"]), ("user_order", ["account"]), ("trade", [])])
    def test_what_a_frame_on_our_account_could_not_say_a_listing_does(
        self, data: MarketData, heard: Heard, kind: str, asked: list[str]
    ) -> None:
        data.on_event(Unreadable(kind, "KeyError: 'count_fp'"))
        assert heard.asked == asked

    def test_a_market_that_changes_sets_off_a_listing_of_markets(self, data: MarketData, heard: Heard) -> None:
        data.on_event(Lifecycle.parse({"market_ticker": "T-1", "event_type": "created"}))
        assert heard.asked == ["markets"]

    @pytest.mark.parametrize("event", [Gap("orderbook_delta", 3, 5), BookStale("T-1", "gap")])
    def test_what_the_books_say_themselves_sets_off_nothing(self, data: MarketData, heard: Heard, event: Any) -> None:
        data.on_event(event)
        assert (heard.asked, heard.books, heard.trades) == ([], [], [])


def test_the_rate_is_of_the_frames_since_it_was_last_asked(data: MarketData, feed: Feed, clock: SimulatedClock) -> None:
    assert data.rate() == 0.0
    feed.counters.messages = 250
    clock.advance(0.5)
    assert data.rate() == 500.0
    clock.advance(1)
    assert data.rate() == 0.0


def test_an_instant_keeps_its_milliseconds_exactly() -> None:
    assert instant(1_794_942_000_123) == datetime(2026, 11, 17, 19, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize("ts_ms", [-1, 10**17])
def test_a_trade_of_no_time_at_all_is_unreadable_before_it_can_break_a_desk(ts_ms: int) -> None:
    told = {
        "trade_id": "t",
        "market_ticker": "T-1",
        "yes_price_dollars": "0.42",
        "count_fp": "3.00",
        "taker_side": "no",
    }
    with pytest.raises(ValueError, match="no instant"):
        Trade.parse(told | {"ts_ms": ts_ms})
