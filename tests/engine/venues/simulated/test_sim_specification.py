"""Every answer of every endpoint, and every frame, held against the published specification.

Where recordings show the real exchange doing otherwise, the recording wins; `OVERRULED` lists each such place once.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from engine.market.fees import FeeSchedule
from engine.venues.simulated.faults import Fault
from engine.venues.simulated.instants import DAY, SECOND
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market import FeeChange, MarketStatus, Outcome
from engine.venues.simulated.revising import Revising

from .conftest import HIGH, LOW, START, Api, Venue
from .specification import FRAMES, KALSHI, PREFIX, Specification, specification

pytestmark = pytest.mark.reference

EVENT, SERIES = "KXTEST-26NOV18", "KXTEST"
ORDERS = "/portfolio/events/orders"
GROUPS = "/portfolio/order_groups"

# what of our answers the specification does not know (a pattern), and what overrules it there
OVERRULED: dict[str, str] = {
    r"'fractional_trading_enabled', 'liquidity_dollars', 'response_price_units' were unexpected": "markets__single",
    r"market_positions\.\[\]: .*'resting_orders_count' was unexpected": "portfolio__positions",
    r" 4\d\d: : Additional properties are not allowed \('error' was unexpected\)": "orders__post_only_cross",
    r" 400: : Additional properties are not allowed \('msg' was unexpected\)": "markets__limit_over_max",
}


def not_overruled(wrong: list[str]) -> list[str]:
    return sorted({each for each in wrong if not any(re.search(pattern, each) for pattern in OVERRULED)})


@pytest.mark.parametrize("case", sorted(set(OVERRULED.values())))
def test_what_overrules_the_specification_was_recorded(case: str) -> None:
    assert (KALSHI / "recorded_demo_2026-06" / f"{case}.json").is_file()


class Inspector:
    """Asks an exchange and keeps what the specification has against its answers."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.specification: Specification = specification()
        self.wrong: list[str] = []
        self.answered: set[tuple[str, str]] = set()

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
        answer = await self.api.ask(method, path, body, **how)
        self.judge(answer)
        return answer

    def judge(self, answer: httpx.Response) -> None:
        method = answer.request.method
        path = answer.request.url.raw_path.decode().partition("?")[0].removeprefix(PREFIX)
        content = answer.json() if answer.content else None
        self.wrong += self.specification.answer(method, path, answer.status_code, content)
        found = self.specification.operation(method, path)
        if found is not None and answer.status_code < 300:
            self.answered.add((method, found[0]))


