"""One signed request to the exchange: admitted, signed, sent, timed, and its outcome named.

Only questions are repeated. A write is sent once; what became of it is NotSent, Rejected or Ambiguous.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
import orjson

from engine.venues.kalshi.clock_offset import ClockOffset
from engine.venues.kalshi.errors import (
    Ambiguous,
    Denied,
    MalformedAnswer,
    NotSent,
    RateLimited,
    Unavailable,
    VenueError,
    parse_error,
    rejection,
)
from engine.venues.kalshi.hosts import Source, source_of
from engine.venues.kalshi.limits import RateLimits, Sleep
from engine.venues.kalshi.looked import Look, LookedBody
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.transport import Transport
from state.clock import Clock

Params: TypeAlias = Mapping[str, str | int | list[str]]

DEFAULT_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
READ_ATTEMPTS = 3
ANSWER_WITHIN = 15.0
"""Seconds from a request's start to its answer's end: the time-outs above begin anew with each byte that comes."""
_BACKOFF = 0.2
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout)


class Http:
    """A keep-alive client for one exchange address."""

    def __init__(
        self,
        base_url: str,
        signer: Signer,
        clock: Clock,
        sleep: Sleep,
        *,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        rng: random.Random | None = None,
    ) -> None:
        self.source: Source = source_of(base_url)
        self.offset = ClockOffset()
        self.limits = RateLimits(clock, sleep)
        self._signer, self._clock, self._sleep = signer, clock, sleep
        self._rng = rng or random.Random()
        address = urlsplit(base_url)
        self._prefix = address.path.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=timeout,
            transport=Transport(tls=address.scheme == "https"),
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(
        self, path: str, params: Params | None = None, *, urgent: bool = False, attempts: int = READ_ATTEMPTS
    ) -> Any:
        """The JSON answer to a question. Raises Rejected, Unavailable or MalformedAnswer."""
        for attempt in range(1, attempts + 1):
            await self.limits.admit("GET", self._prefix + path, urgent=urgent)
            try:
                return self._answer(path, await self._send(self._request("GET", path, params)))
            except (Unavailable, RateLimited, httpx.RequestError) as exc:
                problem = exc if isinstance(exc, VenueError) else Unavailable(f"GET {path}: {_said(exc)}")
                if attempt == attempts:
                    raise problem from exc
            await self._sleep(_BACKOFF * 2 ** (attempt - 1) * self._rng.uniform(0.5, 1.5))
        raise ValueError(f"attempts {attempts}: expected at least 1")

    async def write(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Params | None = None,
        urgent: bool = False,
        items: int = 1,
    ) -> Any:
        """Do something, once; the JSON answer, None when it has no content. Raises NotSent, Rejected or Ambiguous."""
        await self.limits.admit(method, self._prefix + path, urgent=urgent, items=items)
        content = None if body is None else orjson.dumps(body)
        try:
            response = await self._send(self._request(method, path, params, content))
        except _NEVER_LEFT as exc:
            raise NotSent(f"{method} {path}: {_said(exc)}") from exc
        except httpx.RequestError as exc:
            raise Ambiguous(f"{method} {path}: {_said(exc)}") from exc
        return self._done(method, path, response)

    async def post_looked(self, path: str, body: object, look: Look) -> Any:
        """Sign, then look, then send: `look` runs after the headers left and right before the socket gets the body.

        When it raises Denied no body leaves, the connection is closed, and NotSent is raised. The exchange cannot
        act on a body that it does not have, so every failure before the body began is NotSent; after it, Ambiguous.
        """
        await self.limits.admit("POST", self._prefix + path)
        content = LookedBody(orjson.dumps(body), look)
        try:
            with content.sending():
                response = await self._send(self._request("POST", path, None, content, len(content.body)))
        except Denied as exc:
            raise NotSent(f"POST {path}: denied at the last look: {exc}") from exc
        except httpx.RequestError as exc:
            outcome = Ambiguous if content.begun else NotSent
            raise outcome(f"POST {path}: {_said(exc)}") from exc
        if not content.begun:
            raise NotSent(f"POST {path}: answered HTTP {response.status_code} before the order was sent")
        return self._done("POST", path, response)

    def _request(
        self,
        method: str,
        path: str,
        params: Params | None,
        content: bytes | AsyncIterable[bytes] | None = None,
        length: int | None = None,
    ) -> httpx.Request:
        headers = {"Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if length is not None:
            headers["Content-Length"] = str(length)
        request = self._client.build_request(method, path, params=params, content=content, headers=headers)
        signed = request.url.raw_path.partition(b"?")[0].decode("ascii")
        request.headers.update(self._signer.headers(method, signed, self._clock.now()))
        return request

    async def _send(self, request: httpx.Request) -> httpx.Response:
        sent = self._clock.now()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                response = await self._client.send(request)
        except TimeoutError as exc:
            raise httpx.ReadTimeout(f"no whole answer within {ANSWER_WITHIN:g} s") from exc
        headers = response.headers
        self.offset.observe(headers.get("date"), sent, self._clock.now(), headers.get("age"))
        if response.status_code == 429:
            self.limits.throttled(request.method, request.url.path)
        return response

    def _answer(self, path: str, response: httpx.Response) -> Any:
        if response.is_server_error:
            raise Unavailable(f"GET {path}: HTTP {response.status_code}: {_explained(response)}")
        if not response.is_success:
            raise rejection(response.status_code, response.content)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as exc:
            raise MalformedAnswer(f"GET {path}: not JSON: {exc}") from exc

    def _done(self, method: str, path: str, response: httpx.Response) -> Any:
        if response.is_client_error:
            raise rejection(response.status_code, response.content)
        if not response.is_success:
            raise Ambiguous(f"{method} {path}: HTTP {response.status_code}: {_explained(response)}")
        if not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as exc:
            raise Ambiguous(f"{method} {path}: HTTP {response.status_code}, but not JSON: {exc}") from exc


def _explained(response: httpx.Response) -> str:
    return " · ".join(part for part in parse_error(response.content) if part) or "no explanation"


def _said(exc: Exception) -> str:
    text = str(exc)
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
