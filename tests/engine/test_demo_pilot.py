"""What the demo wants to rest, and where it wants nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.demo_pilot import DemoPilot
from engine.market.grid import PriceGrid
from engine.market.money import ONE_CONTRACT
from engine.market.view import BookSnapshot, MarketInfo, MarketStatus
from engine.orders.path import Wish
from engine.venues.kalshi.wire import Intent
from state.clock import SimulatedClock

GRID = PriceGrid(((100, 9_900, 100),))
BOOKS = {f"T-{number}": BookSnapshot(f"T-{number}", yes=((4_000, 500),)) for number in (1, 2, 3)}


@pytest.fixture
def markets(clock: SimulatedClock) -> list[MarketInfo]:
    return [
        MarketInfo(
            ticker=f"T-{number}",
            event="E",
            series="S",
            family="CPI",
            strike=None,
            grid=GRID,
            fees=None,
            opens_at=clock.now() - timedelta(hours=1),
            closes_at=clock.now() + timedelta(hours=1),
            status=MarketStatus.ACTIVE,
        )
        for number in (1, 2, 3)
    ]


@pytest.fixture
def wishes(markets: list[MarketInfo], clock: SimulatedClock) -> Any:
    def ask(wanted: int = 2, busy: tuple[str, ...] = (), **changes: Any) -> list[Wish]:
        given = {"markets": markets, "books": BOOKS, "market_now": clock.now()} | changes
        return list(DemoPilot(wanted).wishes(busy, **given))

    return ask


def test_it_wants_what_is_missing_three_ticks_below_the_best_bid(wishes: Any) -> None:
    assert wishes() == [Wish(f"T-{number}", Intent.BUY_YES, 3_700, ONE_CONTRACT) for number in (1, 2)]


def test_a_market_that_has_an_order_gets_no_second(wishes: Any) -> None:
    assert [wish.ticker for wish in wishes(busy=("T-1",))] == ["T-2"]
    assert [wish.ticker for wish in wishes(wanted=5, busy=("T-2",))] == ["T-1", "T-3"]


def test_when_enough_are_alive_it_wants_nothing(wishes: Any) -> None:
    assert wishes(busy=("T-1", "T-9")) == []
    assert wishes(busy=("T-1", "T-8", "T-9")) == []
    assert wishes(wanted=0) == []


@pytest.mark.parametrize(
    "book",
    [
        None,
        BookSnapshot("T-1"),
        BookSnapshot("T-1", yes=((400, 500),)),
        BookSnapshot("T-1", yes=((4_000, 500),), stale=True),
    ],
    ids=["no book", "no bid", "too low", "stale"],
)
def test_where_no_order_should_rest_it_wants_none(wishes: Any, book: BookSnapshot | None) -> None:
    assert wishes(books={} if book is None else {"T-1": book}) == []


def test_it_wants_nothing_in_the_last_minutes_of_a_market_or_before_it_opens(
    wishes: Any, markets: list[MarketInfo], clock: SimulatedClock
) -> None:
    in_five = clock.now() + timedelta(minutes=5)
    assert wishes(markets=[replace(market, closes_at=in_five) for market in markets]) == []
    assert wishes(markets=[replace(market, opens_at=in_five) for market in markets]) == []


def test_at_the_bottom_of_the_grid_there_is_no_price(wishes: Any, markets: list[MarketInfo]) -> None:
    narrow = PriceGrid(((3_900, 9_900, 100),))
    assert wishes(markets=[replace(market, grid=narrow) for market in markets]) == []
