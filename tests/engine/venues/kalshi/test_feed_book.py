from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.kalshi.book import Book, BookDamaged
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.wire import BookSide

BID, ASK = BookSide.BID, BookSide.ASK


def book_of(bids: dict[int, int], asks: dict[int, int]) -> Book:
    book = Book("T")
    book.replace(bids.items(), asks.items())
    return book


def test_a_book_is_stale_until_its_first_snapshot() -> None:
    book = Book("T")
    assert book.stale == "no snapshot yet"
    book.replace([], [])
    assert book.stale is None
    assert (book.best_bid, book.best_ask) == (None, None)


def test_best_prices_and_depth_follow_the_levels() -> None:
    book = book_of({4_700: 300, 4_600: 100}, {4_800: 200})
    assert (book.best_bid, book.best_ask) == (4_700, 4_800)
    book.change(BID, 4_700, -300)
    book.change(ASK, 4_750, 50)
    assert (book.best_bid, book.best_ask) == (4_600, 4_750)
    assert (book.depth(BID, 4_700), book.depth(ASK, 4_750)) == (0, 50)
    assert book.levels() == BookLevels("T", ((4_600, 100),), ((4_750, 50), (4_800, 200)))


def test_a_level_below_zero_is_damage_and_leaves_the_book_as_it_was() -> None:
    book = book_of({4_700: 300}, {})
    before = book.levels()
    with pytest.raises(BookDamaged):
        book.change(BID, 4_700, -301)
    with pytest.raises(BookDamaged):
        book.change(ASK, 4_700, -1)
    assert book.levels() == before


@pytest.mark.parametrize("bids", [[(4_700, 0)], [(4_700, -1)], [(4_700, 1), (4_700, 2)]])
def test_a_damaged_snapshot_leaves_the_book_as_it_was(bids: list[tuple[int, int]]) -> None:
    book = book_of({4_600: 5}, {4_900: 5})
    before = book.levels()
    with pytest.raises(BookDamaged):
        book.replace(bids, [])
    assert book.levels() == before


# few prices and small counts, so that levels empty and come back often
prices = st.integers(1, 8)
sides = st.dictionaries(prices, st.integers(1, 3), max_size=8)
deltas = st.lists(st.tuples(st.sampled_from([BID, ASK]), prices, st.integers(-3, 3)), max_size=80)


@given(sides, sides, deltas)
def test_the_book_is_the_snapshot_plus_the_sum_of_its_deltas(
    bids: dict[int, int], asks: dict[int, int], changes: list[tuple[BookSide, int, int]]
) -> None:
    book, sums = book_of(bids, asks), {BID: dict(bids), ASK: dict(asks)}
    for side, price, delta in changes:
        after = sums[side].get(price, 0) + delta
        if after < 0:
            with pytest.raises(BookDamaged):
                book.change(side, price, delta)
        else:
            book.change(side, price, delta)
            sums[side][price] = after
        standing = {each: {at: count for at, count in levels.items() if count} for each, levels in sums.items()}
        assert book.best_bid == max(standing[BID], default=None)
        assert book.best_ask == min(standing[ASK], default=None)
        assert dict(book.levels().bids) == standing[BID]
        assert dict(book.levels().asks) == standing[ASK]
    assert list(book.levels().bids) == sorted(book.levels().bids, reverse=True)
    assert list(book.levels().asks) == sorted(book.levels().asks)
