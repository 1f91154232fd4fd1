"""Candlesticks: opens, highs, lows, closes and means, periods without a change, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.venues.simulated.candles import MOST_KEPT, Candles
from engine.venues.simulated.instants import DAY, MINUTE, SECOND
from engine.venues.simulated.market import Outcome

from .conftest import HIGH, LOW, START, Api, Venue

BASE = "/series/KXTEST/markets"
T0 = START // SECOND


def query(start: int, end: int, period: int = 1, **more: Any) -> str:
    text = f"start_ts={T0 + start}&end_ts={T0 + end}&period_interval={period}"
    return "&".join([text, *(f"{key}={value}" for key, value in more.items())])


async def candles(api: Api, start: int, end: int, period: int = 1, **more: Any) -> list[dict[str, Any]]:
    answer = await api.ask("GET", f"{BASE}/{HIGH}/candlesticks?{query(start, end, period, **more)}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["ticker"] == HIGH
    listed: list[dict[str, Any]] = answer.json()["candlesticks"]
    return listed


def wait(venue: Venue, seconds: int) -> None:
    venue.exchange.advance(START + seconds * SECOND)


@pytest.fixture
def busy(api: Api) -> Api:
    """Quotes in the first minute, trades in the second and fourth, nothing in the third."""
    venue = api.venue
    maker, taker = venue.account(), venue.account()
    wait(venue, 10)
    venue.order(maker, "bid", "0.4000", "9.00")
    venue.order(maker, "ask", "0.6000", "9.00")
    wait(venue, 70)
    venue.order(taker, "bid", "0.6000", "2.00")
    venue.order(taker, "ask", "0.4000", "1.00")
    wait(venue, 190)
    venue.order(maker, "bid", "0.5000", "1.00")
    venue.order(taker, "ask", "0.5000", "1.00")
    wait(venue, 240)
    return api


async def test_each_minute_has_its_candle_and_an_empty_one_carries_on(busy: Api) -> None:
    listed = await candles(busy, 1, 240)
    assert [each["end_period_ts"] - T0 for each in listed] == [60, 120, 180, 240]
    assert [each["volume_fp"] for each in listed] == ["0.00", "3.00", "0.00", "1.00"]
    assert [each["price"].get("previous_dollars") for each in listed] == [None, None, "0.4000", "0.4000"]
    assert listed[0]["price"] == {}
    assert listed[1]["price"] == {
        "open_dollars": "0.6000",
        "high_dollars": "0.6000",
        "low_dollars": "0.4000",
        "close_dollars": "0.4000",
        "mean_dollars": "0.5333",
        "min_dollars": "0.4000",
        "max_dollars": "0.6000",
    }
    assert listed[2]["yes_bid"] == dict.fromkeys(
        ("open_dollars", "high_dollars", "low_dollars", "close_dollars"), "0.4000"
    )
    assert (listed[3]["yes_bid"]["high_dollars"], listed[3]["yes_bid"]["close_dollars"]) == ("0.5000", "0.4000")
    assert [each["open_interest_fp"] for each in listed] == ["0.00", "1.50", "1.50", "2.00"]


async def test_an_hour_is_its_minutes(busy: Api) -> None:
    (hour,) = await candles(busy, 1, 3_600, 60)
    assert (hour["end_period_ts"] - T0, hour["volume_fp"]) == (3_600, "4.00")
    assert (hour["price"]["open_dollars"], hour["price"]["close_dollars"]) == ("0.6000", "0.5000")
    assert (hour["price"]["high_dollars"], hour["price"]["mean_dollars"]) == ("0.6000", "0.5250")
    assert (hour["yes_ask"]["low_dollars"], hour["yes_ask"]["high_dollars"]) == ("0.6000", "1.0000")


async def test_nothing_is_told_of_before_the_first_quote_or_after_now(busy: Api) -> None:
    assert await candles(busy, -600, -60) == []
    assert (await candles(busy, -600, 6_000))[-1]["end_period_ts"] - T0 == 240
    assert (await busy.ask("GET", f"{BASE}/{LOW}/candlesticks?{query(1, 240)}")).json()["candlesticks"] == []


async def test_the_latest_before_the_start_comes_first_when_asked_for(busy: Api) -> None:
    listed = await candles(busy, 181, 240, include_latest_before_start="true")
    assert [each["end_period_ts"] - T0 for each in listed] == [240, 240]
    assert (listed[0]["price"], listed[0]["volume_fp"]) == ({"previous_dollars": "0.4000"}, "0.00")


async def test_events_and_several_markets_at_once(busy: Api) -> None:
    event = (await busy.ask("GET", f"/series/KXTEST/events/KXTEST-26NOV18/candlesticks?{query(1, 240)}")).json()
    assert (event["market_tickers"], [len(each) for each in event["market_candlesticks"]]) == ([HIGH, LOW], [4, 0])
    assert event["adjusted_end_ts"] == T0 + 240
    several = await busy.ask("GET", f"/markets/candlesticks?market_tickers={HIGH},NONE,{LOW}&{query(1, 240)}")
    assert [(each["market_ticker"], len(each["candlesticks"])) for each in several.json()["markets"]] == [
        (HIGH, 4),
        (LOW, 0),
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{BASE}/{HIGH}/candlesticks?start_ts=1&end_ts=2", 400),
        (f"{BASE}/{HIGH}/candlesticks?start_ts=1&end_ts=2&period_interval=5", 400),
        (f"{BASE}/{HIGH}/candlesticks?start_ts=x&end_ts=2&period_interval=1", 400),
        (f"{BASE}/NONE/candlesticks?start_ts=1&end_ts=2&period_interval=1", 404),
        (f"/series/OTHER/markets/{HIGH}/candlesticks?start_ts=1&end_ts=2&period_interval=1", 404),
        ("/series/KXTEST/events/NONE/candlesticks?start_ts=1&end_ts=2&period_interval=1", 404),
        ("/markets/candlesticks?start_ts=1&end_ts=2&period_interval=1", 400),
        (f"/markets/candlesticks?market_tickers={','.join(['A'] * 101)}&start_ts=1&end_ts=2&period_interval=1", 400),
        (f"/historical/markets/{HIGH}/candlesticks?start_ts=1&end_ts=2&period_interval=1", 404),
    ],
)
async def test_what_cannot_be_told_is_refused(busy: Api, path: str, status: int) -> None:
    assert (await busy.ask("GET", path)).status_code == status


async def test_the_candles_of_a_market_that_is_history_are_told_as_history_alone(tmp_path: Path) -> None:
    """The one that settled is told by /historical, the other as before; its event still is there, without it."""
    venue = Venue()
    api = Api(venue, tmp_path, history_after=DAY)
    for ticker in (HIGH, LOW):
        venue.order(api.account, "bid", "0.4000", ticker=ticker)
    venue.exchange.settle(venue.market, Outcome("no", "45", 0))
    wait(venue, 3 * 86_400)
    span = query(0, 600)
    assert (await api.ask("GET", f"{BASE}/{HIGH}/candlesticks?{span}")).status_code == 404
    assert (await api.ask("GET", f"{BASE}/{LOW}/candlesticks?{span}")).status_code == 200
    assert (await api.ask("GET", f"/historical/markets/{HIGH}/candlesticks?{span}")).status_code == 200
    several = (await api.ask("GET", f"/markets/candlesticks?market_tickers={HIGH},{LOW}&{span}")).json()
    assert [each["market_ticker"] for each in several["markets"]] == [LOW]
    whole = (await api.ask("GET", f"/series/KXTEST/events/KXTEST-26NOV18/candlesticks?{span}")).json()
    assert whole["market_tickers"] == [LOW]
    event = (await api.ask("GET", "/events/KXTEST-26NOV18")).json()
    assert [each["ticker"] for each in event["markets"]] == [LOW]
    (listed,) = (await api.ask("GET", "/events?with_nested_markets=true")).json()["events"]
    assert [each["ticker"] for each in listed["markets"]] == [LOW]
    venue.exchange.settle(venue.other, Outcome("no", "45", 0))
    wait(venue, 6 * 86_400)
    whole = (await api.ask("GET", f"/series/KXTEST/events/KXTEST-26NOV18/candlesticks?{span}")).json()
    assert whole["market_candlesticks"] == []
    await api.client.aclose()


def test_so_much_is_kept_and_the_oldest_goes_first() -> None:
    kept = Candles()
    for minute in range(MOST_KEPT + 1):
        kept.quote(minute * MINUTE + SECOND, 4_000, 6_000)
    assert kept.first == (MOST_KEPT // 10 + 1) * MINUTE


def test_a_periods_end_belongs_to_it() -> None:
    kept = Candles()
    kept.quote(60 * SECOND, 4_000, 6_000)
    kept.quote(60 * SECOND + 1, 4_100, 6_000)
    assert [each.bid.close for each in kept.periods(0, 120 * SECOND, MINUTE)] == [4_000, 4_100]
