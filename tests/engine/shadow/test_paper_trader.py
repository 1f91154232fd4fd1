from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.desks.ladders.verdict import NoQuote
from engine.levels import ALL, Level, Levels, Scope, Source
from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.strikes import Strike
from engine.market.view import BookSnapshot, MarketInfo, MarketStatus, Print
from engine.shadow.trader import PaperTrader
from state.clock import MarketClock, SimulatedClock
from state.events import EventType
from state.home import Home
from state.journal import JournalWriter
from state.settings import Settings, default_ladders

NOW = datetime(2026, 11, 17, 19, tzinfo=UTC)
CENTS = PriceGrid(((0, 10_000, 100),))
MARKET = MarketInfo(
    ticker="KXHIGHNY-26NOV17-T52",
    event="KXHIGHNY-26NOV17",
    series="KXHIGHNY",
    family="WEATHER",
    strike=Strike("greater", Decimal(52), None),
    grid=CENTS,
    fees=FeeSchedule("quadratic", Decimal(1)),
    opens_at=NOW - timedelta(days=1),
    closes_at=NOW + timedelta(hours=11),
    status=MarketStatus.ACTIVE,
)
BOOK = BookSnapshot(MARKET.ticker, yes=((4600, 2000), (4500, 5000)), no=((4700, 1100), (4600, 900)))
WEATHER = default_ladders()["WEATHER"].model_copy(update={"mean": 52.5, "max_position": 50})
SETTINGS = Settings(ladders={"WEATHER": WEATHER})


def at(level: Level, scope: Scope = ALL) -> Levels:
    return Levels(frozenset({Source("test", level, "asked for", paper=True, scope=scope)}))


@dataclass
class Desk:
    """A trader on a home with clocks that stand still until told."""

    home: Home
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(NOW))
    events: list[tuple[EventType, str]] = field(default_factory=list)
    prints: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        market_clock = MarketClock(self.clock, NOW, anchor_ns=SimulatedClock(NOW).boottime_ns())
        self.trader = PaperTrader(self.home, self.clock, market_clock, SETTINGS, "simulated", self.emit)
        self.trader.recover()

    def emit(self, event: EventType, message: str, *, severity: str = "info", **details: object) -> None:
        self.events.append((event, message))

    def cycle(self, book: BookSnapshot | None = BOOK, level: Level = Level.RUN, **market: object) -> dict[str, int]:
        self.clock.advance(1)
        views = {} if book is None else {book.ticker: book}
        info = replace(MARKET, **market)  # type: ignore[arg-type]
        self.outcome = self.trader.cycle(views, [info], at(level))
        return dict(self.outcome.withdrawn)

    def sells(self, price: int, count: int) -> None:
        self.prints += 1
        self.trader.on_trade(Print(f"t{self.prints}", MARKET.ticker, price, count, "NO", NOW))

    def buys(self, price: int, count: int) -> None:
        self.prints += 1
        self.trader.on_trade(Print(f"t{self.prints}", MARKET.ticker, price, count, "YES", NOW))

    @property
    def resting(self) -> list[tuple[str, Decimal, Decimal]]:
        return [(order.side, order.price, order.remaining) for order in self.trader.document().orders]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    home = Home(tmp_path / "home")
    home.create()
    desk = Desk(home)
    yield desk
    desk.trader.close()


def lines(home: Home, which: str) -> list[dict[str, object]]:
    path = home.path(Home.fills if which == "fills" else Home.trades)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_cycle_rests_what_the_desk_proposes_and_the_next_keeps_it(desk: Desk) -> None:
    assert desk.cycle() == {}
    assert (desk.outcome.decisions, desk.outcome.placed, len(desk.outcome.proposals)) == (1, 2, 2)
    assert desk.resting == [("YES", Decimal("0.47"), Decimal(10)), ("NO", Decimal("0.48"), Decimal(10))]
    ids = [order.order_id for order in desk.trader.document().orders]
    for _ in range(20):
        assert desk.cycle() == {}
        assert desk.outcome.placed == 0
    assert [order.order_id for order in desk.trader.document().orders] == ids


