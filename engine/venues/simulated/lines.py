"""The connections under the protocols: uvicorn's, with Kalshi's ping, and with what faults need to break them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEARTBEAT = b"heartbeat"
_LINE = "line"
# FIN, and the opcode of text
_TEXT = 0x81


class Gone(Exception):
    """The other side is not there any more."""


class Line(Protocol):
    """One connection."""

    def cut(self) -> None:
        """Drop it without a word."""

    def mute(self) -> None:
        """Keep it open, hear nothing, say nothing."""


class UnknownLine(Exception):
    """A connection that this server does not hold, as in a test without sockets: it cannot be cut or muted."""


def line_of(scope: Mapping[str, Any]) -> Line:
    """The connection a request or a WebSocket came over. Raises UnknownLine."""
    line: Line | None = scope.get("state", {}).get(_LINE)
    if line is None:
        raise UnknownLine("no connection of this server")
    return line


class JoinedTransport(asyncio.Transport):
    """A transport that writes once in a turn of the loop.

    uvicorn writes head and body of an answer one after the other, and to send is the dearest part of a small answer.
    """

    def __init__(self, raw: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._raw = raw
        self._loop = loop
        self._waiting: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not data:
            return
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        self._flush()
        self._raw.close()

    def abort(self) -> None:
        self._waiting.clear()
        self._raw.abort()

    def is_closing(self) -> bool:
        return self._raw.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._raw.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._raw.resume_reading()

    def _flush(self) -> None:
        if self._waiting:
            joined, self._waiting = b"".join(self._waiting), []
            self._raw.write(joined)


class RestProtocol(H11Protocol):
    """uvicorn's HTTP, which lets a fault drop the connection, and writes an answer in one go."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._raw = transport
        super().connection_made(JoinedTransport(transport, self.loop))
        self.app_state = {**self.app_state, _LINE: self}

    def handle_websocket_upgrade(self, event: Any) -> None:
        self.transport = self._raw
        super().handle_websocket_upgrade(event)

    def cut(self) -> None:
        self.transport.abort()

    def mute(self) -> None:
        self.transport.pause_reading()


class HeartbeatProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, with the ping body that Kalshi sends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, _LINE: self}

    def cut(self) -> None:
        self.transport.abort()

    def mute(self) -> None:
        self.stop_keepalive()
        # receive() resumes only what it paused itself
        self.read_paused = False
        self.transport.pause_reading()

    async def send_texts(self, texts: Iterable[str]) -> None:
        """Write text frames in one go, once the socket takes more. Raises Gone.

        A frame from a server is two bytes, or four, or ten, and its text: by ASGI each would cost as much as making it.
        """
        await self.writable.wait()
        if self.close_sent or self.disconnected or self.transport.is_closing():
            raise Gone
        self.transport.write(b"".join([part for text in texts for part in frame(text.encode())]))

    def send_keepalive_ping(self) -> None:
        self.ping_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        self.pending_ping_payload = HEARTBEAT
        self.ping_sent_at = self.loop.time()
        self.conn.send_ping(HEARTBEAT)
        self.transport.write(b"".join(self.conn.data_to_send()))
        assert self.ping_timeout is not None, "a ping without a deadline"
        self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)


def frame(payload: bytes) -> tuple[bytes, bytes]:
    """Head and body of a whole, unmasked text frame (RFC 6455, 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((_TEXT, length)), payload
    if length < 65_536:
        return bytes((_TEXT, 126)) + length.to_bytes(2, "big"), payload
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big"), payload
