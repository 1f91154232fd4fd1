"""When the simulated events open, close and are published: the exchange's habits as facts §4 has them, dates in ET."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from engine.venues.simulated.instants import Instant, to_instant

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# the BLS calendar; beyond it the second Thursday, which is near enough for a simulation
_CPI_RELEASES = {(2026, 10): date(2026, 11, 10), (2026, 11): date(2026, 12, 10)}


@dataclass(frozen=True, slots=True)
class Timetable:
    """One event's instants: listed and trading from `opens` to `closes`, published and determined at `determines`."""

    code: str
    day: date
    opens: Instant
    closes: Instant
    determines: Instant


def eastern(day: date, at: time) -> Instant:
    """A wall time in New York."""
    return to_instant(datetime.combine(day, at, _new_york()))


def utc(day: date, at: time) -> Instant:
    """A wall time in UTC."""
    return to_instant(datetime.combine(day, at, UTC))


def day_code(day: date) -> str:
    """26NOV17"""
    return f"{day:%y}{_MONTHS[day.month - 1]}{day:%d}"


def consumer_prices(first: date, last: date) -> Iterator[Timetable]:
    """Monthly; opens on the 23rd two weeks into the reference month before, closes 08:25 ET on the release day."""
    year, month = first.year, first.month
    while date(year, month, 1) <= last + timedelta(days=31):
        released = _CPI_RELEASES.get((year, month)) or _nth_weekday(*_next_month(year, month), weekday=3, nth=2)
        before = date(year, month, 1) - timedelta(days=1)
        yield Timetable(
            f"{year % 100:02d}{_MONTHS[month - 1]}",
            released,
            utc(date(before.year, before.month, 23), time(21)),
            eastern(released, time(8, 25)),
            eastern(released, time(8, 30)),
        )
        year, month = _next_month(year, month)


def jobless_claims(first: date, last: date) -> Iterator[Timetable]:
    """Weekly on Thursday 08:30 ET, on Wednesday before a Thursday holiday; opens as the release before it is out."""
    for thursday in _days(first, last + timedelta(days=7)):
        if thursday.weekday() == 3:
            day = _claims_day(thursday)
            opens = eastern(_claims_day(thursday - timedelta(days=7)), time(10))
            yield Timetable(day_code(day), day, opens, eastern(day, time(8, 25)), eastern(day, time(8, 30)))


def ten_year(first: date, last: date) -> Iterator[Timetable]:
    """Each business day: closes 15:30 ET, published in the evening; opens 15:00 ET the business day before."""
    for day in _days(first, last + timedelta(days=4)):
        if is_business_day(day):
            before = day - timedelta(days=1)
            while not is_business_day(before):
                before -= timedelta(days=1)
            yield Timetable(
                day_code(day), day, eastern(before, time(15)), eastern(day, time(15, 30)), eastern(day, time(18))
            )


def high_temperature(first: date, last: date) -> Iterator[Timetable]:
    """Daily: opens 14:00Z the day before, closes as the climate day ends (standard time), known next morning."""
    for day in _days(first, last + timedelta(days=1)):
        after = day + timedelta(days=1)
        yield Timetable(
            day_code(day), day, utc(day - timedelta(days=1), time(14)), utc(after, time(5)), utc(after, time(12))
        )


def weekly_gas(first: date, last: date) -> Iterator[Timetable]:
    """Mondays: opens 13:30Z the Monday before, closes 23:59 ET on Sunday, settled about 12:00Z."""
    for monday in _days(first, last + timedelta(days=7)):
        if monday.weekday() == 0:
            opens = utc(monday - timedelta(days=7), time(13, 30))
            closes = eastern(monday - timedelta(days=1), time(23, 59))
            yield Timetable(day_code(monday), monday, opens, closes, utc(monday, time(12)))


def is_business_day(day: date) -> bool:
    """Whether the Treasury market trades: no weekend, no federal holiday (observed)."""
    return day.weekday() < 5 and not is_federal_holiday(day)


def is_federal_holiday(day: date) -> bool:
    """Whether a weekday is a federal holiday, as observed."""
    fixed = {(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)}
    if (day.month, day.day) in fixed and day.weekday() < 5:
        return True
    eve, morrow = day - timedelta(days=1), day + timedelta(days=1)
    if day.weekday() == 0 and (eve.month, eve.day) in fixed:
        return True
    if day.weekday() == 4 and (morrow.month, morrow.day) in fixed:
        return True
    if day.weekday() == 0:
        nth = (day.day - 1) // 7 + 1
        last_of_may = day.month == 5 and (day + timedelta(days=7)).month == 6
        return (day.month, nth) in {(1, 3), (2, 3), (9, 1), (10, 2)} or last_of_may
    return day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28


@cache
def _new_york() -> ZoneInfo:
    return ZoneInfo("America/New_York")


def _claims_day(thursday: date) -> date:
    return thursday - timedelta(days=1) if is_federal_holiday(thursday) else thursday


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _next_month(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
