"""FLATTEN closes what is held, under a kill alone, by orders that can only shrink it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.orders.flattening import Flattening, closing
from engine.venues.kalshi.errors import Ambiguous, Unavailable
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.portfolio import Position
from engine.venues.kalshi.wire import BookSide, NewOrder, TimeInForce
from state.sentinel import Anchor


@pytest.fixture
def sent(exchange: Any) -> list[NewOrder]:
    orders: list[NewOrder] = []
    exchange.on_body = orders.append
    return orders


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def flatten(successor: Any, anchor: Anchor, leave: Any, said: list[str]) -> Callable[..., Any]:
    leave.kill()
    turns = 0

    async def run(deadline_s: float = 5.0) -> bool:
        closer = successor()

        async def sleep(seconds: float) -> None:
            nonlocal turns
            turns += 1
            closer.clock.advance(seconds)
            if turns > 20:
                raise TimeoutError  # as the deadline would

        return await Flattening(closer.path, anchor, lambda _, what: said.append(what), sleep).run(deadline_s)

    return run


def book(ticker: str, bid: int = 3_000, ask: int = 5_000, size: int = 500) -> BookLevels:
    return BookLevels(ticker, ((bid, size),), ((ask, size),))


async def test_nothing_held_is_flat_after_two_listings(flatten: Any, sent: list[NewOrder], run: Any) -> None:
    assert await flatten()
    assert sent == []
    assert run.acts() == ["flat"]


async def test_yes_is_sold_to_the_best_bid_and_no_bought_back_from_the_best_ask(
    flatten: Any, exchange: Any, sent: list[NewOrder], run: Any
) -> None:
    exchange.positions_ = {"T-1": 200, "T-2": -300}
    exchange.books = {name: book(name) for name in ("T-1", "T-2")}
    assert await flatten()
    assert [(each.ticker, each.side, each.price, each.count) for each in sent] == [
        ("T-1", BookSide.ASK, 3_000, 200),
        ("T-2", BookSide.BID, 5_000, 300),
    ]
    assert all(each.reduce_only and each.time_in_force is TimeInForce.IMMEDIATE_OR_CANCEL for each in sent)
    assert run.acts().count("intent") == 2
    assert run.acts().count("filled") == 2


async def test_a_thin_book_takes_several_orders(flatten: Any, exchange: Any, sent: list[NewOrder]) -> None:
    exchange.positions_ = {"T-1": 200}
    exchange.books = {"T-1": book("T-1", size=100)}
    assert await flatten()
    assert [each.count for each in sent] == [200, 100]


async def test_where_nobody_offers_it_is_not_flat_and_says_so(flatten: Any, exchange: Any, said: list[str]) -> None:
    exchange.positions_ = {"T-1": 200}
    exchange.books = {"T-1": BookLevels("T-1", (), ((5_000, 100),))}
    assert not await flatten()
    assert said[0] == "T-1: nobody offers to take 2.00"


async def test_a_lost_answer_is_neither_repeated_nor_waited_for(
    flatten: Any, exchange: Any, sent: list[NewOrder], run: Any
) -> None:
    exchange.positions_ = {"T-1": 200}
    exchange.books = {"T-1": book("T-1")}
    exchange.after_accepting = [Ambiguous("timed out")]
    assert await flatten()
    assert [each.client_order_id for each in sent] == sorted({each.client_order_id for each in sent})
    assert exchange.positions_ == {"T-1": 0}


async def test_a_lost_order_leaves_no_more_than_a_smaller_position(
    flatten: Any, exchange: Any, sent: list[NewOrder]
) -> None:
    exchange.positions_ = {"T-1": 200}
    exchange.books = {"T-1": book("T-1")}
    exchange.refusing = [Ambiguous("timed out")]
    assert await flatten()
    assert len({each.client_order_id for each in sent}) == len(sent) == 2


async def test_a_listing_that_fails_is_not_flat(flatten: Any, exchange: Any, said: list[str]) -> None:
    exchange.asking = [Unavailable("no route"), Unavailable("no route")]
    assert await flatten()
    assert said[:2] == ["listing of positions: no route"] * 2


async def test_a_kill_that_is_cleared_lets_nothing_more_leave(
    flatten: Any, exchange: Any, leave: Any, sent: list[NewOrder], said: list[str]
) -> None:
    exchange.positions_ = {"T-1": 200}
    exchange.books = {"T-1": book("T-1")}
    leave.clear()
    assert not await flatten()
    assert sent == []
    assert "the kill was cleared" in said[0]


async def test_after_it_the_books_agree_whatever_was_held_before(
    flatten: Any, exchange: Any, run: Any, successor: Any
) -> None:
    order = await run.place("T-1")
    exchange.fill(order.plan.client_order_id)
    await run.reconcile()
    exchange.hand_fill("x-9", "T-1", BookSide.BID, 400)
    exchange.hand_fill("x-10", "T-5", BookSide.ASK, 100)
    assert not (await run.reconcile()).ok
    exchange.books = {name: book(name) for name in ("T-1", "T-5")}
    assert await flatten()
    for each in (run, successor()):
        assert (await each.reconcile()).reasons == ()
        assert each.path.orders.held() == {}


async def test_after_it_fills_count_anew(flatten: Any, exchange: Any, run: Any, clock: Any, successor: Any) -> None:
    assert await flatten()
    clock.advance(1)
    order = await run.place("T-1")
    exchange.fill(order.plan.client_order_id)
    assert (await run.reconcile()).ok
    heir = successor()
    assert (await heir.reconcile()).ok
    assert heir.path.orders.held() == {"T-1": 100}


@pytest.mark.parametrize("levels", [None, BookLevels("T-1", (), ()), BookLevels("T-1", ((0, 100),), ((10_000, 100),))])
def test_without_a_tradable_offer_there_is_no_closing_order(levels: BookLevels | None) -> None:
    for count in (100, -100):
        assert closing(Position("T-1", count, 0, 0, 0, None), levels, lambda: "fd-1-1") is None
