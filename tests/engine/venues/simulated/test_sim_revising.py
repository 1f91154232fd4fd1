"""What an administrator changes about a market that lives, and what becomes of a result that was disputed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from engine.market.money import parse_price
from engine.venues.simulated.account import Account
from engine.venues.simulated.admin import admin
from engine.venues.simulated.faults import Fault, Faults
from engine.venues.simulated.instants import DAY, HOUR, SECOND
from engine.venues.simulated.lifecycle import Ending, Lifecycle, outcome
from engine.venues.simulated.market import Market, MarketStatus
from engine.venues.simulated.orders import OrderStatus
from engine.venues.simulated.revising import Revising, RevisionError

from .conftest import HIGH, LOW, START, Api, Venue, specs
from .test_sim_lifecycle import Life
from .test_sim_trading import refusal


def revising(venue: Venue) -> Revising:
    return Revising(venue.exchange, Lifecycle(venue.exchange, venue.trading, 1, lambda market: None))


@pytest.fixture
def life() -> Life:
    return Life()


def revise(life: Life, **wanted: Any) -> None:
    Revising(life.venue.exchange, life.lifecycle).revise(HIGH, wanted)


def many_can_win(life: Life) -> None:
    for market in (life.venue.market, life.venue.other):
        market.event = replace(market.event, mutually_exclusive=False)


def test_a_market_whose_close_moves_back_lives_on_until_then(life: Life) -> None:
    closes = life.venue.market.spec.closes
    order = life.venue.order(life.venue.account(), "bid", "0.4000").order
    revise(life, close_ts=(closes + HOUR) // SECOND)
    assert life.venue.market.spec.closes == closes + HOUR
    # of its first close, its first determination, its first settlement nothing is left
    assert [str(life.at(seconds)) for seconds in (-3_600, -3_599, -3_590, -3_530, -1)] == ["active"] * 5
    assert order.status is OrderStatus.RESTING
    assert [str(life.at(seconds)) for seconds in (0, 1)] == ["closed"] * 2
    assert order.status is OrderStatus.CANCELED
    # result and payment were due long ago
    assert str(life.at(2)) == "finalized"
    assert life.told() == ["created", "close_date_updated", "determined", "settled"]


def test_a_market_that_closes_early_is_determined_in_its_time(life: Life) -> None:
    closes = life.venue.market.spec.closes
    order = life.venue.order(life.venue.account(), "bid", "0.4000").order
    revise(life, close_ts=START // SECOND + 60)
    assert [str(life.at(seconds)) for seconds in (-1, 0, 1)] == ["active", "closed", "closed"]
    assert order.status is OrderStatus.CANCELED
    life.venue.exchange.advance(closes + 9 * SECOND)
    assert life.venue.market.status is MarketStatus.CLOSED
    life.venue.exchange.advance(closes + 10 * SECOND)
    assert life.venue.market.status is MarketStatus.DETERMINED
    life.venue.exchange.advance(closes + DAY)
    assert life.told() == ["created", "close_date_updated", "determined", "settled"]


async def test_a_moved_close_is_told_wherever_the_market_is(api: Api) -> None:
    closes = START // SECOND + 7_200
    revising(api.venue).revise(HIGH, {"close_ts": closes})
    for path in (f"/markets/{HIGH}", f"/events/{api.venue.market.event.ticker}?with_nested_markets=true"):
        answer = (await api.ask("GET", path)).json()
        market = answer["market"] if "market" in answer else answer["event"]["markets"][0]
        assert market["close_time"] == "2026-11-17T21:00:00Z"
    listed = (await api.ask("GET", f"/markets?min_close_ts={closes}")).json()["markets"]
    assert [each["ticker"] for each in listed] == [HIGH]
    assert (await api.ask("GET", f"/events?min_close_ts={closes - 1}")).json()["events"]


def test_finer_prices_are_taken_once_they_are_announced(life: Life) -> None:
    account = life.venue.account()
    assert refusal(lambda: life.venue.order(account, "bid", "0.0310"))[1] == "invalid_price"
    revise(life, price_level_structure="tapered_deci_cent")
    assert life.venue.order(account, "bid", "0.0310").order.price == parse_price("0.0310")
    assert refusal(lambda: life.venue.order(account, "bid", "0.4310"))[1] == "invalid_price"
    revise(life, price_level_structure="deci_cent")
    assert life.venue.order(account, "bid", "0.4310").order.price == parse_price("0.4310")
    assert refusal(lambda: life.venue.order(account, "bid", "0.4310", ticker=LOW))[1] == "invalid_price"
    with pytest.raises(RevisionError, match="orders may rest there"):
        revise(life, price_level_structure="linear_cent")
    assert life.told() == ["created", *["price_level_structure_updated"] * 2]


def test_another_strike_and_subtitle_are_told_one_by_one(life: Life) -> None:
    many_can_win(life)
    revise(life, floor_strike=45.5, yes_sub_title="Above 45.5")
    spec = life.venue.market.spec
    assert (spec.floor_strike, spec.yes_sub_title) == (Decimal("45.5"), "Above 45.5")
    assert spec.strike is not None
    assert spec.strike.holds(Decimal(46))
    assert life.told() == ["created", "metadata_updated", "metadata_updated"]
    revise(life, floor_strike=45.5)
    assert len(life.told()) == 3


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"status": "finalized"},
        {"close_ts": START // SECOND},
        {"close_ts": START // SECOND - 1},
        {"close_ts": (START + 2 * DAY) // SECOND},
        {"close_ts": 10**18},
        {"close_ts": "tomorrow"},
        {"close_ts": True},
        {"floor_strike": "45"},
        {"floor_strike": True},
        {"floor_strike": 10.0**30},
        {"cap_strike": 60},
        {"yes_sub_title": 7},
        {"price_level_structure": "fine"},
        {"price_level_structure": ["deci_cent"]},
        {"floor_strike": 45, "price_level_structure": "fine"},
    ],
)
def test_a_change_that_cannot_be_changes_nothing(life: Life, wanted: dict[str, Any]) -> None:
    many_can_win(life)
    before = (life.venue.market.spec, life.venue.market.grid)
    with pytest.raises(RevisionError):
        revise(life, **wanted)
    assert (life.venue.market.spec, life.venue.market.grid) == before
    assert life.told() == ["created"]


def test_strikes_of_which_one_can_win_and_markets_that_have_closed_stay_as_they_are(life: Life) -> None:
    with pytest.raises(RevisionError, match="only one market"):
        revise(life, floor_strike=30)
    life.at(0)
    with pytest.raises(RevisionError, match="is closed"):
        revise(life, yes_sub_title="Too late")


async def test_the_admin_endpoint_revises_markets_and_says_why_it_does_not() -> None:
    transport = httpx.ASGITransport(admin(Faults(), revising(Venue())))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        answer = await client.put(f"/markets/{HIGH}", json={"price_level_structure": "deci_cent"})
        assert (answer.status_code, answer.json()["market"]["price_level_structure"]) == (200, "deci_cent")
        for ticker, wrong in ((HIGH, {"gossip": 1}), (HIGH, []), ("KXNONE", {"close_ts": 1})):
            refused = await client.put(f"/markets/{ticker}", json=wrong)
            assert (refused.status_code, list(refused.json())) == (400, ["error"])
        refused = await client.put(f"/markets/{HIGH}", content=b"{")
        assert (refused.status_code, list(refused.json())) == (400, ["error"])


# --- disputes


def positions(life: Life) -> tuple[Account, Account]:
    """One who holds YES of HIGH and one who sold it."""
    buyer, seller = life.venue.account(), life.venue.account()
    life.venue.order(seller, "ask", "0.4000")
    life.venue.order(buyer, "bid", "0.4000")
    return buyer, seller


def give(life: Life, *faults: str) -> None:
    life.faults.replace(Fault.parse(text) for text in faults)


def results(venue: Venue) -> list[str]:
    return [each.outcome.result for each in (venue.market, venue.other) if each.outcome is not None]


def test_a_dispute_can_change_the_result_and_the_new_one_is_paid_out(life: Life) -> None:
    buyer, seller = positions(life)
    money = life.venue.money()
    give(life, f"dispute_s=300,where={HIGH}", f"dispute_value=51,where={HIGH}")
    assert str(life.at(310)) == "disputed"
    assert results(life.venue) == ["no", "no"]
    assert str(life.at(311)) == "amended"
    assert results(life.venue) == ["yes", "no"]
    assert life.venue.market.outcome is not None
    assert life.venue.market.outcome.expiration_value == "51"
    # LOW was paid out by the first value; by the second it would not have won either
    assert life.venue.other.status is MarketStatus.FINALIZED
    assert [str(life.at(seconds)) for seconds in (370, 371)] == ["amended", "finalized"]
    assert [each.settlements[0].result for each in (buyer, seller)] == ["yes", "yes"]
    assert buyer.settlements[0].revenue == 1_000_000
    assert life.venue.money() == money
    assert life.told() == ["created", "determined", "determined", "settled"]


def test_a_new_value_is_that_of_the_whole_event(life: Life) -> None:
    give(life, f"dispute_s=20,where={HIGH}", f"dispute_value=39,where={HIGH}")
    life.at(31)
    assert [str(each.status) for each in (life.venue.market, life.venue.other)] == ["amended", "amended"]
    assert results(life.venue) == ["no", "yes"]
    # its timer runs anew
    assert [str(life.at(seconds)) for seconds in (70, 90, 91)] == ["amended", "amended", "finalized"]
    assert life.venue.other.status is MarketStatus.FINALIZED


class LowWins(Life):
    """Its event is published at 39."""

    @staticmethod
    def ending(market: Market) -> Ending:
        return replace(Life.ending(market), outcome=lambda: outcome(market, Decimal(39)))


def test_what_has_been_paid_out_is_not_called_back_nor_does_another_win_beside_it() -> None:
    life = LowWins()
    give(life, f"dispute_s=300,where={HIGH}", f"dispute_value=51,where={HIGH}")
    life.at(900)
    assert results(life.venue) == ["no", "yes"]
    assert life.told() == ["created", "determined", "settled"]


def test_a_market_determined_after_the_correction_follows_it(life: Life) -> None:
    give(life, f"dispute_s=20,where={HIGH}", f"dispute_value=39,where={HIGH}")
    life.lifecycle.move_close(life.venue.other, life.venue.other.spec.closes + HOUR)
    life.at(2 * 3_600)
    assert results(life.venue) == ["no", "yes"]


@pytest.mark.parametrize("value", ["", "high", "nan", "inf", "1e99"])
def test_a_corrected_value_is_a_number(value: str) -> None:
    with pytest.raises(ValueError, match="dispute_value"):
        Fault.parse(f"dispute_value={value}")


def test_a_market_without_a_strike_keeps_its_result() -> None:
    life = Life.__new__(Life)
    life.venue, life.faults, life.opened = Venue(empty=True), Faults(), []
    life.lifecycle = Lifecycle(life.venue.exchange, life.venue.trading, 1, lambda market: None, life.faults)
    event = specs("quadratic", "1", 100)
    markets = tuple(replace(each, strike=None, strike_type="custom") for each in event.markets)
    life.lifecycle.follow(replace(event, markets=markets), life.ending)
    give(life, "dispute_s=20", "dispute_value=51")
    assert str(life.at(100)) == "finalized"
    assert results(life.venue) == ["no", "no"]
