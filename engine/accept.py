"""`flightdeck accept`: take over positions that our fills do not explain, so that trading may go on beside them.

A person's act alone, journalled for ever: it raises what may be risked, and no software asks for it. It closes nothing
(that is `flightdeck flatten`) and concerns no order: an order that nobody of us intended is cancelled, not accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import timedelta

from engine.connection import open_rest
from engine.ending import ended
from engine.market.money import Count, format_count, parse_count
from engine.market_time import market_clock_of
from engine.orders.accepting import Accepting, Refused
from engine.orders.identity import account_of
from engine.orders.journal import OrderJournal
from engine.orders.path import OrderPath
from state import kill
from state.clock import Clock, SystemClock
from state.config import Settings, load
from state.events import Events
from state.home import Home
from state.lock import Lock

USAGE = 2
WORD = "ACCEPT"


def main(argv: list[str]) -> int:
    """0 accepted, 1 refused and nothing accepted, 2 usage, 69 no exchange, 75 a flatten or another accept runs."""
    options = _parser().parse_args(argv)
    named = dict(options.position)
    if len(named) < len(options.position):
        return _fail(USAGE, "a market is named twice")
    if not options.reason.strip():
        return _fail(USAGE, "a reason is needed")
    if options.confirm != WORD:
        return _fail(USAGE, f"the desk goes on beside what is accepted; say so: --confirm {WORD}")
    reason = f"{options.reason.strip()} ({kill.who()})"
    return ended("accept", lambda: _act(Home.locate(options.home), SystemClock(), named, reason))


def _act(home: Home, clock: Clock, named: Mapping[str, Count], reason: str) -> int:
    settings = load(home)
    try:
        with Lock(home, "flatten", clock):  # which counts anew: not while somebody accepts
            return asyncio.run(_accept(home, settings, clock, named, reason))
    except Refused as error:
        return _fail(1, f"{error}; nothing was accepted")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flightdeck accept", description="Take over positions that our fills do not explain, exactly as named."
    )
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument(
        "--position",
        type=_position,
        action="append",
        required=True,
        metavar="TICKER=COUNT",
        help="what the exchange holds there for us, as the gate tells it; negative is NO; may be given again",
    )
    parser.add_argument("--reason", required=True, help="why it is ours to keep; journalled with your name")
    parser.add_argument("--confirm", metavar=WORD, help="the word that says that you mean it")
    return parser


def _position(text: str) -> tuple[str, Count]:
    ticker, _, count = text.rpartition("=")
    if not ticker:
        raise argparse.ArgumentTypeError(f"{text!r}: expected TICKER=COUNT, for example KXCPI-26NOV-T0.3=-2.00")
    try:
        return ticker, parse_count(count)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


async def _accept(home: Home, settings: Settings, clock: Clock, named: Mapping[str, Count], reason: str) -> int:
    emit = Events(home, "accept", clock)
    async with open_rest(settings, clock) as rest:
        await rest.load_limits()
        account = account_of(rest.source, settings.exchange.key_id)
        journal = OrderJournal.open(home, clock, account, rest.source, emit)
        life = timedelta(seconds=settings.engine.order_life_s)
        path = OrderPath(rest, clock, market_clock_of(home, settings, clock), journal, emit, life)
        try:
            accepted = await Accepting(path, named, reason).run()
        finally:
            journal.close()
    for ticker, each in accepted.items():
        held, ours = format_count(each.held), format_count(each.by_fills)
        print(f"{ticker}: {held} held, {ours} by our fills: the difference is accepted")
    return os.EX_OK


def _fail(code: int, text: str) -> int:
    print(f"flightdeck accept: {text}", file=sys.stderr)
    return code
