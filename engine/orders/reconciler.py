"""Asks, takes in what is told, and says whether it fits: `state/reconciliation.json` and the gate "orders"."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.account import Account
from engine.gate import OrdersLook
from engine.market.view import contracts
from engine.orders.life import Fate, Order, Ours
from engine.orders.lines import carried, from_milliseconds
from engine.orders.path import OrderPath
from engine.orders.reconciling import (
    WAITS,
    Listed,
    differences,
    evidence,
    expired_chance,
    foreign,
    out_of_place,
    reach,
)
from engine.venues.kalshi.portfolio import Order as ListedOrder
from engine.venues.kalshi.portfolio import Position
from state.clock import NANOS
from state.document import DocumentWriter
from state.models.reconciliation import CheckedPosition, Reconciliation

ATTEMPTS = 3
PAUSE_S = 0.25
"""Answers of one round are of different moments: what differs is asked again before it is believed."""
LONG_AGO = timedelta(days=1)
"""Of an order that is older the exchange may tell in its archive alone (after about three months, facts §1.8)."""
LINES_TO_CARRY = 1_000
"""Fewer are read again in no time (20 µs each)."""
COMPLETE_LISTINGS = 2
"""So many must miss an order, after its last chance, before it counts as never accepted."""


async def list_all(
    path: OrderPath,
    list_now: Callable[[], Awaitable[tuple[list[ListedOrder], list[Position]]]],
    known_until: datetime | None = None,
) -> Listed:
    """One round of questions: what `list_now` says rests and is held, recent orders, fills. Raises what they raise."""
    asked_at, asked_ns, market_at = path.clock.now(), path.clock.boottime_ns(), path.market_clock.now()
    known = known_until or path.orders.known_until or market_at
    since = reach(path.orders, min(known, market_at))
    resting, positions = await list_now()
    recent = await path.rest.orders(since=since)
    fills = await path.rest.fills(since=since)
    if market_at - since > LONG_AGO and since < await path.rest.archived_before():
        recent += await path.rest.orders(since=since, archived=True)
        fills += await path.rest.fills(since=since, archived=True)
    return Listed(asked_at, asked_ns, market_at, tuple(resting), tuple(recent), tuple(fills), tuple(positions))


@dataclass(slots=True)
class Doubt:
    """An unresolved order: since when (CLOCK_BOOTTIME), and listings that missed it after its last chance."""

    since_ns: int
    missed: int = 0


@dataclass(slots=True)
class Reconciler:
    """Keeps our orders and the exchange's in agreement; until it has once, and while it does not, nothing may leave."""

    path: OrderPath
    account: Account
    document: DocumentWriter[Reconciliation]
    request_life_s: float
    """The exchange refuses a request whose signature is older."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    result: Reconciliation = field(default_factory=Reconciliation)
    _asked_ns: int | None = None
    _known_until: datetime | None = None
    _doubts: dict[str, Doubt] = field(default_factory=dict)

    async def run_once(self) -> None:
        """One reconciliation. Raises what the client raises, and OSError; what was known last then grows old."""
        try:
            for left in reversed(range(ATTEMPTS)):
                listed, reasons = await self._round()
                if not left or all(reason.startswith(WAITS) for reason in reasons):
                    break
                await self.sleep(PAUSE_S)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            self.result = self.result.model_copy(update={"error": told, "ok": False})
            self.document.write(self.result)
            raise
        self.result, self._asked_ns = self._report(listed, reasons), listed.asked_ns
        self.document.write(self.result)
        if not reasons:
            await self._carry(listed.market_at)

    def look(self) -> OrdersLook:
        """As the gate takes it: the last agreement and its age, and what is unresolved at this moment."""
        age = None if self._asked_ns is None else (self.path.clock.boottime_ns() - self._asked_ns) / NANOS
        unresolved = tuple(order.plan.client_order_id for order in self.path.orders.unresolved())
        return OrdersLook(age, self.result.reasons, len(self.path.orders.working()), unresolved, self.result.error)

    async def _round(self) -> tuple[Listed, tuple[str, ...]]:
        await self.path.read_on()
        orders = self.path.orders
        self.path.judge_intents()
        before = {order.plan.client_order_id: order.state for order in orders.alive()}
        listed = await list_all(self.path, self.account.list_now, self._known_until)
        for order, found in evidence(orders, listed):
            self.path.hear(order, found)
        await self._settle(listed)
        self._resolve(listed)
        await self.path.journal.flush()
        self._known_until = listed.market_at
        return listed, differences(orders, listed, before)

    async def _carry(self, now: datetime) -> None:
        """All agrees: forget what is over; where that is everything, the next reader of the journal begins here."""
        orders = self.path.orders
        orders.forget(now)
        if orders.folded >= LINES_TO_CARRY and orders.quiet(now):
            await self.path.journal.write(carried(orders.held(), orders.known, orders.fills, now))
            orders.folded = 0  # now, and again when the line is read

    async def _settle(self, listed: Listed) -> None:
        """Where a position is gone, ask whether its market paid out."""
        gone = {ticker for ticker, (_, does) in out_of_place(self.path.orders, listed).items() if not does}
        if not gone:
            return
        for settlement in await self.path.rest.settlements():
            if settlement.ticker in gone:
                self.path.orders.settle(settlement.ticker)
                line = {"act": "settled", "ticker": settlement.ticker, "market_at": settlement.at}
                self.path.journal.queue([{**line, "reason": settlement.result}])

    def _resolve(self, listed: Listed) -> None:
        """Orders that no complete listing shows although the exchange can no longer accept them never were."""
        unresolved = {order.plan.client_order_id: order for order in self.path.orders.unresolved()}
        now_ns = self.path.clock.boottime_ns()  # not when was asked: it may have left since
        self._doubts = {name: self._doubts.get(name) or Doubt(now_ns) for name in unresolved}
        for name, order in unresolved.items():
            doubt = self._doubts[name]
            if expired_chance(order, listed, doubt.since_ns, self.request_life_s):
                doubt.missed += 1
            if doubt.missed >= COMPLETE_LISTINGS:
                self._never(order, listed)

    def _never(self, order: Order, listed: Listed) -> None:
        shown = f"{COMPLETE_LISTINGS} complete listings, the last with {len(listed.recent)} orders asked at"
        reason = f"never accepted: its chance is over, and {shown} {listed.asked_at:%H:%M:%S}Z do not show it"
        self.path.hear(order, Ours(Fate.NEVER_ACCEPTED, reason))

    def _report(self, listed: Listed, reasons: tuple[str, ...]) -> Reconciliation:
        orders = self.path.orders
        does = {position.ticker: position.count for position in listed.positions}
        should = orders.held()
        last = orders.last_fill_ms
        return Reconciliation(
            source=self.path.rest.source,
            account=self.path.journal.account,
            as_of=listed.asked_at,
            ok=not reasons,
            reasons=reasons,
            orders_known=orders.known,
            orders_resting=len(listed.resting),
            orders_unresolved=len(orders.unresolved()),
            orders_foreign=len(foreign(orders, listed)),
            positions=tuple(
                CheckedPosition(
                    ticker=ticker, expected=contracts(should.get(ticker, 0)), exchange=contracts(does.get(ticker, 0))
                )
                for ticker in sorted(should.keys() | does.keys())
            ),
            fills=orders.fills,
            last_fill_at=None if last is None else from_milliseconds(last),
        )
