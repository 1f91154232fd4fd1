"""Wrong, extreme and odd things: each is answered in the protocol's own words, and nothing breaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.order_groups import OrderGroup
from engine.venues.simulated.orders import OrderStatus

from .conftest import HIGH, START, Api, Venue
from .test_sim_subscriptions import Line

ORDERS = "/portfolio/events/orders"
ODD: list[Any] = [
    None, [], {}, True, False, 0, -1, 1.5, 2**63, -(2**63), "", " ", "NaN", "-1.00", "0.00", "1e5", "9" * 30,
    "0.12345678", "1.0000", ".5", "١.٠٠", "\u0000", "x" * 5_000, [1], [[1]], [{}], {"a": 1}, "99999999999999999.99",
]  # fmt: skip


def order(**changes: Any) -> dict[str, Any]:
    body = {"ticker": HIGH, "side": "bid", "count": "1.00", "price": "0.4000", "time_in_force": "good_till_canceled"}
    return {**body, "self_trade_prevention_type": "taker_at_cross", **changes}


@pytest.mark.parametrize("name", [*order(), "client_order_id", "expiration_time", "post_only", "subaccount", "more"])
async def test_an_order_with_an_odd_field_is_taken_or_refused_and_still_told(api: Api, name: str) -> None:
    for odd in ODD:
        answer = await api.ask("POST", ORDERS, order(**{name: odd}))
        assert answer.status_code in (201, 400, 409), (odd, answer.text)
        assert (await api.ask("GET", "/portfolio/orders")).status_code == 200, odd


@pytest.mark.parametrize("seconds", [-1, 253_402_300_800, 10**14, 2**62])
async def test_no_order_lives_until_a_time_that_no_calendar_has(api: Api, seconds: int) -> None:
    assert (await api.ask("POST", ORDERS, order(expiration_time=seconds))).status_code == 400
    order_id = (await api.ask("POST", ORDERS, order())).json()["order_id"]
    amendment = {"ticker": HIGH, "side": "bid", "price": "0.4000", "count": "1.00", "expiration_time": seconds}
    assert (await api.ask("POST", f"{ORDERS}/{order_id}/amend", amendment)).status_code == 400
    api.venue.exchange.advance(START + SECOND)
    told = (await api.ask("GET", f"/portfolio/orders/{order_id}")).json()["order"]
    assert (told["status"], "expiration_time" in told) == ("resting", False)


async def test_what_an_order_is_for_must_exist(api: Api) -> None:
    """A create that is refused answers with one of the statuses that the specification has for it."""
    for changes in ({"ticker": "KXNONE"}, {"order_group_id": "none"}):
        answer = await api.ask("POST", ORDERS, order(**changes))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


async def test_another_shard_has_none_of_our_orders(api: Api) -> None:
    order_id = (await api.ask("POST", ORDERS, order())).json()["order_id"]
    assert (await api.ask("DELETE", f"{ORDERS}/{order_id}?exchange_index=1")).status_code == 404
    entries = {"orders": [{"order_id": order_id, "exchange_index": 1}]}
    (told,) = (await api.ask("DELETE", f"{ORDERS}/batched", entries)).json()["orders"]
    assert told["error"]["code"] == "bad_request"
    group = {"contracts_limit": 5, "exchange_index": 1}
    assert (await api.ask("POST", "/portfolio/order_groups/create", group)).status_code == 400
    assert (await api.ask("DELETE", f"{ORDERS}/{order_id}?exchange_index=-1")).status_code == 200


@pytest.mark.parametrize("odd", [None, 7, [], {}, {"order_id": 7}, {"order_id": ""}])
async def test_a_batch_of_cancels_that_cannot_be_read_cancels_nothing(api: Api, odd: Any) -> None:
    """A 400 says that nothing was done: an order that is gone all the same would be missed by whoever reads it."""
    order_id = (await api.ask("POST", ORDERS, order())).json()["order_id"]
    answer = await api.ask("DELETE", f"{ORDERS}/batched", {"orders": [{"order_id": order_id}, odd]})
    assert answer.status_code == 400
    assert (await api.ask("GET", f"/portfolio/orders/{order_id}")).json()["order"]["status"] == "resting"


@pytest.mark.parametrize(("whole", "text", "status"), [(5, "5.00", 201), (5, "4.00", 400), (0, "4.00", 400)])
async def test_a_limit_given_twice_is_the_same_twice(api: Api, whole: int, text: str, status: int) -> None:
    body = {"contracts_limit": whole, "contracts_limit_fp": text}
    assert (await api.ask("POST", "/portfolio/order_groups/create", body)).status_code == status


async def test_a_path_with_a_slash_more_is_another_path(api: Api) -> None:
    """It was signed as it was sent: nobody is sent elsewhere."""
    for path in ("/portfolio/balance/", "/portfolio/orders//", "/markets/"):
        assert (await api.ask("GET", path)).status_code == 404


def test_in_a_pause_of_the_exchange_a_group_that_is_triggered_takes_no_more_and_its_orders_stay(venue: Venue) -> None:
    account = venue.account()
    group = OrderGroup("group", 100)
    venue.trading.groups[account.account_id] = {"group": group}
    resting = venue.order(account, "bid", "0.4000", group="group").order
    venue.trading.pause_exchange("test", paused=True)
    venue.trading.trigger(account, group)
    assert (group.triggered, resting.status) == (True, OrderStatus.RESTING)
    venue.trading.pause_exchange("test", paused=False)
    venue.trading.trigger(account, group)
    assert resting.status is OrderStatus.CANCELED


async def test_a_page_begins_where_the_last_one_ended_though_its_last_order_rests_no_more(api: Api) -> None:
    ids = [(await api.ask("POST", ORDERS, order())).json()["order_id"] for _ in range(5)][::-1]
    first = (await api.ask("GET", "/portfolio/orders?status=resting&limit=2")).json()
    assert [each["order_id"] for each in first["orders"]] == ids[:2]
    await api.ask("DELETE", f"{ORDERS}/{ids[1]}")
    rest = f"/portfolio/orders?status=resting&limit=3&cursor={first['cursor']}"
    second = (await api.ask("GET", rest)).json()
    assert ([each["order_id"] for each in second["orders"]], second["cursor"]) == (ids[2:], "")


async def test_a_cursor_of_another_query_and_one_that_means_nothing_begin_again(api: Api) -> None:
    ids = [(await api.ask("POST", ORDERS, order())).json()["order_id"] for _ in range(3)][::-1]
    cursor = (await api.ask("GET", "/portfolio/orders?limit=1")).json()["cursor"]
    for query in (f"status=resting&cursor={cursor}", "cursor=!!", "cursor=AAAA", "cursor=%C3%A9", f"cursor={cursor}A"):
        listed = (await api.ask("GET", f"/portfolio/orders?{query}")).json()["orders"]
        assert [each["order_id"] for each in listed] == ids, query
    listed = (await api.ask("GET", f"/portfolio/orders?cursor={cursor}")).json()["orders"]
    assert [each["order_id"] for each in listed] == ids[1:]


# --- the stream

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 4) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([HIGH, "trade", "orderbook_delta", "ticker", "add_markets", "get_snapshot", "", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "sids"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
NAMES = ["channels", "sids", "sid", "action", "market_ticker", "market_tickers", "market_ids", "use_yes_price"]
PARAMS = st.dictionaries(st.sampled_from([*NAMES, "shard_factor", "shard_key"]), VALUES)
COMMANDS = st.fixed_dictionaries(
    {},
    optional={
        "id": VALUES,
        "cmd": VALUES | st.sampled_from(["subscribe", "unsubscribe", "update_subscription", "list_subscriptions"]),
        "params": VALUES | PARAMS,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(COMMANDS, max_size=8))
def test_every_command_is_answered_whatever_it_is(commands: list[Any]) -> None:
    venue = Venue()
    line = Line(venue)
    line.say(1, "subscribe", channels=["orderbook_delta", "trade"], market_tickers=[HIGH])
    for command in commands:
        line.session.handle(json.dumps(command))
        frames = line.heard()
        assert frames, command
        for number in (each["id"] for each in frames if "id" in each):
            assert type(number) is int
            assert number >= 0
    assert len({each.sid for each in line.session.channels.values()}) == len(line.session.channels)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"id": "one", "cmd": "list_subscriptions"}, 1),
        ({"id": -1, "cmd": "list_subscriptions"}, 1),
        ({"id": 1, "cmd": ["subscribe"], "params": {}}, 5),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": [["trade"]]}}, 11),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "market_tickers": [{}]}}, 11),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "market_ids": [[1]]}}, 11),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["trade"], "use_yes_price": "yes"}}, 11),
        ({"id": 1, "cmd": "subscribe", "params": {"channels": ["communications"], "shard_factor": True}}, 19),
        ({"id": 1, "cmd": "unsubscribe", "params": {"sids": [True]}}, 7),
        ({"id": 1, "cmd": "unsubscribe", "params": {"sids": [[1]]}}, 11),
    ],
)
def test_what_has_the_wrong_kind_is_refused_with_a_code(command: dict[str, Any], code: int) -> None:
    line = Line(Venue())
    line.say(1, "subscribe", channels=["trade"])
    line.session.handle(json.dumps(command))
    (frame,) = line.heard()
    assert (frame["type"], frame["msg"]["code"]) == ("error", code)


def test_a_channel_named_twice_is_one_subscription() -> None:
    line = Line(Venue())
    assert [each["msg"]["sid"] for each in line.say(1, "subscribe", channels=["trade", "trade"])] == [1]
