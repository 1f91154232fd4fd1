"""One book: price-time priority, and levels that are always the sum of what they were told to be."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine.venues.simulated.matching import Book
from engine.venues.simulated.orders import Order, SelfTrade, Side


def order(name: str, side: Side, price: int, count: int, owner: str | None = None) -> Order:
    return Order(name, "M", side, price, count, owner)


def book_of(*orders: Order) -> Book:
    book = Book(lambda changed, delta: None)
    for each in orders:
        book.rest(each)
    return book


def test_the_best_price_trades_first_and_at_its_own_price() -> None:
    book = book_of(order("dear", Side.ASK, 5_500, 100), order("cheap", Side.ASK, 5_200, 100))
    taker = order("taker", Side.BID, 9_900, 150)
    crossing = book.cross(taker, SelfTrade.TAKER_AT_CROSS)
    assert [(match.maker.order_id, match.price, match.count) for match in crossing.matches] == [
        ("cheap", 5_200, 100),
        ("dear", 5_500, 50),
    ]
    assert book.levels(Side.ASK) == [(5_500, 50)]


def test_at_one_price_the_earlier_order_trades_first() -> None:
    book = book_of(order("first", Side.BID, 4_000, 100), order("second", Side.BID, 4_000, 100))
    crossing = book.cross(order("taker", Side.ASK, 4_000, 120), SelfTrade.TAKER_AT_CROSS)
    assert [match.maker.order_id for match in crossing.matches] == ["first", "second"]


def test_what_is_not_reached_stays() -> None:
    book = book_of(order("ask", Side.ASK, 5_500, 100))
    taker = order("taker", Side.BID, 5_400, 100)
    assert book.cross(taker, SelfTrade.TAKER_AT_CROSS).matches == []
    assert taker.remaining == 100


def test_the_queue_ahead_counts_better_prices_and_earlier_orders() -> None:
    mine = order("mine", Side.BID, 4_000, 100)
    book = book_of(order("better", Side.BID, 4_100, 30), order("earlier", Side.BID, 4_000, 200), mine)
    book.rest(order("later", Side.BID, 4_000, 500))
    assert book.ahead_of(mine) == 230


def test_a_smaller_order_keeps_its_place() -> None:
    mine = order("mine", Side.BID, 4_000, 100)
    book = book_of(mine, order("later", Side.BID, 4_000, 100))
    book.reduce(mine, 60)
    assert book.ahead_of(mine) == 0
    assert book.total(Side.BID, 4_000) == 140


def test_levels_come_with_the_best_last() -> None:
    book = book_of(*(order(str(price), Side.BID, price, 1) for price in (3_000, 5_000, 4_000)))
    for price in (6_000, 8_000, 7_000):
        book.rest(order(str(price), Side.ASK, price, 1))
    assert [price for price, _ in book.levels(Side.BID)] == [3_000, 4_000, 5_000]
    assert [price for price, _ in book.levels(Side.ASK)] == [8_000, 7_000, 6_000]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["order", "cancel"]),
        st.sampled_from(list(Side)),
        st.integers(1, 99),
        st.integers(1, 500),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from(list(SelfTrade)),
    ),
    max_size=60,
)


@given(STEPS)
def test_a_book_is_the_sum_of_its_deltas_and_never_crossed(
    steps: list[tuple[str, Side, int, int, str | None, SelfTrade]],
) -> None:
    told: Counter[tuple[Side, int]] = Counter()

    def changed(resting: Order, delta: int) -> None:
        told[resting.side, resting.price] += delta

    book = Book(changed)
    for number, (what, side, cents, count, owner, self_trade) in enumerate(steps):
        if what == "cancel":
            for resting in book.orders(side, cents * 100)[:1]:
                book.remove(resting)
            continue
        incoming = order(str(number), side, cents * 100, count, owner)
        crossing = book.cross(incoming, self_trade)
        prices = [match.price for match in crossing.matches]
        assert prices == sorted(prices, reverse=side is Side.ASK)
        assert all(match.maker.owner is None or match.maker.owner != owner for match in crossing.matches)
        assert sum(match.count for match in crossing.matches) + incoming.remaining == count
        if incoming.remaining and not crossing.stopped_at_own:
            book.rest(incoming)
        best_bid, best_ask = book.best(Side.BID), book.best(Side.ASK)
        assert best_bid is None or best_ask is None or best_bid < best_ask
    levels = {(side, price): total for side in Side for price, total in book.levels(side)}
    assert levels == {key: total for key, total in told.items() if total}
    for side in Side:
        for price, total in book.levels(side):
            assert sum(resting.remaining for resting in book.orders(side, price)) == total
