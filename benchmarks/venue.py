"""The simulated exchange as it is, with three more doors: `python -m benchmarks.venue …` takes its command's arguments.

POST /empty answers nothing · GET /tell?n= tells of n changes of a book · ws /bare sends as many frames that are ready.
Prints `emptied NANOSECONDS` (CLOCK_MONOTONIC) whenever its account has no resting order any more.
"""

from __future__ import annotations

import asyncio
import sys
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from benchmarks.frames import deltas
from engine.venues.simulated import main as venue
from engine.venues.simulated import server
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.happenings import BookDelta, Happening, OrderChanged
from engine.venues.simulated.market import Market, MarketStatus
from engine.venues.simulated.orders import OrderStatus, Side
from engine.venues.simulated.rest.frame import House
from engine.venues.simulated.stream import Stream

AT_ONCE = 50


def application(house: House, stream: Stream) -> Starlette:
    """The exchange's routes after those of the benchmark."""
    whole = _original(house, stream)
    tell = _Teller(house.exchange)
    doors = [Route("/empty", _empty, methods=["POST"]), Route("/tell", tell.tell), WebSocketRoute("/bare", _bare)]
    whole.router.routes[:0] = doors
    house.exchange.listen(_note_empty)
    return whole


async def _empty(request: Request) -> Response:
    await request.body()
    return Response(status_code=200)


async def _bare(socket: WebSocket) -> None:
    await socket.accept()
    frame = deltas(1)[0].decode()
    for number in range(int(await socket.receive_text())):
        await socket.send_text(frame)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    await socket.receive()


class _Teller:
    """Tells sessions of changes that were none: what reaches a socket is what a busy book would send."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._telling: asyncio.Task[None] | None = None

    async def tell(self, request: Request) -> Response:
        """Answer with the tickers of all markets that are not cheap; with `n`, begin to tell of the first."""
        markets = self._exchange.markets.values()
        active = [each for each in markets if each.status is MarketStatus.ACTIVE and not _is_cheap(each)]
        if "n" in request.query_params:
            self._telling = asyncio.create_task(self._tell(active[0], int(request.query_params["n"])))
        return Response(" ".join(market.ticker for market in active))

    async def _tell(self, market: Market, count: int) -> None:
        for number in range(count):
            delta = 300 if number % 2 else -300
            self._exchange.tell(BookDelta(market, Side.BID, 4_700, delta, number, self._exchange.now))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)


def _is_cheap(market: Market) -> bool:
    return market.book.crosses(Side.BID, 500)


def _note_empty(happening: Happening) -> None:
    if (
        isinstance(happening, OrderChanged)
        and happening.order.status is not OrderStatus.RESTING
        and not happening.account.resting_orders()
    ):
        print("emptied", time.monotonic_ns(), flush=True)


_original = server.application

if __name__ == "__main__":
    setattr(venue, "application", application)  # noqa: B010  (its main builds what this serves)
    sys.exit(venue.main(sys.argv[1:]))
