"""Deltas into books: from text, and from a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect

from benchmarks.claim import Bound, Claim
from benchmarks.frames import MARKETS, deltas, snapshots
from benchmarks.processes import line_of, running
from engine.venues.kalshi.events import BookChanged, FeedEvent
from engine.venues.kalshi.feed import Feed
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.stream import Stream
from state.clock import SystemClock

TEXTS, TEXT_ROUNDS = 2_400, 101
"""Short rounds, many of them: whoever shares the machine disturbs a few."""
FRAMES, ROUNDS = 30_000, 9


def claims() -> Iterator[Claim]:
    """60 books of 20 levels a side, deltas of about 250 bytes."""
    texts = deltas(TEXTS)
    ours, bare = partial(_text_to_book, texts), partial(_parse, texts)
    yield Claim("delta, text → book", "orjson.loads", 4.0, ours, bare, rounds=TEXT_ROUNDS)
    with running("benchmarks.frames", str(FRAMES)) as server:
        url = f"ws://127.0.0.1:{line_of(server)}/trade-api/ws/v2"
        yield Claim(
            "deltas, socket → book",
            "the same client and orjson.loads only",
            1 / 3,
            lambda: asyncio.run(_socket_to_book(url)),
            lambda: asyncio.run(_socket_to_json(url)),
            unit="frames/s",
            bound=Bound.AT_LEAST,
            rounds=ROUNDS,
        )


def _text_to_book(texts: list[bytes]) -> float:
    stream = Stream(lambda event: None)
    stream.add(MARKETS, 0)
    stream.opened(lambda command: None, 0)
    for text in snapshots():
        stream.receive(text, 0)
    began = time.perf_counter()
    for text in texts:
        stream.receive(text, 0)
    seconds = time.perf_counter() - began
    assert stream.counters.damaged == stream.counters.malformed == stream.counters.duplicates == 0
    return seconds / len(texts)


def _parse(texts: list[bytes]) -> float:
    began = time.perf_counter()
    for text in texts:
        orjson.loads(text)
    return (time.perf_counter() - began) / len(texts)


async def _socket_to_book(url: str) -> float:
    done, changes, began = asyncio.Event(), 0, 0.0

    def listen(event: FeedEvent) -> None:
        nonlocal changes, began
        if isinstance(event, BookChanged):
            began = began or time.perf_counter()
            changes += 1
            if changes == FRAMES:
                done.set()

    feed = Feed(url, Signer("key", Ed25519PrivateKey.generate()), SystemClock(), listen)
    feed.add_markets(MARKETS)
    running_feed = asyncio.create_task(feed.run())
    await done.wait()
    seconds = time.perf_counter() - began
    running_feed.cancel()
    return FRAMES / seconds


async def _socket_to_json(url: str) -> float:
    async with connect(url, compression=None, proxy=None, ping_interval=None) as socket:
        await socket.send("go")
        for _ in MARKETS:
            orjson.loads(await socket.recv(decode=False))
        began = time.perf_counter()
        for _ in range(FRAMES):
            orjson.loads(await socket.recv(decode=False))
        return FRAMES / (time.perf_counter() - began)
