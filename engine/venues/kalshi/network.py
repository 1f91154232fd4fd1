"""The socket under the HTTP client: an order is looked at right before its bytes are handed over.

httpcore's own streams do work between a request's body and its socket, some of it after a switch of tasks, and a kill
that comes in there would be overtaken by the order. Here nothing but `transport.write` comes after the look.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from itertools import zip_longest
from typing import Any, Final

import httpcore

from engine.venues.kalshi.errors import Denied
from engine.venues.kalshi.looked import due

_UNREAD: Final = 1 << 20
"""Bytes that may wait to be read; beyond, the exchange is made to wait."""
_SECOND_ADDRESS_S: Final = 0.25
"""A host with several addresses is tried at the next when the first takes longer."""
_LOOK_UP_S: Final = 0.5
"""A name that was resolved before is not waited for any longer: a kill must reach an exchange that has not moved."""
_look_ups: Final = ThreadPoolExecutor(2, "look-up")
"""Their own threads: a look-up hangs for many seconds where no name server answers, and journals are written in threads
too. Those would stand behind it, and the engine with them, until its supervisor took it for hanging."""
_resolved: Final[dict[str, list[str]]] = {}


class _Wire(asyncio.Protocol):
    """What came in and was not read yet, and how it ended."""

    def __init__(self) -> None:
        self.unread = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self._full = False
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if len(self.unread) > _UNREAD and self.transport is not None:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.error = True, exc
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    async def readable(self) -> None:
        """Wait until there is something to read, or the end."""
        while not self.unread and not self.ended:
            await self._change()

    async def writable(self) -> None:
        """Wait until more is taken, or the end."""
        while self._full and not self.ended:
            await self._change()

    def taken(self, most: int) -> bytes:
        """Up to `most` of the bytes that came in."""
        data = bytes(self.unread[:most])
        del self.unread[:most]
        if len(self.unread) <= _UNREAD and self.transport is not None and not self.ended:
            self.transport.resume_reading()
        return data

    async def _change(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Stream(httpcore.AsyncNetworkStream):
    """One connection: `socket` moves its bytes, `transport` is what to write to, the same or the TLS above it."""

    def __init__(self, wire: _Wire, socket: asyncio.Transport, transport: asyncio.Transport) -> None:
        self._wire, self._socket, self._transport = wire, socket, transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """What came in; empty at the end. Raises ReadTimeout and ReadError."""
        if not self._wire.unread and not self._wire.ended:
            try:
                async with asyncio.timeout(timeout):
                    await self._wire.readable()
            except TimeoutError as exc:
                raise httpcore.ReadTimeout from exc
        if self._wire.error is not None and not self._wire.unread:
            raise httpcore.ReadError(str(self._wire.error)) from self._wire.error
        return self._wire.taken(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Hand bytes over; an order's after its look. Raises WriteTimeout and WriteError, and what the look raises."""
        if not buffer:
            return
        if self._wire.ended or self._transport.is_closing():
            raise httpcore.WriteError("the connection has ended")
        order = due()
        if order is not None:
            if self._untaken():
                raise Denied("the connection takes no bytes now; the order would leave long after its look")
            order.leave(buffer)
        self._transport.write(buffer)
        if self._untaken():
            await self._written(timeout)

    async def aclose(self) -> None:
        """End it now: nobody waits for the other side's farewell."""
        if not self._transport.is_closing():
            self._transport.close()
        self._socket.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Stream:
        """The same connection, encrypted. Raises ConnectTimeout and ConnectError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                made = await loop.start_tls(self._socket, self._wire, ssl_context, server_hostname=server_hostname)
        except TimeoutError as exc:
            self._socket.abort()
            raise httpcore.ConnectTimeout from exc
        except OSError as exc:  # a certificate that is not believed is one
            self._socket.abort()
            raise httpcore.ConnectError(str(exc)) from exc
        if made is None:
            raise httpcore.ConnectError("the connection ended in its TLS handshake")
        self._wire.connection_made(made)
        return Stream(self._wire, self._socket, made)

    def get_extra_info(self, info: str) -> Any:
        """is_readable, for who keeps it: whether it has ended, or has what nobody asked for. Else as asyncio's."""
        if info == "is_readable":
            return bool(self._wire.unread) or self._wire.ended or self._transport.is_closing() or self._news()
        return self._transport.get_extra_info(info)

    def _news(self) -> bool:
        """Whether the kernel has what the loop has not seen yet: on an idle connection that is its end."""
        poll = select.poll()
        poll.register(self._socket.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _untaken(self) -> int:
        """Bytes that were written and that the kernel has not taken."""
        waiting = self._socket.get_write_buffer_size()
        return waiting if self._transport is self._socket else waiting + self._transport.get_write_buffer_size()

    async def _written(self, timeout: float | None) -> None:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                await self._wire.writable()
        except TimeoutError as exc:
            raise httpcore.WriteTimeout from exc


async def connect(host: str, port: int, seconds: float) -> Stream:
    """Connect, with TCP_NODELAY as always on an event loop. Raises ConnectTimeout and ConnectError."""
    try:
        async with asyncio.timeout(seconds):
            return await _first_of(await _addresses(host, port), port)
    except TimeoutError as exc:
        raise httpcore.ConnectTimeout from exc
    except OSError as exc:
        raise httpcore.ConnectError(str(exc)) from exc


async def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a host; those of the last time, where no name server says so soon."""
    try:
        return [str(ip_address(host))]  # needs no thread to look it up
    except ValueError:
        pass
    try:
        async with asyncio.timeout(_LOOK_UP_S if host in _resolved else None):
            _resolved[host] = await asyncio.get_running_loop().run_in_executor(_look_ups, _look_up, host, port)
    except (TimeoutError, OSError):
        if host not in _resolved:
            raise
    return _resolved[host]


def _look_up(host: str, port: int) -> list[str]:
    """Both kinds in turn: where one leads nowhere, the other is not the last to be tried."""
    families: dict[int, dict[str, None]] = {}
    for family, *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        families.setdefault(family, {})[str(address[0])] = None
    return [each for turn in zip_longest(*families.values()) for each in turn if each is not None]


async def _first_of(addresses: list[str], port: int) -> Stream:
    """The first to answer; the next is tried when one fails, or takes long (RFC 8305).

    asyncio's own way loses a socket that connects as its request is stopped, and fails when two connect at once.
    """
    waiting, tried, winner = addresses, set[asyncio.Task[Stream]](), None
    try:
        while winner is None:
            if waiting:
                tried.add(asyncio.create_task(_reach(waiting[0], port)))
                waiting = waiting[1:]
            going = [each for each in tried if not each.done()]
            patience = _SECOND_ADDRESS_S if waiting else None
            done, _ = await asyncio.wait(going, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            winner = next((each for each in done if each.exception() is None), None)
            if winner is None and not waiting and all(each.done() for each in tried):
                return next(iter(done)).result()  # raises
        return winner.result()
    finally:
        for each in tried - {winner}:
            if not each.cancel() and each.exception() is None:
                await each.result().aclose()


async def _reach(address: str, port: int) -> Stream:
    made, wire = await asyncio.get_running_loop().create_connection(_Wire, address, port)
    return Stream(wire, made, made)
