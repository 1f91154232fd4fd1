"""What a kill is to stop, each in a process of its own that prints when it noticed (CLOCK_MONOTONIC, nanoseconds).

bare HOME: a blocked inotify read · idle HOME: the engine's wake and look
orders HOME PORT: an order always on its way
resting HOME BASE_URL KEY_ID KEY_FILE: the engine's answer to a kill, with 20 orders at the exchange.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from asyncio import selector_events
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from inotify_simple import INotify, flags

from benchmarks.bench_order_path import WITHOUT_LIMIT, order
from benchmarks.permission import permitted
from engine.kill_response import KillResponse
from engine.market.money import ONE_CONTRACT
from engine.venues.kalshi.account import EndpointCosts
from engine.venues.kalshi.errors import NotSent
from engine.venues.kalshi.rest import KalshiRest
from engine.venues.kalshi.signing import Signer
from engine.wake import FolderWake
from state.clock import SystemClock
from state.home import Home
from state.sentinel import NAME, Anchor

RESTING = 20
RENEW_S = 3.0


def bare(home: Home) -> None:
    """The least that can notice a file."""
    inotify = INotify()
    inotify.add_watch(str(home.state), flags.CREATE | flags.MOVED_TO)
    _say("ready")
    while True:
        if any(event.name == NAME for event in inotify.read()):
            _say("denied", time.monotonic_ns())


async def idle(home: Home) -> None:
    """An engine without work: it denies as soon as its look says so."""
    anchor = Anchor(home)
    answered: str | None = None

    def woken(_: frozenset[str]) -> None:
        nonlocal answered
        look = anchor.look()
        if look.engaged and look.kill_id != answered:
            answered = look.kill_id
            _say("denied", time.monotonic_ns())

    FolderWake(home.state, woken).start()
    _say("ready")
    await asyncio.get_running_loop().create_future()


async def orders(home: Home, port: str) -> None:
    """Sign, look, send, again and again; at each denial tell of the last that left: look begun, bytes handed over."""
    allowed = permitted(home, life_s=15.0)
    begun = left = 0
    write = selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]

    def noted(transport: object, data: bytes) -> None:
        nonlocal left
        if b"client_order_id" in data:
            left = time.monotonic_ns()  # the kernel has them within microseconds; what send() does then takes 50 more
        write(transport, data)

    selector_events._SelectorSocketTransport.write = noted  # type: ignore[attr-defined]

    def look() -> None:
        nonlocal begun
        began = time.monotonic_ns()
        allowed.look.for_order(allowed.arming_id)
        begun = began

    signer = Signer("key", rsa.generate_private_key(public_exponent=65_537, key_size=2_048))
    async with KalshiRest(f"http://127.0.0.1:{port}/trade-api/v2", signer, SystemClock()) as rest:
        rest._http.limits.adopt(WITHOUT_LIMIT, EndpointCosts(1, ()))
        _say("ready")
        renewed = time.monotonic()
        for number in itertools.count():
            if time.monotonic() - renewed > RENEW_S:
                allowed.renew()
                renewed = time.monotonic()
            try:
                await rest.create_order(order(number), look)
            except NotSent:
                _say("denied", begun, left)
                await _until(lambda: not allowed.anchor.look().engaged)
                _say("ready")


async def resting(home: Home, base_url: str, key_id: str, key_file: str) -> None:
    """Rest 20 orders, answer the kill, tell when it was verified twice, wait until it is cleared, again."""
    clock, anchor = SystemClock(), Anchor(home)
    verified = asyncio.Event()
    async with KalshiRest(base_url, Signer.load(key_id, Path(key_file)), clock) as rest:
        rest._http.limits.adopt(WITHOUT_LIMIT, EndpointCosts(1, ()))
        group = ""
        response = KillResponse(
            home, clock, anchor, rest, "benchmark", lambda: (group,), frozenset, lambda: 0, verified.set
        )
        FolderWake(home.state, lambda _: _look(response)).start()
        tickers = [market.ticker for market in await rest.markets(status="open") if (market.yes_ask or 0) > 500]
        numbers = itertools.count(time.time_ns())
        while True:
            group = await rest.create_order_group(1_000 * ONE_CONTRACT)
            for number in range(RESTING):
                await rest.create_order(order(next(numbers), tickers[number % len(tickers)], group), lambda: None)
            verified.clear()
            _say("ready")
            await verified.wait()
            _say("verified", time.monotonic_ns())
            await _until(lambda: not anchor.look().engaged)
            response.look()


def _look(response: KillResponse) -> None:
    response.look()


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def _say(*words: object) -> None:
    print(*words, flush=True)


if __name__ == "__main__":
    act, where, *more = sys.argv[1:]
    if act == "bare":
        bare(Home(where))
    else:
        asyncio.run({"idle": idle, "orders": orders, "resting": resting}[act](Home(where), *more))  # type: ignore[operator]
