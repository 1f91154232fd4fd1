from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engine.market.fees import FeeSchedule
from engine.market.view import BookSnapshot, Print
from engine.shadow.venue import PaperVenue, Ticket, WouldCross

NOW = datetime(2026, 11, 17, 19, tzinfo=UTC)
LATER = NOW + timedelta(milliseconds=250)
TICKER = "KXCPI-26NOV-T0.3"
WITH_MAKER = FeeSchedule("quadratic_with_maker_fees", Decimal(1))
BOOK = BookSnapshot(TICKER, yes=((4600, 2000), (4500, 5000)), no=((5000, 1100), (4900, 900)), as_of=NOW)
YES = Ticket(TICKER, "ladders", "CPI", "YES", 4600, 1000, 5000, WITH_MAKER)
NO = replace(YES, side="NO", price=5000)


def sold(price: int, count: int, number: int = 1, at: datetime = LATER) -> Print:
    """An aggressor sold YES, which is buying NO: it takes YES bids."""
    return Print(f"t{number}", TICKER, price, count, "NO", at)


def bought(price: int, count: int, number: int = 1) -> Print:
    return Print(f"t{number}", TICKER, price, count, "YES", LATER)


def test_an_order_joins_behind_what_the_book_shows_and_is_filled_after_it() -> None:
    venue = PaperVenue("p")
    order = venue.place(YES, BOOK, NOW)
    assert order.queue.ahead == order.queue_at_start == 2000
    assert venue.on_print(sold(4600, 2000)) is None
    fill = venue.on_print(sold(4600, 250, 2))
    assert fill is not None
    assert (fill.fill_id, fill.count, fill.basis) == ("p-1.1", 250, "print")
    assert fill.fee == WITH_MAKER.trade_fee(4600, 250, taker=False)
    assert order.remaining == 750


def test_a_no_order_is_filled_by_buyers_of_yes_at_the_mirrored_price() -> None:
    venue = PaperVenue("p")
    venue.place(NO, BOOK, NOW)
    assert venue.on_print(sold(5000, 9000, 1)) is None  # takes YES bids, not ours
    assert venue.on_print(bought(4900, 9000, 2)) is None  # below our offer of YES at 0.50
    fill = venue.on_print(bought(5000, 1200, 3))
    assert fill is not None and fill.count == 100
    through = venue.on_print(bought(5100, 60, 4))
    assert through is not None and through.count == 60


def test_a_filled_order_is_gone() -> None:
    venue = PaperVenue("p")
    order = venue.place(YES, BOOK, NOW)
    fill = venue.on_print(sold(4500, 5000))
    assert fill is not None and fill.count == 1000
    assert not venue.orders
    assert not venue.cancel(order)
    assert venue.on_print(sold(4500, 5000, 2)) is None


@pytest.mark.parametrize(
    "trade",
    [
        replace(sold(4500, 500), block=True),
        sold(4500, 500, at=NOW),
        replace(sold(4500, 500), ticker="KXCPI-26NOV-T0.4"),
    ],
    ids=["negotiated away from the book", "already in the book we joined", "another market"],
)
def test_prints_that_cannot_have_met_the_order_fill_nothing(trade: Print) -> None:
    venue = PaperVenue("p")
    venue.place(YES, BOOK, NOW)
    assert venue.on_print(trade) is None


def test_a_print_told_twice_counts_once() -> None:
    venue = PaperVenue("p")
    venue.place(YES, BOOK, NOW)
    assert venue.on_print(sold(4500, 500)) is not None
    assert venue.on_print(sold(4500, 500)) is None


def test_a_book_that_moved_through_fills_and_a_stale_or_crossed_one_says_nothing() -> None:
    venue = PaperVenue("p")
    order = venue.place(YES, BOOK, NOW)
    through = replace(BOOK, yes=((4400, 100),), no=((5500, 300), (5400, 200), (5300, 900)))
    assert venue.on_book(replace(through, stale=True)) == []
    assert venue.on_book(replace(through, yes=((4600, 100),))) == []
    (fill,) = venue.on_book(through)
    assert (fill.count, fill.basis) == (500, "book")
    assert venue.on_book(through) == []
    assert order.remaining == 500


def test_a_maker_order_that_would_take_is_refused() -> None:
    with pytest.raises(WouldCross):
        PaperVenue("p").place(replace(YES, price=5000), BOOK, NOW)


def test_one_order_a_side_and_none_on_a_book_that_is_stale_or_of_another_market() -> None:
    venue = PaperVenue("p")
    venue.place(YES, BOOK, NOW)
    venue.place(NO, BOOK, NOW)
    for book in (BOOK, replace(BOOK, stale=True), replace(BOOK, ticker="KXCPI-26NOV-T0.4")):
        with pytest.raises(ValueError, match="KXCPI"):
            venue.place(replace(YES, price=4500), book, NOW)


def test_orders_end_with_their_life_and_all_at_a_halt() -> None:
    venue = PaperVenue("p")
    mortal = venue.place(replace(YES, expires_at=NOW + timedelta(minutes=5)), BOOK, NOW)
    venue.place(NO, BOOK, NOW)
    assert venue.expire(NOW + timedelta(minutes=4)) == ()
    assert venue.expire(NOW + timedelta(minutes=5)) == (mortal,)
    assert len(venue.halt()) == 1
    assert not venue.orders
    assert venue.place(YES, BOOK, NOW).order_id == "p-3"  # a number is never used again
