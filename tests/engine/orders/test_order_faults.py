"""The order path on the exchange's own process while answers are lost: nothing twice, nothing falsely ended (V-01)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.orders import reconciling
from engine.orders.life import State
from engine.venues.kalshi.portfolio import OrderStatus
from engine.venues.kalshi.rest import KalshiRest
from state.home import Home
from tests.engine.orders.real_exchange import CREATES, Exchange, Run

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    server = Exchange(tmp_path_factory.mktemp("exchange"))
    yield server
    server.stop()


@pytest.fixture
async def rest(server: Exchange) -> AsyncIterator[KalshiRest]:
    server.fault()
    async with KalshiRest(server.base_url, server.signer, server.clock, timeout=httpx.Timeout(0.4)) as client:
        yield client
        server.fault()
        await client.cancel_all()


@pytest.fixture
def run(home: Home, server: Exchange, rest: KalshiRest, emit: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(reconciling, "LAG", timedelta(seconds=0.2))
    return Run(home, server, rest, emit)


@pytest.fixture
async def ticker(rest: KalshiRest) -> str:
    """A market in which a bid at one cent rests."""
    markets = await rest.markets(status="open", series_ticker="KXHIGHNY")
    return max(markets, key=lambda market: market.yes_bid or 0).ticker


LOST = {
    "taken, never answered": ({"name": "timeout_after_accept", "value": "on"}, State.RESTING),
    "taken, connection dropped": ({"name": "disconnect", "value": "after"}, State.RESTING),
    "taken, answered 500": ({"name": "error_500", "value": "after"}, State.RESTING),
    "taken, answered 503": ({"name": "error_503", "value": "after"}, State.RESTING),
    "taken after we gave up": ({"name": "late_ms", "value": 1_000}, State.RESTING),
    "not taken, connection dropped": ({"name": "disconnect", "value": "before"}, State.NEVER_ACCEPTED),
    "not taken, answered 500": ({"name": "error_500", "value": "before"}, State.NEVER_ACCEPTED),
    "not taken, never answered": ({"name": "half_open", "value": "on"}, State.NEVER_ACCEPTED),
}


@pytest.mark.parametrize(("fault", "state"), LOST.values(), ids=LOST)
async def test_a_lost_answer_is_resolved_by_asking_and_nothing_is_sent_twice(
    run: Run, rest: KalshiRest, server: Exchange, ticker: str, fault: dict[str, object], state: State
) -> None:
    await run.agree()
    await run.path.rest.create_order_group(100)
    before = {order.client_order_id for order in await rest.orders()}
    await run.place(ticker)
    server.fault({**fault, "where": CREATES, "count": 1})
    lost = await run.place(ticker)
    name = lost.plan.client_order_id
    assert lost.state is State.UNRESOLVED
    assert run.reconciler.look().unresolved == (name,)
    await run.agree()
    assert run.path.orders.by_id[name].state is state
    server.fault()
    listed = [order for order in await rest.orders() if order.client_order_id not in before]
    assert Counter(order.client_order_id for order in listed) == Counter(
        order.plan.client_order_id for order in run.path.orders.working()
    )
    assert all(order.status is OrderStatus.RESTING for order in listed)


async def test_a_storm_of_429_sends_nothing_twice_and_backs_off(run: Run, server: Exchange, ticker: str) -> None:
    await run.agree()
    await run.place(ticker)
    server.fault({"name": "storm_429", "value": "on", "where": CREATES, "count": 1})
    assert (await run.place(ticker)).state is State.NOT_SENT
    assert run.path.paused
    server.fault()
    await run.agree()
    assert len(run.path.orders.working()) == 1


async def test_a_cancel_that_is_acknowledged_and_not_done_is_not_believed_for_ever(
    run: Run, rest: KalshiRest, server: Exchange, ticker: str
) -> None:
    await run.agree()
    order = await run.place(ticker)
    server.fault({"name": "cancel_acknowledged_not_done", "value": "on"})
    await run.path.cancel(order)
    await run.reconciler.run_once()
    assert not run.reconciler.result.ok
    assert order.plan.client_order_id in run.reconciler.result.reasons[0]
    server.fault()
    await rest.cancel_all()
    await run.agree()


async def test_a_stale_listing_after_a_cancel_wakes_nothing(run: Run, server: Exchange, ticker: str) -> None:
    await run.agree()
    order = await run.place(ticker)
    server.fault({"name": "stale_read_ms", "value": 600})
    assert (await run.path.cancel(order)).state is State.GONE
    await run.reconciler.run_once()
    assert run.path.orders.working() == []
    await run.agree()
    assert run.path.orders.by_id[order.plan.client_order_id].state is State.CANCELLED


async def test_a_restart_between_intent_and_answer_finds_the_order(
    run: Run, home: Home, server: Exchange, rest: KalshiRest, ticker: str, emit: Any
) -> None:
    await run.agree()
    await run.place(ticker)
    server.fault({"name": "latency_ms", "value": 300, "where": CREATES})
    sending = asyncio.create_task(run.place(ticker))
    await asyncio.sleep(0)
    while not rest.orders_in_flight:
        await asyncio.sleep(0.001)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    server.fault()
    heir = Run(home, server, rest, emit)
    await heir.agree()
    assert len(heir.path.orders.working()) == 2
    assert heir.path.orders.working()[0].plan.client_order_id == run.path.orders.working()[0].plan.client_order_id
