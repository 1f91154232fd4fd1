"""The server process: Starlette under uvicorn on one loopback port, and the task that moves market time on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.instants import SECOND, Instant, to_instant
from engine.venues.simulated.lines import HeartbeatProtocol, RestProtocol
from engine.venues.simulated.refusals import not_found, refuse
from engine.venues.simulated.rest import candlesticks, catalogue, groups, members, orders, portfolio, status
from engine.venues.simulated.rest.frame import House, render
from engine.venues.simulated.stream import PATH, Stream
from state.clock import MarketClock

PING_EVERY_S = 10.0
SHORTEST_WAIT_S = 0.01
LONGEST_WAIT_S = 0.05
# a late exchange catches up in pieces, so that it answers meanwhile
ACTIONS_AT_ONCE = 2_000


class Pace:
    """Keeps an exchange at market now."""

    def __init__(self, exchange: Exchange, clock: MarketClock) -> None:
        self._exchange = exchange
        self._clock = clock

    def catch_up(self) -> None:
        """Do what is due, as far as one go allows."""
        self._exchange.advance(self._now(), ACTIONS_AT_ONCE)

    async def keep(self) -> None:
        """Do what is due as it becomes due, for ever."""
        while True:
            caught_up = self._exchange.advance(self._now(), ACTIONS_AT_ONCE)
            self._exchange.tell_quotes()
            await asyncio.sleep(self._wait() if caught_up else 0)

    def _now(self) -> Instant:
        return to_instant(self._clock.now())

    def _wait(self) -> float:
        due = self._exchange.agenda.next_at()
        if due is None:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, (due - self._exchange.now) / SECOND / self._clock.speed))


class Server(uvicorn.Server):
    """uvicorn that tells when it is ready, and for which a signal is a plain end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


class AdminServer(uvicorn.Server):
    """The admin port's server, which leaves signals to the exchange's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def application(house: House, stream: Stream) -> Starlette:
    """The routes of REST and WebSocket."""
    # the first route that fits answers: orders before all, and fixed paths before a parameter in their place
    rooms = (orders, status, candlesticks, catalogue, portfolio, members, groups)
    routes = [route for room in rooms for route in room.routes(house)]
    whole = Starlette(
        routes=[*routes, WebSocketRoute(PATH, stream.connect)],
        exception_handlers={HTTPException: _unknown_route},
    )
    # a path is signed as it is sent: one with a slash more is another path
    whole.router.redirect_slashes = False
    return whole


@dataclass(frozen=True, slots=True)
class Port:
    """An application and the socket it is served on."""

    app: ASGIApp
    listener: socket.socket


def serve(port: Port, pace: Pace, ready: Callable[[], None], admin: Port | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_serve(port, pace, ready, admin))


async def _serve(port: Port, pace: Pace, ready: Callable[[], None], admin: Port | None) -> None:
    server = Server(configuration(port.app), ready)
    if admin is None:
        await run(server, pace, port.listener)
        return
    beside = AdminServer(configuration(admin.app))
    administering = asyncio.create_task(beside.serve([admin.listener]))
    await run(server, pace, port.listener)
    beside.should_exit = True
    await administering


def configuration(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the exchange and its admin port."""
    return uvicorn.Config(
        app,
        http=RestProtocol,
        ws=HeartbeatProtocol,
        ws_ping_interval=PING_EVERY_S,
        ws_ping_timeout=3 * PING_EVERY_S,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


async def run(server: Server, pace: Pace, listener: socket.socket) -> None:
    """Serve, and move market time on, until either ends. Raises what stopped the market's time."""
    keeping = asyncio.create_task(pace.keep())
    serving = asyncio.create_task(server.serve([listener]))
    # an exchange whose time has stopped must not go on answering
    done, _ = await asyncio.wait({keeping, serving}, return_when=asyncio.FIRST_COMPLETED)
    if keeping in done:
        server.should_exit = True
        await serving
        keeping.result()
    keeping.cancel()
    await serving


async def _unknown_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = refuse(405, "method_not_allowed") if error.status_code == 405 else not_found()
    return render(refusal.status, refusal.body)
