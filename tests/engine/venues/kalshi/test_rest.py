from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from engine.venues.kalshi.errors import Ambiguous, MalformedAnswer, NotSent, RateLimited, Rejected, Unavailable
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.portfolio import Cancelled, NotResting, OrderStatus
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.wire import BookSide, NewOrder

Said = tuple[int, object, dict[str, str]]


def answer(status: int = 200, body: object = None, **headers: str) -> Said:
    return status, body, headers


DROP = answer(0)
STATUS = answer(body={"exchange_active": True, "trading_active": False})
ORDER = NewOrder("s1-000001", "KXCPI-26AUG-T1.0", BookSide.BID, price=4_700, count=300)
ACK = answer(201, {"order_id": "o-1", "client_order_id": "s1-000001", "fill_count": "0.00",
                   "remaining_count": "3.00", "ts_ms": 1781159360866})  # fmt: skip


def pass_look() -> None:
    """A look that finds nothing against it."""


def order_fields(order_id: str) -> dict[str, object]:
    return {
        "order_id": order_id, "client_order_id": f"c-{order_id}", "ticker": "T", "book_side": "ask",
        "status": "resting", "yes_price_dollars": "0.7000", "initial_count_fp": "2.00", "fill_count_fp": "0.50",
        "remaining_count_fp": "1.50", "taker_fees_dollars": "0.010000", "maker_fees_dollars": "0.000100",
        "taker_fill_cost_dollars": "0.350000", "maker_fill_cost_dollars": "0.000000",
    }  # fmt: skip


# --- questions


async def test_a_question_is_signed_over_its_path_and_asked_where_it_belongs(rest: KalshiRest, loopback) -> None:
    loopback.script(STATUS)
    assert (await rest.exchange_status()).trading_active is False
    seen = loopback.seen[0]
    assert (seen.method, seen.target) == ("GET", "/trade-api/v2/exchange/status")
    assert {"kalshi-access-key", "kalshi-access-timestamp", "kalshi-access-signature"} <= seen.headers.keys()
    assert rest.source == "simulated"


@pytest.mark.parametrize(
    "failure", [answer(500), answer(503, {"error": "x"}), answer(429, {"error": "too many"}), DROP]
)
async def test_a_question_is_repeated_with_a_new_signature_until_it_is_answered(
    rest: KalshiRest, loopback, failure: Said
) -> None:
    loopback.script(failure, failure, STATUS)
    assert (await rest.exchange_status()).exchange_active
    stamps = [seen.headers["kalshi-access-timestamp"] for seen in loopback.seen]
    assert len(stamps) == len(set(stamps)) == 3


@pytest.mark.parametrize(
    ("failure", "outcome"), [(answer(500), Unavailable), (DROP, Unavailable), (answer(429), RateLimited)]
)
async def test_a_question_that_stays_unanswered_is_named(
    rest: KalshiRest, loopback, failure: Said, outcome: type[Exception]
) -> None:
    loopback.script(failure)
    with pytest.raises(outcome):
        await rest.exchange_status()
    assert len(loopback.seen) == 3


async def test_a_refused_question_is_not_repeated(rest: KalshiRest, loopback) -> None:
    loopback.script(answer(401, {"error": {"code": "header_timestamp_expired", "message": "expired"}}))
    with pytest.raises(Rejected) as caught:
        await rest.balance()
    assert (caught.value.status, caught.value.code) == (401, "header_timestamp_expired")
    assert len(loopback.seen) == 1


@pytest.mark.parametrize("body", [b"<html>", [], {}, {"exchange_active": "yes", "trading_active": True}])
async def test_an_answer_that_does_not_say_what_it_must_is_malformed(rest: KalshiRest, loopback, body: object) -> None:
    loopback.script(answer(body=body))
    with pytest.raises(MalformedAnswer):
        await rest.exchange_status()


async def test_pages_are_read_to_the_end(rest: KalshiRest, loopback) -> None:
    loopback.script(
        answer(body={"orders": [order_fields("1"), order_fields("2")], "cursor": "next"}),
        answer(body={"orders": [order_fields("3")], "cursor": ""}),
    )
    orders = await rest.orders(status=OrderStatus.RESTING)
    assert [order.order_id for order in orders] == ["1", "2", "3"]
    assert (orders[0].side, orders[0].price, orders[0].remaining, orders[0].fees) == (BookSide.ASK, 7_000, 150, 10_100)
    assert [seen.target.partition("?")[2] for seen in loopback.seen] == [
        "status=resting&limit=1000",
        "status=resting&limit=1000&cursor=next",
    ]


