"""`flightdeck up`: put the supervisor together and run it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

from engine.account import Account
from engine.connection import open_rest, refuse_unusable
from engine.ending import ended
from engine.stopping import MOST_PROBLEMS, Told
from engine.supervisor.board import Board
from engine.supervisor.engine_keeper import EngineKeeper
from engine.supervisor.evidence import EvidenceRoom
from engine.supervisor.kill_enforcer import KillEnforcer
from engine.supervisor.permit_keeper import PermitKeeper
from engine.supervisor.permits import Limits, PermitOffice, ProgressWatch
from engine.supervisor.resting import RestingOrders
from engine.supervisor.schedule import Schedule
from engine.supervisor.supervisor import Supervisor
from engine.venues.kalshi.cancel import VERIFIED_2, Progress
from state import kill, sentinel
from state.build import build_id
from state.clock import Clock, SystemClock
from state.config import Settings, config_hash, load
from state.document import DocumentReader, DocumentWriter
from state.events import Events, EventType
from state.home import Home
from state.lock import Held, Lock, start_id
from state.models.exchange import ExchangeView
from state.models.heartbeat import Heartbeat
from state.models.supervisor import SupervisorState
from state.permit import Identity, LeaveReader
from state.process import die_with_parent

LISTING_SLACK = 3.0
"""Listings may stand still for this many periods before the engine counts as stalled."""


def main(argv: list[str]) -> int:
    """Run the supervisor until it is told to stop. 1 when it is then not verified that nothing rests."""
    parser = argparse.ArgumentParser(prog="flightdeck up", description="Run the supervisor, which runs the engine.")
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)

    def act() -> int:
        if options.parent is not None:
            die_with_parent(options.parent, signal.SIGTERM)
        return run(Home.locate(options.home), SystemClock())

    return ended("up", act)


def run(home: Home, clock: Clock) -> int:
    """Take the locks and supervise. A second supervisor exits 75, named and journalled.

    Raises ConfigError and VenueError, with nothing made yet, for a configuration that leads to no exchange.
    """
    settings = load(home)
    refuse_unusable(settings)
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
    return asyncio.run(_supervise(home, settings, clock, emit, own, engine))


async def _supervise(home: Home, settings: Settings, clock: Clock, emit: Events, own: Lock, engine: Lock) -> int:
    sentinel.prepare(home)
    anchor = sentinel.Anchor(home)
    kill.disarm(anchor, clock, by=f"supervisor {os.getpid()}", why="a new supervisor drops an earlier start")
    supervisor = build(home, settings, clock, emit, anchor, own, engine)
    code = await supervisor.run()
    if supervisor.fault:
        print(f"flightdeck up: {supervisor.fault}", file=sys.stderr)
    return code


def build(
    home: Home,
    settings: Settings,
    clock: Clock,
    emit: Events,
    anchor: sentinel.Anchor,
    own_lock: Lock,
    engine_lock: Lock,
) -> Supervisor:
    """All parts of a supervisor. Raises ConfigError and VenueError, each a clear line."""
    options, stopping = settings.supervisor, asyncio.Event()
    identity = Identity(build_id(), config_hash(settings))
    board = _board(home, clock, emit, identity)
    rest = open_rest(settings, clock)
    account = Account(rest, clock, DocumentWriter(home, Home.exchange, clock, emit, ExchangeView()), "supervisor")
    resting = RestingOrders(rest, account, emit)
    listing_period = settings.engine.reconcile_every * settings.engine.cycle_s
    evidence = _evidence(home, clock, anchor, identity, listing_period)
    engine = EngineKeeper(home, clock, options, anchor, engine_lock.fileno(), evidence, board, emit, stopping)
    office = PermitOffice(anchor, clock, identity, board.state.start_id, options.permit_life_s, emit)
    return Supervisor(
        clock=clock,
        anchor=anchor,
        board=board,
        engine=engine,
        permit=PermitKeeper(
            clock=clock,
            anchor=anchor,
            evidence=evidence,
            office=office,
            resting=resting,
            keeper=engine,
            board=board,
            limits=_limits(settings),
            renew_every_s=options.renew_every_s,
            emit=emit,
        ),
        enforcer=KillEnforcer(
            home, clock, anchor, resting, engine, board.name, options.cancel_after_s, _problems(emit), emit
        ),
        resting=resting,
        listing_period=listing_period,
        stop_timeout_s=options.stop_timeout_s,
        emit=emit,
        stopping=stopping,
        schedule=Schedule(home, options.schedule, emit),
        locks=(own_lock, engine_lock),
    )


def _board(home: Home, clock: Clock, emit: Events, identity: Identity) -> Board:
    document = DocumentWriter(home, Home.supervisor, clock, emit, SupervisorState())
    document.heal()
    state = SupervisorState(
        pid=os.getpid(),
        start_id=start_id(os.getpid()),
        started_at=clock.now(),
        build=identity.build,
        config_hash=identity.config_hash,
    )
    return Board(state, document, emit)


def _evidence(
    home: Home, clock: Clock, anchor: sentinel.Anchor, identity: Identity, listing_period: float
) -> EvidenceRoom:
    return EvidenceRoom(
        home=home,
        clock=clock,
        identity=identity,
        leave=LeaveReader(anchor, clock, identity),
        heartbeat=DocumentReader(home, Home.heartbeat, Heartbeat, clock),
        exchange=DocumentReader(home, Home.exchange, ExchangeView, clock),
        progress=ProgressWatch(listings_s=max(10.0, LISTING_SLACK * listing_period)),
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        heartbeat_s=settings.supervisor.heartbeat_s,
        exchange_age_s=settings.gate.exchange_age_s,
        clock_offset_ms=settings.gate.clock_offset_ms,
        disk_free_share=settings.supervisor.disk_free_share,
    )


def _problems(emit: Events) -> Told:
    """Journals why cancelling does not get on, each reason once until it did."""
    known: set[str] = set()

    def told(progress: Progress) -> None:
        if progress.rung == VERIFIED_2:
            known.clear()
            return
        room = progress.problem not in known and len(known) < MOST_PROBLEMS
        if progress.rung is None and progress.problem and room:
            known.add(progress.problem)
            emit(EventType.ORDERS_NOT_VERIFIED, progress.problem, severity="critical")

    return told
