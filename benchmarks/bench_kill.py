"""The kill: how fast the engine denies, what still leaves, and how fast the exchange's own book is empty."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx

from benchmarks.bench_order_path import PATH
from benchmarks.claim import Claim
from benchmarks.exchanges import Venue, venue
from benchmarks.processes import line_of, running
from benchmarks.timing import percentile
from engine.venues.kalshi.signing import Signer
from state import sentinel
from state.clock import SystemClock
from state.home import Home

KILLS_IN_FLIGHT = 1_000
KILLS_IDLE, IDLE_ROUNDS = 200, 5
KILLS_RESTING, RESTING_ROUNDS = 20, 5


def claims() -> Iterator[Claim]:
    """Each in homes of its own."""
    for part in (_denial, _in_flight, _at_exchange):
        with ExitStack() as stack:
            yield from part(stack)


class Target:
    """A process that is to be stopped, and its home."""

    def __init__(self, stack: ExitStack, act: str, *arguments: str) -> None:
        self.home = Home(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        self.home.create()
        self._clean()
        self.process: subprocess.Popen[str] = stack.enter_context(
            running("benchmarks.kill_target", act, self.home.below("")[:-1], *arguments)
        )
        self.ready()

    def ready(self) -> None:
        """Wait for the next time that there is something to stop."""
        assert line_of(self.process) == "ready"

    def kill(self) -> tuple[int, int]:
        """Make the sentinel visible; when that began and when it returned, nanoseconds."""
        began = time.monotonic_ns()
        sentinel.place(self.home)
        return began, time.monotonic_ns()

    def answer(self) -> list[int]:
        """The numbers of its next line."""
        return [int(word) for word in line_of(self.process).split()[1:]]

    def clear(self) -> None:
        """Take the sentinel away, and what the kill left, ready for the next."""
        os.unlink(self.home.below(f"state/{sentinel.NAME}"))
        self._clean()

    def _clean(self) -> None:
        self.home.path(Home.kills).unlink(missing_ok=True)
        sentinel.prepare(self.home)


def _denial(stack: ExitStack) -> Iterator[Claim]:
    engine, bare = Target(stack, "idle"), Target(stack, "bare")
    yield Claim(
        "sentinel → engine denies, idle, p99", "a bare inotify wake-up", 3.0,
        lambda: _wake_p99(engine), lambda: _wake_p99(bare), rounds=IDLE_ROUNDS,
    )  # fmt: skip


def _wake_p99(target: Target) -> float:
    took = []
    for _ in range(KILLS_IDLE):
        began, _ = target.kill()
        took.append((target.answer()[0] - began) / 1e9)
        target.clear()
        time.sleep(0.002)
    return percentile(took, 0.99)


def _in_flight(stack: ExitStack) -> Iterator[Claim]:
    server = stack.enter_context(running("benchmarks.bare.ack_server"))
    target = Target(stack, "orders", line_of(server))
    looks, bytes_left = _late(target)
    for name, limit, late in (("look began", 0.0, looks), ("bytes left", KILLS_IN_FLIGHT / 100, bytes_left)):
        yield Claim(
            f"orders in flight whose {name} after the sentinel", f"{KILLS_IN_FLIGHT} kills", None,
            partial(float, late), partial(float, KILLS_IN_FLIGHT), unit="orders", rounds=1, limit=limit,
        )  # fmt: skip


def _late(target: Target) -> tuple[int, int]:
    """Kills after which an order's look began and let it go, and kills after which its bytes left."""
    looks = bytes_left = 0
    for number in range(KILLS_IN_FLIGHT):
        time.sleep(0.005 + number % 17 / 10_000)
        _, visible = target.kill()
        begun, left = target.answer()
        looks += begun > visible
        bytes_left += left > visible
        target.clear()
        target.ready()
    return looks, bytes_left


def _at_exchange(stack: ExitStack) -> Iterator[Claim]:
    exchange = stack.enter_context(venue())
    target = Target(stack, "resting", exchange.base_url, exchange.signer.key_id, exchange.key_file)
    bare = BareCancels(exchange)
    for name, goal, share in (("the exchange's book holds none", 3.0, 0), ("verified twice", 8.0, 1)):
        yield Claim(
            f"kill → {name}, 20 orders, p99", "one bare signed cancel-all, p99", goal,
            partial(_stop_p99, target, exchange, share), bare.p99, rounds=RESTING_ROUNDS,
        )  # fmt: skip


def _stop_p99(target: Target, exchange: Venue, share: int) -> float:
    return percentile([_stopped(target, exchange)[share] for _ in range(KILLS_RESTING)], 0.99)


def _stopped(target: Target, exchange: Venue) -> tuple[float, float]:
    """Seconds from a kill to an empty book at the exchange, and to the second listing that shows none."""
    began, _ = target.kill()
    emptied = exchange.emptied_ns()
    verified = target.answer()[0]
    target.clear()
    target.ready()
    return (emptied - began) / 1e9, (verified - began) / 1e9


class BareCancels:
    """A signed DELETE over a kept connection, with nothing else around it."""

    def __init__(self, exchange: Venue) -> None:
        self._url = exchange.base_url.removesuffix("/trade-api/v2")
        self._signer: Signer = exchange.signer

    def p99(self) -> float:
        """Seconds of one of them."""
        return percentile(asyncio.run(self._times(KILLS_RESTING)), 0.99)

    async def _times(self, count: int) -> list[float]:
        async with httpx.AsyncClient(base_url=self._url, trust_env=False) as client:
            took = []
            for _ in range(count + 1):
                began = time.perf_counter()
                headers = self._signer.headers("DELETE", PATH, SystemClock().now())
                (await client.delete(PATH, headers=headers)).raise_for_status()
                took.append(time.perf_counter() - began)
            return took[1:]
