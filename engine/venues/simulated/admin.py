"""The admin endpoint: faults set, seen and lifted, markets revised, while the exchange runs. A port of its own.

GET /faults tells what stands and how often each happened. PUT takes a list, which replaces everything, or one fault,
which is added. DELETE /faults lifts all, DELETE /faults/NAME those of a name. PUT /markets/TICKER changes a market.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.venues.simulated import wire
from engine.venues.simulated.faults import Fault, FaultError, FaultName, Faults
from engine.venues.simulated.revising import Revising, RevisionError


def admin(faults: Faults, revising: Revising) -> Starlette:
    """The application of the admin port."""

    async def show(request: Request) -> Response:
        return _told(faults)

    async def put(request: Request) -> Response:
        try:
            content = orjson.loads(await request.body())
            if isinstance(content, list):
                faults.replace([_fault(each) for each in content])
            else:
                faults.put(_fault(content))
        except (FaultError, orjson.JSONDecodeError) as error:
            return _json(400, {"error": str(error)})
        return _told(faults)

    async def lift(request: Request) -> Response:
        name = request.path_params.get("name")
        if name is not None and name not in tuple(FaultName):
            return _json(404, {"error": f"no fault {name!r}"})
        faults.clear(None if name is None else FaultName(name))
        return _told(faults)

    async def revise(request: Request) -> Response:
        try:
            content = orjson.loads(await request.body())
            if not isinstance(content, dict):
                raise RevisionError("a revision is an object")
            market = revising.revise(request.path_params["ticker"], content)
        except (RevisionError, orjson.JSONDecodeError) as error:
            return _json(400, {"error": str(error)})
        return _json(200, {"market": wire.market(market, revising.exchange.now)})

    return Starlette(
        routes=[
            Route("/markets/{ticker}", revise, methods=["PUT"]),
            Route("/faults", show, methods=["GET"]),
            Route("/faults", put, methods=["PUT"]),
            Route("/faults", lift, methods=["DELETE"]),
            Route("/faults/{name}", lift, methods=["DELETE"]),
        ]
    )


def _fault(content: object) -> Fault:
    if not isinstance(content, dict):
        raise FaultError("a fault is an object: name, value, where, chance, count")
    return Fault.of(content)


def _told(faults: Faults) -> Response:
    return _json(200, {"faults": faults.report()})


def _json(status: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