async def test_a_repeated_cursor_ends_a_catalogue_but_makes_a_listing_of_orders_unreadable(
    rest: KalshiRest, loopback
) -> None:
    loopback.script(answer(body={"markets": [], "orders": [], "cursor": "again"}))
    assert await rest.markets(status="open") == []
    assert len(loopback.seen) == 2
    with pytest.raises(MalformedAnswer, match="cursor"):
        await rest.orders(status=OrderStatus.RESTING)


async def test_order_books_come_on_one_scale_and_best_first(rest: KalshiRest, loopback) -> None:
    book = {"yes_dollars": [["0.8500", "32.35"], ["0.8900", "1.00"]], "no_dollars": [["0.0600", "112.41"]]}
    loopback.script(answer(body={"orderbooks": [{"ticker": "A", "orderbook_fp": book},
                                                {"ticker": "B", "orderbook_fp": {}}]}))  # fmt: skip
    assert await rest.orderbooks(["A", "B"]) == {
        "A": BookLevels("A", ((8_900, 100), (8_500, 3_235)), ((9_400, 11_241),)),
        "B": BookLevels("B", (), ()),
    }
    assert loopback.seen[0].target.endswith("/markets/orderbooks?tickers=A&tickers=B")


async def test_an_instant_is_asked_for_in_seconds(rest: KalshiRest, loopback) -> None:
    loopback.script(answer(body={"fills": [], "cursor": ""}))
    assert await rest.fills(since=datetime(2026, 11, 20, 14, 0, 0, 900_000, tzinfo=UTC)) == []
    assert "min_ts=1795183200&" in loopback.seen[0].target


async def test_every_answer_narrows_the_clock_offset(rest: KalshiRest, loopback) -> None:
    assert rest.clock_offset is None
    loopback.script(answer(200, STATUS[1], Date="Fri, 20 Nov 2026 14:00:00 GMT"))
    await rest.exchange_status()
    assert rest.clock_offset is not None
    assert (rest.clock_offset.low, rest.clock_offset.high) == (0, 1)


# --- acts


async def test_an_order_is_sent_once_and_acknowledged(rest: KalshiRest, loopback) -> None:
    loopback.script(ACK)
    ack = await rest.create_order(ORDER, pass_look)
    assert (ack.order_id, ack.filled, ack.remaining) == ("o-1", 0, 300)
    seen = loopback.seen[0]
    assert (seen.method, seen.path, seen.json) == ("POST", "/portfolio/events/orders", ORDER.body())


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answer(409, {"error": {"code": "order_already_exists", "message": "order already exists"}}), Rejected),
        (answer(400, {"error": {"code": "invalid_price", "message": "invalid price"}}), Rejected),
        (answer(429, {"error": "too many requests"}), RateLimited),
        (answer(500), Ambiguous),
        (answer(503), Ambiguous),
        (DROP, Ambiguous),
        (answer(201, b"not json"), Ambiguous),
        (answer(201, {"client_order_id": "s1-000001"}), Ambiguous),
        (answer(201), Ambiguous),
        (answer(302), Ambiguous),
    ],
)
async def test_what_became_of_an_order_is_named_and_it_is_never_sent_again(
    rest: KalshiRest, loopback, answer: Said, outcome: type[Exception]
) -> None:
    loopback.script(answer)
    with pytest.raises(outcome) as caught:
        await rest.create_order(ORDER, pass_look)
    assert type(caught.value) is outcome
    assert len(loopback.seen) == 1
    assert rest.orders_in_flight == frozenset()


async def test_an_order_without_an_answer_in_time_is_ambiguous(rest: KalshiRest, loopback) -> None:
    never = asyncio.Event()

    async def hang(_) -> Said:
        await never.wait()
        return ACK

    loopback.handler = hang
    with pytest.raises(Ambiguous, match="ReadTimeout"):
        await rest.create_order(ORDER, pass_look)
    assert len(loopback.seen) == 1


