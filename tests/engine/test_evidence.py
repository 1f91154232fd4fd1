"""What the gate is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.evidence import ExchangeWatch, Growth, gate_inputs, interval_ms, limits_of
from engine.gate import BooksLook
from engine.venues.kalshi.clock_offset import Offset
from engine.venues.kalshi.errors import Unavailable
from engine.venues.kalshi.models import ExchangeStatus
from state.clock import SimulatedClock
from state.permit import Leave
from state.sentinel import Look
from state.settings import Settings

TRADING = ExchangeStatus(exchange_active=True, trading_active=True, resumes=None)


class TestGrowth:
    def test_a_counter_that_never_grew_has_no_age(self, clock: SimulatedClock) -> None:
        growth = Growth(clock)
        assert growth.ages({"messages": 0}) == {"messages": None}
        clock.advance(60)
        assert growth.ages({"messages": 0}) == {"messages": None}

    def test_one_that_stands_still_ages_and_one_that_grows_is_young(self, clock: SimulatedClock) -> None:
        growth = Growth(clock)
        growth.ages({"messages": 5, "listings": 1})
        clock.advance(7)
        assert growth.ages({"messages": 5, "listings": 2}) == {"messages": 7.0, "listings": 0.0}
        clock.advance(3)
        assert growth.ages({"messages": 5, "listings": 2}) == {"messages": 10.0, "listings": 3.0}

    def test_the_wall_does_not_age_it(self, clock: SimulatedClock) -> None:
        growth = Growth(clock)
        growth.ages({"messages": 5})
        clock.wall = clock.wall.replace(year=2030)
        assert growth.ages({"messages": 5}) == {"messages": 0.0}


class TestExchange:
    @pytest.fixture
    def watch(self, clock: SimulatedClock) -> ExchangeWatch:
        return ExchangeWatch(clock)

    def test_before_its_first_word_nothing_is_known(self, watch: ExchangeWatch) -> None:
        assert (watch.trading, watch.age_s, watch.trading_within(15.0)) == (None, None, None)

    @pytest.mark.parametrize(
        ("active", "trading", "expected"), [(True, True, True), (True, False, False), (False, True, False)]
    )
    def test_it_trades_when_it_is_active_and_trading(
        self, watch: ExchangeWatch, active: bool, trading: bool, expected: bool
    ) -> None:
        watch.answered(ExchangeStatus(active, trading, None))
        assert watch.trading is expected

    def test_its_word_ages(self, watch: ExchangeWatch, clock: SimulatedClock) -> None:
        watch.answered(TRADING)
        clock.advance(15)
        assert (watch.age_s, watch.trading_within(15.0)) == (15.0, True)
        clock.advance(0.1)
        assert watch.trading_within(15.0) is None

    def test_a_question_that_failed_keeps_the_last_word_and_says_why_until_the_next(self, watch: ExchangeWatch) -> None:
        watch.answered(TRADING)
        watch.failed(Unavailable("no route"))
        assert (watch.look().trading, watch.look().error) == (True, "no route")
        watch.answered(TRADING)
        assert watch.look().error == ""


def test_an_offset_is_told_in_milliseconds_and_none_is_none() -> None:
    assert interval_ms(Offset(-0.0401, 0.06)) == (-40.1, 60.0)
    assert interval_ms(None) is None


def test_the_limits_are_those_of_the_configuration() -> None:
    settings = Settings()
    limits = limits_of(settings)
    assert limits.permit_life_s == settings.supervisor.permit_life_s
    assert limits.exchange_age_s == settings.gate.exchange_age_s
    assert limits.books_fresh_s == settings.gate.books_fresh_s
    assert limits.clock_offset_ms == settings.gate.clock_offset_ms
    assert limits.progress_s == settings.gate.progress_s


@pytest.mark.parametrize(
    ("status", "books", "expected"),
    [
        (TRADING, BooksLook(3, 3, 0.1), {"messages": True, "listings": True}),
        (TRADING, BooksLook(0, 0, None), {"messages": False, "listings": True}),
        (replace(TRADING, trading_active=False), BooksLook(3, 3, 0.1), {"messages": False, "listings": True}),
        (None, BooksLook(3, 3, 0.1), {"messages": False, "listings": True}),
    ],
    ids=["trading", "no book", "paused", "unknown"],
)
def test_market_data_is_expected_while_the_exchange_trades_and_a_book_is_followed(
    clock: SimulatedClock, status: ExchangeStatus | None, books: BooksLook, expected: dict[str, bool]
) -> None:
    watch = ExchangeWatch(clock)
    if status is not None:
        watch.answered(status)
    orders: Any = None
    inputs = gate_inputs(
        kill=Look(False, ""),
        leave=Leave(True, "", ""),
        exchange=watch,
        books=books,
        offset=None,
        orders=orders,
        ages={"messages": 1.0, "listings": None},
        limits=limits_of(Settings()),
    )
    assert {counter.name: counter.expected for counter in inputs.progress} == expected
