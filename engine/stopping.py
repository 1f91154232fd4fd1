"""Cancel and verify at the exchange, told rung by rung into the kill journal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TextIO

from engine.venues.kalshi.cancel import VERIFIED_2, Cancellation, Progress, cancel_and_verify
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.rest import KalshiRest
from state.clock import Clock
from state.home import Home
from state.kill_journal import record

Told = Callable[[Progress], None]


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line. That nobody reads any more, or the disk behind it is full, must not end what is being done."""
    try:
        print(text, file=stream, flush=True)
    except OSError:
        if stream is None:
            sys.stdout = None  # what it still holds goes nowhere; the journal has it all


GROUPS_WITHIN_S = 0.5
"""The cancel-all catches every order, with or without its group: it does not wait for a dead request."""
GROUPS_AGAIN_S = 0.1
"""Then they are asked for beside it: an order that is still on its way is kept out by its group alone."""
MOST_PROBLEMS = 50
"""So many different ones are kept of each who stops: a proxy puts another number into each of its errors."""


@dataclass(slots=True)
class RungTeller:
    """Journals what stopping reaches: each rung durably, `left` when it changed, each problem, all of it once.

    An exchange that is dead for an hour must not push the rest of its kill out of the journal's tail. Never raises:
    stopping goes on.
    """

    home: Home
    clock: Clock
    kill_id: str | None
    by: str
    told: Told
    _left: int | None = None
    _known: set[str] = field(default_factory=set)
    """Rungs and problems that are in the journal."""

    def __call__(self, progress: Progress) -> None:
        try:
            self._note(progress)
        except OSError as error:  # a full disk must not keep orders alive; whoever listens hears of it
            self.told(Progress(progress.rung, progress.left, f"{Home.kills.path}: {error.strerror}"))
        self.told(progress)

    def _note(self, progress: Progress) -> None:
        if progress.rung is not None and progress.rung not in self._known:
            doubt = {"why": progress.problem} if progress.problem else {}
            self._record("rung", progress, rung=progress.rung, **doubt)
            self._known |= {progress.rung, progress.problem or ""}
        elif progress.left not in (None, self._left) or self._is_news(progress.problem):
            self._record("left", progress, why=progress.problem or "")
            self._known.add(progress.problem or "")
        if progress.left is not None:
            self._left = progress.left

    def _is_news(self, problem: str | None) -> bool:
        return bool(problem) and problem not in self._known and len(self._known) < MOST_PROBLEMS

    def _record(self, act: str, progress: Progress, **more: object) -> None:
        event = {"kill_id": self.kill_id, "left": progress.left, **more}
        record(self.home, self.clock, act, by=self.by, durable=act == "rung", **event)


class BesideTheLoop:
    """Does what touches the disk one act after the other, in a thread: no request to an exchange waits for a disk."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "kill")
        self._begun: list[Future[object]] = []

    def do(self, act: Callable[..., object], *arguments: object) -> None:
        """After all that was asked for before."""
        self._begun = [each for each in self._begun if not each.done() or each.exception()]
        self._begun.append(self._thread.submit(act, *arguments))

    async def done(self) -> None:
        """Wait for all of it. Raises what an act raised."""
        self._thread.shutdown(wait=False)
        await asyncio.gather(*map(asyncio.wrap_future, self._begun))


async def stop_at_exchange(
    rest: KalshiRest, told: Told, *, groups: Sequence[str] | None = None, deadline_s: float | None = None
) -> bool:
    """Trigger the order groups (None: all the exchange knows), cancel all, verify twice; whether it was verified."""
    if groups is None:
        groups = await _all_groups(rest, told)
    if groups is None:
        return await _stop_and_ask_on(rest, told, deadline_s)
    return (await cancel_and_verify(rest, groups, told, deadline=deadline_s)).rung == VERIFIED_2


async def _stop_and_ask_on(rest: KalshiRest, told: Told, deadline_s: float | None) -> bool:
    """The same while the exchange does not list its groups."""
    run = Cancellation(rest, told)
    asking = asyncio.create_task(_trigger_once_listed(rest, run, told))
    try:
        verified = (await run.until_verified(deadline_s)).rung == VERIFIED_2
        if verified:
            await asyncio.wait([asking], timeout=GROUPS_WITHIN_S)
            await run.triggered(GROUPS_WITHIN_S)
        return verified
    finally:
        asking.cancel()
        run.abandon()


async def _all_groups(rest: KalshiRest, told: Told) -> Sequence[str] | None:
    """None: the exchange has not said."""
    try:
        async with asyncio.timeout(GROUPS_WITHIN_S):
            return await rest.order_group_ids(urgent=True, attempts=1)
    except (VenueError, TimeoutError) as error:
        told(Progress(None, None, f"listing of order groups: {str(error) or 'no answer in time'}"))
        return None


async def _trigger_once_listed(rest: KalshiRest, run: Cancellation, told: Told) -> None:
    groups = None
    while groups is None:
        await asyncio.sleep(GROUPS_AGAIN_S)
        groups = await _all_groups(rest, told)
    run.trigger(groups)