async def test_an_answer_that_comes_drop_by_drop_is_none(
    rest: KalshiRest, loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.venues.kalshi.http.ANSWER_WITHIN", 0.2)
    loopback.drop_s = 0.05  # each well within the time-out of a read
    with pytest.raises(Ambiguous, match="no whole answer"):
        await rest.create_order(ORDER, pass_look)
    with pytest.raises(Ambiguous, match="no whole answer"):
        await rest.cancel_all()
    with pytest.raises(Unavailable, match="no whole answer"):
        await rest.orders(attempts=1)


async def test_a_cancel_of_what_is_not_resting_does_not_say_why(rest: KalshiRest, loopback) -> None:
    loopback.script(
        answer(body={"order_id": "o-1", "reduced_by": "1.00", "ts_ms": 1}),
        answer(404, {"error": {"code": "not_found", "message": "not found"}}),
        answer(409, {"error": {"code": "exchange_is_paused", "message": "paused"}}),
    )
    assert await rest.cancel_order("o-1", "T") == Cancelled("o-1", 100)
    assert await rest.cancel_order("o-1", "T") == NotResting("o-1")
    with pytest.raises(Rejected):
        await rest.cancel_order("o-1", "T")
    assert [seen.target for seen in loopback.seen] == ["/trade-api/v2/portfolio/events/orders/o-1?market_ticker=T"] * 3


async def test_a_batched_cancel_has_one_outcome_for_each(rest: KalshiRest, loopback) -> None:
    entries = [
        {"order_id": "1", "reduced_by": "2.50", "ts_ms": 1},
        {"order_id": "2", "reduced_by": "0.00", "error": {"code": "not_found", "message": "not found"}},
        {"order_id": "3", "reduced_by": "0.00", "error": {"code": "MARKET_INACTIVE"}},
    ]
    loopback.script(answer(body={"orders": entries}))
    outcomes = await rest.cancel_batched([("1", "T"), ("2", "T"), ("3", "U")])
    assert outcomes == [Cancelled("1", 250), NotResting("2"), "MARKET_INACTIVE"]
    assert loopback.seen[0].json == {"orders": [{"order_id": "1", "market_ticker": "T"},
                                                {"order_id": "2", "market_ticker": "T"},
                                                {"order_id": "3", "market_ticker": "U"}]}  # fmt: skip


async def test_cancel_all_has_no_content_either_way(rest: KalshiRest, loopback) -> None:
    loopback.script(answer(204))
    await rest.cancel_all()
    assert (loopback.seen[0].method, loopback.seen[0].path) == ("DELETE", "/portfolio/events/orders")


async def test_an_order_group_is_made_triggered_reset_and_read(rest: KalshiRest, loopback) -> None:
    loopback.script(
        answer(201, {"order_group_id": "g-1", "subaccount": 0}),
        answer(body={}),
        answer(body={}),
        answer(body={"is_auto_cancel_enabled": True, "contracts_limit_fp": "50.00", "orders": ["o-1"]}),
    )
    group = await rest.create_order_group(5_000)
    await rest.trigger_order_group(group)
    await rest.reset_order_group(group)
    assert (await rest.order_group(group)).order_ids == ("o-1",)
    assert [(seen.method, seen.path) for seen in loopback.seen] == [
        ("POST", "/portfolio/order_groups/create"),
        ("PUT", "/portfolio/order_groups/g-1/trigger"),
        ("PUT", "/portfolio/order_groups/g-1/reset"),
        ("GET", "/portfolio/order_groups/g-1"),
    ]
    assert loopback.seen[0].json == {"contracts_limit_fp": "50.00"}


async def test_an_act_on_a_dead_address_was_not_sent(loopback, rest: KalshiRest, signer, clock) -> None:
    async with KalshiRest("http://127.0.0.1:1/trade-api/v2", signer, clock) as dead:
        with pytest.raises(NotSent):
            await dead.cancel_all()
        with pytest.raises(NotSent):
            await dead.create_order(ORDER, pass_look)


async def test_the_account_s_own_limits_are_kept_once_they_are_read(rest: KalshiRest, loopback, clock) -> None:
    def by_path(seen) -> Said:
        if seen.path == "/account/limits":
            bucket = {"refill_rate": 10, "bucket_capacity": 10}
            return answer(body={"usage_tier": "basic", "read": bucket, "write": bucket, "grants": []})
        if seen.path == "/account/endpoint_costs":
            return answer(body={"default_cost": 10, "endpoint_costs": []})
        return STATUS

    loopback.handler = by_path
    await rest.load_limits()
    before = clock.boottime_ns()
    for _ in range(3):
        await rest.exchange_status()
    assert clock.boottime_ns() - before == pytest.approx(2e9)


async def test_after_a_429_the_next_request_waits_for_the_budget_to_fill(rest: KalshiRest, loopback, clock) -> None:
    loopback.script(answer(429, {"error": "too many requests"}), answer(204))
    with pytest.raises(RateLimited):
        await rest.cancel_all()
    before = clock.boottime_ns()
    await rest.cancel_all()
    assert clock.boottime_ns() > before
