"""A request that meets a fault: before it is done, in what is done, or in how it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from engine.venues.simulated.faults import ERRORS, FaultName, Faults
from engine.venues.simulated.lines import line_of
from engine.venues.simulated.refusals import TOO_MANY_REQUESTS, Refusal, refuse
from engine.venues.simulated.trading import Trading

ORDER_CREATES = frozenset({"POST /portfolio/events/orders", "POST /portfolio/events/orders/batched"})


async def faulty(
    faults: Faults, trading: Trading, request: Request, at: str, serve: Callable[[], Awaitable[Response]]
) -> Response:
    """Answer a request with whatever goes wrong at `at`, "METHOD /path". Raises Refusal and ClientDisconnect."""
    # read first: what follows must not be cut in two by a slow body
    await request.body()
    late = faults.fires(FaultName.LATE_MS, at)
    if late is not None:
        await asyncio.sleep(late.number() / 1_000)
    if faults.fires(FaultName.HALF_OPEN, at) is not None:
        return await _unanswered(request, hold=True)
    cut = faults.fires(FaultName.DISCONNECT, at)
    if cut is not None and cut.value == "before":
        return await _unanswered(request, hold=False)
    if faults.fires(FaultName.STORM_429, at) is not None:
        raise Refusal(429, TOO_MANY_REQUESTS)
    errors = [(fault, status) for name, status in ERRORS.items() if (fault := faults.fires(name, at)) is not None]
    for fault, status in errors:
        if fault.value == "before":
            raise _error(status)
    if at in ORDER_CREATES and (rejected := faults.fires(FaultName.REJECT_ALL, at)) is not None:
        raise refuse(400, rejected.value)
    trading.deaf = faults.fires(FaultName.CANCEL_ACKNOWLEDGED_NOT_DONE, at) is not None
    try:
        # the body is here already, so nothing else runs until this is done
        response = await serve()
    finally:
        trading.deaf = False
    if cut is not None:
        return await _unanswered(request, hold=False)
    if faults.fires(FaultName.TIMEOUT_AFTER_ACCEPT, at) is not None:
        return await _unanswered(request, hold=True)
    slow = faults.fires(FaultName.LATENCY_MS, at)
    if slow is not None:
        await asyncio.sleep(slow.number() / 1_000)
    for _, status in errors:
        raise _error(status)
    return response


def _error(status: int) -> Refusal:
    codes = {500: "internal_server_error", 503: "service_unavailable", 504: "gateway_timeout"}
    return refuse(status, codes[status])


async def _unanswered(request: Request, *, hold: bool) -> Response:
    """Never answer: drop the connection, or hold it until the client drops it."""
    line = line_of(request.scope)
    if hold:
        await _gone(request)
    line.cut()
    # nobody receives it; the server only wants to see the request end
    return Response(status_code=500)


async def _gone(request: Request) -> None:
    message: Any = None
    while message is None or message["type"] != "http.disconnect":
        try:
            message = await request.receive()
        except asyncio.CancelledError:
            # the server ends; the client sees a connection that breaks, as with a real one
            return
