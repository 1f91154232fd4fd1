"""Held against what the demo exchange really answered: statuses, error bodies, fields, fees, frames."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from engine.market.money import parse_count, parse_money, parse_price
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.instants import rfc3339
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market import MarketStatus
from engine.venues.simulated.orders import Side
from engine.venues.simulated.recordings import RecordingError, read
from engine.venues.simulated.replay import Replay
from engine.venues.simulated.stream import Stream

from .conftest import HIGH, NOW, Api, Venue

pytestmark = pytest.mark.reference
KALSHI = Path(__file__).resolve().parents[5] / "shared" / "data" / "kalshi"
DEMO = KALSHI / "recorded_demo_2026-06"
# gone since (`service` in errors, 2026-08-06), deprecated (subtitle), or of other kinds of markets than ours
GONE = {"service", "subtitle", "custom_strike", "primary_participant_key"}


def recorded(case: str) -> tuple[int, Any]:
    meta = json.loads((DEMO / f"{case}.meta.json").read_bytes())
    return meta["status"], json.loads((DEMO / f"{case}.json").read_bytes())


def without_gone(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: without_gone(value) for key, value in body.items() if key not in GONE}
    return [without_gone(each) for each in body] if isinstance(body, list) else body


def missing(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """The fields, and the kinds of values, that the recording has and we have not."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [at]
        found = [f"{at}.{key}" for key in theirs if key not in ours]
        return found + [
            each for key in theirs if key in ours for each in missing(ours[key], theirs[key], f"{at}.{key}")
        ]
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [at]
        return missing(ours[0], theirs[0], f"{at}[]") if ours and theirs else []
    same = type(ours) is type(theirs) or {type(ours), type(theirs)} == {int, float}
    return [] if same else [f"{at}: {type(ours).__name__} for {type(theirs).__name__}"]


def order(**changes: Any) -> dict[str, Any]:
    body = json.loads((DEMO / "orders__create_v2_maker.meta.json").read_bytes())["request_body"]
    return {**body, "ticker": HIGH, **changes}


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("orders__invalid_price_structure", {"price": "0.5150"}),
    ("orders__insufficient_balance", {"price": "0.9900", "count": "10099.00"}),
    ("orders__numeric_field_types", {"count": 1, "price": 0.01}),
    ("orders__post_only_cross", {"price": "0.9900", "post_only": True}),
]


@pytest.mark.parametrize(("case", "changes"), REFUSED)
async def test_orders_are_refused_word_for_word(api: Api, case: str, changes: dict[str, Any]) -> None:
    api.venue.order(api.venue.account(), "ask", "0.5200", "3.00")
    status, body = recorded(case)
    answer = await api.ask("POST", "/portfolio/events/orders", order(client_order_id=case, **changes))
    assert (answer.status_code, answer.json()) == (status, without_gone(body))


async def test_acknowledgements_have_the_recorded_fields(api: Api) -> None:
    status, body = recorded("orders__create_v2_maker")
    answer = await api.ask("POST", "/portfolio/events/orders", order())
    assert (answer.status_code, missing(answer.json(), body), set(answer.json()) - set(body)) == (status, [], set())
    api.venue.order(api.venue.account(), "ask", "0.5200", "3.00")
    status, body = recorded("orders__create_v2_taker_ioc")
    taking = order(client_order_id="taker", price="0.9900", time_in_force="immediate_or_cancel")
    answer = await api.ask("POST", "/portfolio/events/orders", taking)
    assert answer.status_code == status
    volatile = {"order_id", "client_order_id", "ts_ms"}
    assert {k: v for k, v in answer.json().items() if k not in volatile} == {
        k: v for k, v in body.items() if k not in volatile
    }


