"""When events open, close and are published: the exchange's habits, over years and around holidays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from engine.venues.simulated import ladders, timetables
from engine.venues.simulated.instants import rfc3339
from engine.venues.simulated.timetables import Timetable

YEARS = (date(2026, 1, 1), date(2028, 12, 31))


@pytest.mark.parametrize(
    "family",
    [
        timetables.consumer_prices,
        timetables.jobless_claims,
        timetables.ten_year,
        timetables.high_temperature,
        timetables.weekly_gas,
    ],
)
def test_every_event_opens_before_it_closes_before_it_is_published_once(
    family: Callable[[date, date], Iterator[Timetable]],
) -> None:
    events = list(family(*YEARS))
    assert len({event.code for event in events}) == len(events)
    assert all(event.opens < event.closes <= event.determines for event in events)


@pytest.mark.parametrize(
    ("week", "released"),
    [
        (date(2026, 11, 16), "2026-11-19T13:30:00Z"),
        (date(2026, 11, 23), "2026-11-25T13:30:00Z"),
        (date(2026, 6, 15), "2026-06-18T12:30:00Z"),
        (date(2026, 12, 21), "2026-12-24T13:30:00Z"),
    ],
)
def test_claims_come_on_thursday_and_on_wednesday_before_a_thursday_holiday(week: date, released: str) -> None:
    assert released in {rfc3339(each.determines) for each in timetables.jobless_claims(week, week + timedelta(days=6))}


@pytest.mark.parametrize(
    ("day", "trades"),
    [
        (date(2026, 11, 17), True),
        (date(2026, 11, 21), False),
        (date(2026, 11, 26), False),
        (date(2026, 7, 3), False),
        (date(2027, 1, 1), False),
        (date(2026, 5, 25), False),
        (date(2026, 1, 19), False),
        (date(2026, 11, 27), True),
    ],
)
def test_the_treasury_market_keeps_weekends_and_federal_holidays(day: date, trades: bool) -> None:
    assert timetables.is_business_day(day) is trades


def test_a_ladder_is_the_same_whoever_asks_and_its_tickers_are_its_own() -> None:
    first, last = date(2026, 11, 15), date(2026, 12, 15)
    events = list(ladders.events(first, last))
    assert events == list(ladders.events(first, last))
    tickers = [market.ticker for event in events for market in event.markets]
    assert len(set(tickers)) == len(tickers)
    assert {"KXCPI-26NOV-T-0.3", "KXCPI-26NOV-T0.9", "KXJOBLESSCLAIMS-26NOV19-215000"} <= set(tickers)
    weather = next(event for event in events if event.ticker == "KXHIGHNY-26NOV17")
    kinds = [market.strike_type for market in weather.markets]
    assert kinds == ["less", "between", "between", "between", "between", "greater"]
