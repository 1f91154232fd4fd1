"""What an order costs on its way out: the gate and the last look, and the client around its signature and socket."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.claim import Claim, Measure
from benchmarks.permission import permitted
from benchmarks.processes import line_of, running
from benchmarks.timing import per_call
from engine.venues.kalshi.account import AccountLimits, EndpointCosts
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.venues.kalshi.wire import BookSide, NewOrder
from state.clock import SystemClock
from state.home import Home

LOOKS, LOOK_ROUNDS = 300, 101
ORDERS, ORDER_ROUNDS = 100, 31
PATH = "/trade-api/v2/portfolio/events/orders"
WITHOUT_LIMIT = AccountLimits("benchmark", 10**9, 10**9, 10**9, 10**9)
HEADERS = {
    "KALSHI-ACCESS-KEY": "9b0f6b43-5b68-4f9f-9f02-9a2d1b8ac1a1",
    "KALSHI-ACCESS-TIMESTAMP": "1795548667250",
    "KALSHI-ACCESS-SIGNATURE": "c2lnbmF0dXJl" * 28,
}


class Prepared(Signer):
    """Signs nothing: the signature was made before."""

    def headers(self, method: str, path: str, now: datetime) -> dict[str, str]:
        return HEADERS


def claims() -> Iterator[Claim]:
    """The looks in a started home, the client against a server that costs next to nothing."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.create()
        allowed = permitted(home, life_s=15.0)

        def look() -> None:
            if allowed.gate.open:
                allowed.look.for_order(allowed.arming_id)

        def missing() -> None:
            try:
                os.stat(absent)
            except FileNotFoundError:
                return

        absent = f"{folder}/state/kill_switch"
        ours = _renewed(allowed.renew, per_call(look, LOOKS))
        yield Claim(
            "gate + last look", "os.stat of a missing file", 10.0, ours, per_call(missing, LOOKS), rounds=LOOK_ROUNDS
        )
    with running("benchmarks.bare.ack_server") as server:
        base = f"http://127.0.0.1:{line_of(server)}"
        yield Claim(
            "order create but for its signature",
            "httpx POST with a prepared one",
            1.3,
            lambda: asyncio.run(_create(base)),
            lambda: asyncio.run(_post(base)),
            rounds=ORDER_ROUNDS,
        )


def _renewed(renew: Callable[[], None], measure: Measure) -> Measure:
    def measured() -> float:
        renew()
        return measure()

    return measured


async def _create(base: str) -> float:
    signer = Prepared("key", Ed25519PrivateKey.generate())
    async with KalshiRest(f"{base}/trade-api/v2", signer, SystemClock()) as rest:
        rest._http.limits.adopt(WITHOUT_LIMIT, EndpointCosts(1, ()))
        return await _mean(lambda number: rest.create_order(order(number), lambda: None))


async def _post(base: str) -> float:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=base, trust_env=False))
        headers = {**HEADERS, "Content-Type": "application/json", "Accept": "application/json"}
        body = orjson.dumps(order(1).body())
        return await _mean(lambda _: client.post(PATH, content=body, headers=headers))


async def _mean(act: Callable[[int], Awaitable[object]]) -> float:
    """Mean seconds of one, after one that connects."""
    await act(0)
    began = time.perf_counter()
    for number in range(1, ORDERS + 1):
        await act(number)
    return (time.perf_counter() - began) / ORDERS


def order(number: int, ticker: str = "KXCPI-26NOV-T0.3", group: str | None = None) -> NewOrder:
    """A post-only bid at one cent, far from any market."""
    return NewOrder(f"bench-{number}", ticker, BookSide.BID, 100, 100, post_only=True, order_group_id=group)
