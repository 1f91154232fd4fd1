"""The REST endpoints that no recording covers: groups, batches, queues, listings and their filters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.venues.simulated.happenings import GroupChanged, OrderChanged
from engine.venues.simulated.instants import SECOND
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market import MarketStatus, Outcome
from engine.venues.simulated.orders import UpdateReason
from engine.venues.simulated.population import Population

from .conftest import HIGH, LOW, START, Api

EVENT = "KXTEST-26NOV18"
Body = dict[str, Any]


def order(number: int, **changes: Any) -> Body:
    body = {
        "ticker": HIGH,
        "client_order_id": f"order-{number}",
        "side": "bid",
        "count": "1.00",
        "price": "0.4000",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    return {**body, **changes}


async def resting(api: Api) -> list[str]:
    listed = (await api.ask("GET", "/portfolio/orders?status=resting")).json()["orders"]
    return [each["client_order_id"] for each in listed]


async def test_a_batch_is_answered_entry_by_entry_in_order(api: Api) -> None:
    orders = [order(1), order(2, price="0.4050"), order(3, count="9999999.00"), order(4), order(1)]
    answer = await api.ask("POST", "/portfolio/events/orders/batched", {"orders": orders})
    assert answer.status_code == 201
    entries = answer.json()["orders"]
    assert [each.get("error", {}).get("code") for each in entries] == [
        None,
        "invalid_price",
        "insufficient_balance",
        None,
        "order_already_exists",
    ]
    ids = [{"order_id": each["order_id"]} for each in (entries[3], entries[0])] + [{"order_id": "nothing"}]
    canceled = (await api.ask("DELETE", "/portfolio/events/orders/batched", {"orders": ids})).json()["orders"]
    assert [each["reduced_by"] for each in canceled] == ["1.00", "1.00", "0.00"]
    assert canceled[2]["error"]["code"] == "not_found"


async def test_a_group_is_made_triggered_reset_limited_and_deleted(api: Api) -> None:
    made = await api.ask("POST", "/portfolio/order_groups/create", {"contracts_limit": 10})
    assert (made.status_code, made.json().keys()) == (201, {"order_group_id", "subaccount", "exchange_index"})
    path = f"/portfolio/order_groups/{made.json()['order_group_id']}"
    grouped = {"order_group_id": made.json()["order_group_id"]}
    first = await api.ask("POST", "/portfolio/events/orders", order(1, **grouped))
    await api.ask("POST", "/portfolio/events/orders", order(2))
    assert (await api.ask("GET", path)).json()["orders"] == [first.json()["order_id"]]
    assert (await api.ask("PUT", f"{path}/trigger", {})).json() == {}
    assert await resting(api) == ["order-2"]
    assert (await api.ask("POST", "/portfolio/events/orders", order(3, **grouped))).status_code == 409
    assert (await api.ask("PUT", f"{path}/reset")).status_code == 200
    assert (await api.ask("POST", "/portfolio/events/orders", order(4, **grouped))).status_code == 201
    assert (await api.ask("PUT", f"{path}/limit", {"contracts_limit_fp": "2.50"})).status_code == 200
    groups = (await api.ask("GET", "/portfolio/order_groups")).json()["order_groups"]
    assert [each["contracts_limit_fp"] for each in groups] == ["2.50"]
    assert (await api.ask("DELETE", path)).json() == {}
    assert await resting(api) == ["order-2"]
    assert (await api.ask("GET", path)).status_code == 404
    told = [each.event_type for each in api.venue.heard if isinstance(each, GroupChanged)]
    assert told == ["created", "triggered", "reset", "limit_updated", "deleted"]


@pytest.mark.parametrize(("limit", "triggered"), [(3, False), (2, True)])
async def test_a_limit_lowered_below_what_has_just_been_filled_triggers_the_group(
    api: Api, limit: int, triggered: bool
) -> None:
    made = await api.ask("POST", "/portfolio/order_groups/create", {"contracts_limit": 10})
    grouped = {"order_group_id": made.json()["order_group_id"]}
    await api.ask("POST", "/portfolio/events/orders", order(1, count="3.00", **grouped))
    api.venue.order(api.venue.account(), "ask", "0.4000", "3.00")
    await api.ask("POST", "/portfolio/events/orders", order(2, **grouped))
    path = f"/portfolio/order_groups/{grouped['order_group_id']}"
    assert (await api.ask("PUT", f"{path}/limit", {"contracts_limit": limit})).status_code == 200
    assert await resting(api) == ([] if triggered else ["order-2"])
    again = await api.ask("POST", "/portfolio/events/orders", order(3, **grouped))
    assert again.status_code == (409 if triggered else 201)
    told = [each.event_type for each in api.venue.heard if isinstance(each, GroupChanged)]
    assert told == ["created", "limit_updated", *(["triggered"] if triggered else [])]


@pytest.mark.parametrize("body", [{}, {"contracts_limit": 0}, {"contracts_limit": 1_000_001}])
async def test_a_group_without_a_sensible_limit_is_refused(api: Api, body: Body) -> None:
    assert (await api.ask("POST", "/portfolio/order_groups/create", body)).status_code == 400


async def test_cancel_all_answers_without_a_body(api: Api) -> None:
    for number in (1, 2):
        await api.ask("POST", "/portfolio/events/orders", order(number))
    answer = await api.ask("DELETE", "/portfolio/events/orders")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await resting(api) == []
    value = (await api.ask("GET", "/portfolio/summary/total_resting_order_value")).json()
    assert value["total_resting_order_value"] == 0


async def test_the_queue_ahead_and_the_value_that_rests(api: Api) -> None:
    api.venue.order(api.venue.account(), "bid", "0.4100", "7.50")
    made = (await api.ask("POST", "/portfolio/events/orders", order(1, count="2.00"))).json()
    queued = (await api.ask("GET", f"/portfolio/orders/queue_positions?market_tickers={HIGH}")).json()
    assert queued["queue_positions"] == [
        {"order_id": made["order_id"], "market_ticker": HIGH, "queue_position_fp": "7.50"}
    ]
    one = await api.ask("GET", f"/portfolio/orders/{made['order_id']}/queue_position")
    assert one.json() == {"queue_position_fp": "7.50"}
    value = (await api.ask("GET", "/portfolio/summary/total_resting_order_value")).json()
    assert value["total_resting_order_value"] == 80
    assert (await api.ask("GET", "/portfolio/orders/queue_positions")).status_code == 400


@pytest.mark.parametrize("pause", ["pause_trading", "pause_exchange"])
async def test_a_pause_cancels_the_orders_that_asked_for_it(api: Api, pause: str) -> None:
    for number, wish in enumerate((True, False)):
        await api.ask("POST", "/portfolio/events/orders", order(number, cancel_order_on_pause=wish))
    getattr(api.venue.trading, pause)("test", paused=True)
    assert await resting(api) == ["order-1"]
    (gone,) = (await api.ask("GET", "/portfolio/orders?status=canceled")).json()["orders"]
    assert (gone["client_order_id"], gone["cancel_order_on_pause"]) == ("order-0", True)
    reasons = [each.order.reason for each in api.venue.heard if isinstance(each, OrderChanged)]
    assert reasons[-1] is UpdateReason.HALT


async def test_an_order_expires_at_its_market_second(api: Api) -> None:
    second = START // SECOND + 5
    await api.ask("POST", "/portfolio/events/orders", order(1, expiration_time=second))
    assert await resting(api) == ["order-1"]
    api.venue.exchange.advance(second * SECOND)
    assert await resting(api) == []
    late = await api.ask("POST", "/portfolio/events/orders", order(2, expiration_time=second))
    assert late.json()["error"]["details"] == "Expiration timestamp must be in the future"
    both = order(3, expiration_time=second + 60, time_in_force="immediate_or_cancel")
    refused = (await api.ask("POST", "/portfolio/events/orders", both)).json()["error"]
    assert refused["details"] == "Cannot specify both immediate_or_cancel and expiration_ts"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"side": "buy"}, "'Side' failed on the 'oneof' tag"),
        ({"ticker": ""}, "'Ticker' failed on the 'required' tag"),
        ({"post_only": "yes"}, "cannot unmarshal string into Go struct field CreateOrderV2Request.post_only"),
        ({"expiration_time": 1.5}, "cannot unmarshal number into Go struct field"),
    ],
)
async def test_what_cannot_be_read_is_named(api: Api, body: Body, said: str) -> None:
    answer = await api.ask("POST", "/portfolio/events/orders", order(1, **body))
    assert answer.status_code == 400
    assert said in answer.json()["details"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'"text"', b"null"])
async def test_a_body_that_is_no_object_is_refused(api: Api, content: bytes) -> None:
    headers = api.headers("POST", "/portfolio/events/orders")
    answer = await api.client.post("/trade-api/v2/portfolio/events/orders", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/portfolio/orders"),
        ("POST", "/portfolio/events/orders"),
        ("DELETE", "/portfolio/events/orders"),
        ("POST", "/portfolio/orders"),
        ("GET", "/account/limits"),
    ],
)
async def test_what_is_private_needs_a_signature(api: Api, method: str, path: str) -> None:
    answer = await api.client.request(method, f"/trade-api/v2{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_authentication_failure")


async def test_filters_name_a_status_otherwise_than_the_market_does(api: Api) -> None:
    high, low = api.venue.market, api.venue.other
    expected = {
        MarketStatus.INITIALIZED: "unopened",
        MarketStatus.ACTIVE: "open",
        MarketStatus.INACTIVE: "paused",
        MarketStatus.CLOSED: "closed",
        MarketStatus.DETERMINED: "closed",
    }
    low.outcome, low.settled, low.status = Outcome("no", "45", 0), START, MarketStatus.FINALIZED
    for status, word in expected.items():
        high.status = status
        listed = (await api.ask("GET", f"/markets?status={word}")).json()["markets"]
        assert [(each["ticker"], each["status"]) for each in listed] == [(HIGH, str(status))]
    (settled,) = (await api.ask("GET", "/markets?status=settled")).json()["markets"]
    assert (settled["ticker"], settled["result"], settled["settlement_value_dollars"]) == (LOW, "no", "0.0000")
    assert (await api.ask("GET", "/markets?status=active")).status_code == 400


async def test_events_come_with_their_markets_when_asked(api: Api) -> None:
    bare = (await api.ask("GET", f"/events/{EVENT}")).json()
    nested = (await api.ask("GET", f"/events/{EVENT}?with_nested_markets=true")).json()
    assert [each["ticker"] for each in bare["markets"]] == [HIGH, LOW]
    assert [each["ticker"] for each in nested["event"]["markets"]] == [HIGH, LOW]
    assert bare["event"]["collateral_return_type"] == "MECNET"
    listed = (await api.ask("GET", "/events?status=open&series_ticker=KXTEST")).json()["events"]
    assert [each["event_ticker"] for each in listed] == [EVENT]
    assert (await api.ask("GET", "/events?limit=201")).status_code == 400
    alone = (await api.ask("GET", f"/events/{EVENT}?exclude_markets=true")).json()
    assert (alone["markets"], alone["event"]) == ([], bare["event"])
    both = await api.ask("GET", f"/events/{EVENT}?exclude_markets=true&with_nested_markets=true")
    assert both.status_code == 400


async def test_series_are_found_by_tag_and_category_and_tell_their_volume_when_asked(api: Api) -> None:
    """Tags are alternatives; the volume is that of all events, those that are over included."""
    exchange = api.venue.exchange
    exchange.series["KXTEST"] = replace(exchange.series["KXTEST"], tags=("Inflation", "Monthly"))
    for query, found in (("", 1), ("?tags=Monthly", 1), ("?tags=None,Inflation", 1), ("?tags=None", 0)):
        assert len((await api.ask("GET", f"/series{query}")).json()["series"]) == found, query
    assert len((await api.ask("GET", "/series?category=Tests&tags=Monthly")).json()["series"]) == 1
    for side in ("bid", "ask"):
        api.venue.order(api.venue.account(), side, "0.5000", "2.50")
    for query, volume in (("", None), ("?include_volume=true", "2.50")):
        (listed,) = (await api.ask("GET", f"/series{query}")).json()["series"]
        one = (await api.ask("GET", f"/series/KXTEST{query}")).json()["series"]
        assert (listed.get("volume_fp"), one.get("volume_fp")) == (volume, volume)


async def test_a_trade_is_no_update_of_a_market_and_a_change_of_its_terms_is(api: Api) -> None:
    api.venue.exchange.advance(START + 60 * SECOND)
    for side in ("bid", "ask"):
        api.venue.order(api.venue.account(), side, "0.5000")
    later = f"/markets?min_updated_ts={START // SECOND + 1}"
    assert (await api.ask("GET", later)).json()["markets"] == []
    market = api.venue.market
    api.venue.exchange.revise(market, replace(market.spec, yes_sub_title="Above"))
    assert [each["ticker"] for each in (await api.ask("GET", later)).json()["markets"]] == [HIGH]


async def test_a_series_tells_its_fees(api: Api) -> None:
    series = (await api.ask("GET", "/series/KXTEST")).json()["series"]
    assert (series["fee_type"], series["fee_multiplier"]) == ("quadratic", 1)
    assert (await api.ask("GET", "/series/NONE")).status_code == 404
    assert (await api.ask("GET", "/nowhere")).json() == {"error": {"code": "not_found", "message": "not found"}}
    assert (await api.ask("POST", "/exchange/status")).status_code == 405


async def test_books_of_many_markets_at_once_are_bids_with_the_best_last(api: Api) -> None:
    for price in ("0.4000", "0.4200"):
        api.venue.order(api.venue.account(), "bid", price)
        api.venue.order(api.venue.account(), "ask", f"{float(price) + 0.2:.4f}")
    listed = (await api.ask("GET", f"/markets/orderbooks?tickers={HIGH}&tickers={LOW}")).json()["orderbooks"]
    assert [each["ticker"] for each in listed] == [HIGH, LOW]
    assert listed[0]["orderbook_fp"] == {
        "yes_dollars": [["0.4000", "1.00"], ["0.4200", "1.00"]],
        "no_dollars": [["0.3800", "1.00"], ["0.4000", "1.00"]],
    }
    assert listed[1]["orderbook_fp"] == {"yes_dollars": [], "no_dollars": []}
    top = (await api.ask("GET", f"/markets/{HIGH}/orderbook?depth=1")).json()["orderbook_fp"]
    assert top == {"yes_dollars": [["0.4200", "1.00"]], "no_dollars": [["0.4000", "1.00"]]}


async def test_settlements_tell_what_was_held_and_what_it_paid(api: Api) -> None:
    api.venue.order(api.venue.account(), "ask", "0.4000", "2.00")
    await api.ask("POST", "/portfolio/events/orders", order(1, count="2.00"))
    api.venue.exchange.settle(api.venue.market, Outcome("yes", "51", 10_000))
    (settled,) = (await api.ask("GET", "/portfolio/settlements")).json()["settlements"]
    assert (settled["yes_count_fp"], settled["yes_total_cost_dollars"], settled["no_count_fp"]) == (
        "2.00",
        "0.800000",
        "0.00",
    )
    assert (settled["revenue"], settled["value"], settled["fee_cost"]) == (200, 100, "0.033600")
    assert (await api.ask("GET", "/portfolio/positions")).json()["market_positions"] == []
    done = (await api.ask("GET", "/portfolio/positions?settlement_status=settled")).json()["market_positions"]
    assert [each["position_fp"] for each in done] == ["0.00"]


async def test_the_whole_populated_catalogue_can_be_walked(api: Api) -> None:
    """Every market of every ladder has a body, page by page."""
    exchange = api.venue.exchange
    lifecycle = Lifecycle(exchange, api.venue.trading, 1, lambda market: population.enter(market))
    population = Population(exchange, api.venue.trading, lifecycle.paths, 1, 1.0)
    lifecycle.start()
    exchange.advance(START + 10 * SECOND)
    seen: list[str] = []
    cursor = ""
    while True:
        body = (await api.ask("GET", f"/markets?limit=50&cursor={cursor}")).json()
        seen += [each["ticker"] for each in body["markets"]]
        cursor = body["cursor"]
        if not cursor:
            break
    assert seen == list(exchange.markets)