async def test_the_order_reads_as_it_was_recorded_through_its_life(api: Api) -> None:
    order_id = (await api.ask("POST", "/portfolio/events/orders", order())).json()["order_id"]
    again = await api.ask("POST", "/portfolio/events/orders", order())
    assert (again.status_code, again.json()) == (
        recorded("orders__duplicate_client_order_id")[0],
        without_gone(recorded("orders__duplicate_client_order_id")[1]),
    )
    one = await api.ask("GET", f"/portfolio/orders/{order_id}")
    assert missing(one.json(), recorded("orders__get_after_create")[1]) == []
    canceled = await api.ask("DELETE", f"/portfolio/events/orders/{order_id}")
    assert (canceled.status_code, missing(canceled.json(), recorded("orders__cancel_v2")[1])) == (200, [])
    gone = await api.ask("DELETE", f"/portfolio/events/orders/{order_id}")
    unknown = await api.ask("DELETE", "/portfolio/events/orders/00000000-0000-0000-0000-000000000000")
    assert gone.content == unknown.content
    status, body = recorded("orders__cancel_already_canceled")
    assert (gone.status_code, gone.json()) == (status, without_gone(body))
    reused = await api.ask("POST", "/portfolio/events/orders", order())
    assert reused.status_code == recorded("orders__reuse_canceled_client_id")[0]


async def test_a_self_cross_is_accepted_with_nothing_filled(api: Api) -> None:
    await api.ask("POST", "/portfolio/events/orders", order(price="0.4800"))
    status, body = recorded("orders__stp_self_cross")
    answer = await api.ask(
        "POST", "/portfolio/events/orders", order(price="0.4800", side="ask", client_order_id="self")
    )
    assert answer.status_code == status
    assert (answer.json()["fill_count"], answer.json()["remaining_count"]) == (
        body["fill_count"],
        body["remaining_count"],
    )


SIGNED_WRONGLY: list[tuple[str, dict[str, Any]]] = [
    ("auth__skew_minus30s", {"skew_ms": -30_000}),
    ("auth__skew_plus5min", {"skew_ms": 300_000}),
    ("auth__skew_minus5s", {"skew_ms": -5_000}),
    ("auth__skew_plus5s", {"skew_ms": 5_000}),
    ("auth__unknown_key_id", {"key": "00000000-0000-0000-0000-000000000000"}),
]


@pytest.mark.parametrize(("case", "how"), SIGNED_WRONGLY)
async def test_signatures_are_judged_as_recorded(api: Api, case: str, how: dict[str, Any]) -> None:
    status, body = recorded(case)
    answer = await api.ask("GET", "/portfolio/balance", **how)
    assert answer.status_code == status
    assert missing(answer.json(), body) == []
    assert status == 200 or answer.json() == body


async def test_a_balance_and_positions_after_the_recorded_trades_are_the_recorded_ones(api: Api) -> None:
    """Two contracts at 0.99 and one at 0.52, fees and all."""
    other = api.venue.account()
    for price in ("0.9900", "0.9900"):
        api.venue.order(other, "ask", price)
        api.venue.order(api.account, "bid", price)
    assert without_time((await api.ask("GET", "/portfolio/balance")).json()) == without_time(
        recorded("auth__balance_ok")[1]
    )
    api.venue.order(other, "ask", "0.5200")
    api.venue.order(api.account, "bid", "0.5200")
    ours = (await api.ask("GET", "/portfolio/positions")).json()
    theirs = recorded("portfolio__positions")[1]
    assert missing(ours, theirs) == []
    for kind, named in (("market_positions", {"ticker", "last_updated_ts"}), ("event_positions", {"event_ticker"})):
        (mine,), (real,) = ours[kind], theirs[kind]
        assert {k: v for k, v in mine.items() if k in real and k not in named} == {
            k: v for k, v in real.items() if k not in named
        }
    fills = (await api.ask("GET", "/portfolio/fills?limit=10")).json()
    assert missing(fills, recorded("fills__after_taker")[1]) == []
    assert [each["fee_cost"] for each in fills["fills"]] == ["0.017500", "0.000700", "0.000700"]


def without_time(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "updated_ts"}


READS = [
    ("markets__single", f"/markets/{HIGH}"),
    ("markets__unauth_list", "/markets?limit=2"),
    ("markets__limit_over_max", "/markets?limit=1001"),
    ("orderbook__base", f"/markets/{HIGH}/orderbook"),
    ("exchange__status", "/exchange/status"),
    ("account__limits", "/account/limits"),
    ("account__endpoint_costs", "/account/endpoint_costs"),
    ("trades__public_recorded", f"/markets/trades?ticker={HIGH}&limit=12"),
    ("settlements__page", "/portfolio/settlements?limit=10"),
    ("portfolio__orders_list", "/portfolio/orders?limit=10"),
    ("series__fee_changes", "/series/fee_changes"),
]


