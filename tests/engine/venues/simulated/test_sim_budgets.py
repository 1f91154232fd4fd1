"""Rate limits: what the tiers hold, what a request costs, and what is refused when the bucket is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.venues.simulated.budgets import LIMITS, Bucket, Budgets, Limit, Tier
from engine.venues.simulated.refusals import Refusal

from .conftest import HIGH, Api, Venue

SECOND_NS = 1_000_000_000
ORDERS = "/portfolio/events/orders"


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def charged(budgets: Budgets, method: str, path: str, body: bytes = b"") -> bool:
    try:
        budgets.charge("user", method, path, body)
    except Refusal as refusal:
        assert (refusal.status, refusal.body) == (429, {"error": "too many requests"})
        return False
    return True


def count(budgets: Budgets, method: str, path: str) -> int:
    """How many such requests go through at once."""
    number = 0
    while charged(budgets, method, path):
        number += 1
    return number


COSTS = [
    ("POST", ORDERS, 10),
    ("POST", f"{ORDERS}/{{order_id}}/amend", 10),
    ("POST", f"{ORDERS}/{{order_id}}/decrease", 10),
    ("DELETE", f"{ORDERS}/{{order_id}}", 50),
    ("DELETE", ORDERS, 50),
    ("GET", "/portfolio/orders", 20),
    ("GET", "/portfolio/orders/{order_id}", 100),
    ("GET", "/portfolio/balance", 1),
    ("POST", "/account/api_usage_level/upgrade", 3),
]


@pytest.mark.parametrize(("method", "path", "number"), COSTS)
def test_a_basic_key_can_do_so_much_at_once(method: str, path: str, number: int) -> None:
    assert count(Budgets(Tier.BASIC, Clock()), method, path) == number


def test_reads_writes_and_the_balance_have_buckets_of_their_own() -> None:
    budgets = Budgets(Tier.BASIC, Clock())
    assert count(budgets, "POST", ORDERS) == 10
    assert count(budgets, "GET", "/portfolio/fills") == 20
    assert count(budgets, "GET", "/portfolio/balance") == 1


def test_a_bucket_refills_with_time_and_never_above_its_capacity() -> None:
    bucket = Bucket(Limit(100, 200), 0)
    assert bucket.take(200, 0)
    assert not bucket.take(10, 99_999_999)
    assert bucket.take(10, 100_000_000)
    assert bucket.take(200, 60 * SECOND_NS)
    assert not bucket.take(1, 60 * SECOND_NS)


def test_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    budgets = Budgets(Tier.BASIC, clock)
    count(budgets, "POST", ORDERS)
    clock.ns = SECOND_NS // 20
    assert not charged(budgets, "POST", ORDERS)
    assert charged(budgets, "DELETE", ORDERS)


def test_a_batch_must_fit_whole() -> None:
    budgets = Budgets(Tier.BASIC, Clock())

    def batch(number: int) -> bytes:
        return b'{"orders":[' + b",".join([b"{}"] * number) + b"]}"

    assert not charged(budgets, "POST", f"{ORDERS}/batched", batch(11))
    assert charged(budgets, "POST", f"{ORDERS}/batched", batch(9))
    assert not charged(budgets, "POST", f"{ORDERS}/batched", batch(2))
    assert charged(budgets, "DELETE", f"{ORDERS}/batched", batch(5))


def test_unlimited_tells_the_figures_of_basic_and_refuses_nothing() -> None:
    budgets = Budgets(Tier.UNLIMITED, Clock())
    assert all(charged(budgets, "POST", ORDERS) for _ in range(1_000))
    assert budgets.limits("user") == LIMITS[Tier.BASIC]


def test_an_upgrade_makes_basic_advanced_and_nothing_else() -> None:
    for tier, after in ((Tier.BASIC, Tier.ADVANCED), (Tier.PRIME, Tier.PRIME), (Tier.UNLIMITED, Tier.UNLIMITED)):
        budgets = Budgets(tier, Clock())
        budgets.upgrade("user")
        assert budgets.tier("user") is after


def test_limits_rise_from_tier_to_tier() -> None:
    rates = [LIMITS[tier].write.rate for tier in Tier if tier is not Tier.UNLIMITED]
    assert rates == sorted(rates)


@pytest.fixture
async def limited(tmp_path: Path) -> Any:
    made = Api(Venue(), tmp_path, tier=Tier.BASIC)
    yield made
    await made.client.aclose()


async def test_over_the_wire_the_eleventh_order_is_one_too_many_and_a_second_later_it_is_not(limited: Api) -> None:
    async def order(number: int) -> httpx.Response:
        body = {"ticker": HIGH, "client_order_id": str(number), "side": "bid", "count": "1.00", "price": "0.4000"}
        body |= {"time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross"}
        return await limited.ask("POST", ORDERS, body)

    answers = [(await order(number)) for number in range(11)]
    assert [each.status_code for each in answers] == [201] * 10 + [429]
    assert answers[-1].json() == {"error": "too many requests"}
    assert {"retry-after", "x-ratelimit-remaining"} & answers[-1].headers.keys() == set()
    limited.venue.system += SECOND_NS // 10
    assert (await order(12)).status_code == 201
    limits = (await limited.ask("GET", "/account/limits")).json()
    assert (limits["usage_tier"], limits["write"]) == ("basic", {"bucket_capacity": 100, "refill_rate": 100})
    limited.venue.system += SECOND_NS
    assert (await limited.ask("POST", "/account/api_usage_level/upgrade")).status_code == 201
    limits = (await limited.ask("GET", "/account/limits")).json()
    assert (limits["usage_tier"], limits["write"]["refill_rate"]) == ("advanced", 300)
    assert [each["level"] for each in limits["grants"]] == ["advanced"]


async def test_who_does_not_sign_is_not_charged(limited: Api) -> None:
    for _ in range(30):
        assert (await limited.client.get("/trade-api/v2/exchange/status")).status_code == 200
