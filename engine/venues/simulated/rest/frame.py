"""What every endpoint shares: who asks, what is asked, how it is answered and refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from engine.venues.simulated.account import Account
from engine.venues.simulated.auth import Caller, Doorkeeper
from engine.venues.simulated.budgets import Budgets, Tier
from engine.venues.simulated.credentials import Scope
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import Faults
from engine.venues.simulated.instants import DAY, Instant
from engine.venues.simulated.market import Market
from engine.venues.simulated.refusals import Refusal, not_found
from engine.venues.simulated.rest.faulty import faulty
from engine.venues.simulated.rest.reading import integer
from engine.venues.simulated.stale import StaleReads
from engine.venues.simulated.trading import Trading

PREFIX = "/trade-api/v2"
_NO_QUERY = QueryParams()


@dataclass(frozen=True, slots=True)
class House:
    """What the endpoints work on. `catch_up` brings the exchange to market now, `history_after` is in market time."""

    exchange: Exchange
    trading: Trading
    doorkeeper: Doorkeeper
    catch_up: Callable[[], None]
    paused_weekly: bool = False
    faults: Faults = field(default_factory=Faults)
    tier: Tier = Tier.UNLIMITED
    history_after: Instant = 90 * DAY
    stale: StaleReads = field(init=False)
    budgets: Budgets = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stale", StaleReads(self.faults, self.trading.system_ns))
        object.__setattr__(self, "budgets", Budgets(self.tier, self.trading.system_ns))
        self.exchange.listen(self.stale.hear)

    def market(self, ticker: str) -> Market:
        """A market by its ticker. Raises Refusal 404."""
        found = self.exchange.markets.get(ticker)
        if found is None:
            raise not_found()
        return found

    @property
    def cutoff(self) -> Instant:
        """What happened before this is told by the historical endpoints alone."""
        return self.exchange.now // DAY * DAY - self.history_after

    def is_old(self, market: Market) -> bool:
        """Whether a market, and its candlesticks, are told by the historical endpoints alone."""
        return market.settled is not None and market.settled < self.cutoff


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: path parameters, query, body, and who signed it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    many: Callable[[str], list[str]]
    body: bytes
    caller: Caller | None = None

    @property
    def signer(self) -> Caller:
        """Who signed a private request."""
        assert self.caller is not None, "a private request without a signature"
        return self.caller

    def account(self) -> Account:
        """The account the query's `subaccount` names, the key's own or the primary by default. Raises Refusal."""
        return self.signer.account(integer(self.query, "subaccount", "Subaccount", most=63))

    def accounts(self) -> list[Account]:
        """The accounts the query's `subaccount` names, all that the key may see by default. Raises Refusal."""
        return self.signer.accounts(integer(self.query, "subaccount", "Subaccount", most=63))


Handler: TypeAlias = Callable[[House, Asked], Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is not a plain 200."""

    status: int
    body: Any = None


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """`scope` None: for everybody. `path` is the route's, with its parameters in braces."""

    house: House
    path: str
    handler: Handler
    scope: Scope | None

    async def answer(self, request: Request) -> Response:
        house = self.house
        try:
            raw_path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
            if not house.faults:
                return await self._serve(request, raw_path)
            at = f"{request.method} {raw_path.removeprefix(PREFIX)}"
            return await faulty(house.faults, house.trading, request, at, lambda: self._serve(request, raw_path))
        except ClientDisconnect:
            # a request that was cut off is no request: nothing is done, and nobody is there to read an answer
            return Response(status_code=400)
        except Refusal as refusal:
            return render(refusal.status, refusal.body)

    async def _serve(self, request: Request, raw_path: str) -> Response:
        house = self.house
        try:
            check = house.doorkeeper.check if self.scope is None else house.doorkeeper.require
            caller = check(_headers(request), request.method, raw_path)
            body = await request.body()
            if caller is not None:
                house.budgets.charge(caller.member.user_id, request.method, self.path, body)
                if self.scope is not None:
                    caller.must(self.scope)
            house.catch_up()
            # most requests that change something have none, and to read none costs as much as to read a body
            query = request.query_params if request.scope["query_string"] else _NO_QUERY
            asked = Asked(request.path_params, query, query.getlist, body, caller)
            reply = self.handler(house, asked)
        except Refusal as refusal:
            return render(refusal.status, refusal.body)
        return render(reply.status, reply.body) if isinstance(reply, Reply) else render(200, reply)


def _headers(request: Request) -> dict[str, str]:
    """All headers at once, the first of a name: Starlette looks through them for each."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}


def public(house: House, method: str, path: str, handler: Handler) -> Route:
    """An endpoint for everybody; a signature is not needed, but a wrong one is refused."""
    return Route(PREFIX + path, _Endpoint(house, path, handler, None).answer, methods=[method])


def private(house: House, method: str, path: str, handler: Handler, scope: Scope = Scope.READ) -> Route:
    """An endpoint for keys with `scope`."""
    return Route(PREFIX + path, _Endpoint(house, path, handler, scope).answer, methods=[method])


def render(status: int, body: Any) -> Response:
    """A JSON response; 204 has no body."""
    content = b"" if status == 204 else orjson.dumps(body)
    return Response(content, status, media_type=None if status == 204 else "application/json")