@pytest.mark.parametrize(("case", "path"), READS)
async def test_every_recorded_field_is_there_and_of_its_kind(api: Api, case: str, path: str) -> None:
    maker = api.venue.account()
    api.venue.order(maker, "ask", "0.5200", "3.00")
    api.venue.order(maker, "bid", "0.4700", "3.00")
    api.venue.order(api.account, "bid", "0.5200")
    status, body = recorded(case)
    answer = await api.ask("GET", path)
    assert answer.status_code == status
    assert missing(answer.json(), without_gone(body)) == []
    if status != 200:
        assert answer.json() == body


async def test_pages_follow_their_cursor_to_an_empty_one_and_a_garbage_cursor_starts_again(api: Api) -> None:
    first = (await api.ask("GET", "/markets?limit=1")).json()
    last = (await api.ask("GET", f"/markets?limit=1&cursor={first['cursor']}")).json()
    garbage = (await api.ask("GET", "/markets?limit=1&cursor=garbage")).json()
    assert first["markets"][0]["ticker"] != last["markets"][0]["ticker"]
    assert last["cursor"] == ""
    assert garbage["markets"] == first["markets"]


async def test_v1_order_writes_are_gone(api: Api) -> None:
    for method, path in (("POST", "/portfolio/orders"), ("DELETE", "/portfolio/orders/some-id")):
        answer = await api.ask(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "deprecated_v1_order_endpoint")


def test_fees_are_those_of_real_fills() -> None:
    with (KALSHI / "fee_vectors_taker.csv").open() as file:
        vectors = list(csv.DictReader(file))
    for vector in vectors:
        price, count = parse_price(vector["price"]), parse_count(vector["count"])
        venue = Venue(multiplier=vector["multiplier"], step=10)
        account, other = venue.account(), venue.account()
        venue.order(other, "ask", f"{price / 10_000:.4f}", f"{count / 100:.2f}")
        venue.order(account, "bid", f"{price / 10_000:.4f}", f"{count / 100:.2f}")
        assert account.fills[0].fee == parse_money(vector["fee_cost_observed"]), vector


def replayed(name: str) -> tuple[Venue, Replay]:
    """A venue that has just begun to serve a recording, with nothing else on it."""
    recording = read(KALSHI / name)
    venue = Venue(start=recording.start, empty=True)
    replay = Replay(recording, venue.exchange)
    replay.start(Lifecycle(venue.exchange, venue.trading, 1, replay.open))
    venue.exchange.advance(recording.start)
    return venue, replay


