"""K-16: one bad price brakes nothing, for no brake here goes by a price; missing data shuts its gate at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.levels import Levels
from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.strikes import Strike
from engine.market.view import MarketInfo, MarketStatus
from engine.market_data import MarketData, look_at
from engine.shadow.trader import PaperTrader
from engine.venues.kalshi.stream import Counters, Stream
from state import sentinel
from state.clock import NANOS, LiveMarketClock, SimulatedClock
from state.home import Home
from state.settings import Settings, default_ladders

NOW = datetime(2026, 11, 17, 19, tzinfo=UTC)
TICKER = "KXHIGHNY-26NOV17-T52"
MARKET = MarketInfo(
    ticker=TICKER,
    event="KXHIGHNY-26NOV17",
    series="KXHIGHNY",
    family="WEATHER",
    strike=Strike("greater", Decimal(52), None),
    grid=PriceGrid(((0, 10_000, 100),)),
    fees=FeeSchedule("quadratic", Decimal(1)),
    opens_at=NOW - timedelta(days=1),
    closes_at=NOW + timedelta(hours=11),
    status=MarketStatus.ACTIVE,
)
WEATHER = default_ladders()["WEATHER"].model_copy(update={"mean": 52.5, "max_position": 50})
FRESH_S = 10.0


class StreamFeed:
    """The real protocol without its socket."""

    def __init__(self, data: MarketData, clock: SimulatedClock) -> None:
        self.stream, self.clock = Stream(data.on_event), clock
        self.heard_ns: int | None = None
        self.stream.opened(lambda _: None, clock.boottime_ns())
        self.seq = 0
        self.trades = 0

    @property
    def books(self) -> Any:
        return self.stream.books

    @property
    def counters(self) -> Counters:
        return self.stream.counters

    def add_markets(self, tickers: list[str]) -> None:
        self.stream.add(tickers, self.clock.boottime_ns())

    def delete_markets(self, tickers: list[str]) -> None:
        self.stream.remove(tickers)

    def hear(self, kind: str, **msg: Any) -> None:
        self.seq += 1
        self.heard_ns = self.clock.boottime_ns()
        frame = {"type": kind, "sid": 1, "seq": self.seq, "msg": {"market_ticker": TICKER, **msg}}
        self.stream.receive(json.dumps(frame), self.heard_ns)

    def trade(self, yes_price: str) -> None:
        self.trades += 1
        ts_ms = int(NOW.timestamp() * 1_000)
        msg = {
            "market_ticker": TICKER,
            "trade_id": f"t-{self.trades}",
            "yes_price_dollars": yes_price,
            "count_fp": "1.00",
        }
        told = {"type": "trade", "sid": 2, "seq": self.trades, "msg": {**msg, "taker_book_side": "bid", "ts_ms": ts_ms}}
        self.stream.receive(json.dumps(told), self.clock.boottime_ns())


@pytest.fixture
def paper(home: Home, clock: SimulatedClock, emit: Any) -> PaperTrader:
    return PaperTrader(home, clock, LiveMarketClock(clock), Settings(ladders={"WEATHER": WEATHER}), "simulated", emit)


@pytest.fixture
def data(clock: SimulatedClock, emit: Any, paper: PaperTrader) -> MarketData:
    return MarketData(clock, emit, paper.on_trade, paper.on_book)


@pytest.fixture
def feed(data: MarketData, clock: SimulatedClock) -> Any:
    feed: Any = StreamFeed(data, clock)
    data.attach(feed)
    data.follow([TICKER])
    for sid, channel in ((1, "orderbook_delta"), (2, "trade")):
        told = {"type": "subscribed", "id": 1, "msg": {"channel": channel, "sid": sid}}
        feed.stream.receive(json.dumps(told), clock.boottime_ns())
    feed.hear("orderbook_snapshot", yes_dollars_fp=[["0.4600", "50.00"]], no_dollars_fp=[["0.4700", "50.00"]])
    return feed


def rest(paper: PaperTrader) -> list[str]:
    return [order.order_id for order in paper.document().orders]


@pytest.mark.parametrize("bad", ["0.0100", "0.9900"])
def test_k16_one_bad_tick_brakes_nothing(feed: Any, data: MarketData, paper: PaperTrader, home: Home, bad: str) -> None:
    paper.cycle(data.books, [MARKET], Levels())
    resting = rest(paper)
    assert resting
    feed.trade(bad)
    feed.hear("orderbook_delta", price_dollars=bad, delta_fp="5.00", side="yes", ts_ms=1)
    feed.hear("orderbook_delta", price_dollars=bad, delta_fp="-5.00", side="yes", ts_ms=2)
    outcome = paper.cycle(data.books, [MARKET], Levels())
    assert outcome.withdrawn == {}
    assert rest(paper) == resting
    assert look_at(data.books.values(), FRESH_S).fresh == 1
    assert not sentinel.look(home).engaged


def test_k16_missing_data_shuts_the_books_at_once_and_latches_nothing(
    feed: Any, data: MarketData, paper: PaperTrader, home: Home, clock: SimulatedClock
) -> None:
    paper.cycle(data.books, [MARKET], Levels())
    assert rest(paper)
    feed.seq += 1  # a frame that never came
    feed.hear("orderbook_delta", price_dollars="0.4000", delta_fp="5.00", side="yes", ts_ms=1)
    assert look_at(data.books.values(), FRESH_S).fresh == 0
    paper.cycle(data.books, [MARKET], Levels())
    assert rest(paper) == []
    feed.hear("orderbook_snapshot", yes_dollars_fp=[["0.4000", "55.00"]], no_dollars_fp=[])
    assert look_at(data.books.values(), FRESH_S).fresh == 1
    clock.boot_ns += round((FRESH_S + 1) * NANOS)
    assert look_at(data.books.values(), FRESH_S).fresh == 0
    assert not sentinel.look(home).engaged
