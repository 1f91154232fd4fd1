"""A small exchange without a population: two markets of which one can win, and as many accounts as asked for."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from engine.market.fees import FeeSchedule
from engine.market.grid import PriceGrid
from engine.market.money import parse_count, parse_price
from engine.market.strikes import Strike
from engine.venues.simulated.account import Account
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.clock_skew import ShownClock
from engine.venues.simulated.credentials import KEY_NAME, issue
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import Faults
from engine.venues.simulated.happenings import BookDelta, Happening
from engine.venues.simulated.instants import DAY, HOUR, Instant, to_instant
from engine.venues.simulated.market import EventSpec, Market, MarketSpec, MarketStatus, SeriesSpec
from engine.venues.simulated.orders import OrderRequest, SelfTrade, Side, TimeInForce
from engine.venues.simulated.rest.frame import House
from engine.venues.simulated.server import application
from engine.venues.simulated.stream import Stream
from engine.venues.simulated.trading import Ack, Trading
from state.clock import SimulatedClock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = to_instant(datetime(2026, 11, 17, 19, tzinfo=UTC))
HIGH, LOW = "KXTEST-26NOV18-T50", "KXTEST-26NOV18-T40"


def specs(fee_type: str, multiplier: str, step: int) -> EventSpec:
    fees, grid = FeeSchedule(fee_type, Decimal(multiplier)), PriceGrid(((0, 10_000, step),))
    series = SeriesSpec("KXTEST", "Test", "daily", "Tests", (), (), fees, grid=grid)
    strikes = {HIGH: Strike("greater", Decimal(50), None), LOW: Strike("less", None, Decimal(40))}
    markets = tuple(
        MarketSpec(
            ticker,
            "KXTEST-26NOV18",
            ticker,
            "",
            "",
            strike,
            strike.strike_type,
            START - HOUR,
            START,
            START + HOUR,
            START + DAY,
            60,
            strike.floor_strike,
            strike.cap_strike,
        )
        for ticker, strike in strikes.items()
    )
    return EventSpec("KXTEST-26NOV18", series, "Test", "", True, None, markets, START + DAY)


@dataclass
class Venue:
    """An exchange to give orders to; `system` is the real clock in nanoseconds."""

    fee_type: str = "quadratic"
    multiplier: str = "1"
    step: int = 100
    start: Instant = START
    empty: bool = False
    heard: list[Happening] = field(default_factory=list)
    system: int = 0
    numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.exchange = Exchange(self.start)
        self.exchange.listen(self.heard.append)
        self.trading = Trading(self.exchange, lambda: self.system)
        if not self.empty:
            for market in self.exchange.list_event(specs(self.fee_type, self.multiplier, self.step)):
                market.status = MarketStatus.ACTIVE

    @property
    def market(self) -> Market:
        return self.exchange.markets[HIGH]

    @property
    def other(self) -> Market:
        return self.exchange.markets[LOW]

    def account(self, dollars: int = 10_000) -> Account:
        return self.exchange.open_account(dollars * 1_000_000)

    def order(
        self,
        account: Account,
        side: str,
        price: str,
        contracts: str = "1.00",
        *,
        ticker: str = HIGH,
        tif: str = "good_till_canceled",
        stp: str = "taker_at_cross",
        client_id: str | None = None,
        expires: Instant | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        cancel_on_pause: bool = False,
        group: str | None = None,
    ) -> Ack:
        request = OrderRequest(
            ticker,
            Side(side),
            parse_price(price),
            parse_count(contracts),
            TimeInForce(tif),
            SelfTrade(stp),
            client_id or f"id-{next(self.numbers)}",
            expires,
            post_only,
            reduce_only,
            cancel_on_pause,
            group,
        )
        return self.trading.create(account, request)

    def available(self, account: Account) -> int:
        return account.available()

    def deltas(self) -> list[BookDelta]:
        return [each for each in self.heard if isinstance(each, BookDelta)]

    def money(self) -> int:
        """All the money there is: it never changes."""
        held = sum(account.cash for account in self.exchange.accounts.values())
        return held + self.exchange.crowd_cash + self.exchange.fees_collected


class Api:
    """The REST side of a small exchange, asked with a signature."""

    def __init__(self, venue: Venue, folder: Path, **options: Any) -> None:
        self.venue = venue
        self.key = issue(folder, 1)
        private = serialization.load_pem_private_key((folder / KEY_NAME).read_bytes(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        self.private = private
        self.account = venue.account(100)
        self.faults = Faults()
        keeper = Doorkeeper(ShownClock(SimulatedClock(NOW), self.faults).now, self.faults)
        keeper.admit(self.key, self.account)
        house = House(venue.exchange, venue.trading, keeper, lambda: None, faults=self.faults, **options)
        self.stream = Stream(venue.exchange, keeper, lambda: None, lambda: 0, self.faults)
        app = application(house, self.stream)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exchange")

    def headers(self, method: str, path: str, *, skew_ms: int = 0, key: str = "") -> dict[str, str]:
        stamp = str(int(NOW.timestamp() * 1_000) + skew_ms)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        message = f"{stamp}{method}/trade-api/v2{path.partition('?')[0]}"
        return {
            "KALSHI-ACCESS-KEY": key or self.key.key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(
                self.private.sign(message.encode(), pss, hashes.SHA256())
            ).decode(),
        }

    async def ask(self, method: str, path: str, body: Any = None, *, skew_ms: int = 0, key: str = "") -> httpx.Response:
        headers = self.headers(method, path, skew_ms=skew_ms, key=key)
        return await self.client.request(method, f"/trade-api/v2{path}", headers=headers, json=body)


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def build_venue() -> Callable[[str], Venue]:
    return Venue


@pytest.fixture
async def api(venue: Venue, tmp_path: Path) -> AsyncIterator[Api]:
    made = Api(venue, tmp_path)
    yield made
    await made.client.aclose()