def test_prints_fill_and_the_fill_is_journalled_told_and_held(desk: Desk) -> None:
    desk.cycle()
    desk.sells(4600, 350)
    (line,) = lines(desk.home, "fills")
    assert (line["side"], line["price"], line["count"], line["basis"]) == ("YES", "0.4700", "3.50", "print")
    assert (line["fair"], line["queue_ahead"], line["source"]) == ("0.5000", "0.00", "simulated")
    assert desk.events[-1][0] is EventType.SHADOW_FILL
    desk.cycle()
    (position,) = desk.trader.document().positions
    assert (position.side, position.count, position.mark) == ("YES", Decimal("3.50"), Decimal("0.46"))
    assert desk.trader.document().fills == 1


def test_both_sides_filled_close_a_trade(desk: Desk) -> None:
    desk.cycle()
    desk.sells(4600, 1000)
    desk.buys(5300, 1000)
    assert desk.trader.document().positions == ()
    (trade,) = lines(desk.home, "trades")
    assert (trade["realized_pnl_usd"], trade["exit_reason"]) == ("0.500000", "opposite fill")  # 1 − 0.47 − 0.48
    assert desk.trader.document().realised_usd == Decimal("0.5")


def test_a_kill_takes_every_paper_order_back_and_positions_are_marked_on(desk: Desk) -> None:
    desk.cycle()
    desk.sells(4600, 100)
    assert desk.cycle(level=Level.HALT) == {"halted": 2}
    assert (desk.resting, desk.outcome.placed, desk.outcome.decisions) == ([], 0, 1)
    assert desk.trader.document().positions[0].mark == Decimal("0.46")
    desk.cycle()
    assert len(desk.resting) == 2


def test_a_frozen_series_takes_its_own_paper_orders_back_and_no_others(desk: Desk) -> None:
    other = replace(MARKET, ticker="KXHIGHCHI-26NOV17-T52", event="KXHIGHCHI-26NOV17", series="KXHIGHCHI")
    views = {market.ticker: replace(BOOK, ticker=market.ticker) for market in (MARKET, other)}

    def cycle(levels: Levels) -> dict[str, int]:
        desk.clock.advance(1)
        desk.outcome = desk.trader.cycle(views, [MARKET, other], levels)
        return dict(desk.outcome.withdrawn)

    def tickers() -> set[str]:
        return {order.ticker for order in desk.trader.document().orders}

    cycle(Levels())
    assert tickers() == {MARKET.ticker, other.ticker}
    frozen = at(Level.HALT, Scope(series=MARKET.series))
    assert cycle(frozen) == {"halted": 2}
    assert (cycle(frozen), tickers()) == ({}, {other.ticker})
    cycle(Levels())
    assert tickers() == {MARKET.ticker, other.ticker}
    assert cycle(at(Level.HALT, Scope(desk="ladders"))) == {"halted": 4}
    assert cycle(at(Level.HALT, Scope(desk="flow"))) == {}


def test_what_stops_real_orders_alone_lets_paper_rest(desk: Desk) -> None:
    real = Levels(frozenset({Source("permit", Level.HALT, "none given")}))
    desk.trader.cycle({BOOK.ticker: BOOK}, [MARKET], real)
    assert len(desk.resting) == 2


def test_at_reduce_only_what_shrinks_the_position_rests(desk: Desk) -> None:
    desk.cycle()
    desk.sells(4600, 400)
    assert desk.cycle(level=Level.REDUCE) == {"reduce_only": 2}
    assert desk.resting == [("NO", Decimal("0.48"), Decimal(4))]


