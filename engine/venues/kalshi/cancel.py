"""Stopping at the exchange: trigger the order groups, cancel everything, and ask until two listings agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.market.money import Micros
from engine.venues.kalshi.errors import Ambiguous, Rejected, VenueError
from engine.venues.kalshi.limits import Sleep
from engine.venues.kalshi.portfolio import CancelOutcome, Order, OrderGroup, OrderStatus, QueuePosition

CANCEL_SENT, VERIFIED_1, VERIFIED_2 = "cancel_sent", "verified_1", "verified_2"

# the triggers go first, so that nothing new arrives behind the cancel-all; but it does not wait for a dead request
_TRIGGER_HEAD_START = 0.25
# all triggers at once would stand before the cancel-all in the queue for the budget: an account keeps its old groups
_TRIGGERS_AT_ONCE = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0


class Venue(Protocol):
    """What stopping needs of an exchange; KalshiRest is one."""

    async def trigger_order_group(self, order_group_id: str) -> None: ...

    async def cancel_all(self) -> None: ...

    async def cancel_batched(
        self, orders: Sequence[tuple[str, str]], *, urgent: bool = True
    ) -> list[CancelOutcome | str]: ...

    async def orders(
        self, *, status: OrderStatus | None = None, urgent: bool = False, attempts: int = 3
    ) -> list[Order]: ...

    async def queue_positions(
        self, tickers: Sequence[str], *, urgent: bool = False, attempts: int = 3
    ) -> list[QueuePosition]: ...

    async def total_resting_order_value(self, *, urgent: bool = False, attempts: int = 3) -> Micros: ...

    async def order_group(self, order_group_id: str, *, urgent: bool = False, attempts: int = 3) -> OrderGroup: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far stopping has come. `left` is the resting orders last seen, None while that is not known."""

    rung: str | None
    left: int | None
    problem: str | None


