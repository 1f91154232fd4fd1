"""httpx over our own sockets."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Final

import httpcore
import httpx

from engine.venues.kalshi.network import Backend

_NAMED_ALIKE: Final = (
    "ConnectError",
    "ConnectTimeout",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "TimeoutException",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
)
_HTTPX: Final[dict[type[Exception], type[httpx.TransportError]]] = {
    getattr(httpcore, name): getattr(httpx, name) for name in _NAMED_ALIKE
}


class Transport(httpx.AsyncBaseTransport):
    """A pool of connections that reads every answer to its end.

    The environment's proxies, certificates and .netrc have no say in where orders go.
    """

    def __init__(self, *, tls: bool) -> None:
        context = httpx.create_ssl_context(trust_env=False) if tls else None  # 15 ms, of which loopback needs none
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=Backend(),
        )

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
            answer = await self._pool.handle_async_request(sent)
            try:
                content = await answer.aread()
            finally:
                await answer.aclose()
        except tuple(_HTTPX) as error:
            raise _HTTPX[type(error)](str(error)) from error
        return httpx.Response(answer.status, headers=answer.headers, content=content, extensions=answer.extensions)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