@pytest.mark.parametrize(("name", "use_yes_price"), [("noleg", False), ("yes", True)])
def test_recorded_frames_are_served_byte_for_byte(name: str, use_yes_price: bool) -> None:
    path = DEMO / f"ws__orderbook_trade_{name}.jsonl"
    venue, _ = replayed(f"recorded_demo_2026-06/{path.name}")
    sent: list[str] = []
    stream = Stream(venue.exchange, Doorkeeper(lambda: NOW), lambda: None, lambda: 0)
    session = stream.open(venue.account(), sent.append)
    ticker = next(iter(venue.exchange.markets))
    params = {"channels": ["orderbook_delta", "trade"], "market_tickers": [ticker], "use_yes_price": use_yes_price}
    session.handle(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
    venue.exchange.advance(venue.exchange.now + 90_000_000)
    with path.open(newline="") as file:
        assert sent == [line for line in file if line.strip()]


def test_the_recorded_frames_end_in_the_book_they_describe() -> None:
    venue, _ = replayed("recorded_demo_2026-06/ws__orderbook_trade_noleg.jsonl")
    (market,) = venue.exchange.markets.values()
    assert market.quote() == (4_700, 300, 5_200, 200)
    venue.exchange.advance(venue.exchange.now + 90_000_000)
    assert market.book.levels(Side.BID) == [(4_700, 300)]
    assert market.book.levels(Side.ASK) == [(5_200, 100)]


def test_one_who_comes_late_gets_the_book_as_it_is_then() -> None:
    venue, _ = replayed("recorded_demo_2026-06/ws__orderbook_trade_noleg.jsonl")
    venue.exchange.advance(venue.exchange.now + 20_000_000)
    sent: list[str] = []
    session = Stream(venue.exchange, Doorkeeper(lambda: NOW), lambda: None, lambda: 0).open(
        venue.account(), sent.append
    )
    params = {"channels": ["orderbook_delta"], "market_tickers": list(venue.exchange.markets)}
    session.handle(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
    assert json.loads(sent[1])["msg"].keys() == {"market_ticker", "market_id", "clock"}
    venue.exchange.advance(venue.exchange.now + 90_000_000)
    assert [json.loads(each)["seq"] for each in sent[1:]] == [1, 2, 3]


def test_the_weather_ladder_has_the_quotes_it_was_captured_with_and_says_what_it_assumes() -> None:
    venue, replay = replayed("excerpts_2026/KXHIGHNY-26OCT04.json")
    assert rfc3339(venue.exchange.now) == "2026-10-03T17:25:00Z"
    quotes = [market.quote() for market in venue.exchange.markets.values()]
    assert [(bid, ask) for bid, _, ask, _ in quotes] == [
        (1_500, 1_600),
        (4_500, 4_600),
        (3_300, 3_400),
        (300, 400),
        (100, 200),
        (0, 100),
    ]
    assert {size for _, bid, _, ask in quotes for size in (bid, ask)} == {0, 100}
    assert all("size" in each["assumed"] for each in replay.summary()["markets"])


def test_the_cpi_book_is_the_recorded_one() -> None:
    venue, replay = replayed("excerpts_2026/KXCPI_excerpts.json")
    (market,) = venue.exchange.markets.values()
    assert market.fees.fee_type == "quadratic_with_maker_fees"
    assert market.book.levels(Side.BID)[-1] == (8_900, 100)
    assert market.book.levels(Side.ASK)[0] == (9_400, 11_241)
    assert market.quote()[2] == 9_000
    assert replay.summary()["markets"][0]["assumed"] == ["open_time", "hour", "strike_type"]


def test_the_gas_ladder_is_open_before_its_close_and_settles_as_it_did() -> None:
    venue, _ = replayed("excerpts_2026/KXAAAGASW-26JUL13_ladder.json")
    content = json.loads((KALSHI / "excerpts_2026" / "KXAAAGASW-26JUL13_ladder.json").read_bytes())
    markets = venue.exchange.markets
    assert {market.status for market in markets.values()} == {MarketStatus.ACTIVE}
    account, other = venue.account(), venue.account()
    for ticker in markets:
        venue.order(other, "ask", "0.5000", ticker=ticker)
        venue.order(account, "bid", "0.5000", ticker=ticker)
    settles = max(each["settlement_ts"] for each in content["markets"])
    venue.exchange.advance(venue.exchange.now + 12 * 3_600 * 1_000_000)
    assert {ticker: market.outcome.result for ticker, market in markets.items() if market.outcome} == {
        each["ticker"]: each["result"] for each in content["markets"]
    }
    assert {rfc3339(market.settled) for market in markets.values() if market.settled} == {settles}
    assert sum(each.revenue for each in account.settlements) == 1_000_000 * sum(
        each["result"] == "yes" for each in content["markets"]
    )


def test_a_file_that_is_no_recording_is_refused_by_name(tmp_path: Path) -> None:
    broken = tmp_path / "frames.jsonl"
    broken.write_text('{"type":"subscribed","id":1,"msg":{}}\n')
    listed = tmp_path / "listed.jsonl"
    listed.write_text('{"type":"orderbook_snapshot","sid":1,"seq":1,"msg":[]}\n')
    endless = tmp_path / "endless.json"
    endless.symlink_to("/dev/zero")
    for path in (broken, listed, endless, tmp_path / "absent.json"):
        with pytest.raises(RecordingError, match=path.name):
            read(path)
