"""Amend and decrease: what keeps the place in the queue, what loses it, what trades, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.market.money import parse_count, parse_price
from engine.venues.simulated.account import Account
from engine.venues.simulated.amending import Amendment, amend, decrease
from engine.venues.simulated.happenings import OrderChanged
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.market import MarketStatus
from engine.venues.simulated.orders import ClientOrder, OrderStatus, Side, UpdateReason
from engine.venues.simulated.refusals import Refusal
from engine.venues.simulated.trading import Ack

from .conftest import HIGH, LOW, START, Api, Venue
from .test_sim_trading import refusal

BOOK = Side.BID


def change(venue: Venue, account: Account, order: ClientOrder, price: str, count: str, /, **changes: Any) -> Ack:
    wanted = Amendment(order.ticker, order.side, parse_price(price), parse_count(count))
    return amend(venue.trading, account, order.order_id, replace(wanted, **changes))


def queue(venue: Venue, price: str) -> list[str]:
    return [order.order_id for order in venue.market.book.orders(BOOK, parse_price(price))]


@pytest.fixture
def two(venue: Venue) -> tuple[Account, ClientOrder, ClientOrder]:
    """Two orders of one account at one price, the first ahead."""
    account = venue.account()
    return account, *(venue.order(account, "bid", "0.4000", "5.00").order for _ in range(2))


@pytest.mark.parametrize(
    ("price", "count", "first"),
    [("0.4000", "3.00", True), ("0.4000", "5.00", True), ("0.4000", "6.00", False), ("0.4100", "5.00", False)],
)
def test_a_smaller_size_keeps_the_place_and_a_larger_size_or_another_price_loses_it(
    venue: Venue, two: tuple[Account, ClientOrder, ClientOrder], price: str, count: str, first: bool
) -> None:
    account, order, other = two
    ack = change(venue, account, order, price, count)
    assert (ack.filled, ack.remaining, order.initial) == (0, parse_count(count), parse_count(count))
    assert order.reason is UpdateReason.AMEND
    if price == "0.4000":
        expected = [order, other] if first else [other, order]
        assert queue(venue, price) == [each.order_id for each in expected]
    else:
        assert (queue(venue, "0.4000"), queue(venue, price)) == ([other.order_id], [order.order_id])


def test_an_expiry_alone_keeps_the_place_and_replaces_the_old_one(
    venue: Venue, two: tuple[Account, ClientOrder, ClientOrder]
) -> None:
    account, order, other = two
    change(venue, account, order, "0.4000", "5.00", expires=START + 5 * SECOND)
    change(venue, account, order, "0.4000", "5.00", expires=START + 9 * SECOND)
    venue.exchange.advance(START + 6 * SECOND)
    assert queue(venue, "0.4000") == [order.order_id, other.order_id]
    venue.exchange.advance(START + 9 * SECOND)
    assert order.reason is UpdateReason.EXPIRY
    change(venue, account, other, "0.4000", "5.00", expires=START + 20 * SECOND)
    change(venue, account, other, "0.4000", "5.00", expires=0)
    venue.exchange.advance(START + 30 * SECOND)
    assert (other.status, other.expires) == (OrderStatus.RESTING, None)


def test_the_count_of_an_amend_includes_what_is_filled(venue: Venue) -> None:
    account, taker = venue.account(), venue.account()
    order = venue.order(account, "bid", "0.4000", "5.00").order
    venue.order(taker, "ask", "0.4000", "2.00")
    ack = change(venue, account, order, "0.4000", "4.00")
    assert (ack.remaining, order.filled, order.initial) == (200, 200, 400)
    assert refusal(lambda: change(venue, account, order, "0.4000", "2.00"))[1] == "invalid_order_size"
    venue.order(taker, "ask", "0.4000", "2.00")
    assert order.status is OrderStatus.EXECUTED


def test_an_amend_that_crosses_trades_at_once_and_tells_of_its_own_fills_alone(venue: Venue) -> None:
    account, other = venue.account(), venue.account()
    order = venue.order(account, "bid", "0.4000", "5.00").order
    venue.order(other, "ask", "0.4000", "1.00")
    venue.order(other, "ask", "0.5000", "2.00")
    ack = change(venue, account, order, "0.5500", "5.00")
    assert (ack.filled, ack.remaining, ack.value) == (200, 200, 1_000_000)
    assert (ack.fees, order.taker_fees) == (35_000, 35_000)
    assert (order.filled, order.status, queue(venue, "0.5500")) == (300, OrderStatus.RESTING, [order.order_id])


@pytest.mark.parametrize("stp", ["taker_at_cross", "maker"])
def test_an_amend_that_would_trade_with_its_own_account_does_not(venue: Venue, stp: str) -> None:
    """The order that moves is the taker: it stops at its own, or its own gives way and it goes on."""
    account, other = venue.account(), venue.account()
    own = venue.order(account, "ask", "0.5000", "2.00").order
    theirs = venue.order(other, "ask", "0.5100", "1.00").order
    order = venue.order(account, "bid", "0.4000", "3.00", stp=stp).order
    ack = change(venue, account, order, "0.5200", "3.00")
    stopped, stays = (order, own) if stp == "taker_at_cross" else (own, order)
    assert (stopped.status, stopped.reason) == (OrderStatus.CANCELED, UpdateReason.SELF_TRADE)
    assert (stays.status, own.filled) == (OrderStatus.RESTING, 0)
    filled = 0 if stp == "taker_at_cross" else 100
    assert (ack.filled, order.filled, theirs.filled, ack.remaining) == (filled, filled, filled, 2 * filled)


def test_a_post_only_order_amended_to_cross_is_cancelled(venue: Venue) -> None:
    account, other = venue.account(), venue.account()
    venue.order(other, "ask", "0.5000")
    order = venue.order(account, "bid", "0.4000", post_only=True).order
    assert change(venue, account, order, "0.5000", "1.00").remaining == 0
    assert (order.status, order.reason) == (OrderStatus.CANCELED, UpdateReason.POST_ONLY)
    assert account.available() == account.cash


def test_the_money_held_back_follows_an_amend(venue: Venue) -> None:
    account = venue.account(10)
    order = venue.order(account, "bid", "0.5000", "10.00").order
    change(venue, account, order, "0.5000", "4.00")
    assert account.available() == 8_000_000
    assert refusal(lambda: change(venue, account, order, "0.9000", "20.00"))[1] == "insufficient_balance"
    assert (order.price, order.remaining) == (5_000, 400)
    change(venue, account, order, "0.9000", "10.00")
    assert account.available() == 1_000_000


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ticker": LOW}, "order_ticker_mismatch"),
    ({"side": Side.ASK}, "order_side_mismatch"),
    ({"price": 4_050}, "invalid_price"),
    ({"count": 0}, "invalid_order_size"),
    ({"client_order_id": "other"}, "order_id_and_client_order_id_mismatch"),
    ({"client_order_id": "never-seen"}, "order_id_and_client_order_id_mismatch"),
    ({"updated_client_order_id": "other"}, "order_already_exists"),
    ({"expires": START}, "bad_request"),
]


@pytest.mark.parametrize(("changes", "code"), REFUSED)
def test_an_amend_that_cannot_be_is_refused_and_changes_nothing(
    venue: Venue, changes: dict[str, Any], code: str
) -> None:
    account = venue.account()
    order = venue.order(account, "bid", "0.4000", "5.00", client_id="mine").order
    venue.order(account, "bid", "0.3000", client_id="other")
    assert refusal(lambda: change(venue, account, order, "0.4000", "5.00", **changes))[1] == code
    assert (order.price, order.remaining, order.reason) == (4_000, 500, UpdateReason.CREATED)


def test_an_order_goes_by_both_its_names_and_neither_is_free_again(venue: Venue) -> None:
    account = venue.account()
    order = venue.order(account, "bid", "0.4000", "5.00", client_id="old").order
    named = {"client_order_id": "old", "updated_client_order_id": "new"}
    assert change(venue, account, order, "0.4000", "5.00", **named).order.client_order_id == "new"
    for name in ("old", "new"):
        assert refusal(lambda name=name: venue.order(account, "bid", "0.4000", client_id=name))[0] == 409  # type: ignore[misc]


def test_a_decrease_keeps_the_place_and_to_nothing_cancels(
    venue: Venue, two: tuple[Account, ClientOrder, ClientOrder]
) -> None:
    account, order, other = two
    decrease(venue.trading, account, order.order_id, by=200)
    assert (order.remaining, order.initial, order.reason) == (300, 500, UpdateReason.DECREASE)
    decrease(venue.trading, account, order.order_id, to=100)
    assert queue(venue, "0.4000") == [order.order_id, other.order_id]
    venue.order(venue.account(), "ask", "0.4000", "1.00")
    assert (order.filled, order.status) == (100, OrderStatus.EXECUTED)
    decrease(venue.trading, account, other.order_id, by=9_900)
    assert (other.status, other.reason) == (OrderStatus.CANCELED, UpdateReason.DECREASE)
    assert account.available() == account.cash


@pytest.mark.parametrize("how", [{}, {"by": 1, "to": 1}, {"by": 0}, {"by": -100}, {"to": 500}, {"to": -1}])
def test_a_decrease_that_is_none_is_refused(
    venue: Venue, two: tuple[Account, ClientOrder, ClientOrder], how: dict[str, int]
) -> None:
    account, order, _ = two
    with pytest.raises(Refusal) as caught:
        decrease(venue.trading, account, order.order_id, **how)
    assert caught.value.status == 400
    assert order.remaining == 500


def test_in_a_pause_a_decrease_goes_through_and_an_amend_does_not(
    venue: Venue, two: tuple[Account, ClientOrder, ClientOrder]
) -> None:
    account, order, _ = two
    venue.trading.pause_trading("test", paused=True)
    decrease(venue.trading, account, order.order_id, by=100)
    assert refusal(lambda: change(venue, account, order, "0.4000", "1.00"))[1] == "trading_is_paused"
    venue.trading.pause_trading("test", paused=False)
    venue.market.status = MarketStatus.CLOSED
    acts: list[Callable[[], object]] = [
        lambda: change(venue, account, order, "0.4000", "1.00"),
        lambda: decrease(venue.trading, account, order.order_id, by=100),
    ]
    assert [refusal(each)[1] for each in acts] == ["MARKET_INACTIVE"] * 2


def test_every_change_is_told(venue: Venue, two: tuple[Account, ClientOrder, ClientOrder]) -> None:
    account, order, _ = two
    venue.heard.clear()
    change(venue, account, order, "0.4100", "4.00")
    decrease(venue.trading, account, order.order_id, by=100)
    assert [each.delta for each in venue.deltas()] == [-500, 400, -100]
    assert len([each for each in venue.heard if isinstance(each, OrderChanged)]) == 2


async def test_amend_and_decrease_over_rest(api: Api) -> None:
    body = {
        "ticker": HIGH,
        "client_order_id": "one",
        "side": "bid",
        "count": "5.00",
        "price": "0.4000",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    order_id = (await api.ask("POST", "/portfolio/events/orders", body)).json()["order_id"]
    path = f"/portfolio/events/orders/{order_id}"
    wanted = {"ticker": HIGH, "side": "bid", "price": "0.4100", "count": "4.00", "updated_client_order_id": "two"}
    amended = await api.ask("POST", f"{path}/amend", wanted)
    assert amended.status_code == 200
    assert {**amended.json(), "ts_ms": 0} == {
        "order_id": order_id,
        "client_order_id": "two",
        "remaining_count": "4.00",
        "fill_count": "0.00",
        "ts_ms": 0,
    }
    lowered = (await api.ask("POST", f"{path}/decrease", {"reduce_to": "1.50"})).json()
    assert (lowered["remaining_count"], lowered["client_order_id"]) == ("1.50", "two")
    shown = (await api.ask("GET", f"/portfolio/orders/{order_id}")).json()["order"]
    assert (shown["initial_count_fp"], shown["remaining_count_fp"]) == ("4.00", "1.50")
    assert (await api.ask("POST", "/portfolio/events/orders/nothing/amend", wanted)).status_code == 404
    both = await api.ask("POST", f"{path}/decrease", {"reduce_to": "1.00", "reduce_by": "1.00"})
    assert both.status_code == 400
