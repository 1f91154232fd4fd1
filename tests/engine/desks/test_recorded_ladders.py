"""The desk on markets as they were recorded: real strikes, real quotes, a reason for each strike without a quote."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.desks.ladders.desk import Holding, LaddersDesk
from engine.desks.ladders.families import families_of
from engine.desks.ladders.models import ConfiguredModel
from engine.desks.ladders.verdict import NoQuote, Verdict
from engine.levels import Levels
from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.money import ONE_CONTRACT, parse_count, parse_price
from engine.market.strikes import Strike, UnsupportedStrike
from engine.market.view import BookSnapshot, MarketInfo, MarketStatus, Print
from engine.shadow.trader import PaperTrader
from state.clock import LiveMarketClock, SimulatedClock
from state.home import Home
from state.settings import Settings, default_ladders

DATA = Path(__file__).parents[4] / "shared/data/kalshi/excerpts_2026"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not DATA.is_dir(), reason="reference data ../shared/data is absent"),
]
CENTS = PriceGrid(((0, 10_000, 100),))


def load(name: str) -> dict[str, Any]:
    loaded = json.loads((DATA / name).read_text(), parse_float=Decimal)
    assert isinstance(loaded, dict)
    return loaded


def info(market: dict[str, Any], family: str, fee_type: str, **known: Any) -> MarketInfo:
    market = {**market, **known}
    try:
        floor, cap = market.get("floor_strike"), market.get("cap_strike")
        strike = Strike(
            market["strike_type"], None if floor is None else Decimal(floor), None if cap is None else Decimal(cap)
        )
    except UnsupportedStrike:
        strike = None
    return MarketInfo(
        ticker=market["ticker"],
        event=market["event_ticker"],
        series=market["event_ticker"].split("-")[0],
        family=family,
        strike=strike,
        grid=CENTS,
        fees=FeeSchedule(fee_type, Decimal(1)),
        opens_at=datetime.fromisoformat(market["open_time"]),
        closes_at=datetime.fromisoformat(market["close_time"]),
        status=MarketStatus(market["status"]),
    )


def quoted(market: dict[str, Any]) -> BookSnapshot:
    """A book of the recorded quotes; sizes were not recorded and count as 1. "0.0000" and "1.0000" mean empty."""

    def level(name: str) -> tuple[tuple[int, int], ...]:
        price = parse_price(market[name])
        return ((price, ONE_CONTRACT),) if 0 < price < 10_000 else ()

    return BookSnapshot(market["ticker"], level("yes_bid_dollars"), level("no_bid_dollars"))


def settings(family: str, **beliefs: object) -> Settings:
    return Settings(ladders={family: default_ladders()[family].model_copy(update=beliefs)})


def desk(settings: Settings) -> LaddersDesk:
    families = families_of(settings)
    return LaddersDesk(families, {name: ConfiguredModel(each) for name, each in families.items()}, 10)


def judge(ladders: LaddersDesk, market: MarketInfo, book: BookSnapshot, at: datetime) -> Verdict:
    return ladders.judge(market, ladders.terms(market, at), book, Holding(), at)


def test_the_new_york_ladder_gets_quotes_and_a_reason_for_each_strike_without() -> None:
    markets = load("KXHIGHNY-26OCT04.json")["markets"]
    at = datetime(2026, 10, 3, 17, 25, tzinfo=UTC)
    ladders = desk(settings("WEATHER", mean=64.0, spread=2.2))
    verdicts = [judge(ladders, info(each, "WEATHER", "quadratic"), quoted(each), at) for each in markets]
    assert len(verdicts) == 6
    assert sum(bool(verdict.proposals) for verdict in verdicts) >= 3
    assert all(verdict.proposals or verdict.reason for verdict in verdicts)
    assert abs(sum(verdict.fair or 0 for verdict in verdicts) - 10_000) <= 3  # the ladder covers every temperature


def test_the_live_cpi_book_gets_a_quote_at_or_inside_its_best_bid() -> None:
    excerpt = load("KXCPI_excerpts.json")
    book = excerpt["orderbook_same_market"]["orderbook_fp"]
    sides = {
        side: tuple((parse_price(p), parse_count(c)) for p, c in reversed(book[f"{side}_dollars"]))
        for side in ("yes", "no")
    }
    market = info(
        excerpt["live_market_2026_07_07"], "CPI", "quadratic_with_maker_fees",
        strike_type="greater", open_time="2026-06-15T14:00:00Z",
    )  # fmt: skip
    at = datetime(2026, 7, 7, 15, tzinfo=UTC)
    view = BookSnapshot(market.ticker, sides["yes"], sides["no"])
    ladders = desk(settings("CPI", mean=0.0, spread=0.12))
    verdict = judge(ladders, market, view, at)
    (proposal,) = verdict.proposals
    # bid 0.89, ask 0.90: no room inside
    assert (proposal.side, proposal.price) == ("YES", 8900)
    assert verdict.fair is not None and verdict.fair > 9_800
    closed = replace(market, status=MarketStatus.CLOSED)
    judged = judge(ladders, closed, view, at)
    assert judged.reason is NoQuote.MARKET_CLOSED


def test_a_strike_that_is_no_number_is_named() -> None:
    markets = load("KXFEDDECISION-26OCT.json")["markets"]
    at = datetime(2026, 10, 3, 17, 25, tzinfo=UTC)
    for each in markets:
        verdict = judge(desk(settings("CPI")), info(each, "CPI", "quadratic"), quoted(each), at)
        assert verdict.reason is NoQuote.UNSUPPORTED_STRIKE


def test_the_gas_ladder_settles_as_it_did(tmp_path: Path) -> None:
    markets = load("KXAAAGASW-26JUL13_ladder.json")["markets"]
    home = Home(tmp_path / "home")
    home.create()
    clock = SimulatedClock(datetime(2026, 7, 13, 3, 30, tzinfo=UTC))
    believes = settings("GAS", mean=3.80, spread=0.10)
    trader = PaperTrader(home, clock, LiveMarketClock(clock), believes, "simulated", lambda *_, **__: None)
    trader.recover()
    live = [info(each, "GAS", "quadratic", status="active") for each in markets]
    books = {each.ticker: BookSnapshot(each.ticker, ((4000, 100),), ((5000, 100),)) for each in live}
    trader.cycle(books, live, Levels())
    for number, each in enumerate(live):
        trader.on_trade(Print(f"s{number}", each.ticker, 4000, 1000, "NO", clock.now()))
        trader.on_trade(Print(f"b{number}", each.ticker, 5000, 600, "YES", clock.now()))
    held = {position.ticker: position for position in trader.document().positions}
    assert len(held) >= 10
    for each in markets:
        trader.on_settled(each["ticker"], each["result"], parse_price(each["settlement_value_dollars"]))
    expected = Decimal(0)
    for each in markets:
        assert (each["result"] == "yes") == Strike(each["strike_type"], Decimal(each["floor_strike"]), None).holds(
            Decimal(each["expiration_value"])
        )
        position = held.get(each["ticker"])
        if position is not None:
            paid = Decimal(position.side == ("YES" if each["result"] == "yes" else "NO"))
            expected += position.count * (paid - position.average_price) - position.fees_usd
    document = trader.document()
    assert document.positions == ()
    told = [json.loads(line) for line in home.path(Home.trades).read_text().splitlines()]
    early = sum(
        (Decimal(each["realized_pnl_usd"]) for each in told if each["exit_reason"] == "opposite fill"), Decimal(0)
    )
    assert document.realised_usd == expected + early
    trader.close()
