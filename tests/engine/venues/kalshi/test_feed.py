"""The feed over a real socket, against a small exchange of the test's own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

import orjson
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from engine.venues.kalshi import feed as feed_module
from engine.venues.kalshi.events import (
    BookChanged,
    BookReplaced,
    BookStale,
    Connected,
    Disconnected,
    FeedEvent,
    Gap,
)
from engine.venues.kalshi.feed import Feed
from engine.venues.kalshi.models import BookLevels
from engine.venues.kalshi.signing import Signer
from state.clock import SimulatedClock


class SmallExchange:
    """Acknowledges subscriptions, answers snapshots out of `books`, and says what a test tells it to."""

    def __init__(self) -> None:
        self.books: dict[str, list[list[str]]] = {"A": [["0.4700", "3.00"]], "B": []}
        self.commands: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.extensions: list[list[object]] = []
        self.refuse = 0
        self.seq = 0
        self.socket: ServerConnection | None = None
        self.url = ""

    def check(self, _: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.refuse:
            self.refuse -= 1
            return Response(HTTPStatus.UNAUTHORIZED, "Unauthorized", request.headers.__class__())
        return None

    async def serve(self, socket: ServerConnection) -> None:
        self.socket, self.seq = socket, 0
        self.extensions.append(list(socket.protocol.extensions))
        async for text in socket:
            command = orjson.loads(text)
            self.commands.append(command)
            params = command["params"]
            if command["cmd"] == "subscribe":
                for sid, channel in enumerate(params["channels"], start=10 if "market_tickers" in params else 1):
                    await self.say({"type": "subscribed", "id": command["id"], "msg": {"channel": channel, "sid": sid}})
            if params.get("action") != "delete_markets" and params.get("sids") != [11]:
                for ticker in params.get("market_tickers", ()):
                    await self.snapshot(ticker)

    async def say(self, frame: dict[str, Any]) -> None:
        assert self.socket is not None
        await self.socket.send(orjson.dumps(frame).decode() + "\n")

    async def snapshot(self, ticker: str) -> None:
        self.seq += 1
        msg: dict[str, Any] = {"market_ticker": ticker}
        msg |= {"yes_dollars_fp": self.books[ticker]} if self.books[ticker] else {}
        await self.say({"type": "orderbook_snapshot", "sid": 10, "seq": self.seq, "msg": msg})

    async def delta(self, ticker: str, price: str, delta: str, *, lost: bool = False) -> None:
        self.seq += 1
        msg = {"market_ticker": ticker, "price_dollars": price, "delta_fp": delta, "side": "yes", "ts_ms": 1}
        if not lost:
            await self.say({"type": "orderbook_delta", "sid": 10, "seq": self.seq, "msg": msg})


class Heard:
    """The events of a feed, to be waited for."""

    def __init__(self) -> None:
        self.events: list[FeedEvent] = []
        self._arrived = asyncio.Event()

    def __call__(self, event: FeedEvent) -> None:
        self.events.append(event)
        self._arrived.set()

    async def until(self, wanted: Callable[[FeedEvent], bool], times: int = 1) -> None:
        async with asyncio.timeout(10):
            while sum(map(wanted, self.events)) < times:
                self._arrived.clear()
                await self._arrived.wait()


@pytest.fixture
async def exchange() -> AsyncIterator[SmallExchange]:
    small = SmallExchange()
    async with serve(small.serve, "127.0.0.1", 0, process_request=small.check) as server:
        small.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/trade-api/ws/v2"
        yield small


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def feed(exchange: SmallExchange, heard: Heard, signer: Signer, clock: SimulatedClock) -> AsyncIterator[Feed]:
    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    feed = Feed(exchange.url, signer, clock, heard, sleep=sleep, rng=random.Random(7))
    feed.add_markets(["A", "B"])
    running = asyncio.create_task(feed.run())
    yield feed
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def replaced(ticker: str) -> Callable[[FeedEvent], bool]:
    return lambda event: event == BookReplaced(ticker)


async def test_a_session_is_signed_uncompressed_and_ends_in_fresh_books(
    feed: Feed, exchange: SmallExchange, heard: Heard
) -> None:
    await heard.until(replaced("B"))
    request = exchange.requests[0]
    assert request.path == "/trade-api/ws/v2"
    assert {"kalshi-access-key", "kalshi-access-timestamp", "kalshi-access-signature"} <= set(request.headers)
    assert exchange.extensions == [[]]
    assert feed.connected
    assert feed.source == "simulated"
    assert feed.books["A"].levels() == BookLevels("A", ((4_700, 300),), ())
    assert all(book.stale is None for book in feed.books.values())


async def test_a_gap_is_healed_by_a_snapshot_and_ends_in_the_right_book(
    feed: Feed, exchange: SmallExchange, heard: Heard
) -> None:
    await heard.until(replaced("B"))
    await exchange.delta("A", "0.4600", "1.00")
    await exchange.delta("A", "0.4600", "5.00", lost=True)
    exchange.books["A"] = [["0.4600", "8.00"], ["0.4700", "3.00"]]
    await exchange.delta("A", "0.4600", "2.00")
    await heard.until(replaced("B"), times=2)
    assert [type(event) for event in heard.events].count(Gap) == 1
    assert sum(isinstance(event, BookStale) for event in heard.events) == 2
    assert feed.books["A"].levels().bids == ((4_700, 300), (4_600, 800))
    assert feed.books["A"].stale is None
    assert feed.counters.gaps == 1
    await exchange.delta("A", "0.4600", "-8.00")
    await heard.until(lambda event: isinstance(event, BookChanged) and event.delta == -800)
    assert feed.books["A"].levels().bids == ((4_700, 300),)


async def test_a_lost_session_is_begun_again_with_stale_books_in_between(
    feed: Feed, exchange: SmallExchange, heard: Heard
) -> None:
    await heard.until(replaced("B"))
    exchange.books["A"] = [["0.1000", "1.00"]]
    assert exchange.socket is not None
    exchange.socket.transport.abort()
    await heard.until(replaced("B"), times=2)
    kinds = [event for event in heard.events if isinstance(event, Connected | Disconnected | BookStale)]
    assert kinds[0] == Connected(1)
    assert [type(event) for event in kinds[1:]] == [BookStale, BookStale, Disconnected, Connected]
    assert feed.books["A"].levels().bids == ((1_000, 100),)
    assert feed.counters.reconnects == 1


async def test_a_refused_handshake_is_tried_again_with_a_new_signature_and_growing_pauses(
    exchange: SmallExchange, heard: Heard, signer: Signer, clock: SimulatedClock
) -> None:
    exchange.refuse = 3
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(seconds)

    feed = Feed(exchange.url, signer, clock, heard, sleep=sleep, rng=random.Random(7))
    feed.add_markets(["A"])
    running = asyncio.create_task(feed.run())
    await heard.until(replaced("A"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert feed.last_error is not None and "401" in feed.last_error
    stamps = [request.headers["KALSHI-ACCESS-TIMESTAMP"] for request in exchange.requests]
    assert len(set(stamps)) == 4
    assert len(pauses) == 3
    for number, pause in enumerate(pauses, start=1):
        assert 0.125 * 2**number <= pause <= 0.25 * 2**number


async def test_an_exchange_that_answers_no_ping_is_left(
    exchange: SmallExchange, heard: Heard, signer: Signer, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "_PING_EVERY", 0.01)
    monkeypatch.setattr(feed_module, "_PONG_WITHIN", 0.05)
    deaf = await asyncio.start_server(_deaf_after_handshake, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{deaf.sockets[0].getsockname()[1]}/trade-api/ws/v2"
    running = asyncio.create_task(Feed(url, signer, clock, heard).run())
    await heard.until(lambda event: isinstance(event, Disconnected))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    deaf.close()
    assert Disconnected("no answer to a ping within 0.05 s") in heard.events


async def test_markets_can_be_added_and_left_while_it_runs(feed: Feed, exchange: SmallExchange, heard: Heard) -> None:
    await heard.until(replaced("B"))
    exchange.books["C"] = [["0.0300", "2.00"]]
    feed.add_markets(["C"])
    await heard.until(replaced("C"))
    feed.delete_markets(["A"])
    assert set(feed.books) == {"B", "C"}


async def test_what_the_listener_raises_ends_the_feed_and_is_not_swallowed(
    exchange: SmallExchange, signer: Signer, clock: SimulatedClock
) -> None:
    def listener(event: FeedEvent) -> None:
        if isinstance(event, BookReplaced):
            raise ZeroDivisionError

    feed = Feed(exchange.url, signer, clock, listener)
    feed.add_markets(["A"])
    with pytest.raises(ExceptionGroup) as caught:
        await feed.run()
    assert caught.group_contains(ZeroDivisionError)
    assert feed.books["A"].stale == "stopped"


async def _deaf_after_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    from websockets.utils import accept_key

    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
    )
    await reader.read()
    writer.close()
