"""A loopback HTTP/1.1 server that says what a test tells it to, and the parts a client is made of."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from state.clock import SimulatedClock

RECORDED = Path(__file__).parents[5] / "shared/data/kalshi/recorded_demo_2026-06"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0].removeprefix("/trade-api/v2")

    @property
    def json(self) -> object:
        return orjson.loads(self.body)


Said = tuple[int, object, dict[str, str]]


def encoded(said: Said) -> bytes:
    """An answer (status, body, headers) as it goes over the wire."""
    status, body, more = said
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    headers = {"Content-Length": str(len(content))} | more
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + content


class Loopback:
    """Answers each request by `handler` and keeps what it saw; status 0 closes the connection without a word."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.handler: Callable[[Seen], Said | Awaitable[Said]] = lambda _: (200, {}, {})
        self.base_url = ""
        self.drop_s = 0.0
        """Seconds after each byte of an answer."""

    def script(self, *answers: Said) -> None:
        """Answer in this order; the last one for ever."""
        remaining = list(answers)
        self.handler = lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                seen = Seen(method, target, headers, body)
                self.seen.append(seen)
                answer = self.handler(seen)
                said = answer if isinstance(answer, tuple) else await answer
                if said[0] == 0:
                    return
                pieces = [bytes([byte]) for byte in encoded(said)] if self.drop_s else [encoded(said)]
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(self.drop_s)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 20, 14, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer("00000000-0000-4000-8000-000000000001", Ed25519PrivateKey.generate())


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    loopback = Loopback()
    server = await asyncio.start_server(loopback.serve, "127.0.0.1", 0)
    loopback.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/trade-api/v2"
    yield loopback
    server.close()


@pytest.fixture
async def rest(loopback: Loopback, signer: Signer, clock: SimulatedClock) -> AsyncIterator[KalshiRest]:
    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    timeout = httpx.Timeout(0.5)
    async with KalshiRest(
        loopback.base_url, signer, clock, sleep=sleep, timeout=timeout, rng=random.Random(7)
    ) as client:
        yield client


@pytest.fixture
def recorded() -> Path:
    """The folder of recorded answers and frames, for tests marked `reference`."""
    return RECORDED
