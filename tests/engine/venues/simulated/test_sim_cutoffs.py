"""The historical cutoff: each thing is told by one side of it alone, and what still rests is never old."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.venues.simulated.instants import DAY
from engine.venues.simulated.market import Outcome

from .conftest import HIGH, LOW, START, Api, Venue


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Of a first day a trade in either market, an order that rests and two that ended; one of them only days later."""
    venue = Venue()
    api = Api(venue, tmp_path, history_after=DAY)
    for ticker in (HIGH, LOW):
        trade(api, ticker, f"old-{ticker}")
    for name in ("rests", "canceled", "canceled-late"):
        venue.order(api.account, "bid", "0.1000", ticker=LOW, client_id=name)
    cancel(api, "canceled")
    venue.exchange.settle(venue.market, Outcome("no", "45", 0))
    venue.exchange.advance(START + 3 * DAY)
    cancel(api, "canceled-late")
    trade(api, LOW, "new")
    yield api
    await api.client.aclose()


def trade(api: Api, ticker: str, name: str) -> None:
    api.venue.order(api.venue.account(), "ask", "0.5000", ticker=ticker)
    api.venue.order(api.account, "bid", "0.5000", ticker=ticker, client_id=name)


def cancel(api: Api, name: str) -> None:
    order = api.account.named(name)
    assert order is not None
    api.venue.trading.cancel(api.account, order.order_id)


async def names(api: Api, path: str, listed: str, name: str) -> list[Any]:
    """What an endpoint lists, the last first."""
    return [each[name] for each in (await api.ask("GET", path)).json()[listed]][::-1]


async def test_orders_are_old_by_when_they_ended_and_never_while_they_rest(api: Api) -> None:
    live = await names(api, "/portfolio/orders", "orders", "client_order_id")
    old = await names(api, "/historical/orders", "orders", "client_order_id")
    assert (live, old) == (["rests", "canceled-late", "new"], [f"old-{HIGH}", f"old-{LOW}", "canceled"])


async def test_fills_and_prints_are_old_by_when_they_happened(api: Api) -> None:
    for live, listed in (("/portfolio/fills", "fills"), ("/markets/trades", "trades")):
        assert await names(api, live, listed, "ticker") == [LOW]
        assert await names(api, f"/historical/{listed}", listed, "ticker") == [HIGH, LOW]


async def test_positions_are_old_once_they_are_settled_and_untouched_since(api: Api) -> None:
    live = "/portfolio/positions?settlement_status=all"
    assert await names(api, live, "market_positions", "ticker") == [LOW]
    assert await names(api, "/historical/positions", "market_positions", "ticker") == [HIGH]


async def test_the_cutoff_says_where_it_is(api: Api) -> None:
    told = (await api.ask("GET", "/historical/cutoff")).json()
    assert set(told.values()) == {"2026-11-19T00:00:00Z"}
