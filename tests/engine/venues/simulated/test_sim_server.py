"""The server's own part: the ping that carries a heartbeat, and pace."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from engine.venues.simulated import server
from engine.venues.simulated.auth import Caller, Doorkeeper
from engine.venues.simulated.credentials import ApiKey, KeyType, make
from engine.venues.simulated.dating import Dated
from engine.venues.simulated.instants import SECOND, to_datetime
from engine.venues.simulated.rest.frame import House
from engine.venues.simulated.server import Pace, Server, application
from engine.venues.simulated.stream import Stream
from state.clock import MarketClock, SimulatedClock

from .conftest import NOW, START, Venue

HANDSHAKE = (
    "GET /trade-api/ws/v2 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


NO_KEY = ApiKey("none", make(KeyType.ED25519).public_key())


class Open(Doorkeeper):
    """Lets everybody in."""

    def __init__(self, account: Any) -> None:
        super().__init__(lambda: NOW)
        self.account = account

    def require(self, headers: Any, method: str, path: str) -> Any:
        return Caller(NO_KEY, self.account.member)


async def test_pings_carry_the_body_heartbeat(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PING_EVERY_S", 0.02)
    clock = MarketClock(SimulatedClock(NOW), to_datetime(START), 0)
    keeper = Open(venue.account())
    house = House(venue.exchange, venue.trading, keeper, lambda: None)
    app = application(house, Stream(venue.exchange, keeper, lambda: None, lambda: 0))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    ready = asyncio.Event()
    running = Server(server.configuration(app), ready.set)
    task = asyncio.create_task(server.run(running, Pace(venue.exchange, clock), listener))
    await ready.wait()
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(HANDSHAKE.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 101")
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(11) == b"\x89\x09heartbeat"
    writer.close()
    running.should_exit = True
    await task


def test_catching_up_brings_the_exchange_to_market_now(venue: Venue) -> None:
    system = SimulatedClock(NOW)
    pace = Pace(venue.exchange, MarketClock(system, to_datetime(START), system.boottime_ns(), 60.0))
    system.advance(2)
    pace.catch_up()
    assert venue.exchange.now == START + 120 * SECOND


async def test_a_broken_exchange_ends_the_server(venue: Venue) -> None:
    def fail() -> None:
        raise RuntimeError("a book went wrong")

    venue.exchange.agenda.add(START, fail)
    clock = MarketClock(SimulatedClock(NOW), to_datetime(START), 0)
    serving = asyncio.Event()

    async def serve(_: object) -> None:
        await serving.wait()

    class Stopping(SimpleNamespace):
        def __setattr__(self, name: str, value: object) -> None:
            serving.set()

    with pytest.raises(RuntimeError, match="a book went wrong"):
        await server.run(Stopping(serve=serve), Pace(venue.exchange, clock), socket.socket())


async def test_the_date_is_the_second_the_response_leaves_in(venue: Venue) -> None:
    keeper = Open(venue.account())
    house = House(venue.exchange, venue.trading, keeper, lambda: None)
    app = application(house, Stream(venue.exchange, keeper, lambda: None, lambda: 0))
    transport = httpx.ASGITransport(Dated(app, SimulatedClock(NOW)))
    async with httpx.AsyncClient(transport=transport, base_url="http://exchange") as client:
        answer = await client.get("/trade-api/v2/exchange/status")
    assert answer.headers.get_list("date") == ["Fri, 20 Nov 2026 12:00:00 GMT"]
