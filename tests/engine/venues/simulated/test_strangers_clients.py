"""Strangers trade here: two published clients, unmodified but for the address they are given."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt.prediction
import pykalshi
import pytest
from ccxt.base.errors import BadSymbol, OrderNotFillable
from pykalshi import feed as pykalshi_feed
from pykalshi.enums import BookSide, CandlestickPeriod, OrderStatus, TimeInForce

from engine.venues.simulated.instants import SECOND, parse_rfc3339

from .test_exchange_process import TICKER, Start, start

pytestmark = pytest.mark.process
__all__ = ["start"]
SERIES = TICKER.partition("-")[0]


@pytest.fixture
def credentials(tmp_path: Path, start: Start) -> dict[str, str]:
    start("--port", "0", "--credentials", str(tmp_path), "--seed", "7", "--tier", "advanced")
    found: dict[str, str] = json.loads((tmp_path / "credentials.json").read_bytes())
    return found


@pytest.fixture
def pem(credentials: dict[str, str]) -> str:
    return Path(credentials["private_key_path"]).read_text()


@pytest.fixture
def client(credentials: dict[str, str]) -> Iterator[pykalshi.KalshiClient]:
    made = pykalshi.KalshiClient(
        api_key_id=credentials["key_id"],
        private_key_path=credentials["private_key_path"],
        api_base=credentials["base_url"],
        max_retries=0,
    )
    yield made
    made.close()


def test_pykalshi_reads_markets_and_trades_a_whole_life_of_orders(client: pykalshi.KalshiClient) -> None:
    assert client.exchange.get_status().trading_active
    assert {market.ticker for market in client.get_markets(series_ticker=SERIES, limit=100)} > {TICKER}
    market = client.get_market(TICKER)
    assert market.get_orderbook().best_yes_bid is not None
    portfolio = client.portfolio
    assert portfolio.get_balance().balance == 1_000_000
    resting = portfolio.place_order(market, book_side=BookSide.BID, count_fp="5.00", price_dollars="0.0100")
    assert resting.status is OrderStatus.RESTING
    amended = portfolio.amend_order(resting.order_id, price_dollars="0.0200", count_fp="4.00", ticker=TICKER)
    assert amended.remaining_count_fp == "4.00"
    assert portfolio.decrease_order(resting.order_id, "1.00").remaining_count_fp == "3.00"
    assert [each.order_id for each in portfolio.get_orders(status=OrderStatus.RESTING)] == [resting.order_id]
    assert portfolio.get_order(resting.order_id).yes_price_dollars == "0.0200"
    portfolio.cancel_order(resting.order_id)
    assert portfolio.get_order(resting.order_id).status is OrderStatus.CANCELED
    taken = portfolio.place_order(
        TICKER, book_side="bid", count_fp="2.00", price_dollars="0.9900", time_in_force=TimeInForce.IOC
    )
    assert taken.fill_count_fp == "2.00"
    assert portfolio.get_fills()[0].order_id == taken.order_id
    assert portfolio.get_positions()[0].position_fp == "2.00"
    assert portfolio.get_settlements() == []
    group = portfolio.create_order_group("10.00")
    portfolio.place_order(TICKER, book_side="bid", count_fp="1.00", price_dollars="0.0100", order_group_id=group.id)
    portfolio.trigger_order_group(group.id)
    assert list(portfolio.get_orders(status=OrderStatus.RESTING)) == []
    now = parse_rfc3339(client.get_trades(limit=1)[0].created_time) // SECOND
    candles = market.get_candlesticks(now - 60, now + 60, CandlestickPeriod.ONE_MINUTE).candlesticks
    assert candles[-1].yes_bid.close_dollars is not None


def test_pykalshi_is_refused_with_errors_it_knows(client: pykalshi.KalshiClient) -> None:
    with pytest.raises(pykalshi.ResourceNotFoundError):
        client.get_market("NONE")
    with pytest.raises(pykalshi.InsufficientFundsError):
        client.portfolio.place_order(TICKER, book_side="bid", count_fp="90000.00", price_dollars="0.9800")
    with pytest.raises(pykalshi.KalshiAPIError):
        client.portfolio.place_order(TICKER, book_side="bid", count_fp="1.00", price_dollars="0.9900", post_only=True)


def test_pykalshi_meets_the_rate_limit_it_expects(client: pykalshi.KalshiClient) -> None:
    with pytest.raises(pykalshi.RateLimitError):
        for _ in range(200):
            client.portfolio.get_positions()


def test_pykalshis_feed_hears_book_and_fills(
    client: pykalshi.KalshiClient, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # the feed takes its address from this constant alone
    monkeypatch.setattr(pykalshi_feed, "DEFAULT_WS_BASE", credentials["ws_url"])
    heard: dict[str, Any] = {}
    complete = threading.Event()

    def hear(channel: str, message: Any) -> None:
        heard[channel] = message
        if {"orderbook_delta", "fill", "user_orders"} <= heard.keys():
            complete.set()

    with client.feed() as feed:
        for channel in ("orderbook_delta", "fill", "user_orders"):
            feed.on(channel, lambda message, channel=channel: hear(channel, message))
            feed.subscribe(channel, market_ticker=TICKER)
        client.portfolio.place_order(TICKER, book_side="bid", count_fp="1.00", price_dollars="0.0100")
        client.portfolio.place_order(
            TICKER, book_side="bid", count_fp="1.00", price_dollars="0.9900", time_in_force=TimeInForce.IOC
        )
        assert complete.wait(10), f"heard only {sorted(heard)}"
    assert heard["fill"].market_ticker == TICKER


async def test_ccxt_reads_markets_and_trades(credentials: dict[str, str], pem: str) -> None:
    exchange = ccxt.prediction.kalshi(
        {
            "apiKey": credentials["key_id"],
            "privateKey": pem,
            "enableRateLimit": False,
        }
    )
    exchange.urls["api"] = {"kalshi": credentials["base_url"], "elections": credentials["base_url"]}
    try:
        assert (await exchange.fetch_status())["status"] == "ok"
        markets = await exchange.fetch_markets({"series_ticker": SERIES})
        assert TICKER in json.dumps(markets)
        book = await exchange.fetch_order_book(TICKER)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert (await exchange.fetch_ticker(TICKER))["bid"] == book["bids"][0][0]
        order = await exchange.create_order(TICKER, "limit", "buy", 2, 0.01)
        assert [each["id"] for each in await exchange.fetch_open_orders(TICKER)] == [order["id"]]
        assert (await exchange.fetch_order(order["id"], TICKER))["status"] == "open"
        await exchange.cancel_order(order["id"], TICKER)
        assert (await exchange.fetch_order(order["id"], TICKER))["status"] == "canceled"
        await exchange.create_order(TICKER, "limit", "buy", 2, 0.99, {"time_in_force": "immediate_or_cancel"})
        (trade,) = await exchange.fetch_my_trades(TICKER)
        assert trade["amount"] == 2
        (position,) = await exchange.fetch_positions()
        # ccxt itself still looks for the integer that is gone since March 2026
        assert position["info"]["position_fp"] == "2.00"
        assert (await exchange.fetch_balance())["USD"]["free"] < 10_000
        assert await exchange.fetch_trades(TICKER)
        with pytest.raises(OrderNotFillable):
            await exchange.create_order(TICKER, "limit", "buy", 5_000, 0.10, {"timeInForce": "FOK"})
        with pytest.raises(BadSymbol):
            await exchange.cancel_order("nothing", TICKER)
    finally:
        await exchange.close()
        await asyncio.sleep(0)
