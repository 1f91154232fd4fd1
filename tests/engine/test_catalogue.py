"""Which markets the desks may trade, by what the exchange lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.catalogue import Catalogue
from engine.desks.ladders.families import families_of
from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.view import MarketStatus
from engine.venues.kalshi.errors import MalformedAnswer, Rejected, Unavailable
from engine.venues.kalshi.models import Event, Market, Series
from state.clock import SimulatedClock
from state.settings import Ladder, Settings

SERIES = Series("KXCPI", "CPI", "Economics", "monthly", "quadratic", Decimal(1), ())


@pytest.fixture
def market(clock: SimulatedClock) -> Market:
    return Market(
        ticker="KXCPI-T0.2",
        event_ticker="KXCPI-26NOV",
        status="active",
        title="",
        yes_title="",
        open_time=clock.now(),
        close_time=clock.now() + timedelta(days=1),
        expected_expiration_time=None,
        strike_type="greater",
        floor_strike=Decimal("0.2"),
        cap_strike=None,
        grid=PriceGrid(((100, 9_900, 100),)),
        yes_bid=None,
        yes_ask=None,
        last_price=None,
        volume=0,
        open_interest=0,
        result="",
        expiration_value="",
        settlement_value=None,
        settled_at=None,
        rules="",
    )


class Exchange:
    """Lists what a test put there."""

    def __init__(self, market: Market) -> None:
        self.series_known: dict[str, Series] = {"KXCPI": SERIES, "KXGAS": replace(SERIES, ticker="KXGAS")}
        self.listed: dict[str, list[Event]] = {"KXCPI": [event(market)], "KXGAS": []}
        self.final: list[Market] = []
        self.faults: dict[str, Exception] = {}
        self.asked: list[str] = []

    async def series(self, ticker: str) -> Series:
        self.asked.append(f"series {ticker}")
        if ticker in self.faults:
            raise self.faults[ticker]
        return self.series_known[ticker]

    async def events(self, *, series_ticker: str, status: str) -> list[Event]:
        assert status == "open"
        self.asked.append(f"events {series_ticker}")
        if series_ticker in self.faults:
            raise self.faults[series_ticker]
        return self.listed[series_ticker]

    async def markets(self, *, tickers: list[str]) -> list[Market]:
        self.asked.append(f"markets {','.join(tickers)}")
        return [market for market in self.final if market.ticker in tickers]


def event(*markets: Market, **changes: Any) -> Event:
    given = Event("KXCPI-26NOV", "KXCPI", "", "", False, None, (), None, None, markets)
    return replace(given, **changes)


@pytest.fixture
def exchange(market: Market) -> Any:
    return Exchange(market)


@pytest.fixture
def catalogue() -> Catalogue:
    ladders = {"CPI": Ladder(series=("KXCPI",)), "GAS": Ladder(series=("KXGAS",)), "TENY": Ladder(enabled=False)}
    return Catalogue(families_of(Settings(ladders=ladders)))


async def only(catalogue: Catalogue, exchange: Any) -> Any:
    assert await catalogue.refresh(exchange) == ()
    (info,) = catalogue.known()
    return info


async def test_a_market_comes_with_its_terms(catalogue: Catalogue, exchange: Any, market: Market) -> None:
    info = await only(catalogue, exchange)
    assert (info.ticker, info.event, info.series, info.family) == ("KXCPI-T0.2", "KXCPI-26NOV", "KXCPI", "CPI")
    assert info.strike == market.strike()
    assert info.fees == FeeSchedule("quadratic", Decimal(1))
    assert (info.opens_at, info.closes_at) == (market.open_time, market.close_time)
    assert catalogue.open_tickers() == {"KXCPI-T0.2"}


async def test_an_event_overrides_the_fees_of_its_series(catalogue: Catalogue, exchange: Any, market: Market) -> None:
    override = {"fee_type_override": "quadratic_with_maker_fees", "fee_multiplier_override": Decimal("0.5")}
    exchange.listed["KXCPI"] = [event(market, **override)]
    assert (await only(catalogue, exchange)).fees == FeeSchedule("quadratic_with_maker_fees", Decimal("0.5"))


async def test_an_override_of_zero_is_an_override(catalogue: Catalogue, exchange: Any, market: Market) -> None:
    exchange.listed["KXCPI"] = [event(market, fee_multiplier_override=Decimal(0))]
    assert (await only(catalogue, exchange)).fees == FeeSchedule("quadratic", Decimal(0))


async def test_fees_without_a_published_formula_are_none_and_not_a_guess(
    catalogue: Catalogue, exchange: Any, market: Market
) -> None:
    exchange.listed["KXCPI"] = [event(market, fee_type_override="flat")]
    assert (await only(catalogue, exchange)).fees is None


@pytest.mark.parametrize("change", [{"strike_type": "custom"}, {"strike_type": None}, {"floor_strike": None}])
async def test_a_strike_that_numbers_do_not_describe_is_none(
    catalogue: Catalogue, exchange: Any, market: Market, change: dict[str, Any]
) -> None:
    exchange.listed["KXCPI"] = [event(replace(market, **change))]
    assert (await only(catalogue, exchange)).strike is None


@pytest.mark.parametrize(
    ("told", "status"),
    [("active", MarketStatus.ACTIVE), ("inactive", MarketStatus.INACTIVE), ("brand new", MarketStatus.UNKNOWN)],
)
async def test_only_an_active_market_is_open_and_an_unheard_of_status_is_unknown(
    catalogue: Catalogue, exchange: Any, market: Market, told: str, status: MarketStatus
) -> None:
    exchange.listed["KXCPI"] = [event(replace(market, status=told))]
    assert (await only(catalogue, exchange)).status is status
    assert bool(catalogue.open_tickers()) == (status is MarketStatus.ACTIVE)


async def test_a_market_that_is_listed_no_more_is_gone(catalogue: Catalogue, exchange: Any) -> None:
    await only(catalogue, exchange)
    exchange.listed["KXCPI"] = []
    await catalogue.refresh(exchange)
    assert catalogue.known() == ()


async def test_series_are_asked_once_and_families_that_are_off_never(catalogue: Catalogue, exchange: Any) -> None:
    for _ in range(3):
        await catalogue.refresh(exchange)
    assert exchange.asked.count("series KXCPI") == 1
    assert exchange.asked.count("events KXCPI") == 3
    assert not any("TNOTE" in asked for asked in exchange.asked)


@pytest.mark.parametrize(
    "fault", [Rejected(404, "not_found", "no such series"), MalformedAnswer("series: no fee_type")]
)
async def test_one_bad_series_is_named_and_keeps_no_other_from_the_desks(
    catalogue: Catalogue, exchange: Any, fault: Exception, market: Market
) -> None:
    exchange.faults["KXCPI"] = fault
    exchange.listed["KXGAS"] = [event(replace(market, ticker="KXGAS-T3"))]
    assert await catalogue.refresh(exchange) == (f"KXCPI: {fault}",)
    assert catalogue.open_tickers() == {"KXGAS-T3"}


async def test_a_series_that_cannot_be_read_now_keeps_what_it_had(catalogue: Catalogue, exchange: Any) -> None:
    await only(catalogue, exchange)
    exchange.faults["KXCPI"] = MalformedAnswer("events: no cursor")
    await catalogue.refresh(exchange)
    assert catalogue.open_tickers() == {"KXCPI-T0.2"}


async def test_an_exchange_that_does_not_answer_is_not_asked_series_by_series(
    catalogue: Catalogue, exchange: Any
) -> None:
    exchange.faults["KXCPI"] = Unavailable("no route")
    with pytest.raises(Unavailable):
        await catalogue.refresh(exchange)
    assert exchange.asked == ["series KXCPI"]


class TestSettled:
    async def test_only_a_final_market_pays(self, catalogue: Catalogue, exchange: Any, market: Market) -> None:
        exchange.final = [
            replace(market, ticker=ticker, status=status, result="yes")
            for ticker, status in (("A", "determined"), ("B", "disputed"), ("C", "finalized"), ("D", "closed"))
        ]
        settled = await catalogue.settled(exchange, frozenset("ABCD"))
        assert [each.ticker for each in settled] == ["C"]

    async def test_what_still_trades_is_not_asked_about(self, catalogue: Catalogue, exchange: Any) -> None:
        await only(catalogue, exchange)
        exchange.asked.clear()
        assert await catalogue.settled(exchange, frozenset({"KXCPI-T0.2"})) == []
        assert exchange.asked == []

    async def test_without_positions_nobody_is_asked(self, catalogue: Catalogue, exchange: Any) -> None:
        assert await catalogue.settled(exchange, frozenset()) == []
        assert exchange.asked == []
