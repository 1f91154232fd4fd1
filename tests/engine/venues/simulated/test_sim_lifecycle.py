"""What happens to markets on demand: paused and active again, disputed and amended; and fees that change."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from engine.market.fees import FeeSchedule
from engine.venues.simulated.faults import Fault, Faults
from engine.venues.simulated.fee_plans import FeePlanError, PlannedFees, plan
from engine.venues.simulated.happenings import MarketChanged
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.lifecycle import Ending, Lifecycle
from engine.venues.simulated.market import Market, MarketStatus, Outcome
from engine.venues.simulated.orders import OrderStatus, UpdateReason

from .conftest import HIGH, LOW, START, Api, Venue, specs
from .test_sim_trading import refusal

Build = Callable[..., Venue]


class Life:
    """A venue whose two markets live by their event's times; a market settles an hour and a minute after its close."""

    def __init__(self) -> None:
        self.venue = Venue(empty=True)
        self.faults = Faults()
        self.opened: list[str] = []
        self.lifecycle = Lifecycle(
            self.venue.exchange, self.venue.trading, 1, lambda market: self.opened.append(market.ticker), self.faults
        )
        self.lifecycle.follow(specs("quadratic", "1", 100), self.ending)
        self.venue.exchange.advance(START)

    @staticmethod
    def ending(market: Market) -> Ending:
        closes = market.spec.closes
        return Ending(closes + 10 * SECOND, closes + 70 * SECOND, lambda: Outcome("no", "45", 0))

    def at(self, seconds: int) -> MarketStatus:
        """The status so many seconds after the close."""
        market = self.venue.market
        self.venue.exchange.advance(market.spec.closes + seconds * SECOND)
        return market.status

    def told(self) -> list[str]:
        told = [each for each in self.venue.heard if isinstance(each, MarketChanged)]
        return [each.event.wire for each in told if each.market.ticker == HIGH]


def test_a_market_is_closed_determined_and_settled_in_its_time() -> None:
    life = Life()
    order = life.venue.order(life.venue.account(), "bid", "0.4000").order
    statuses = [life.at(seconds) for seconds in (-1, 0, 1, 10, 69, 70)]
    assert [str(each) for each in statuses] == ["active", "closed", "closed", "determined", "determined", "finalized"]
    assert (order.status, order.reason) == (OrderStatus.CANCELED, UpdateReason.CLOSE)
    assert life.told() == ["created", "determined", "settled"]


def test_a_paused_market_takes_nothing_and_comes_back_empty() -> None:
    life = Life()
    account = life.venue.account()
    order = life.venue.order(account, "bid", "0.4000").order
    kept = life.venue.order(account, "bid", "0.4000", ticker=LOW).order
    life.faults.put(Fault.parse(f"market_pause=on,where={HIGH}"))
    assert life.venue.market.status is MarketStatus.INACTIVE
    assert refusal(lambda: life.venue.order(account, "bid", "0.4000"))[1] == "MARKET_INACTIVE"
    assert refusal(lambda: life.venue.trading.cancel(account, order.order_id))[1] == "MARKET_INACTIVE"
    assert order.status is OrderStatus.RESTING
    life.faults.clear()
    assert (life.venue.market.status, order.reason) == (MarketStatus.ACTIVE, UpdateReason.HALT)
    assert kept.status is OrderStatus.RESTING
    assert life.opened == [HIGH, LOW, HIGH]
    assert life.venue.order(account, "bid", "0.4000").remaining == 100
    assert life.told() == ["created", "deactivated", "activated"]


def test_a_market_that_opens_during_its_pause_is_inactive() -> None:
    life = Life.__new__(Life)
    life.venue, life.faults, life.opened = Venue(empty=True, start=START - 10 * SECOND), Faults(), []
    life.faults.put(Fault.parse("market_pause=on"))
    life.lifecycle = Lifecycle(life.venue.exchange, life.venue.trading, 1, lambda market: None, life.faults)
    life.lifecycle.follow(specs("quadratic", "1", 100), life.ending)
    life.venue.exchange.advance(START)
    assert life.venue.market.status is MarketStatus.INACTIVE


def test_a_dispute_holds_up_the_settlement_and_pays_out_once() -> None:
    life = Life()
    life.faults.put(Fault.parse(f"dispute_s=300,where={HIGH}"))
    buyer, seller = life.venue.account(), life.venue.account()
    life.venue.order(seller, "ask", "0.4000")
    life.venue.order(buyer, "bid", "0.4000")
    statuses = [life.at(seconds) for seconds in (10, 11, 80, 311, 370, 371, 900)]
    assert [str(each) for each in statuses] == [
        "determined",
        "disputed",
        "disputed",
        "amended",
        "amended",
        "finalized",
        "finalized",
    ]
    assert len(buyer.settlements) == len(seller.settlements) == 1
    assert life.venue.other.settled == life.venue.other.spec.closes + 70 * SECOND


