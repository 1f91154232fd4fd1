"""`flightdeck up`: put the supervisor together and run it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

from engine.account import Account
from engine.connection import open_rest
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.permits import PermitOffice, ProgressWatch
from engine.supervisor.resting import RestingOrders
from engine.supervisor.supervisor import Supervisor
from engine.venues.kalshi.errors import VenueError
from state import kill, sentinel
from state.build import build_id
from state.clock import Clock, SystemClock
from state.config import ConfigError, Settings, config_hash, load
from state.document import DocumentReader, DocumentWriter
from state.events import Events, EventType
from state.home import Home, HomeError
from state.lock import Held, Lock, start_id
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat
from state.models.supervisor import SupervisorState
from state.permit import Identity, LeaveReader
from state.process import Orphaned, die_with_parent

LISTING_SLACK = 3.0
"""Listings may stand still for this many periods before the engine counts as stalled."""


def main(argv: list[str]) -> int:
    """Run the supervisor until it is told to stop."""
    parser = argparse.ArgumentParser(prog="flightdeck up", description="Run the supervisor, which runs the engine.")
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        if options.parent is not None:
            die_with_parent(options.parent, signal.SIGTERM)
        return run(Home.locate(options.home), SystemClock())
    except (HomeError, ConfigError, VenueError) as error:
        print(f"flightdeck up: {error}", file=sys.stderr)
        return os.EX_CONFIG
    except Orphaned as error:
        print(f"flightdeck up: {error}", file=sys.stderr)
        return os.EX_UNAVAILABLE
    except OSError as error:
        print(f"flightdeck up: {error}", file=sys.stderr)
        return os.EX_IOERR


def run(home: Home, clock: Clock) -> int:
    """Take the locks and supervise. A second supervisor exits 75, named and journalled."""
    settings = load(home)
    home.create()
    emit = Events(home, "supervisor", clock)
    own, engine = Lock(home, "supervisor", clock), Lock(home, "engine", clock)
    try:
        own.acquire()
        engine.acquire()
    except Held as held:
        emit(EventType.ALREADY_RUNNING, str(held), severity="warning")
        print(f"flightdeck up: {held}", file=sys.stderr)
        return os.EX_TEMPFAIL
    return asyncio.run(_supervise(home, settings, clock, emit, engine))


async def _supervise(home: Home, settings: Settings, clock: Clock, emit: Events, engine_lock: Lock) -> int:
    sentinel.prepare(home)
    anchor = sentinel.Anchor(home)
    identity = Identity(build_id(), config_hash(settings))
    me = start_id(os.getpid())
    kill.disarm(anchor, clock, by=f"supervisor {os.getpid()}", why="a new supervisor drops an earlier start")
    rest = open_rest(settings, clock)
    account = Account(rest, clock, DocumentWriter(home, Home.exchange, clock, emit, ExchangeView()), "supervisor")
    document = DocumentWriter(home, Home.supervisor, clock, emit, SupervisorState())
    document.heal()
    listing_s = settings.engine.reconcile_every * settings.engine.cycle_s
    supervisor = Supervisor(
        home=home,
        settings=settings,
        clock=clock,
        emit=emit,
        anchor=anchor,
        engine_lock=engine_lock,
        evidence=EvidenceRoom(
            home=home,
            clock=clock,
            config_hash=identity.config_hash,
            leave=LeaveReader(anchor, clock, identity),
            heartbeat=DocumentReader(home, Home.heartbeat, Heartbeat, clock),
            exchange=DocumentReader(home, Home.exchange, ExchangeView, clock),
            progress=ProgressWatch(listings_s=max(10.0, LISTING_SLACK * listing_s)),
        ),
        office=PermitOffice(anchor, clock, identity, me, settings.supervisor.permit_life_s, emit),
        resting=RestingOrders(rest, account, emit),
        document=document,
        state=SupervisorState(
            pid=os.getpid(),
            start_id=me,
            started_at=clock.now(),
            build=identity.build,
            config_hash=identity.config_hash,
        ),
    )
    return await supervisor.run()
