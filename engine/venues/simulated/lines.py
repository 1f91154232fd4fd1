"""The connections under the protocols: uvicorn's, with Kalshi's ping, and with what faults need to break them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEARTBEAT = b"heartbeat"
_LINE = "line"


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


class RestProtocol(H11Protocol):
    """uvicorn's HTTP, which lets a fault drop the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, _LINE: self}

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
