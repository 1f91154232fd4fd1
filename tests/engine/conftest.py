"""A home, a clock, a list of what was emitted, and an exchange that does what a test tells it to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.market.money import ONE_CONTRACT
from engine.venues.kalshi.errors import NotSent, VenueError
from engine.venues.kalshi.portfolio import Order, OrderAck, OrderStatus
from engine.venues.kalshi.wire import BookSide, NewOrder
from state import permit, sentinel
from state.clock import SimulatedClock, stamp
from state.events import EventType
from state.home import Home
from state.permit import Identity

NOW = datetime(2026, 11, 17, 19, 0, tzinfo=UTC)
IDENTITY = Identity("build-1", "config-1")
SUPERVISOR = "77-1234"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def anchor(home: Home) -> Iterator[sentinel.Anchor]:
    with sentinel.Anchor(home) as opened:
        yield opened


class Emitted:
    """Stands for Events and keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[EventType, str, dict[str, Any]]] = []

    def __call__(self, event: EventType, message: str, **details: Any) -> None:
        self.lines.append((event, message, details))

    @property
    def types(self) -> list[EventType]:
        return [event for event, _, _ in self.lines]

    def said(self, event: EventType) -> list[str]:
        """The messages of one type."""
        return [message for each, message, _ in self.lines if each is event]


@pytest.fixture
def emit() -> Emitted:
    return Emitted()


class Venue:
    """Plays the part of KalshiRest. A call raises what `faults` holds for it, each once, or `lasting` for ever."""

    source = "simulated"
    clock_offset = None

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.calls: list[str] = []
        self.faults: dict[str, list[Exception]] = defaultdict(list)
        self.lasting: dict[str, Exception] = {}
        self.known: dict[str, Order] = {}
        self.groups: list[str] = []
        self.answer: asyncio.Event | None = None
        """When set, an order waits for it between its look and its answer."""
        self.orders_in_flight: frozenset[str] = frozenset()
        self.idle = asyncio.Event()
        self.idle.set()
        self.closed = False

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.lasting:
            raise self.lasting[name]
        if self.faults[name]:
            raise self.faults[name].pop(0)

    def rest_order(self, client_order_id: str, ticker: str = "T-1", group: str | None = None) -> Order:
        """An order of ours that rests."""
        made = Order(
            order_id=f"x-{client_order_id}",
            client_order_id=client_order_id,
            ticker=ticker,
            side=BookSide.BID,
            status=OrderStatus.RESTING,
            price=4_000,
            initial=ONE_CONTRACT,
            filled=0,
            remaining=ONE_CONTRACT,
            fees=0,
            fill_cost=0,
            created=NOW,
            updated=None,
            expires=None,
            order_group_id=group,
        )
        self.known[client_order_id] = made
        return made

    def _resting(self) -> list[Order]:
        return [order for order in self.known.values() if order.status is OrderStatus.RESTING]

    async def orders(
        self, *, status: OrderStatus | None = None, urgent: bool = False, attempts: int = 3
    ) -> list[Order]:
        self._call("orders")
        return self._resting() if status is OrderStatus.RESTING else list(self.known.values())

    async def positions(self) -> list[Any]:
        self._call("positions")
        return []

    async def queue_positions(self, tickers: list[str], *, urgent: bool = False, attempts: int = 3) -> list[Any]:
        self._call("queue_positions")
        return self._resting()

    async def total_resting_order_value(self, *, urgent: bool = False, attempts: int = 3) -> int:
        self._call("total_resting_order_value")
        return len(self._resting())

    async def order_group_ids(self, *, urgent: bool = False, attempts: int = 3) -> list[str]:
        self._call("order_group_ids")
        return list(self.groups)

    async def create_order_group(self, limit: int) -> str:
        self._call("create_order_group")
        self.groups.append(f"group-{len(self.groups) + 1}")
        return self.groups[-1]

    async def trigger_order_group(self, order_group_id: str) -> None:
        self._call(f"trigger {order_group_id}")

    async def cancel_all(self) -> None:
        self._call("cancel_all")
        self.known.clear()

    async def cancel_batched(self, orders: list[tuple[str, str]], *, urgent: bool = True) -> list[Any]:
        self._call("cancel_batched")
        return []

    async def create_order(self, order: NewOrder, look: Any) -> OrderAck:
        self.calls.append(f"create {order.ticker}")
        try:
            look()
        except VenueError as error:
            raise NotSent(f"denied at the last look: {error}") from error
        self.orders_in_flight |= {order.client_order_id}
        self.idle.clear()
        try:
            if self.answer is not None:
                await self.answer.wait()
            self._call("create_order")
        finally:
            self.orders_in_flight -= {order.client_order_id}
            self.idle.set()
        made = self.rest_order(order.client_order_id, order.ticker, order.order_group_id)
        return OrderAck(made.order_id, order.client_order_id, 0, order.count, None, None, self.clock.now())

    async def none_in_flight(self) -> None:
        await self.idle.wait()

    async def exchange_status(self) -> Any:
        self._call("exchange_status")
        raise AssertionError("no status was scripted")

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def venue(clock: SimulatedClock) -> Venue:
    return Venue(clock)


class Leave:
    """Writes start and permit as their owners do."""

    def __init__(self, anchor: sentinel.Anchor, clock: SimulatedClock) -> None:
        self.anchor, self.clock = anchor, clock

    def arm(self, arming_id: str = "start-1", **changes: object) -> None:
        fields = self._envelope() | {"arming_id": arming_id, "by": "somebody", "supervisor": SUPERVISOR}
        permit.write_sealed(self.anchor, permit.ARMED, fields | changes, durable=False)

    def permit(self, arming_id: str = "start-1", **changes: object) -> None:
        fields = self._envelope() | {
            "life_s": 15.0,
            "mode": "simulated",
            "arming_id": arming_id,
            "supervisor": SUPERVISOR,
        }
        permit.write_sealed(self.anchor, permit.PERMIT, fields | changes, durable=False)

    def kill(self) -> str:
        """Touch the sentinel; the kill's identity."""
        (self.anchor.home.state / sentinel.NAME).touch()
        return self.anchor.look().kill_id or ""

    def clear(self) -> None:
        (self.anchor.home.state / sentinel.NAME).unlink()

    def _envelope(self) -> dict[str, object]:
        return {
            "schema_version": 1,
            "boot_id": self.clock.boot_id(),
            "seq": self.clock.boottime_ns(),
            "written_at": stamp(self.clock.now()),
            "build": IDENTITY.build,
            "config_hash": IDENTITY.config_hash,
        }


@pytest.fixture
def leave(anchor: sentinel.Anchor, clock: SimulatedClock) -> Leave:
    return Leave(anchor, clock)


@pytest.fixture
def identity() -> Identity:
    return IDENTITY


async def until(condition: Any, seconds: float = 5.0) -> None:
    """Let the loop run until `condition()`; the limit only ends a test that is wrong."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture(name="until")
def until_fixture() -> Any:
    return until
