"""Faults on demand: each does what its name says, where it says, as often as it says, and nothing once it is lifted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.venues.simulated.admin import admin
from engine.venues.simulated.faults import Fault, FaultError, FaultName, Faults

from .conftest import HIGH, Api, Venue
from .test_sim_revising import revising

ORDERS = "/portfolio/events/orders"
_numbers: Iterator[int] = iter(range(10_000))


def order(**changes: Any) -> dict[str, Any]:
    body = {
        "ticker": HIGH,
        "client_order_id": f"order-{next(_numbers)}",
        "side": "bid",
        "count": "1.00",
        "price": "0.4000",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    return {**body, **changes}


def give(api: Api, *texts: str) -> None:
    api.faults.replace([Fault.parse(text) for text in texts])


async def resting(api: Api) -> int:
    return len((await api.ask("GET", "/portfolio/orders?status=resting")).json()["orders"])


def test_every_fault_is_in_the_table() -> None:
    table = (Path(__file__).resolve().parents[4] / "docs" / "exchange.md").read_text()
    assert [name for name in FaultName if f"`{name}`" not in table] == []


async def test_without_faults_asking_for_one_costs_nothing() -> None:
    assert not Faults()


@pytest.mark.parametrize(
    "text",
    [
        "gossip=1",
        "latency_ms=soon",
        "latency_ms=",
        "error_500=perhaps",
        "storm_429=5",
        "gap=1,when=now",
        "gap=1,chance=0",
        "gap=1,chance=much",
        "gap=1,count=0",
        "gap=1,count=99999999999999999999",
        "latency_ms=inf",
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_name(text: str) -> None:
    with pytest.raises(FaultError, match=text.partition("=")[0]):
        Fault.parse(text)


def test_a_fault_is_read_with_its_scope_chance_and_count() -> None:
    assert Fault.parse("latency_ms=200,where=POST /portfolio/*,chance=0.5,count=3") == Fault(
        FaultName.LATENCY_MS, "200", "POST /portfolio/*", 0.5, 3
    )


def test_the_same_seed_meets_the_same_faults() -> None:
    seen = []
    for _ in range(2):
        faults = Faults(7)
        faults.put(Fault.parse("storm_429=on,chance=0.3"))
        seen.append([faults.fires(FaultName.STORM_429, "GET /") is not None for _ in range(200)])
    assert seen[0] == seen[1]
    assert 30 < sum(seen[0]) < 90


async def test_a_storm_of_429_has_the_bare_body_and_ends_with_its_count(api: Api) -> None:
    give(api, f"storm_429=on,where=POST {ORDERS},count=2")
    answers = [await api.ask("POST", ORDERS, order()) for _ in range(3)]
    assert [each.status_code for each in answers] == [429, 429, 201]
    assert answers[0].json() == {"error": "too many requests"}
    assert (await api.ask("GET", "/portfolio/balance")).status_code == 200
    assert api.faults.report()[0]["happened"] == 2


@pytest.mark.parametrize("status", [500, 503, 504])
@pytest.mark.parametrize(("when", "done"), [("before", 0), ("after", 1)])
async def test_an_error_comes_before_the_order_or_after_it(api: Api, status: int, when: str, done: int) -> None:
    give(api, f"error_{status}={when},where=POST *,count=1")
    assert (await api.ask("POST", ORDERS, order())).status_code == status
    assert await resting(api) == done


async def test_reject_all_refuses_creates_with_the_code_given(api: Api) -> None:
    give(api, "reject_all=available_balance_too_low")
    refused = await api.ask("POST", ORDERS, order())
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "available_balance_too_low")
    assert (await api.ask("DELETE", ORDERS)).status_code == 204


@pytest.mark.parametrize("how", ["one", "batch", "all", "trigger"])
async def test_a_cancel_is_acknowledged_and_not_done(api: Api, how: str) -> None:
    group = (await api.ask("POST", "/portfolio/order_groups/create", {"contracts_limit": 10})).json()["order_group_id"]
    made = (await api.ask("POST", ORDERS, order(order_group_id=group))).json()["order_id"]
    give(api, "cancel_acknowledged_not_done=on,count=1")
    asked = {
        "one": ("DELETE", f"{ORDERS}/{made}", None),
        "batch": ("DELETE", f"{ORDERS}/batched", {"orders": [{"order_id": made}]}),
        "all": ("DELETE", ORDERS, None),
        "trigger": ("PUT", f"/portfolio/order_groups/{group}/trigger", {}),
    }[how]
    answer = await api.ask(*asked)
    assert answer.status_code in (200, 204)
    if how == "one":
        assert answer.json()["reduced_by"] == "1.00"
    api.faults.clear()
    assert await resting(api) == 1
    assert (await api.ask(*asked)).status_code in (200, 204)
    assert await resting(api) == 0


async def test_a_read_after_a_cancel_is_stale_for_as_long_as_asked(api: Api) -> None:
    made = (await api.ask("POST", ORDERS, order(count="3.00"))).json()["order_id"]
    give(api, "stale_read_ms=360")
    await api.ask("DELETE", f"{ORDERS}/{made}")
    shown = (await api.ask("GET", f"/portfolio/orders/{made}")).json()["order"]
    assert (shown["status"], shown["remaining_count_fp"]) == ("resting", "3.00")
    assert await resting(api) == 1
    assert (await api.ask("DELETE", f"{ORDERS}/{made}")).status_code == 404
    api.venue.system += 360_000_000
    shown = (await api.ask("GET", f"/portfolio/orders/{made}")).json()["order"]
    assert (shown["status"], shown["remaining_count_fp"]) == ("canceled", "0.00")
    assert await resting(api) == 0


async def test_a_revoked_key_is_not_found(api: Api) -> None:
    give(api, "revoke_key=on,where=another-key")
    assert (await api.ask("GET", "/portfolio/balance")).status_code == 200
    give(api, f"revoke_key=on,where={api.key.key_id}")
    refused = await api.ask("GET", "/portfolio/balance")
    assert (refused.status_code, refused.json()["error"]["details"]) == (401, "NOT_FOUND")


@pytest.mark.parametrize(("seconds", "status"), [(20, 401), (-40, 401), (10, 200)])
async def test_a_skewed_clock_judges_signatures_by_its_own_time(api: Api, seconds: int, status: int) -> None:
    give(api, f"clock_skew_s={seconds}")
    assert (await api.ask("GET", "/portfolio/balance")).status_code == status


class Listener:
    """A session and the frames it was sent."""

    def __init__(self, api: Api) -> None:
        self.sent: list[dict[str, Any]] = []
        self.session = api.stream.open(api.account, lambda frame: self.sent.append(json.loads(frame)))
        params = {"channels": ["orderbook_delta"], "market_tickers": [HIGH]}
        self.session.handle(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
        self.sent.clear()

    def seqs(self, api: Api, orders: int) -> list[int]:
        for _ in range(orders):
            api.venue.order(api.account, "bid", "0.4000")
        return [each["seq"] for each in self.sent]


FRAMES = [
    ("drop_frames=on,count=1", [3, 4, 5]),
    ("duplicate_frames=on,count=1", [2, 2, 3, 4, 5]),
    ("reorder_frames=on,count=1", [3, 2, 4, 5]),
    ("gap=3,count=1", [5, 6, 7, 8]),
    ("drop_frames=on,where=trade", [2, 3, 4, 5]),
]


@pytest.mark.parametrize(("text", "seqs"), FRAMES)
async def test_frames_are_lost_doubled_swapped_or_skipped(api: Api, text: str, seqs: list[int]) -> None:
    listener = Listener(api)
    give(api, text)
    assert listener.seqs(api, 4) == seqs


async def test_a_frame_held_back_still_comes_once_its_fault_is_lifted(api: Api) -> None:
    listener = Listener(api)
    give(api, "reorder_frames=on")
    assert listener.seqs(api, 2) == []
    api.faults.clear()
    assert listener.seqs(api, 1) == [4, 2, 3]


async def test_the_admin_endpoint_sets_shows_and_lifts_faults() -> None:
    faults = Faults()
    transport = httpx.ASGITransport(admin(faults, revising(Venue())))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        one = {"name": "latency_ms", "value": 20, "where": "GET *", "count": 2}
        shown = (await client.put("/faults", json=one)).json()["faults"]
        assert shown == [{**one, "value": "20", "chance": 1.0, "happened": 0}]
        assert (await client.put("/faults", json=shown)).json()["faults"] == shown
        await client.put("/faults", json={"name": "gap", "value": 1})
        assert [each["name"] for each in (await client.delete("/faults/latency_ms")).json()["faults"]] == ["gap"]
        for wrong in ({"name": "gossip"}, ["gap"], {"name": "gap", "value": 1, "typo": 2}, 7):
            refused = await client.put("/faults", json=wrong)
            assert (refused.status_code, list(refused.json())) == (400, ["error"])
        assert (await client.delete("/faults/gossip")).status_code == 404
        assert (await client.delete("/faults")).json() == {"faults": []}
    assert not faults
