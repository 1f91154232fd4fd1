"""The fault table: each fault the exchange can be told to have × each state an order can be in.

While a fault stands nothing is claimed that is not so; once it is lifted our orders, fills, positions and money are the
exchange's, and every order left this house at most once (K-13, K-15, V-01, V-02, V-04).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from engine.orders import reconciling
from engine.orders.life import Order, State
from engine.venues.kalshi.errors import VenueError
from engine.venues.simulated.faults import FaultName
from state.clock import SystemClock
from tests.process.conftest import Desk
from tests.process.exchange_rig import Rig, rig
from tests.process.trader import REQUEST_LIFE_S, Trader

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("faults"), pytest.mark.timeout(60)]

CREATES = "POST /portfolio/events/orders"
LAG_S = 0.1
S = State
UNKNOWN = {S.UNRESOLVED}
UNTOLD = {S.UNRESOLVED, S.RESTING}
"""The answer is lost, and a frame may have told before."""
RESTS = {S.RESTING}
REFUSED = {S.REJECTED}


class At(StrEnum):
    """Where in its life an order is when the fault comes."""

    INTENDED = "intended"
    SENT = "sent"
    UNRESOLVED = "unresolved"
    ACKNOWLEDGED = "acknowledged"
    RESTING = "resting"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLING = "cancelling"


@dataclass(frozen=True)
class Case:
    """A fault, and what an order is that was sent into it: at first, and once all is calm."""

    name: FaultName
    value: str
    at_first: set[State]
    in_the_end: set[State]

    @property
    def faults(self) -> tuple[dict[str, object], ...]:
        """What stands. Commands go out on a new connection alone: for those the old one is cut."""
        cut = {"name": "disconnect", "value": "after", "where": "stream", "count": 1}
        more = (cut,) if self.name is FaultName.COMMAND_TIMEOUT else ()
        return {"name": self.name.value, "value": self.value}, *more

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


N = FaultName
CASES = (
    Case(N.LATENCY_MS, "100", RESTS, RESTS),
    Case(N.LATE_MS, "300", UNTOLD, RESTS),
    Case(N.TIMEOUT_AFTER_ACCEPT, "on", UNTOLD, RESTS),
    Case(N.HALF_OPEN, "on", UNKNOWN, {S.NEVER_ACCEPTED}),
    Case(N.STORM_429, "on", {S.NOT_SENT}, {S.NOT_SENT}),
    Case(N.ERROR_500, "before", UNKNOWN, {S.NEVER_ACCEPTED}),
    Case(N.ERROR_500, "after", UNTOLD, RESTS),
    Case(N.ERROR_503, "before", UNKNOWN, {S.NEVER_ACCEPTED}),
    Case(N.ERROR_503, "after", UNTOLD, RESTS),
    Case(N.ERROR_504, "before", UNKNOWN, {S.NEVER_ACCEPTED}),
    Case(N.ERROR_504, "after", UNTOLD, RESTS),
    Case(N.REJECT_ALL, "insufficient_balance", REFUSED, REFUSED),
    Case(N.CANCEL_ACKNOWLEDGED_NOT_DONE, "on", RESTS, RESTS),
    Case(N.STALE_READ_MS, "150", RESTS, RESTS),
    Case(N.EXCHANGE_PAUSE, "on", REFUSED, REFUSED),
    Case(N.TRADING_PAUSE, "on", REFUSED, REFUSED),
    Case(N.MARKET_PAUSE, "on", REFUSED, REFUSED),
    Case(N.DISPUTE_S, "60", RESTS, RESTS),
    Case(N.DISPUTE_VALUE, "50", RESTS, RESTS),
    Case(N.REVOKE_KEY, "on", REFUSED, REFUSED),
    Case(N.CLOCK_SKEW_S, "60", REFUSED, REFUSED),
    Case(N.DROP_FRAMES, "on", RESTS, RESTS),
    Case(N.DUPLICATE_FRAMES, "on", RESTS, RESTS),
    Case(N.REORDER_FRAMES, "on", RESTS, RESTS),
    Case(N.GAP, "3", RESTS, RESTS),
    Case(N.OVERFLOW, "on", RESTS, RESTS),
    Case(N.CHANNEL_ERROR, "on", RESTS, RESTS),
    Case(N.COMMAND_TIMEOUT, "on", RESTS, RESTS),
    Case(N.DISCONNECT, "before", UNKNOWN, {S.NEVER_ACCEPTED}),
    Case(N.DISCONNECT, "after", UNTOLD, RESTS),
)
CANCELS = frozenset({N.CANCEL_ACKNOWLEDGED_NOT_DONE, N.TIMEOUT_AFTER_ACCEPT, N.STALE_READ_MS})
FRAMES = frozenset({N.DROP_FRAMES, N.DUPLICATE_FRAMES, N.REORDER_FRAMES, N.GAP, N.OVERFLOW, N.CHANNEL_ERROR})
"""Faults that a purchase gets through; its fills are then told by these frames."""
SURELY_AT: dict[FaultName, At | None] = {
    N.STALE_READ_MS: At.CANCELLING,
    **dict.fromkeys((N.EXCHANGE_PAUSE, N.TRADING_PAUSE, N.MARKET_PAUSE, N.CLOCK_SKEW_S, N.DISPUTE_S, N.DISPUTE_VALUE)),
}
"""In which state the fault must have happened, where not in `intended`. Pauses and a wrong clock stand and are not
counted: there the refusal tells. A dispute comes with a market's result, hours away: here it changes nothing, and the
cells show that.
"""


def test_the_table_names_every_fault() -> None:
    assert {case.name for case in CASES} == set(FaultName)


class Cells:
    """The exchange that the cells share; a cell that fails leaves it in doubt, and the next one gets a new one."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._factory, self._stack = tmp_path_factory, contextlib.ExitStack()
        self.rig: Rig | None = None

    def begin(self) -> Rig:
        if self.rig is None:
            folder = self._factory.mktemp("cells")
            (folder / "said").mkdir()
            desk = Desk(folder / "home", folder / "said")
            self._stack.callback(_end, desk)
            now = SystemClock().now().isoformat()
            self.rig = self._stack.enter_context(rig(desk, start=now))
        begun, self.rig = self.rig, None
        return begun

    def close(self) -> None:
        self._stack.close()