async def test_disputed_and_amended_markets_are_listed_as_closed(api: Api) -> None:
    for status in (MarketStatus.DISPUTED, MarketStatus.AMENDED):
        api.venue.market.status = status
        listed = (await api.ask("GET", "/markets?status=closed")).json()["markets"]
        assert [each["status"] for each in listed] == [str(status)]


async def test_a_change_of_fees_is_announced_made_and_then_history(api: Api) -> None:
    plan(api.venue.exchange, PlannedFees.parse("KXTEST=quadratic_with_maker_fees:0.5@60"))
    (announced,) = (await api.ask("GET", "/series/fee_changes")).json()["series_fee_change_arr"]
    assert (announced["fee_type"], announced["fee_multiplier"]) == ("quadratic_with_maker_fees", 0.5)
    assert announced["scheduled_ts"] == "2026-11-17T19:01:00Z"
    assert api.venue.market.fees.multiplier == 1
    api.venue.exchange.advance(START + 60 * SECOND)
    assert api.venue.market.fees == FeeSchedule("quadratic_with_maker_fees", Decimal("0.5"))
    assert (await api.ask("GET", "/series/KXTEST")).json()["series"]["fee_multiplier"] == 0.5
    assert (await api.ask("GET", "/series/fee_changes")).json()["series_fee_change_arr"] == []
    past = await api.ask("GET", "/series/fee_changes?show_historical=true&series_ticker=KXTEST")
    assert len(past.json()["series_fee_change_arr"]) == 1
    maker = api.venue.order(api.venue.account(), "ask", "0.5000", "1.00").order
    api.venue.order(api.venue.account(), "bid", "0.5000", "1.00")
    assert maker.maker_fees == 2_200


async def test_an_events_own_fees_go_before_those_of_its_series(api: Api) -> None:
    plan(api.venue.exchange, PlannedFees.parse("KXTEST-26NOV18=quadratic:2@10"))
    plan(api.venue.exchange, PlannedFees.parse("KXTEST=quadratic:0.5@20"))
    api.venue.exchange.advance(START + 30 * SECOND)
    assert api.venue.market.fees.multiplier == 2
    event = (await api.ask("GET", "/events/KXTEST-26NOV18")).json()["event"]
    assert (event["fee_type_override"], event["fee_multiplier_override"]) == ("quadratic", 2)
    (listed,) = (await api.ask("GET", "/events/fee_changes")).json()["event_fee_changes"]
    assert listed["event_ticker"] == "KXTEST-26NOV18"


def test_fees_of_nothing_and_fees_without_a_formula_are_refused(venue: Venue) -> None:
    with pytest.raises(FeePlanError, match="NONE"):
        plan(venue.exchange, PlannedFees.parse("NONE=quadratic:1@1"))
    for text in ("KXTEST", "KXTEST=flat:1@1", "KXTEST=quadratic:1", "KXTEST=quadratic:1.2.3@1"):
        with pytest.raises(argparse.ArgumentTypeError):
            PlannedFees.parse(text)


async def test_a_market_that_has_closed_refuses_every_order_operation_until_it_takes_out_what_rests(api: Api) -> None:
    """By name each is refused; cancel-all, and a group's trigger and end, leave what they cannot cancel."""
    orders = "/portfolio/events/orders"
    body = {"ticker": HIGH, "side": "bid", "count": "1.00", "price": "0.4000"}
    body |= {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "maker"}
    group = (await api.ask("POST", "/portfolio/order_groups/create", {"contracts_limit": 9})).json()["order_group_id"]
    created = await api.ask("POST", orders, {**body, "order_group_id": group})
    order_id = created.json()["order_id"]
    api.venue.market.status = MarketStatus.CLOSED
    amendment = {"ticker": HIGH, "side": "bid", "price": "0.3000", "count": "1.00"}
    by_name: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", orders, body),
        ("POST", f"{orders}/{order_id}/amend", amendment),
        ("POST", f"{orders}/{order_id}/decrease", {"reduce_by": "0.50"}),
        ("DELETE", f"{orders}/{order_id}", None),
    ]
    for method, path, content in by_name:
        answer = await api.ask(method, path, content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "MARKET_INACTIVE")
    for method, entry in (("POST", body), ("DELETE", {"order_id": order_id})):
        (told,) = (await api.ask(method, f"{orders}/batched", {"orders": [entry]})).json()["orders"]
        assert told["error"]["code"] == "MARKET_INACTIVE"
    path = f"/portfolio/order_groups/{group}"
    for method, act in (("DELETE", orders), ("PUT", f"{path}/trigger"), ("DELETE", path)):
        assert (await api.ask(method, act)).status_code in (200, 204)
    (resting,) = (await api.ask("GET", "/portfolio/orders?status=resting")).json()["orders"]
    assert resting["order_id"] == order_id
