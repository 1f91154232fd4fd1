"""Sends HTTP requests over keep-alive connections as fast as they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

CONNECTIONS = 4


async def rate(port: int, requests: Iterator[bytes]) -> float:
    """Answers a second when 4 connections share `requests`. Raises RuntimeError for an answer that is no success."""
    loop = asyncio.get_running_loop()
    hands = [await loop.create_connection(lambda: _Hand(requests), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    answered = [hand.begin() for _, hand in hands]
    total = sum(await asyncio.gather(*answered))
    seconds = time.perf_counter() - began
    for transport, _ in hands:
        transport.close()
    return total / seconds


class _Hand(asyncio.Protocol):
    """One connection: the next request leaves when the last is answered."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._answers = 0
        self._got = b""
        self._done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def begin(self) -> asyncio.Future[int]:
        """Send the first; how many were answered when there are no more."""
        self._next()
        return self._done

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        if not head.startswith(b"HTTP/1.1 20"):
            self._done.set_exception(RuntimeError(self._got.decode()))
            return
        self._answers += 1
        self._got = b""
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(self._answers)
        else:
            self._transport.write(request)