def _end(desk: Desk) -> None:
    for command in desk.commands:
        command.kill()
        command.wait()


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    cells = Cells(tmp_path_factory)
    yield cells
    cells.close()


@pytest.fixture
async def trader(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trader]:
    monkeypatch.setattr(reconciling, "LAG", timedelta(seconds=LAG_S))
    rig = cells.begin()
    trader = Trader(rig)
    feed = asyncio.create_task(trader.feed.run())
    await trader.ready()
    try:
        yield trader
    finally:
        cells.rig = rig if trader.agreed else None
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)
        await trader.rest.close()
        trader.journal.close()


def _cells() -> Iterator[Any]:
    for case in CASES:
        for at in At:
            quick = at is At.INTENDED or (at in (At.PARTLY_FILLED, At.CANCELLING) and case.name in FRAMES | CANCELS)
            marks = [] if quick else [pytest.mark.storm]
            yield pytest.param(case, at, id=f"{case}-{at}", marks=marks)


@pytest.mark.parametrize(("case", "at"), _cells())
async def test_whatever_goes_wrong_nothing_false_is_claimed_and_in_the_end_all_agrees(
    trader: Trader, case: Case, at: At
) -> None:
    order = await suffer(trader, at, case)
    if at is At.INTENDED:
        assert order.state in case.at_first
    await trader.under()
    if at is SURELY_AT.get(case.name, At.INTENDED):
        assert await asyncio.to_thread(trader.rig.happened, case.name.value)
    trader.rig.fault()
    if case.name is FaultName.STALE_READ_MS:
        await asyncio.sleep(0.15)  # or the exchange itself would still tell us what is not so
    assert await trader.false_ends() == []

    if at is At.CANCELLING and trader.now(order).alive:
        await trader.path.cancel(trader.now(order))
    await trader.agree()
    await trader.equal()
    if at is At.INTENDED:
        assert trader.now(order).state in case.in_the_end
    if at is At.UNRESOLVED:
        assert trader.now(order).order_id is not None
    if at is At.FILLED:
        assert trader.now(order).state is State.FILLED
    if at is At.CANCELLING:
        assert trader.now(order).state is State.CANCELLED

    await trader.rest.cancel_all()
    await trader.agree()
    assert await trader.differences() == []
    assert max(Counter(trader.rig.tap.names()).values()) == 1
    trader.agreed = True


async def suffer(trader: Trader, at: At, case: Case) -> Order:
    """Bring an order to where it is to be, and let the fault come; what it came to."""
    path, rig = trader.path, trader.rig
    match at:
        case At.INTENDED:
            await trader.rests()  # the group of this start exists by now
            rig.fault(*case.faults)
            return await trader.rests()
        case At.SENT:
            await trader.rests()
            rig.fault({"name": "latency_ms", "value": 100, "where": CREATES, "count": 1})
            sending = asyncio.create_task(trader.rests())
            while not await asyncio.to_thread(rig.happened, "latency_ms"):
                await asyncio.sleep(0.002)
            rig.fault(*case.faults)
            await trader.under()
            return await sending
        case At.UNRESOLVED:
            await trader.rests()
            lost = {"name": "timeout_after_accept", "value": "on", "where": CREATES, "count": 1}
            rig.fault(lost, {"name": "drop_frames", "value": "on"})
            order = await trader.rests()
            assert order.state is State.UNRESOLVED
            rig.fault(*case.faults)
            await trader.under()
            await asyncio.sleep(REQUEST_LIFE_S + LAG_S)  # from now on two listings without it would end it
            await trader.under()
            return trader.now(order)
        case At.ACKNOWLEDGED:
            order = await trader.rests()
            rig.fault(*case.faults)
            return order
        case At.RESTING:
            order = await trader.rests()
            await trader.agree()
            rig.fault(*case.faults)
            with contextlib.suppress(VenueError):  # another hand of ours: a kill, the supervisor
                await trader.rest.cancel_all()
            return path.orders.by_id[order.plan.client_order_id]
        case At.PARTLY_FILLED | At.FILLED:
            if case.name in FRAMES:
                rig.fault(*case.faults)
            order = await (trader.filled() if at is At.FILLED else trader.partly_filled())
            if case.name not in FRAMES:
                rig.fault(*case.faults)
            return order
        case At.CANCELLING:
            order = await trader.rests()
            await trader.agree()
            rig.fault(*case.faults)
            with contextlib.suppress(VenueError):
                await path.cancel(trader.now(order))
            return trader.now(order)