def test_a_book_nobody_vouches_for_takes_the_orders_back_and_names_why(desk: Desk) -> None:
    desk.cycle()
    assert desk.cycle(replace(BOOK, stale=True)) == {"book_stale": 2}
    assert desk.outcome.reasons == {MARKET.ticker: NoQuote.BOOK_STALE}
    desk.cycle()
    assert desk.cycle(None) == {"book_stale": 2}
    desk.cycle()
    assert desk.cycle(status=MarketStatus.CLOSED) == {"market_closed": 2}


def test_orders_expire_by_market_time_and_are_quoted_anew(desk: Desk) -> None:
    desk.cycle()
    desk.clock.advance(300)
    assert desk.cycle() == {"expired": 2}
    assert desk.outcome.placed == 2


def test_a_market_that_is_no_longer_listed_keeps_no_order(desk: Desk) -> None:
    desk.cycle()
    assert desk.trader.cycle({}, [], Levels()).withdrawn == {"market_closed": 2}


def test_the_position_limit_holds_through_many_fills(desk: Desk) -> None:
    for _ in range(30):
        desk.cycle()
        desk.sells(4600, 700)
        held = sum(position.count for position in desk.trader.document().positions)
        resting = sum(remaining for side, _, remaining in desk.resting if side == "YES")
        assert held + resting <= 50
    assert [side for side, *_ in desk.resting] == ["NO"]
    assert desk.outcome.reasons == {}


@pytest.mark.parametrize(
    ("result", "value", "realised"), [("yes", None, "5.3"), ("no", None, "-4.7"), ("scalar", 6000, "1.3")]
)
def test_a_settlement_pays_out_and_takes_the_orders_back(
    desk: Desk, result: str, value: int | None, realised: str
) -> None:
    desk.cycle()
    desk.sells(4600, 1000)
    desk.trader.on_settled(MARKET.ticker, result, value)
    desk.trader.on_settled(MARKET.ticker, result, value)
    document = desk.trader.document()
    assert (document.positions, document.orders, document.realised_usd) == ((), (), Decimal(realised))
    assert [line["event"] for line in lines(desk.home, "fills")] == ["fill", "settlement"]
    assert desk.trader.held() == frozenset()


def test_a_result_that_says_not_what_it_pays_leaves_the_position_and_says_so(desk: Desk) -> None:
    desk.cycle()
    desk.sells(4600, 1000)
    desk.trader.on_settled(MARKET.ticker, "", None)
    assert desk.trader.held() == {MARKET.ticker}
    assert "cannot tell what it pays" in desk.events[-1][1]


def test_after_a_crash_the_book_is_the_journal_and_orders_get_new_ids(desk: Desk) -> None:
    desk.cycle()
    desk.sells(4600, 350)
    desk.buys(5300, 100)
    before = desk.trader.document()
    desk.clock.advance(5)
    desk.start()  # the old trader is simply gone
    after = desk.trader.document()
    assert (after.fills, after.realised_usd, after.fees_usd, after.journal_lines) == (
        before.fills, before.realised_usd, before.fees_usd, before.journal_lines,
    )  # fmt: skip
    assert after.positions[0].count == Decimal("2.50")
    assert after.orders == ()
    desk.cycle()
    old = {order.order_id for order in before.orders}
    assert old.isdisjoint(order.order_id for order in desk.trader.document().orders)
    assert len(lines(desk.home, "trades")) == 1


def test_while_the_journal_cannot_be_written_nothing_new_rests_and_a_settlement_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    desk.cycle()
    with monkeypatch.context() as disk:
        disk.setattr(JournalWriter, "append", full)
        desk.sells(4600, 1000)
        desk.cycle()
        assert [side for side, *_ in desk.resting] == ["NO"]
        assert desk.trader.document().positions == ()
        desk.trader.on_settled(MARKET.ticker, "yes", None)
    desk.cycle(status=MarketStatus.FINALIZED)
    assert desk.trader.document().realised_usd == Decimal("5.3")
    assert [line["event"] for line in lines(desk.home, "fills")] == ["fill", "settlement"]
