from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.venues.kalshi.account import AccountLimits, EndpointCosts
from engine.venues.kalshi.errors import MalformedAnswer, NotSent
from engine.venues.kalshi.limits import RateLimits, TokenBucket
from state.clock import NANOS, SimulatedClock

ORDERS = "/trade-api/v2/portfolio/events/orders"
COSTS = EndpointCosts.parse(
    {
        "default_cost": 10,
        "endpoint_costs": [
            {"method": "DELETE", "path": ORDERS + "/:order_id", "cost": 2},
            {"method": "DELETE", "path": ORDERS + "/batched", "cost": 3},
            {"method": "GET", "path": "/trade-api/v2/cfbenchmarks/*endpoint", "cost": 150},
        ],
    }
)
LIMITS = AccountLimits("basic", read_rate=200, read_capacity=200, write_rate=100, write_capacity=100)


class Waits:
    """Sleeping moves the simulated clock."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock, self.total = clock, 0.0

    async def __call__(self, seconds: float) -> None:
        self.total += seconds
        self.clock.advance(seconds)


@pytest.fixture
def waits(clock: SimulatedClock) -> Waits:
    return Waits(clock)


@pytest.fixture
def limits(clock: SimulatedClock, waits: Waits) -> RateLimits:
    limits = RateLimits(clock, waits)
    limits.adopt(LIMITS, COSTS)
    return limits


def test_a_literal_path_goes_before_one_with_a_parameter_and_the_rest_costs_the_default() -> None:
    assert COSTS.of("DELETE", ORDERS + "/5f1c") == 2
    assert COSTS.of("DELETE", ORDERS + "/batched") == 3
    assert COSTS.of("POST", ORDERS + "/5f1c") == 10
    assert COSTS.of("DELETE", ORDERS) == 10
    assert COSTS.of("GET", "/trade-api/v2/cfbenchmarks/a/b") == 150
    assert COSTS.of("GET", "/trade-api/v2/cfbenchmarks") == 10


async def test_orders_spend_the_write_budget_down_to_the_reserve_and_then_wait(
    limits: RateLimits, waits: Waits
) -> None:
    for _ in range(8):
        await limits.admit("POST", ORDERS)
    assert waits.total == 0
    await limits.admit("POST", ORDERS)
    assert waits.total == pytest.approx(0.1)


async def test_cancels_have_a_share_that_no_order_can_take(limits: RateLimits, waits: Waits) -> None:
    for _ in range(20):
        await limits.admit("POST", ORDERS)
    spent = waits.total
    for _ in range(10):
        await limits.admit("DELETE", ORDERS + "/5f1c", urgent=True)
    assert waits.total == spent


async def test_reads_and_the_balance_have_buckets_of_their_own(limits: RateLimits, waits: Waits) -> None:
    for _ in range(8):
        await limits.admit("POST", ORDERS)
        await limits.admit("GET", "/trade-api/v2/markets")
    await limits.admit("GET", "/trade-api/v2/portfolio/balance")
    assert waits.total == 0
    await limits.admit("GET", "/trade-api/v2/portfolio/balance")
    assert waits.total == pytest.approx(1.0)


async def test_after_a_429_nothing_is_left_whatever_we_thought(limits: RateLimits, waits: Waits) -> None:
    limits.throttled("POST", ORDERS)
    await limits.admit("POST", ORDERS)
    assert waits.total == pytest.approx(0.3)
    limits.throttled("POST", ORDERS)
    await limits.admit("DELETE", ORDERS + "/5f1c", urgent=True)
    assert waits.total == pytest.approx(0.32)


async def test_a_batch_costs_each_of_its_items_and_one_that_never_fits_is_not_sent(limits: RateLimits) -> None:
    await limits.admit("DELETE", ORDERS + "/batched", urgent=True, items=30)
    with pytest.raises(NotSent, match="costs 120 tokens"):
        await limits.admit("DELETE", ORDERS + "/batched", items=40)


async def test_stopping_is_never_held_back_for_good_by_what_we_reckon(clock: SimulatedClock, waits: Waits) -> None:
    limits = RateLimits(clock, waits)  # nobody asked the account: each of twenty cancels counts as ten tokens
    for _ in range(2):
        await limits.admit("DELETE", ORDERS + "/batched", urgent=True, items=20)
    assert waits.total == pytest.approx(1.0)


async def test_a_request_that_costs_more_than_the_unreserved_share_waits_for_a_full_bucket(
    clock: SimulatedClock, waits: Waits
) -> None:
    limits = RateLimits(clock, waits)
    limits.adopt(AccountLimits("basic", 200, 200, write_rate=10, write_capacity=10), COSTS)
    await limits.admit("POST", ORDERS)
    await limits.admit("POST", ORDERS)
    assert waits.total == pytest.approx(1.0)


def test_a_bucket_that_never_fills_is_no_answer() -> None:
    with pytest.raises(MalformedAnswer):
        AccountLimits.parse(
            {"usage_tier": "basic", "read": {"refill_rate": 0, "bucket_capacity": 1},
             "write": {"refill_rate": 1, "bucket_capacity": 1}}
        )  # fmt: skip


def test_a_bucket_that_was_left_alone_for_an_hour_holds_no_more_than_it_can() -> None:
    bucket = TokenBucket(rate=10, capacity=30, at_ns=0)
    assert bucket.take(30, 3_600 * NANOS) == 0
    assert bucket.take(10, 3_600 * NANOS) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0, 2)), max_size=60))
def test_a_bucket_never_gives_more_than_its_capacity_and_what_flowed_in(steps: list[tuple[int, float]]) -> None:
    bucket = TokenBucket(rate=10, capacity=30, at_ns=0)
    now, taken = 0, 0
    for cost, pause in steps:
        now += round(pause * NANOS)
        wait = bucket.take(cost, now)
        taken += cost if wait == 0 else 0
        assert 0 <= wait <= cost / 10 + 1e-9
        assert taken <= 30 + 10 * now / NANOS + 1e-6


@pytest.mark.reference
def test_the_recorded_limits_and_costs_are_read(recorded: Path) -> None:
    limits = AccountLimits.parse(json.loads((recorded / "account__limits.json").read_text()))
    assert (limits.usage_tier, limits.read_capacity, limits.write_rate) == ("basic", 200, 100)
    costs = EndpointCosts.parse(json.loads((recorded / "account__endpoint_costs.json").read_text()))
    assert costs.of("DELETE", ORDERS + "/5f1c") == 2
    assert costs.of("POST", ORDERS) == 10
