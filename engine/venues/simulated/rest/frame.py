"""What every endpoint shares: who asks, what is asked, how it is answered and refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from engine.venues.simulated.account import Account
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import Faults
from engine.venues.simulated.market import Market
from engine.venues.simulated.refusals import Refusal, not_found
from engine.venues.simulated.rest.faulty import faulty
from engine.venues.simulated.stale import StaleReads
from engine.venues.simulated.trading import Trading

PREFIX = "/trade-api/v2"


@dataclass(frozen=True, slots=True)
class House:
    """What the endpoints work on. `catch_up` brings the exchange to market now."""

    exchange: Exchange
    trading: Trading
    doorkeeper: Doorkeeper
    catch_up: Callable[[], None]
    paused_weekly: bool = False
    faults: Faults = field(default_factory=Faults)
    stale: StaleReads = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stale", StaleReads(self.faults, self.trading.system_ns))
        self.exchange.listen(self.stale.hear)

    def market(self, ticker: str) -> Market:
        """A market by its ticker. Raises Refusal 404."""
        found = self.exchange.markets.get(ticker)
        if found is None:
            raise not_found()
        return found


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: path parameters, query, body."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    many: Callable[[str], list[str]]
    body: bytes


Handler: TypeAlias = Callable[[House, Asked], Any]
PrivateHandler: TypeAlias = Callable[[House, Asked, Account], Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is not a plain 200."""

    status: int
    body: Any = None


def public(house: House, method: str, path: str, handler: Handler) -> Route:
    """An endpoint for everybody; a signature is not needed, but a wrong one is refused."""

    async def endpoint(request: Request) -> Response:
        return await _answer(house, request, lambda asked, _: handler(house, asked), signed=False)

    return Route(PREFIX + path, endpoint, methods=[method])


def private(house: House, method: str, path: str, handler: PrivateHandler) -> Route:
    """An endpoint for the account that signed the request."""

    async def endpoint(request: Request) -> Response:
        def answer(asked: Asked, account: Account | None) -> Any:
            assert account is not None, f"{path} answered unsigned"
            return handler(house, asked, account)

        return await _answer(house, request, answer, signed=True)

    return Route(PREFIX + path, endpoint, methods=[method])


def render(status: int, body: Any) -> Response:
    """A JSON response; 204 has no body."""
    content = b"" if status == 204 else orjson.dumps(body)
    return Response(content, status, media_type=None if status == 204 else "application/json")


async def _answer(
    house: House, request: Request, answer: Callable[[Asked, Account | None], Any], *, signed: bool
) -> Response:
    try:
        raw_path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if house.faults:
            at = f"{request.method} {raw_path.removeprefix(PREFIX)}"
            return await faulty(
                house.faults, house.trading, request, at, lambda: _serve(house, request, raw_path, answer, signed)
            )
        return await _serve(house, request, raw_path, answer, signed)
    except ClientDisconnect:
        # a request that was cut off is no request: nothing is done, and nobody is there to read an answer
        return Response(status_code=400)
    except Refusal as refusal:
        return render(refusal.status, refusal.body)


async def _serve(
    house: House, request: Request, raw_path: str, answer: Callable[[Asked, Account | None], Any], signed: bool
) -> Response:
    try:
        check = house.doorkeeper.require if signed else house.doorkeeper.check
        account = check(request.headers, request.method, raw_path)
        body = await request.body()
        house.catch_up()
        asked = Asked(request.path_params, request.query_params, request.query_params.getlist, body)
        reply = answer(asked, account)
    except Refusal as refusal:
        return render(refusal.status, refusal.body)
    return render(reply.status, reply.body) if isinstance(reply, Reply) else render(200, reply)
