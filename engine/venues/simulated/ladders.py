"""The markets that exist: series, events and strikes shaped as the real ones of facts §4.

Tickers and strikes depend on the date alone, never on the seed, so that two runs trade the same ladder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias

from engine.market.fees import FeeSchedule
from engine.market.strikes import Strike
from engine.venues.simulated.instants import HOUR, Instant, to_datetime
from engine.venues.simulated.market import EventSpec, Latent, MarketSpec, SeriesSpec, Source
from engine.venues.simulated.timetables import (
    Timetable,
    consumer_prices,
    high_temperature,
    jobless_claims,
    ten_year,
    weekly_gas,
)

_PLAIN = FeeSchedule("quadratic", Decimal(1))
_WITH_MAKER = FeeSchedule("quadratic_with_maker_fees", Decimal(1))

CPI = SeriesSpec(
    "KXCPI", "CPI", "monthly", "Economics", ("Inflation",), (Source("BLS", "https://www.bls.gov/cpi/"),), _WITH_MAKER
)
CLAIMS = SeriesSpec(
    "KXJOBLESSCLAIMS",
    "Jobless claims",
    "weekly",
    "Economics",
    ("Employment",),
    (Source("Department of Labor", "https://www.dol.gov/ui/data.pdf"),),
    _PLAIN,
)
TENY = SeriesSpec(
    "KXTNOTED",
    "10-year Treasury yield",
    "daily",
    "Financials",
    ("Treasuries",),
    (Source("US Treasury", "https://home.treasury.gov/"),),
    _PLAIN,
)
WEATHER = SeriesSpec(
    "KXHIGHNY",
    "Highest temperature in NYC",
    "daily",
    "Climate and Weather",
    ("Daily temperature",),
    (Source("The Weather Company", "https://weather.com/kalshi"),),
    _PLAIN,
)
GAS = SeriesSpec(
    "KXAAAGASW",
    "US gas prices",
    "weekly",
    "Economics",
    ("Gas",),
    (Source("AAA", "https://gasprices.aaa.com/"),),
    _PLAIN,
)
ALL_SERIES = (CPI, CLAIMS, TENY, WEATHER, GAS)


@dataclass(frozen=True, slots=True)
class Rung:
    """One strike of a ladder before it becomes a market."""

    code: str
    strike: Strike
    words: str


Builder: TypeAlias = Callable[[Timetable], EventSpec]


def events(first: date, last: date) -> Iterator[EventSpec]:
    """Every event whose life touches the days from `first` to `last`, series by series."""
    kinds: tuple[tuple[Callable[[date, date], Iterator[Timetable]], Builder], ...] = (
        (consumer_prices, _cpi),
        (jobless_claims, _claims),
        (ten_year, _ten_year),
        (high_temperature, _weather),
        (weekly_gas, _gas),
    )
    for timetables, build in kinds:
        for timetable in timetables(first, last):
            yield build(timetable)


def _cpi(at: Timetable) -> EventSpec:
    rungs = [_above(f"T{Decimal(tenths) / 10:.1f}", Decimal(tenths) / 10, "%") for tenths in range(-3, 10)]
    month = to_datetime(at.opens) + timedelta(days=20)
    latent = Latent(0.27 + _wobble(at.day, 0.06), 0.09, 0.06, Decimal("0.1"), at.opens, at.determines)
    title, question = f"CPI in {month:%B %Y}", f"CPI rise more than {{floor}}% in {month:%B %Y}"
    return _event(CPI, at, title, rungs, latent, question, settle_after=2 * HOUR)


def _claims(at: Timetable) -> EventSpec:
    center = 222_000 + _wobble(at.day, 6_000)
    middle = round(center / 5_000) * 5_000
    rungs = [_above(str(level), Decimal(level), "") for level in range(middle - 25_000, middle + 25_001, 5_000)]
    latent = Latent(center, 4_500, 6_500, Decimal(1_000), at.opens, at.determines)
    return _event(
        CLAIMS, at, f"Initial jobless claims, {at.day:%b %d}", rungs, latent, "initial claims be above {floor}"
    )


def _ten_year(at: Timetable) -> EventSpec:
    center = 4.12 + _wobble(at.day, 0.04)
    middle = round(center * 50) * 2
    mids = [middle + 2 * offset for offset in range(-6, 7)]
    edge = Decimal(mids[0] - 1) / 100
    top = Decimal(mids[-1] + 1) / 100
    rungs = [Rung(f"T{edge}", Strike("less", None, edge), f"Below {edge}%")]
    for mid in mids:
        low, high = Decimal(mid - 1) / 100, Decimal(mid + 1) / 100
        # yields are published to 0.01: the upper bound stays below the next rung's lower one
        strike = Strike("between", low, high - Decimal("0.001"))
        rungs.append(Rung(f"B{Decimal(mid) / 100:.2f}", strike, f"{low}% to {high}%"))
    rungs.append(Rung(f"T{top}", Strike("greater_or_equal", top, None), f"{top}% or above"))
    latent = Latent(center, 0.045, 0.006, Decimal("0.01"), at.opens, at.closes)
    return _event(
        TENY, at, f"10-year Treasury yield on {at.day:%b %d, %Y}", rungs, latent, "10-year yield be {words}", True
    )


def _weather(at: Timetable) -> EventSpec:
    center = 52 + _wobble(at.day, 7)
    low = round(center) - 3
    rungs = [Rung(f"T{low}", Strike("less", None, Decimal(low)), f"{low - 1}° or below")]
    for floor in range(low, low + 8, 2):
        strike = Strike("between", Decimal(floor), Decimal(floor + 1))
        rungs.append(Rung(f"B{floor + 0.5}", strike, f"{floor}° to {floor + 1}°"))
    rungs.append(Rung(f"T{low + 7}", Strike("greater", Decimal(low + 7), None), f"{low + 8}° or above"))
    # the day's high is nearly known by late afternoon
    known = at.closes - 7 * HOUR
    latent = Latent(center, 3.2, 0.5, Decimal(1), at.opens, known)
    title = f"Highest temperature in New York City on {at.day:%b} {at.day.day}, {at.day.year}?"
    return _event(WEATHER, at, title, rungs, latent, "maximum temperature be {words}", True, settle_after=HOUR)


def _gas(at: Timetable) -> EventSpec:
    center = 3.065 + _wobble(at.day, 0.05)
    middle = round(center * 50) * 20
    strikes = [Decimal(mills).scaleb(-3) for mills in range(middle - 200, middle + 181, 20)]
    rungs = [_above(str(strike), strike, "") for strike in strikes]
    latent = Latent(center, 0.035, 0.004, Decimal("0.001"), at.opens, at.determines)
    return _event(
        GAS, at, f"US gas prices on {at.day:%b %d, %Y}", rungs, latent, "average **gas prices** be above ${floor}"
    )


def _above(code: str, floor: Decimal, unit: str) -> Rung:
    return Rung(code, Strike("greater", floor, None), f"Above {floor}{unit}")


def _event(
    series: SeriesSpec,
    at: Timetable,
    title: str,
    rungs: list[Rung],
    latent: Latent,
    question: str,
    mutually_exclusive: bool = False,
    settle_after: Instant = HOUR // 2,
) -> EventSpec:
    ticker = f"{series.ticker}-{at.code}"
    source = series.sources[0].name
    markets = tuple(_market(ticker, at, rung, question, source, settle_after) for rung in rungs)
    sub_title = f"On {at.day:%b} {at.day.day}, {at.day.year}"
    return EventSpec(ticker, series, title, sub_title, mutually_exclusive, at.closes, markets, at.determines, latent)


def _market(
    event_ticker: str, at: Timetable, rung: Rung, question: str, source: str, settle_after: Instant
) -> MarketSpec:
    title = f"Will {question.format(floor=rung.strike.floor_strike, words=rung.words)}?"
    return MarketSpec(
        f"{event_ticker}-{rung.code}",
        event_ticker,
        title,
        rung.words,
        f'If the answer to "{title}" ({at.day:%b %d, %Y}) is yes according to {source}, '
        "then the market resolves to Yes.",
        rung.strike,
        rung.strike.strike_type,
        at.opens - HOUR // 2,
        at.opens,
        at.closes,
        at.determines,
        settle_after // 1_000_000,
        rung.strike.floor_strike,
        rung.strike.cap_strike,
    )


def _wobble(day: date, spread: float) -> float:
    """A number between -spread and spread that belongs to the day."""
    return ((day.toordinal() * 7_919) % 1_000 / 500 - 1) * spread
