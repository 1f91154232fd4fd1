"""The populated exchange: real-shaped ladders, lively books, and the same events for the same seed."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import Fault, Faults
from engine.venues.simulated.happenings import BookDelta, Happening, MarketChanged, Trade
from engine.venues.simulated.instants import DAY, HOUR, MINUTE, SECOND, Instant, rfc3339, to_instant
from engine.venues.simulated.latent import ValuePath
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market import Latent, MarketStatus
from engine.venues.simulated.orders import OrderRequest, SelfTrade, Side, TimeInForce
from engine.venues.simulated.population import Population
from engine.venues.simulated.trading import Trading

from .conftest import START


@dataclass
class World:
    seed: int = 7
    speed: float = 1.0
    start: Instant = START
    weekly_pause: bool = False

    def __post_init__(self) -> None:
        self.exchange = Exchange(self.start)
        self.trading = Trading(self.exchange, lambda: 0)
        self.heard: list[Happening] = []
        self.exchange.listen(self.heard.append)
        self.faults = Faults()
        self.lifecycle = Lifecycle(
            self.exchange, self.trading, self.seed, lambda market: self.population.enter(market), self.faults
        )
        self.population = Population(self.exchange, self.trading, self.lifecycle.paths, self.seed, self.speed)
        self.lifecycle.start()
        if self.weekly_pause:
            self.lifecycle.pause_weekly()
        self.exchange.advance(self.start)

    def book_events(self) -> list[tuple[object, ...]]:
        """Deltas and prints as anybody sees them, without the identifiers that belong to one run."""
        events: list[tuple[object, ...]] = []
        for each in self.heard:
            if isinstance(each, BookDelta):
                events.append((each.at, each.market.ticker, each.side, each.price, each.delta, each.clock))
            elif isinstance(each, Trade):
                events.append((each.at, each.market.ticker, each.price, each.count, each.taker_side))
        return events

    def status(self, ticker: str) -> MarketStatus:
        return self.exchange.markets[ticker].status


@pytest.fixture(scope="module")
def minute() -> World:
    world = World()
    world.heard.clear()
    world.exchange.advance(START + 60 * SECOND)
    return world


def test_the_ladders_of_the_tuesday_are_open(minute: World) -> None:
    opened = Counter(
        market.spec.event_ticker for market in minute.exchange.markets.values() if market.status is MarketStatus.ACTIVE
    )
    assert opened == {
        "KXHIGHNY-26NOV17": 6,
        "KXHIGHNY-26NOV18": 6,
        "KXCPI-26NOV": 13,
        "KXJOBLESSCLAIMS-26NOV19": 11,
        "KXTNOTED-26NOV17": 15,
        "KXAAAGASW-26NOV23": 20,
    }


@pytest.mark.parametrize(
    ("event", "closes"),
    [
        ("KXCPI-26NOV", "2026-12-10T13:25:00Z"),
        ("KXJOBLESSCLAIMS-26NOV19", "2026-11-19T13:25:00Z"),
        ("KXJOBLESSCLAIMS-26NOV25", "2026-11-25T13:25:00Z"),
        ("KXTNOTED-26NOV17", "2026-11-17T20:30:00Z"),
        ("KXHIGHNY-26NOV17", "2026-11-18T05:00:00Z"),
        ("KXAAAGASW-26NOV23", "2026-11-23T04:59:00Z"),
    ],
)
def test_events_close_as_the_real_ones_do(minute: World, event: str, closes: str) -> None:
    assert {rfc3339(market.spec.closes) for market in minute.exchange.by_event[event]} == {closes}


def test_fee_types_are_those_of_the_real_series(minute: World) -> None:
    assert {ticker: series.fees.fee_type for ticker, series in minute.exchange.series.items()} == {
        "KXCPI": "quadratic_with_maker_fees",
        "KXJOBLESSCLAIMS": "quadratic",
        "KXTNOTED": "quadratic",
        "KXHIGHNY": "quadratic",
        "KXAAAGASW": "quadratic",
    }


def test_exactly_one_outcome_of_an_exclusive_ladder_holds_for_any_published_value(minute: World) -> None:
    for event in minute.exchange.events.values():
        if event.mutually_exclusive:
            assert event.latent is not None
            for steps in range(-30, 31):
                value = round(Decimal(event.latent.center) / event.latent.step) * event.latent.step
                value += steps * event.latent.step
                holding = [m.ticker for m in event.markets if m.strike is not None and m.strike.holds(value)]
                assert len(holding) == 1, (value, holding)


def test_the_same_seed_gives_the_same_book_events_however_time_is_cut(minute: World) -> None:
    again = World()
    again.heard.clear()
    at = START
    while at < START + 60 * SECOND:
        at = min(at + 37_123, START + 60 * SECOND)
        again.exchange.advance(at, at_most=3)
    while not again.exchange.advance(START + 60 * SECOND, at_most=3):
        pass
    assert again.book_events() == minute.book_events()


def test_another_seed_gives_other_events(minute: World) -> None:
    other = World(seed=8)
    other.heard.clear()
    other.exchange.advance(START + 60 * SECOND)
    assert other.book_events()[:50] != minute.book_events()[:50]


def test_the_tape_is_lively(minute: World) -> None:
    kinds = Counter(type(each) for each in minute.heard)
    assert 5 <= kinds[Trade] / 60 <= 20
    assert 50 <= kinds[BookDelta] / 60 <= 300


def test_books_are_as_wide_near_the_money_as_real_ones_and_sized_like_them(minute: World) -> None:
    spreads, sizes, fractions = [], [], []
    for market in minute.exchange.markets.values():
        bid, bid_size, ask, ask_size = market.quote()
        if market.status is MarketStatus.ACTIVE and 1_000 < (bid + ask) / 2 < 9_000:
            spreads.append(ask - bid)
            sizes += [bid_size, ask_size]
            fractions += [
                order.remaining % 100 != 0 for side in Side for order in market.book.orders(side, market.quote()[0])
            ]
    assert len(spreads) >= 10
    assert 100 <= statistics.median(spreads) <= 400
    assert max(spreads) <= 800
    assert 100 <= statistics.median(sizes) <= 30_000
    assert any(fractions)


def test_prices_follow_what_the_event_is_worth(minute: World) -> None:
    for event_ticker, path in minute.lifecycle.paths.items():
        event = minute.exchange.events[event_ticker]
        forecast = path.forecast(minute.exchange.now)
        for market in minute.exchange.by_event[event_ticker]:
            if market.status is MarketStatus.ACTIVE and market.spec.strike is not None and event.latent is not None:
                fair = forecast.probability(market.spec.strike, event.latent.step) * 10_000
                bid, _, ask, _ = market.quote()
                assert bid - 400 <= fair <= ask + 400, market.ticker


def test_a_price_that_is_better_than_fair_is_taken_by_those_who_know() -> None:
    world = World()
    account = world.exchange.open_account(10_000_000_000)
    market = world.exchange.markets["KXHIGHNY-26NOV18-B46.5"]
    price = market.quote()[2] + 1_500
    # takes what stands in the way, and rests far above what the market is worth
    order = world.trading.create(
        account,
        OrderRequest(
            market.ticker,
            Side.BID,
            price,
            200_000,
            TimeInForce.GOOD_TILL_CANCELED,
            SelfTrade.TAKER_AT_CROSS,
        ),
    ).order
    taken = order.filled
    world.exchange.advance(START + 2 * MINUTE)
    assert order.filled - taken > 50_000


def test_wings_are_one_sided_or_a_cent_wide(minute: World) -> None:
    empty = [m for m in minute.exchange.markets.values() if m.status is MarketStatus.ACTIVE and m.quote()[0] == 0]
    assert empty, "no market without a bid"


def test_a_fast_clock_sees_the_same_day_with_fewer_actions() -> None:
    slow, fast = World(), World(speed=60.0)
    for world in (slow, fast):
        world.heard.clear()
        world.exchange.advance(START + 30 * SECOND)
    assert len(fast.heard) < len(slow.heard) / 5
    assert fast.lifecycle.paths["KXCPI-26NOV"].published() == slow.lifecycle.paths["KXCPI-26NOV"].published()


def test_days_go_by_and_there_is_always_something_to_trade() -> None:
    world = World(speed=20_000.0)
    settled: set[str] = set()
    for day in range(1, 15):
        world.exchange.advance(START + day * DAY)
        opened = {m.event.series.ticker for m in world.exchange.markets.values() if m.status is MarketStatus.ACTIVE}
        assert opened >= {"KXCPI", "KXHIGHNY"}, rfc3339(world.exchange.now)
        assert sum(m.status is MarketStatus.ACTIVE for m in world.exchange.markets.values()) >= 25
        settled = {m.spec.event_ticker for m in world.exchange.markets.values() if m.status is MarketStatus.FINALIZED}
    assert {"KXTNOTED-26NOV17", "KXHIGHNY-26NOV20", "KXJOBLESSCLAIMS-26NOV19", "KXAAAGASW-26NOV23"} <= settled


def test_an_event_closes_is_determined_and_settles_on_its_published_value() -> None:
    world = World(speed=1_000.0)
    account = world.exchange.open_account(100_000_000)
    event = world.exchange.events["KXTNOTED-26NOV17"]
    tickers = [market.ticker for market in event.markets]
    world.exchange.advance(to_instant(datetime(2026, 11, 17, 20, 29, tzinfo=UTC)))
    world.heard.clear()
    held = account.holding(world.exchange.markets[tickers[3]])
    held.position, held.cost = 100, 500_000
    world.exchange.advance(to_instant(datetime(2026, 11, 17, 20, 31, tzinfo=UTC)))
    assert {world.status(each) for each in tickers} == {MarketStatus.CLOSED}
    assert all(not world.exchange.markets[each].book.levels(side) for each in tickers for side in Side)
    world.exchange.advance(to_instant(datetime(2026, 11, 17, 23, 0, 1, tzinfo=UTC)))
    assert {world.status(each) for each in tickers} == {MarketStatus.DETERMINED}
    outcomes = [world.exchange.markets[each].outcome for each in tickers]
    assert Counter(each.result for each in outcomes if each is not None) == {"yes": 1, "no": 14}
    assert account.settlements == []
    world.exchange.advance(to_instant(datetime(2026, 11, 17, 23, 30, 1, tzinfo=UTC)))
    assert {world.status(each) for each in tickers} == {MarketStatus.FINALIZED}
    assert [each.ticker for each in account.settlements] == [tickers[3]]
    announced = Counter(
        each.event.wire
        for each in world.heard
        if isinstance(each, MarketChanged) and each.market.spec.event_ticker == event.ticker
    )
    assert announced == {"determined": 15, "settled": 15}


def test_the_weekly_pause_stops_the_tape_and_keeps_the_books() -> None:
    world = World(start=to_instant(datetime(2026, 11, 19, 7, 59, tzinfo=UTC)), weekly_pause=True)
    world.exchange.advance(to_instant(datetime(2026, 11, 19, 8, 0, 1, tzinfo=UTC)))
    assert not world.exchange.trading_active
    world.heard.clear()
    world.exchange.advance(world.exchange.now + 10 * MINUTE)
    assert not [each for each in world.heard if isinstance(each, Trade)]
    world.exchange.advance(to_instant(datetime(2026, 11, 19, 10, 0, 1, tzinfo=UTC)))
    assert world.exchange.trading_active


LATENT = Latent(50.0, 3.0, 0.5, Decimal(1), START, START + 30 * HOUR)


def test_a_market_that_comes_back_from_a_pause_has_traded_what_it_had_before() -> None:
    world = World()
    world.exchange.advance(START + MINUTE)
    market = max(world.exchange.markets.values(), key=lambda each: each.volume.total)
    before = (market.volume.total, market.last_price, market.open_interest, market.previous)
    world.faults.put(Fault.parse(f"market_pause=on,where={market.ticker}"))
    world.faults.clear()
    assert (market.status, bool(market.book.levels(Side.BID))) == (MarketStatus.ACTIVE, True)
    assert (market.volume.total, market.last_price, market.open_interest, market.previous) == before


def test_a_value_path_is_the_same_in_whichever_order_it_is_asked() -> None:
    forward, backward = ValuePath("E", LATENT, 1), ValuePath("E", LATENT, 1)
    asked = [START + hour * HOUR for hour in range(31)]
    seen = {at: forward.forecast(at) for at in asked}
    assert {at: backward.forecast(at) for at in reversed(asked)} == seen
    assert forward.published() == backward.published()


def test_forecasts_are_honest_about_how_far_the_value_may_still_go() -> None:
    """Over many seeds the published value lies as far from the forecast as the forecast says."""
    errors = []
    for seed in range(400):
        path = ValuePath("E", LATENT, seed)
        forecast = path.forecast(START + 15 * HOUR)
        errors.append((float(path.published()) - forecast.mean) / forecast.deviation)
    assert abs(statistics.fmean(errors)) < 0.2
    assert 0.85 < statistics.pstdev(errors) < 1.15
