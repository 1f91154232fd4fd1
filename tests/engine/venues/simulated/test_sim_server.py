"""The server's own part: the ping that carries a heartbeat, and pace."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from engine.venues.simulated import server, stream
from engine.venues.simulated.auth import Caller, Doorkeeper
from engine.venues.simulated.credentials import ApiKey, KeyType, make
from engine.venues.simulated.dating import Dated
from engine.venues.simulated.instants import SECOND, to_datetime
from engine.venues.simulated.lines import Gone, JoinedTransport, frame
from engine.venues.simulated.rest.frame import House
from engine.venues.simulated.server import Pace, Server, application
from engine.venues.simulated.stream import Outbox, Stream
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
    assert server.PING_EVERY_S == 10
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


class Slow:
    """A socket that takes nothing until it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.written: list[str] = []
        self.gone = False

    async def send_texts(self, texts: Any) -> None:
        await self.open.wait()
        if self.gone:
            raise Gone
        self.written += texts


async def test_a_reader_that_is_too_far_behind_overflows_once_and_the_rest_arrives_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "MOST_WAITING", 10)
    slow, overflows = Slow(), []
    outbox = Outbox(slow)  # type: ignore[arg-type]
    outbox.overflowed = lambda: overflows.append(1)
    writing = asyncio.create_task(outbox.write())
    for number in range(11):
        outbox.put(str(number))
    assert overflows == [1]
    outbox.put("the last word")
    slow.open.set()
    while not slow.written:
        await asyncio.sleep(0)
    assert slow.written == ["the last word"]
    slow.gone = True
    outbox.put("to nobody")
    await writing


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_frames_of_any_length_are_read_as_they_were_written(length: int) -> None:
    text = "x" * length
    client = ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN)
    client.receive_data(b"".join(frame(text.encode())))
    (received,) = client.events_received()
    assert (received.opcode, received.data.decode(), received.fin) == (Opcode.TEXT, text, True)


class Socket(asyncio.Transport):
    """Keeps what is sent, each time apart."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "cut"


async def test_head_and_body_of_an_answer_leave_in_one_go() -> None:
    socket = Socket()
    line = JoinedTransport(socket, asyncio.get_running_loop())
    for part in (b"head ", b"body", b""):
        line.write(part)
    assert socket.sent == []
    await asyncio.sleep(0)
    assert socket.sent == [b"head body"]
    line.write(b"next")
    await asyncio.sleep(0)
    assert socket.sent == [b"head body", b"next"]


async def test_a_connection_that_closes_says_what_it_had_to_say_and_one_that_is_cut_does_not() -> None:
    for end, left in (("close", [b"last words"]), ("abort", [])):
        socket = Socket()
        line = JoinedTransport(socket, asyncio.get_running_loop())
        line.write(b"last words")
        getattr(line, end)()
        await asyncio.sleep(0)
        assert (socket.sent, socket.ended) == (left, {"close": "closed", "abort": "cut"}[end])
