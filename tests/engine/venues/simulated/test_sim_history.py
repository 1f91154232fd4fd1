"""What was long ago is told as what is now, and does not take memory: ended orders, fills, names, prints."""

from __future__ import annotations

from typing import Any

import pytest

from engine.market.money import parse_price
from engine.venues.simulated.account import AT_HAND, MOVED, Account
from engine.venues.simulated.amending import Amendment, amend
from engine.venues.simulated.happenings import Trade
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.orders import ClientOrder, OrderStatus, Side
from engine.venues.simulated.refusals import Refusal
from engine.venues.simulated.tape import Tape

from .conftest import HIGH, LOW, Api, Venue

MANY = AT_HAND + 5 * MOVED


def place_and_cancel(venue: Venue, account: Account, count: int, ticker: str = HIGH) -> list[ClientOrder]:
    orders = []
    for _ in range(count):
        venue.exchange.advance(venue.exchange.now + SECOND)
        orders.append(venue.order(account, "bid", "0.0100", ticker=ticker).order)
        venue.trading.cancel(account, orders[-1].order_id)
    return orders


async def pages(api: Api, path: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = (await api.ask("GET", f"{path}limit=300&cursor={cursor}")).json()
        found += answer[key]
        cursor = answer["cursor"]
        if not cursor:
            return found


async def test_every_order_of_a_long_session_is_told_in_the_order_they_were_placed(api: Api) -> None:
    first = api.venue.order(api.account, "bid", "0.0200").order
    ended = place_and_cancel(api.venue, api.account, MANY)
    placed = [first.order_id, *(order.order_id for order in ended)]
    assert [each["order_id"] for each in await pages(api, "/portfolio/orders?", "orders")] == placed[::-1]
    canceled = await pages(api, "/portfolio/orders?status=canceled&", "orders")
    assert [each["order_id"] for each in canceled] == placed[:0:-1]
    resting = await pages(api, "/portfolio/orders?status=resting&", "orders")
    assert [each["order_id"] for each in resting] == [first.order_id]
    assert await pages(api, f"/portfolio/orders?ticker={LOW}&", "orders") == []


async def test_an_order_of_long_ago_is_told_as_it_ended(api: Api) -> None:
    maker = api.venue.account()
    api.venue.order(maker, "ask", "0.6000", "3.00")
    group = (await api.ask("POST", "/portfolio/order_groups/create", {"contracts_limit": 10})).json()["order_group_id"]
    old = api.venue.order(api.account, "bid", "0.6000", "2.50", tif="immediate_or_cancel", group=group).order
    path = f"/portfolio/orders/{old.order_id}"
    before = (await api.ask("GET", path)).json()
    assert before["order"]["status"] == "executed"
    assert before["order"]["order_group_id"] == group
    place_and_cancel(api.venue, api.account, MANY)
    assert old.order_id not in api.account.orders
    assert (await api.ask("GET", path)).json() == before


def test_an_order_of_long_ago_belongs_to_its_own_account_alone(venue: Venue) -> None:
    account = venue.account()
    sub = venue.exchange.open_subaccount(account.member)
    [old, *_] = place_and_cancel(venue, account, MANY)
    assert account.order(old.order_id) is not None
    assert sub.order(old.order_id) is None
    assert list(sub.latest_orders()) == []
    assert venue.account().order(old.order_id) is None


def test_what_ended_long_ago_takes_no_memory(venue: Venue) -> None:
    account = venue.account()
    place_and_cancel(venue, account, MANY)
    assert AT_HAND <= len(account.orders) < AT_HAND + MOVED
    assert account.member.by_client_id.keys() == {order.client_order_id for order in account.orders.values()}


def test_what_rests_is_at_hand_however_old(venue: Venue) -> None:
    account = venue.account()
    old = venue.order(account, "bid", "0.0200").order
    place_and_cancel(venue, account, MANY)
    assert account.orders[old.order_id] is old
    assert venue.trading.cancel(account, old.order_id).order is old


def test_an_order_of_long_ago_cannot_be_cancelled_or_amended(venue: Venue) -> None:
    account = venue.account()
    [old, *_] = place_and_cancel(venue, account, MANY)
    with pytest.raises(Refusal, match="404"):
        venue.trading.cancel(account, old.order_id)
    with pytest.raises(Refusal, match="404"):
        amend(venue.trading, account, old.order_id, Amendment(HIGH, Side.BID, 200, 100))


def test_a_name_of_long_ago_is_not_free_again_for_any_account_of_the_member(venue: Venue) -> None:
    account = venue.account()
    renamed = venue.order(account, "bid", "0.0100", client_id="first").order
    amend(venue.trading, account, renamed.order_id, Amendment(HIGH, Side.BID, 100, 100, "first", "second"))
    venue.trading.cancel(account, renamed.order_id)
    place_and_cancel(venue, account, MANY)
    resting = venue.order(account, "bid", "0.0100").order
    sub = venue.exchange.open_subaccount(account.member)
    for name in ("first", "second"):
        for each in (account, sub):
            with pytest.raises(Refusal, match="order_already_exists"):
                venue.order(each, "bid", "0.0100", client_id=name)
        with pytest.raises(Refusal, match="order_already_exists"):
            amend(venue.trading, account, resting.order_id, Amendment(HIGH, Side.BID, 100, 100, "", name))
    assert venue.order(venue.account(), "bid", "0.0100", client_id="first").order.status is OrderStatus.RESTING


async def test_every_fill_of_a_long_session_is_told(api: Api) -> None:
    maker, prices = api.venue.account(), ("0.6000", "0.4000")
    for number in range(MANY):
        api.venue.exchange.advance(api.venue.exchange.now + SECOND)
        side, other = ("bid", "ask") if number % 2 else ("ask", "bid")
        api.venue.order(maker, other, prices[number % 2])
        api.venue.order(api.account, side, prices[number % 2])
    fills = await pages(api, "/portfolio/fills?", "fills")
    orders = await pages(api, "/portfolio/orders?", "orders")
    assert len(fills) == MANY
    assert [each["order_id"] for each in fills] == [each["order_id"] for each in orders]
    assert [each["created_time"] for each in fills] == sorted((each["created_time"] for each in fills), reverse=True)
    oldest = fills[-1]
    one = await pages(api, f"/portfolio/fills?order_id={oldest['order_id']}&", "fills")
    assert one == [oldest]
    assert len(api.account.fills) < AT_HAND + MOVED


def test_the_tape_tells_its_last_prints_as_they_were(venue: Venue) -> None:
    tape = Tape(most=3)
    trades = [
        Trade(venue.exchange.fresh_id(), market, parse_price("0.3300") + number, 123 + number, side, number)
        for number, (market, side) in enumerate([(venue.market, Side.BID), (venue.other, Side.ASK)] * 2)
    ]
    assert list(tape.latest()) == []
    for count, trade in enumerate(trades, 1):
        tape.add(trade)
        assert list(tape.latest()) == trades[:count][::-1][:3]
    assert list(tape.latest(LOW)) == [trades[3], trades[1]]
    assert list(tape.latest("KXNONE")) == []
