"""Paper trading against the simulated exchange's own population, in one process and in market time."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine.levels import Levels
from engine.market.money import ONE_DOLLAR
from engine.market.view import BookSnapshot, MarketInfo, MarketStatus, Print
from engine.shadow.trader import CycleOutcome, PaperTrader
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.happenings import Happening, Trade
from engine.venues.simulated.instants import SECOND, to_datetime, to_instant
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market import Market
from engine.venues.simulated.market_clock import START
from engine.venues.simulated.orders import Side
from engine.venues.simulated.population import Population
from engine.venues.simulated.trading import Trading
from state.clock import MarketClock, SimulatedClock
from state.home import Home
from state.settings import Settings

FAMILIES = {series: name for name, ladder in Settings().ladders.items() for series in ladder.series}


class Run:
    """One paper trader on one exchange; a market second is a cycle."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self.exchange = Exchange(to_instant(START))
        trading = Trading(self.exchange, lambda: 0)
        lifecycle = Lifecycle(self.exchange, trading, seed, lambda market: population.enter(market))
        population = Population(self.exchange, trading, lifecycle.paths, seed, 1.0)
        lifecycle.start()
        self.exchange.advance(self.exchange.now)
        self.clock = SimulatedClock(START)
        market_clock = MarketClock(self.clock, START, anchor_ns=self.clock.boottime_ns())
        self.trader = PaperTrader(self.home, self.clock, market_clock, Settings(), "simulated", lambda *_, **__: None)
        self.trader.recover()
        self.prints = 0
        self.exchange.listen(self.heard)

    def heard(self, happening: Happening) -> None:
        if isinstance(happening, Trade):
            self.prints += 1
            self.trader.on_trade(
                Print(
                    happening.trade_id,
                    happening.market.ticker,
                    happening.price,
                    happening.count,
                    "YES" if happening.taker_side is Side.BID else "NO",
                    to_datetime(happening.at),
                )
            )

    def cycles(self, seconds: int) -> CycleOutcome:
        for _ in range(seconds):
            self.clock.advance(1)
            self.exchange.advance(self.exchange.now + SECOND)
            traded = [market for market in self.exchange.markets.values() if info(market).family]
            active = [market for market in traded if info(market).status is MarketStatus.ACTIVE]
            outcome = self.trader.cycle(
                {market.ticker: self.book(market) for market in active}, [info(market) for market in active], Levels()
            )
        return outcome

    def book(self, market: Market) -> BookSnapshot:
        return BookSnapshot(
            market.ticker,
            yes=tuple(sorted(market.book.levels(Side.BID), reverse=True)),
            no=tuple(sorted(((ONE_DOLLAR - p, size) for p, size in market.book.levels(Side.ASK)), reverse=True)),
            as_of=to_datetime(self.exchange.now),
        )


def info(market: Market) -> MarketInfo:
    spec = market.spec
    return MarketInfo(
        ticker=market.ticker,
        event=spec.event_ticker,
        series=market.event.series.ticker,
        family=FAMILIES[market.event.series.ticker],
        strike=spec.strike,
        grid=market.grid,
        fees=market.fees,
        opens_at=to_datetime(spec.opens),
        closes_at=to_datetime(spec.closes),
        status=MarketStatus(market.status.value),
    )


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_within_a_minute_of_the_demo_shadow_orders_fill_in_many_markets(tmp_path: Path, seed: int) -> None:
    run = Run(tmp_path, seed)
    outcome = run.cycles(30)
    assert run.trader.document().orders and run.trader.document().positions
    run.cycles(30)
    document = run.trader.document()
    assert outcome.decisions >= 50
    assert document.fills >= 20
    assert len({position.family for position in document.positions}) >= 3
    for position in document.positions:
        assert position.count <= 100
        assert position.note == "no bid" if position.mark is None else Decimal(0) < position.mark < 1


def test_the_same_seed_trades_the_same_and_the_journal_rebuilds_the_book(tmp_path: Path) -> None:
    documents = []
    for folder in ("one", "two"):
        run = Run(tmp_path / folder, seed=7)
        run.cycles(20)
        documents.append(run.trader.document())
        again = PaperTrader(
            run.home, run.clock, MarketClock(run.clock, START, 0), Settings(), "simulated", lambda *_, **__: None
        )
        again.recover()
        rebuilt = again.document()
        assert (rebuilt.fills, rebuilt.realised_usd, rebuilt.fees_usd, rebuilt.journal_lines) == (
            documents[-1].fills, documents[-1].realised_usd, documents[-1].fees_usd, documents[-1].journal_lines,
        )  # fmt: skip
        held = [(p.ticker, p.side, p.count, p.average_price) for p in documents[-1].positions]
        assert [(p.ticker, p.side, p.count, p.average_price) for p in rebuilt.positions] == held
    assert documents[0].fills > 0
    assert documents[0] == documents[1]
