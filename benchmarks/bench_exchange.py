"""The simulated exchange as a load generator: orders in and frames out on one core, and memory over a busy hour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import repeat

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.bench_order_path import PATH, order
from benchmarks.busy_hour import BusyHour
from benchmarks.claim import Bound, Claim
from benchmarks.exchanges import Venue, venue
from benchmarks.hammer import rate
from engine.venues.kalshi.rest import KalshiRest
from state.clock import SystemClock

ORDERS, FRAMES = 400, 10_000
ROUNDS = 11
MINUTES = 60
CORE = 0


def claims() -> Iterator[Claim]:
    """The exchange's process stays on one core."""
    with venue(CORE) as exchange:
        orders = Orders(exchange)
        yield Claim(
            "signed order creates", "an empty endpoint of the same server", 0.4, orders.create, orders.empty,
            unit="requests/s", bound=Bound.AT_LEAST, rounds=ROUNDS,
        )  # fmt: skip
        frames = Frames(exchange)
        yield Claim(
            "frames out", "ready frames by the same WebSocket server", 0.5, frames.told, frames.bare,
            unit="frames/s", bound=Bound.AT_LEAST, rounds=ROUNDS,
        )  # fmt: skip
    hour = BusyHour(MINUTES)
    yield Claim(
        f"memory after {MINUTES} busy minutes", f"after {MINUTES // 6}", 1.1, hour.at_the_end, hour.early,
        unit="MB", rounds=1,
    )  # fmt: skip


class Orders:
    """Orders over all markets that rest far from where they trade, until all are cancelled after each round."""

    def __init__(self, exchange: Venue) -> None:
        self._exchange = exchange
        self._numbers = iter(range(1, 10**9))

    def create(self) -> float:
        """Orders a second."""
        tickers = httpx.get(f"http://127.0.0.1:{self._exchange.port}/tell", trust_env=False).text.split()
        requests = [self._request(PATH, next(self._numbers), tickers[n % len(tickers)]) for n in range(ORDERS)]
        return asyncio.run(self._create(requests))

    def empty(self) -> float:
        """Empty requests a second, as large as an order."""
        return asyncio.run(rate(self._exchange.port, repeat(self._request("/empty", 0, "KXCPI"), ORDERS)))

    async def _create(self, requests: list[bytes]) -> float:
        done = await rate(self._exchange.port, iter(requests))
        async with KalshiRest(self._exchange.base_url, self._exchange.signer, SystemClock()) as rest:
            await rest.cancel_all()
        return done

    def _request(self, path: str, number: int, ticker: str) -> bytes:
        body = orjson.dumps(order(number, ticker).body())
        headers = {
            "Host": f"127.0.0.1:{self._exchange.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **self._exchange.signer.headers("POST", path, SystemClock().now()),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Frames:
    """One reader that does nothing but receive."""

    def __init__(self, exchange: Venue) -> None:
        self._exchange = exchange
        self._address = f"127.0.0.1:{exchange.port}"

    def told(self) -> float:
        """Frames a second of changes that the exchange tells a subscriber."""
        return asyncio.run(self._told())

    def bare(self) -> float:
        """Frames a second that are ready."""
        return asyncio.run(self._bare())

    async def _told(self) -> float:
        signed = self._exchange.signer.headers("GET", "/trade-api/ws/v2", SystemClock().now())
        url = self._exchange.ws_url
        async with (
            connect(url, additional_headers=signed, compression=None, proxy=None) as socket,
            httpx.AsyncClient(base_url=f"http://{self._address}", trust_env=False) as client,
        ):
            ticker = (await client.get("/tell")).text.split()[0]
            params = {"channels": ["orderbook_delta"], "market_tickers": [ticker]}
            await socket.send(orjson.dumps({"id": 1, "cmd": "subscribe", "params": params}).decode())
            for _ in ("subscribed", "snapshot"):
                await socket.recv()
            await client.get("/tell", params={"n": FRAMES})
            return await _received(socket)

    async def _bare(self) -> float:
        async with connect(f"ws://{self._address}/bare", compression=None, proxy=None) as socket:
            await socket.send(str(FRAMES))
            return await _received(socket)


async def _received(socket: ClientConnection) -> float:
    await socket.recv()
    began = time.perf_counter()
    for _ in range(FRAMES - 1):
        await socket.recv(decode=False)
    return (FRAMES - 1) / (time.perf_counter() - began)
