"""The Date header of every answer: system time at the moment it is sent.

uvicorn's own is up to a second old, and a client that measures clocks by it finds ours wrong.
"""

from __future__ import annotations

from email.utils import format_datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.venues.simulated.clock_skew import ShownClock


class Dated:
    """Wraps an application so that each response starts with a Date of now."""

    def __init__(self, app: ASGIApp, clock: ShownClock) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._clock.now(), usegmt=True).encode()
                message["headers"] = [*message["headers"], (b"date", date)]
            await send(message)

        await self._app(scope, receive, dated)