class Cancellation:
    """One run of cancelling and verifying. `tickers` are markets in which orders of ours may rest."""

    def __init__(self, venue: Venue, on_progress: Callable[[Progress], None], tickers: Sequence[str] = ()) -> None:
        self.progress = Progress(None, None, None)
        self._venue, self._on_progress = venue, on_progress
        self._tickers = set(tickers)
        self._triggers: dict[str, asyncio.Task[bool]] = {}
        self._turn = asyncio.Semaphore(_TRIGGERS_AT_ONCE)
        self._to_come: set[str] = set()
        """Groups whose trigger has not had its turn."""
        self._sent = False
        self._unheard = ""
        """Why nobody knows what became of a cancel-all that left."""
        self._refused = ""
        """Why the last cancel-all did not leave, or was not taken."""

    def trigger(self, order_group_ids: Sequence[str]) -> None:
        """Begin to trigger those groups that are not triggered, or about to be; `until_verified` asks again."""
        for group in order_group_ids:
            task = self._triggers.get(group)
            if task is None or (task.done() and not task.result()):
                self._to_come.add(group)
                self._triggers[group] = asyncio.create_task(self._trigger(group))

    async def triggered(self, seconds: float) -> None:
        """Wait until each trigger that began was answered, at most `seconds`."""
        if pending := [task for task in self._triggers.values() if not task.done()]:
            await asyncio.wait(pending, timeout=seconds)

    async def until_verified(self, deadline: float | None = None, sleep: Sleep = asyncio.sleep) -> Progress:
        """Cancel and verify, again and again until verified or until `deadline` seconds have passed."""
        pause, verified = _FIRST_PAUSE, None
        try:
            async with asyncio.timeout(deadline):
                while True:
                    await self.cancel()
                    if await self.verify():
                        verified = self.progress
                        await self._trigger_the_rest()
                        return verified
                    await sleep(pause)
                    pause = min(_LONGEST_PAUSE, pause * 2)
        except TimeoutError:
            return verified or self.progress
        finally:
            self.abandon()

    async def cancel(self) -> None:
        """Trigger the groups, then cancel all. A failure is told; the verification finds what it left."""
        self.trigger(tuple(self._triggers))
        await self.triggered(_TRIGGER_HEAD_START)
        try:
            await self._venue.cancel_all()
        except Ambiguous as exc:
            self._unheard = f"cancel all: {exc}"
            self._tell(problem=self._unheard)
        except VenueError as exc:
            self._refused = f"cancel all: {exc}"
            self._tell(problem=self._refused)
        else:
            self._tell_sent()

    async def verify(self) -> bool:
        """Ask both listings once; True when both show none. What rests is cancelled by name."""
        try:
            resting = await self._venue.orders(status=OrderStatus.RESTING, urgent=True, attempts=1)
        except VenueError as exc:
            self._tell(left=None, problem=f"listing of resting orders: {exc}")
            return False
        if resting:
            self._tickers.update(order.ticker for order in resting)
            self._tell(left=len(resting))
            await self._cancel_by_name(resting)
            return False
        self._tell_none_left()
        try:
            remain = await self._second_look()
        except VenueError as exc:
            self._tell(left=None, problem=f"second listing: {exc}")
            return False
        if remain:
            self._tell(left=None, problem=f"the listings disagree: no order rests, but {remain}")
            return False
        self._tell(VERIFIED_2, left=0)
        return True

    def abandon(self) -> None:
        """Leave triggers that are still unanswered."""
        for task in self._triggers.values():
            task.cancel()

    async def _second_look(self) -> str:
        # queue positions count orders; the total is cut off to cents and, in production, not given to every account
        if self._tickers:
            return await self._queued()
        try:
            value = await self._venue.total_resting_order_value(urgent=True, attempts=1)
        except Rejected:
            return await (self._grouped() if self._triggers else self._queued_anywhere())
        return f"{value} micro-dollars do" if value else ""

    async def _queued(self) -> str:
        queued = await self._venue.queue_positions(sorted(self._tickers), urgent=True, attempts=1)
        return f"{len(queued)} stand in queues" if queued else ""

    async def _grouped(self) -> str:
        listed = [await self._venue.order_group(group, urgent=True, attempts=1) for group in self._triggers]
        grouped = sum(len(group.order_ids) for group in listed)
        return f"{grouped} are in order groups" if grouped else ""

    async def _queued_anywhere(self) -> str:
        """In every market where the account ever had an order; where there is none, nothing can rest."""
        ever = await self._venue.orders(urgent=True, attempts=1)
        self._tickers.update(order.ticker for order in ever)
        return await self._queued() if self._tickers else ""

    async def _trigger_the_rest(self) -> None:
        """Nothing rests any more; the groups that had no turn are triggered as well, while that gets on."""
        before = len(self._to_come) + 1
        while 0 < len(self._to_come) < before:
            before = len(self._to_come)
            await self.triggered(_TRIGGER_HEAD_START)

    async def _trigger(self, order_group_id: str) -> bool:
        """Whether the exchange says that it is done."""
        try:
            async with self._turn:
                self._to_come.discard(order_group_id)
                await self._venue.trigger_order_group(order_group_id)
        except VenueError as exc:
            self._tell(problem=f"trigger of order group {order_group_id}: {exc}")
            return False
        return True

    async def _cancel_by_name(self, resting: Sequence[Order]) -> None:
        try:
            await self._venue.cancel_batched([(order.order_id, order.ticker) for order in resting])
        except VenueError as exc:
            self._tell(left=len(resting), problem=f"cancel by order: {exc}")

    def _tell_sent(self, doubt: str | None = None) -> None:
        if not self._sent:
            self._sent = True
            self._tell(CANCEL_SENT, problem=doubt)

    def _tell_none_left(self) -> None:
        """The first listing shows none. A cancel-all that was never acknowledged is told with its doubt before."""
        if not self._sent and self._unheard:
            self._tell_sent(f"never acknowledged, and nothing rests ({self._unheard})")
        doubt = None if self._sent else f"nothing rests, though no cancel-all was taken ({self._refused})"
        self._tell(VERIFIED_1, left=0, problem=doubt)

    def _tell(self, rung: str | None = None, *, left: int | None = None, problem: str | None = None) -> None:
        self.progress = Progress(rung, left, problem)
        self._on_progress(self.progress)


async def cancel_and_verify(
    venue: Venue,
    order_group_ids: Sequence[str],
    on_progress: Callable[[Progress], None],
    *,
    tickers: Sequence[str] = (),
    deadline: float | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Progress:
    """Cancel whatever rests and verify it, again and again until verified or until `deadline` seconds have passed.

    Tells each rung ("cancel_sent" when the exchange acknowledged a cancel-all, "verified_1" and "verified_2" when a
    listing showed none, each by another endpoint) and how many orders are `left`; unreadable is None, never 0. When
    a listing shows none after a cancel-all that was never acknowledged, its rung is told then, and its `problem` says
    so; when none was even taken, there is no such rung, and "verified_1" says why. `tickers` are markets in which
    orders of ours may rest. The last Progress is returned: verified when its rung is "verified_2".
    """
    run = Cancellation(venue, on_progress, tickers)
    run.trigger(order_group_ids)
    return await run.until_verified(deadline, sleep)
