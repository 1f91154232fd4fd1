"""`flightdeck flatten`: close every position, reduce-only, once a kill has cancelled everything and verified it.

The highest level, a person's act alone: no software asks for it. It works with engine and supervisor dead or alive,
and needs no permit; why that is safe is told in `engine.orders.flattening`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import timedelta

from engine.connection import open_rest
from engine.ending import ended
from engine.market_time import market_clock_of
from engine.orders.flattening import Flattening
from engine.orders.identity import account_of
from engine.orders.journal import OrderJournal
from engine.orders.path import OrderPath
from engine.stopping import RungTeller, say, stop_at_exchange
from engine.venues.kalshi.cancel import VERIFIED_2, Progress
from engine.venues.kalshi.rest import KalshiRest
from state import arguments, kill
from state.clock import Clock, SystemClock
from state.config import Settings, load
from state.events import Events
from state.home import Home
from state.kill_journal import fold
from state.kill_record import record_anyway
from state.lock import Lock
from state.sentinel import Anchor

USAGE = 2
WORD = "FLATTEN"
DEADLINE_S = 60.0


def main(argv: list[str]) -> int:
    """0 flat, 1 not flat or refused, 2 usage, 69 no exchange, 75 another flatten runs."""
    options = _parser().parse_args(argv)
    if options.confirm != WORD:
        print(f"flightdeck flatten: closes every position at the market; say so: --confirm {WORD}", file=sys.stderr)
        return USAGE
    return ended("flatten", lambda: _act(Home.locate(options.home), SystemClock(), options.timeout))


def _act(home: Home, clock: Clock, deadline_s: float) -> int:
    settings = load(home)
    with Anchor(home) as anchor:
        refusal, kill_id = _refusal(home, clock, anchor)
        if refusal:
            print(f"flightdeck flatten: {refusal}", file=sys.stderr)
            return 1
        with Lock(home, "flatten", clock):
            return asyncio.run(_flatten(home, settings, clock, anchor, kill_id, deadline_s))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flightdeck flatten", description="Close every position, reduce-only, under a kill that is verified."
    )
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument("--confirm", metavar=WORD, help="the word that says that you mean it")
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=DEADLINE_S, help="seconds to try (default %(default)s)"
    )
    return parser


def _refusal(home: Home, clock: Clock, anchor: Anchor) -> tuple[str, str | None]:
    """Why nothing may be closed now, empty when it may; and the kill under which it is."""
    look = anchor.look()
    if not look.engaged:
        return "the kill switch is off; first: flightdeck kill on --cancel", None
    if look.kill_id is None:
        return f"the kill switch cannot be read: {look.reason}", None
    if fold(home, clock, look).rung(VERIFIED_2) is None:
        return "not verified that nothing rests at the exchange; first: flightdeck kill on --cancel", None
    return "", look.kill_id


async def _flatten(
    home: Home, settings: Settings, clock: Clock, anchor: Anchor, kill_id: str | None, deadline_s: float
) -> int:
    by = kill.who()

    def told(left: int | None, what: str) -> None:
        trouble = record_anyway(home, clock, "flatten", kill_id=kill_id, left=left, by=by, why=what)
        held = "positions unknown" if left is None else f"{left} held"
        say(f"{held:<18} {what}{f' ({trouble})' if trouble else ''}")

    async with open_rest(settings, clock) as rest:
        await rest.load_limits()
        teller = RungTeller(home, clock, kill_id, by, _nothing)
        if not await stop_at_exchange(rest, teller, deadline_s=deadline_s):
            print("flightdeck flatten: orders may still rest; nothing was closed beside them", file=sys.stderr)
            return 1
        path = _path(home, settings, clock, rest)
        try:
            flat = await Flattening(path, anchor, told).run(deadline_s)
        finally:
            path.journal.close()
    if not flat:
        print(f"flightdeck flatten: not flat within {deadline_s:.0f} s", file=sys.stderr)
    return os.EX_OK if flat else 1


def _path(home: Home, settings: Settings, clock: Clock, rest: KalshiRest) -> OrderPath:
    emit = Events(home, "flatten", clock)
    account = account_of(rest.source, settings.exchange.key_id)
    journal = OrderJournal.open(home, clock, account, rest.source, emit)
    life = timedelta(seconds=settings.engine.order_life_s)
    return OrderPath(rest, clock, market_clock_of(home, settings, clock), journal, emit, life)


def _nothing(_: Progress) -> None:
    """The journal has it; what a person wants to see here is what is closed."""
