"""httpx over our own sockets."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Final

import httpcore
import httpx

from engine.venues.kalshi.network import connect

_KEPT_IDLE: Final = 20
_KEPT_S: Final = 5.0
_NAMED_ALIKE: Final = (
    "ConnectError",
    "ConnectTimeout",
    "LocalProtocolError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "WriteError",
    "WriteTimeout",
)
_HTTPX: Final[dict[type[Exception], type[httpx.TransportError]]] = {
    getattr(httpcore, name): getattr(httpx, name) for name in _NAMED_ALIKE
}


class Transport(httpx.AsyncBaseTransport):
    """Connections to one address; every answer is read to its end.

    A connection is one request's alone, or idle. What is not idle when its request ends, however that ends, is closed:
    httpcore's pool keeps for ever what belonged to a request that was stopped at the wrong moment, until it is full
    and not even a cancel-all leaves. The environment's proxies, certificates and .netrc have no say in where orders go.
    """

    def __init__(self, *, tls: bool) -> None:
        self.tls = httpx.create_ssl_context(trust_env=False) if tls else None  # 15 ms, of which loopback needs none
        if self.tls is not None:
            self.tls.set_alpn_protocols(["http/1.1"])
        self._idle: list[httpcore.AsyncHTTP11Connection] = []
        self._busy: set[httpcore.AsyncHTTP11Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx's names for what httpcore raises."""
        assert isinstance(request.stream, AsyncIterable)
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            connection = await self._kept() or await self._connected(sent)
            try:
                self._busy.add(connection)
                answer = await connection.handle_async_request(sent)
                content = await answer.aread()
                await answer.aclose()
            finally:
                self._busy.remove(connection)
                await self._keep_or_close(connection)
        except tuple(_HTTPX) as error:
            raise _HTTPX[type(error)](str(error)) from error
        return httpx.Response(answer.status, headers=answer.headers, content=content, extensions=answer.extensions)

    async def aclose(self) -> None:
        """Close every connection; a request that is under way fails."""
        while self._idle:
            await self._idle.pop().aclose()
        for connection in tuple(self._busy):
            await connection.aclose()

    async def _kept(self) -> httpcore.AsyncHTTP11Connection | None:
        """The connection that was idle for the shortest time, if it still stands."""
        while self._idle:
            if not self._idle[-1].has_expired():
                return self._idle.pop()
            await self._idle.pop().aclose()
        return None

    async def _connected(self, request: httpcore.Request) -> httpcore.AsyncHTTP11Connection:
        origin, seconds = request.url.origin, request.extensions["timeout"]["connect"]
        host = origin.host.decode("ascii")
        stream = await connect(host, origin.port, seconds)
        if self.tls is not None:
            stream = await stream.start_tls(self.tls, host, seconds)
        return httpcore.AsyncHTTP11Connection(origin, stream, keepalive_expiry=_KEPT_S)

    async def _keep_or_close(self, connection: httpcore.AsyncHTTP11Connection) -> None:
        # nothing here waits: a request that is stopped a second time closes its connection, too
        surplus, _ = connection._h11_state.trailing_data  # would be taken for the answer to the next request
        if connection.is_idle() and not surplus and len(self._idle) < _KEPT_IDLE:
            self._idle.append(connection)
        else:
            await connection.aclose()