def order(number: int, **changes: Any) -> dict[str, Any]:
    body = {"ticker": HIGH, "client_order_id": f"order-{number}", "side": "bid", "count": "2.00", "price": "0.4000"}
    body |= {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross"}
    return {**body, **changes}


@pytest.fixture
async def inspector(tmp_path: Path) -> AsyncIterator[Inspector]:
    venue = Venue()
    api = Api(venue, tmp_path, history_after=DAY)
    yield Inspector(api)
    await api.client.aclose()


async def trade(inspector: Inspector) -> None:
    """Orders of every kind, groups, keys and subaccounts."""
    ask, venue = inspector.ask, inspector.api.venue
    other = venue.account()
    venue.order(other, "ask", "0.5200", "3.00")
    venue.order(other, "bid", "0.3900", "3.00")
    await ask("POST", ORDERS, order(1))
    taken = (await ask("POST", ORDERS, order(2, price="0.5200", expiration_time=START // SECOND + 600))).json()
    assert taken["fill_count"] == "2.00"
    rests = (await ask("POST", ORDERS, order(3, expiration_time=START // SECOND + 600))).json()["order_id"]
    amendment = {"ticker": HIGH, "side": "bid", "price": "0.4100", "count": "3.00"}
    await ask("POST", f"{ORDERS}/{rests}/amend", amendment)
    await ask("POST", f"{ORDERS}/{rests}/decrease", {"reduce_to": "1.00"})
    await ask("GET", f"/portfolio/orders/{rests}")
    await ask("GET", f"/portfolio/orders/{rests}/queue_position")
    await ask("GET", f"/portfolio/orders/queue_positions?market_tickers={HIGH}")
    await ask("DELETE", f"{ORDERS}/{rests}")
    group = (await ask("POST", f"{GROUPS}/create", {"contracts_limit": 5})).json()["order_group_id"]
    batch = [order(4, order_group_id=group), order(5, price="0.4050"), order(6, price="0.5200", count="0.50")]
    made = (await ask("POST", f"{ORDERS}/batched", {"orders": batch})).json()["orders"]
    ids = [{"order_id": made[0]["order_id"]}, {"order_id": "nothing"}]
    for path in (GROUPS, f"{GROUPS}/{group}"):
        await ask("GET", path)
    await ask("DELETE", f"{ORDERS}/batched", {"orders": ids})
    for act, body in (("limit", {"contracts_limit": 9}), ("trigger", {}), ("reset", {})):
        await ask("PUT", f"{GROUPS}/{group}/{act}", body)
    await ask("DELETE", f"{GROUPS}/{group}")
    await ask("DELETE", ORDERS)


async def manage(inspector: Inspector) -> None:
    ask = inspector.ask
    made = (await ask("POST", "/api_keys/generate", {"name": "made", "key_type": "ed25519"})).json()["api_key_id"]
    await ask("POST", "/api_keys/generate", {"name": "made", "scopes": ["read"], "subaccount": 0})
    style = serialization.PublicFormat.SubjectPublicKeyInfo
    public = inspector.api.private.public_key().public_bytes(serialization.Encoding.PEM, style).decode()
    await ask("POST", "/api_keys", {"name": "mine", "public_key": public})
    await ask("GET", "/api_keys")
    await ask("DELETE", f"/api_keys/{made}")
    await ask("POST", "/portfolio/subaccounts", {})
    moved = {"from_subaccount": 0, "to_subaccount": 1, "amount_cents": 500, "client_transfer_id": str(uuid.uuid4())}
    await ask("POST", "/portfolio/subaccounts/transfer", moved)
    await ask("PUT", "/portfolio/subaccounts/netting", {"subaccount_number": 1, "enabled": True})
    for path in ("balances", "transfers", "netting"):
        await ask("GET", f"/portfolio/subaccounts/{path}")
    await ask("POST", "/account/api_usage_level/upgrade")
    for path in ("limits", "endpoint_costs", "api_usage_level/volume_progress"):
        await ask("GET", f"/account/{path}")


READS = [
    "/exchange/status",
    "/exchange/schedule",
    "/exchange/user_data_timestamp",
    f"/series/fee_changes?series_ticker={SERIES}&show_historical=true",
    "/events/fee_changes",
    "/series",
    f"/series/{SERIES}",
    "/events?with_nested_markets=true",
    "/events/multivariate",
    f"/events/{EVENT}",
    f"/events/{EVENT}?with_nested_markets=true",
    f"/events/{EVENT}/metadata",
    "/markets",
    "/markets/trades",
    f"/markets/orderbooks?tickers={HIGH}&tickers={LOW}",
    f"/markets/{HIGH}",
    f"/markets/{HIGH}/orderbook?depth=1",
    "/milestones",
    "/structured_targets",
    "/incentive_programs",
    "/multivariate_event_collections",
    "/search/tags_by_categories",
    "/historical/cutoff",
    "/historical/markets",
    "/historical/trades",
    "/historical/fills",
    "/historical/orders",
    "/historical/positions",
    "/portfolio/balance",
    "/portfolio/positions?settlement_status=all",
    "/portfolio/fills",
    "/portfolio/settlements",
    "/portfolio/orders",
    "/portfolio/deposits",
    "/portfolio/withdrawals",
    "/portfolio/summary/total_resting_order_value",
]


def candles(now: int) -> list[str]:
    span = f"start_ts={now // SECOND - 7_200}&end_ts={now // SECOND + 60}&period_interval=1"
    return [
        f"/series/{SERIES}/markets/{HIGH}/candlesticks?{span}&include_latest_before_start=true",
        f"/series/{SERIES}/events/{EVENT}/candlesticks?{span}",
        f"/markets/candlesticks?market_tickers={HIGH},{LOW}&{span}",
    ]


async def test_every_answer_is_as_the_specification_says(inspector: Inspector) -> None:
    venue = inspector.api.venue
    fees = FeeSchedule("quadratic_with_maker_fees", Decimal("0.5"))
    venue.exchange.plan_fees(FeeChange("1", SERIES, None, fees, START + SECOND))
    venue.exchange.plan_fees(FeeChange("2", SERIES, EVENT, fees, START + SECOND))
    await trade(inspector)
    await manage(inspector)
    venue.exchange.advance(START + 90 * SECOND)
    for path in (*READS, *candles(venue.exchange.now)):
        await inspector.ask("GET", path)
    for market, value in ((venue.market, 10_000), (venue.other, 0)):
        market.outcome, market.status = Outcome("yes" if value else "no", "51", value), MarketStatus.DETERMINED
        venue.exchange.settle(market, market.outcome)
    for path in READS:
        await inspector.ask("GET", path)
    venue.exchange.advance(START + 3 * DAY)
    start = START // SECOND
    span = f"start_ts={start}&end_ts={start + 600}&period_interval=1"
    old = ("/historical/markets", f"/historical/markets/{HIGH}", f"/historical/markets/{HIGH}/candlesticks?{span}")
    for path in (*old, "/historical/trades", "/historical/fills", "/historical/orders", "/historical/positions"):
        answer = await inspector.ask("GET", path)
        assert all(value for key, value in answer.json().items() if key != "cursor"), f"{path} is empty"
    assert not_overruled(inspector.wrong) == []
    # and there is none of which no answer was looked at
    assert operations() - inspector.answered == set()


# operations that no route answers: other products, and the desk that deals in large trades
ELSEWHERE = re.compile(
    r"/communications|/fcm|/live_data|/search/filters|/milestones/|/structured_targets/|/multivariate_event_collections/"
    r"|forecast_percentile|intra_exchange_instance|target_balance_allocation"
)


def operations() -> set[tuple[str, str]]:
    """What this exchange is to answer: method and path."""
    paths = specification().rest["paths"].items()
    known = {(method.upper(), path) for path, methods in paths for method in methods.keys() - {"parameters"}}
    return {(method, path) for method, path in known if not ELSEWHERE.search(path)}


UNKNOWN = {"error": {"code": "not_found", "message": "not found"}}


async def test_every_operation_for_trading_is_answered(inspector: Inspector) -> None:
    """A path that leads nowhere is not found though unsigned; one that leads somewhere first asks who is there."""
    missing = []
    for method, path in operations():
        concrete = path.replace("events/{ticker}", f"events/{EVENT}").replace("{event_ticker}", EVENT)
        concrete = concrete.replace("{ticker}", HIGH).replace("{series_ticker}", SERIES)
        answer = await inspector.api.client.request(method, PREFIX + re.sub(r"\{[^}]+\}", "some", concrete))
        if answer.status_code == 405 or (answer.status_code == 404 and answer.json() == UNKNOWN):
            missing.append(f"{method} {path}")
    # markets of this exchange are not old yet
    assert sorted(missing) == ["GET /historical/markets/{ticker}", "GET /historical/markets/{ticker}/candlesticks"]


REFUSED: list[tuple[str, str, Any]] = [
    ("GET", "/markets?limit=1001", None),
    ("GET", "/markets?status=active", None),
    ("GET", "/markets/NONE", None),
    ("GET", "/markets/NONE/orderbook", None),
    ("GET", "/events/NONE", None),
    ("GET", "/historical/markets/NONE", None),
    ("GET", f"/series/{SERIES}/markets/{HIGH}/candlesticks", None),
    ("GET", f"/series/{SERIES}/markets/NONE/candlesticks", None),
    ("GET", "/markets/candlesticks?start_ts=1&end_ts=2&period_interval=7&market_tickers=A", None),
    ("GET", "/portfolio/orders?status=pending", None),
    ("GET", "/portfolio/orders/NONE", None),
    ("GET", "/portfolio/orders/NONE/queue_position", None),
    ("GET", "/portfolio/orders/queue_positions", None),
    ("GET", "/portfolio/fills?limit=x", None),
    ("POST", ORDERS, {"ticker": HIGH}),
    ("POST", ORDERS, order(2, price="0.4050")),
    ("POST", ORDERS, order(3, time_in_force="fill_or_kill")),
    ("POST", f"{ORDERS}/batched", {}),
    ("POST", f"{ORDERS}/NONE/amend", {"ticker": HIGH, "side": "bid", "price": "0.4000", "count": "1.00"}),
    ("POST", f"{ORDERS}/NONE/decrease", {"reduce_by": "1.00"}),
    ("POST", f"{ORDERS}/NONE/decrease", {}),
    ("DELETE", f"{ORDERS}/NONE", None),
    ("DELETE", f"{ORDERS}/batched", {}),
    ("POST", f"{GROUPS}/create", {}),
    ("GET", f"{GROUPS}/NONE", None),
    ("PUT", f"{GROUPS}/NONE/limit", {"contracts_limit": 1}),
    ("DELETE", "/api_keys/NONE", None),
    ("POST", "/api_keys", {"name": "key", "public_key": "none"}),
    ("POST", "/portfolio/subaccounts/transfer", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
async def test_every_refusal_has_a_documented_status(inspector: Inspector, method: str, path: str, body: Any) -> None:
    answer = await inspector.ask(method, path, body)
    assert 400 <= answer.status_code < 500
    assert not_overruled(inspector.wrong) == []


async def test_a_pause_and_a_close_refuse_with_409_also_where_the_specification_has_none(inspector: Inspector) -> None:
    """In it only a create can conflict; the exchange's words on pauses and closes are about every order operation."""
    trading, market = inspector.api.venue.trading, inspector.api.venue.market
    order_id = (await inspector.ask("POST", ORDERS, order(1))).json()["order_id"]
    amendment = {"ticker": HIGH, "side": "bid", "price": "0.4100", "count": "3.00"}
    by_name = ("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_by": "1.00"}), ("DELETE", f"{ORDERS}/{order_id}", None)
    changes = ("POST", ORDERS, order(2)), ("POST", f"{ORDERS}/{order_id}/amend", amendment)

    async def refused(*asked: tuple[str, str, Any]) -> None:
        assert {(await inspector.ask(*each)).status_code for each in asked} == {409}

    trading.pause_trading("test", paused=True)
    await refused(*changes)
    trading.pause_exchange("test", paused=True)
    await refused(*changes, *by_name, ("DELETE", ORDERS, None))
    trading.pause_exchange("test", paused=False)
    market.status = MarketStatus.CLOSED
    await refused(*changes, *by_name)
    assert not_overruled(inspector.wrong) == [
        "DELETE /portfolio/events/orders/{order_id}: status 409",
        "DELETE /portfolio/events/orders: status 409",
        "POST /portfolio/events/orders/{order_id}/amend: status 409",
        "POST /portfolio/events/orders/{order_id}/decrease: status 409",
    ]


@pytest.mark.parametrize("fault", ["error_500=before", "error_503=before", "storm_429=on"])
async def test_errors_on_demand_have_a_documented_status(inspector: Inspector, fault: str) -> None:
    inspector.api.faults.put(Fault.parse(fault))
    await inspector.ask("POST", ORDERS, order(1))
    assert [each for each in inspector.wrong if "'error' was unexpected" not in each] == []


class Ear:
    """A session that keeps every frame and what the specification has against it."""

    def __init__(self, api: Api) -> None:
        self.specification = specification()
        self.frames: list[dict[str, Any]] = []
        self.session = api.stream.open(api.account, self.hear)

    def hear(self, text: str) -> None:
        self.frames.append(json.loads(text))

    def say(self, number: int, cmd: str, **params: Any) -> None:
        self.session.handle(json.dumps({"id": number, "cmd": cmd, "params": params}))

    def wrong(self) -> list[str]:
        return sorted({each for frame in self.frames for each in self.specification.frame(frame)})


FILTERED = ["orderbook_delta", "ticker", "trade", "fill", "user_orders", "market_positions"]
UNFILTERED = ["market_lifecycle_v2", "order_group_updates", "communications"]


async def test_every_frame_is_as_the_specification_says(inspector: Inspector) -> None:
    ear, venue = Ear(inspector.api), inspector.api.venue
    ear.say(1, "subscribe", channels=FILTERED, market_tickers=[HIGH], use_yes_price=True, send_initial_snapshot=True)
    ear.say(2, "subscribe", channels=UNFILTERED)
    ear.say(3, "update_subscription", sids=[1], action="add_markets", market_tickers=[LOW])
    ear.say(4, "update_subscription", sids=[1], action="get_snapshot", market_tickers=[HIGH])
    ear.say(5, "update_subscription", sids=[1], action="delete_markets", market_tickers=[LOW])
    ear.say(6, "list_subscriptions")
    ear.say(7, "subscribe", channels=["gossip"])
    await trade(inspector)
    venue.exchange.tell_quotes()
    fees = FeeSchedule("quadratic", Decimal("0.5"))
    for number, override in enumerate((fees, None)):
        venue.exchange.plan_fees(FeeChange(str(number), SERIES, EVENT, override, START + (number + 1) * SECOND))
    # a whole life: created, activated again, determined, settled
    lifecycle = Lifecycle(venue.exchange, venue.trading, 1, lambda market: None, inspector.api.faults)
    lifecycle.start()
    venue.exchange.advance(START + 10 * SECOND)
    inspector.api.faults.put(Fault.parse("market_pause=on,where=KXHIGHNY*"))
    inspector.api.faults.clear()
    cpi = next(each for each in venue.exchange.markets.values() if each.event.series.ticker == "KXCPI")
    changes = {"floor_strike": 1.5, "yes_sub_title": "Above 1.5%", "price_level_structure": "tapered_deci_cent"}
    sooner = {"close_ts": cpi.spec.closes // SECOND - 60}
    Revising(venue.exchange, lifecycle).revise(cpi.ticker, {**changes, **sooner})
    venue.exchange.advance(START + 2 * DAY)
    ear.session.overflow()
    ear.say(8, "subscribe", channels=["trade"])
    ear.say(9, "unsubscribe", sids=[10])
    assert ear.wrong() == []
    assert FRAMES.keys() == {frame["type"] for frame in ear.frames}
    lives = {frame["msg"].get("event_type") for frame in ear.frames if frame["type"] == "market_lifecycle_v2"}
    assert {kind: keys_of(ear, kind) for kind in lives} == LIFECYCLE_KEYS


# which fields a lifecycle frame has depends on what it tells; the schema alone would allow all of them always
LIFECYCLE_KEYS = {
    "created": {
        "exchange_index",
        "open_ts",
        "close_ts",
        "additional_metadata",
        "price_level_structure",
        "price_ranges",
    },
    "activated": {"is_deactivated"},
    "deactivated": {"is_deactivated"},
    "close_date_updated": {"close_ts"},
    "price_level_structure_updated": {"price_level_structure", "price_ranges"},
    "metadata_updated": {"strike_type", "floor_strike", "yes_sub_title"},
    "determined": {"determination_ts", "result", "settlement_value"},
    "settled": {"settled_ts"},
}


def keys_of(ear: Ear, event_type: str) -> set[str]:
    messages = [frame["msg"] for frame in ear.frames if frame["type"] == "market_lifecycle_v2"]
    keys = {key for message in messages if message["event_type"] == event_type for key in message}
    return keys - {"event_type", "market_ticker"}


def test_what_the_specification_gives_as_examples_passes_it() -> None:
    """The yardstick itself: it must know right from wrong."""
    wrong = {each["type"] for each in specification().examples() if specification().frame(each)}
    assert wrong <= {"market_position", "order_group_updates", "ticker", "trade", "fill", "user_order"}
    assert specification().frame({"type": "trade", "sid": 1, "seq": 1, "msg": {}}) != []
    assert specification().frame({"type": "gossip"}) != []
