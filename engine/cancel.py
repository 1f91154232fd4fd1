"""`flightdeck cancel`: cancel what rests and verify it, with engine and supervisor dead or alive."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from engine.account import Account
from engine.connection import open_rest
from engine.ending import ended
from engine.stopping import RungTeller, say, stop_at_exchange
from engine.venues.kalshi.cancel import Progress
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.rest import KalshiRest
from state import arguments, kill, permit
from state.clock import Clock, SystemClock
from state.config import Settings, load
from state.document import DocumentWriter
from state.events import Events
from state.home import Home
from state.kill_journal import record_anyway
from state.lock import Held, Lock, holder
from state.models.exchange import ExchangeView
from state.sentinel import Anchor

DEADLINE_S = 30.0
LISTED_WITHIN_S = 1.0
"""For so long at most a supervisor that is started meanwhile finds its place taken."""


def main(argv: list[str]) -> int:
    """Cancel all and verify. 0 when two listings show none, 1 when some are left, 69 when the exchange is dead."""
    parser = argparse.ArgumentParser(prog="flightdeck cancel", description="Cancel what rests and verify it.")
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=DEADLINE_S, help="seconds to try (default %(default)s)"
    )
    options = parser.parse_args(argv)

    def act() -> int:
        home = Home.locate(options.home)
        return asyncio.run(_cancel(home, load(home), SystemClock(), options.timeout))

    return ended("cancel", act)


async def _cancel(home: Home, settings: Settings, clock: Clock, deadline_s: float) -> int:
    by = kill.who()
    kill_id = _deny(home, clock, by)

    known: set[str] = set()
    """Problems that were told; each once until there is news."""

    def told(progress: Progress) -> None:
        left = "left unknown" if progress.left is None else f"{progress.left} left"
        text = f"{progress.rung or '':<14} {left:<14} {progress.problem or ''}".rstrip()
        if progress.problem is None:
            known.clear()
        if text not in known:
            known.add(text)
            say(text)

    async with open_rest(settings, clock) as rest:
        teller = RungTeller(home, clock, kill_id, by, told)
        verified = await stop_at_exchange(rest, teller, deadline_s=deadline_s)
        if verified:
            await list_for_the_dead(home, clock, rest)
    if not verified:
        print(f"flightdeck cancel: not verified within {deadline_s:.0f} s", file=sys.stderr)
    return os.EX_OK if verified else 1


async def list_for_the_dead(home: Home, clock: Clock, rest: KalshiRest) -> None:
    """What rests and is held now, in place of a listing whose writers are both dead; under their locks.

    Where one of them lives it lists for itself; where there is no listing there is none to correct.
    """
    if not _was_listed(home):
        return
    document = DocumentWriter(home, Home.exchange, clock, Events(home, "cancel", clock), ExchangeView())
    account = Account(rest, clock, document, "cancel")
    try:
        with Lock(home, "supervisor", clock), Lock(home, "engine", clock):
            account.take_over()
            async with asyncio.timeout(LISTED_WITHIN_S):
                await account.list_now()
    except Held:
        return
    except (VenueError, OSError) as error:  # a time-out is one
        say(f"flightdeck cancel: {Home.exchange.path} keeps an older listing: {error or 'no answer'}", sys.stderr)


def _was_listed(home: Home) -> bool:
    return os.path.lexists(home.path(Home.exchange))


def _deny(home: Home, clock: Clock, by: str) -> str | None:
    """Under a kill: take start and permit away, and say so when no engine lives to send. The kill's identity."""
    with Anchor(home) as anchor:
        look = anchor.look()
        if look.kill_id is None:
            return None
        try:
            kill.disarm(anchor, clock, by=by, why=look.reason)
            permit.remove(anchor, permit.PERMIT)
        except OSError as error:  # what rests is cancelled all the same
            say(f"flightdeck cancel: start or permit stays: {error}", sys.stderr)
    state = kill.observe(home, clock, by=by)
    if state.rung("engine_denied") is None and holder(home, "engine") is None:
        record_anyway(home, clock, "rung", kill_id=look.kill_id, rung="engine_denied", by=by, why="no engine lives")
    return look.kill_id
