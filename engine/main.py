"""`flightdeck engine`: put the engine together and run it. Only the supervisor starts it."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import os
import signal
import sys
from datetime import timedelta

from engine.account import Account
from engine.catalogue import Catalogue
from engine.connection import open_feed, open_rest
from engine.demo_pilot import DemoPilot
from engine.desks.ladders.families import families_of
from engine.engine import Engine
from engine.evidence import ExchangeWatch, Growth, limits_of
from engine.kill_response import KillResponse
from engine.last_look import LastLook
from engine.market_data import MarketData
from engine.market_time import market_clock_of
from engine.orders.identity import account_of
from engine.orders.journal import OrderJournal
from engine.orders.path import OrderPath
from engine.orders.reconciler import Reconciler
from engine.reporting import Reporter
from engine.shadow.trader import PaperTrader
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.rest import KalshiRest
from state.build import build_id
from state.clock import Clock, LiveMarketClock, MarketClock, SystemClock
from state.config import ConfigError, Settings, config_hash, load
from state.document import DocumentWriter
from state.events import Events
from state.home import Home, HomeError
from state.journal import JournalWriter
from state.lock import Held, Lock, start_id
from state.models.exchange import ExchangeView
from state.models.gate import GateReport
from state.models.heartbeat import Heartbeat
from state.models.reconciliation import Reconciliation
from state.models.shadow import ShadowBook
from state.permit import Identity, LeaveReader
from state.process import Orphaned, die_with_parent
from state.sentinel import Anchor

USAGE = 2


def main(argv: list[str]) -> int:
    """Run the engine until SIGTERM. It ends with its supervisor, whatever happens to that."""
    options = _parser().parse_args(argv)
    if options.parent is None or options.lock_fd is None:
        print("flightdeck engine: only the supervisor starts the engine; use: flightdeck up", file=sys.stderr)
        return USAGE
    try:
        die_with_parent(options.parent)
        faulthandler.register(signal.SIGQUIT, all_threads=True)
        clock = SystemClock()
        lock = Lock.adopt(options.lock_fd, clock)
        home = Home.locate(options.home)
        asyncio.run(_run(home, load(home), clock))
        lock.release()
    except (HomeError, ConfigError, VenueError) as error:
        print(f"flightdeck engine: {error}", file=sys.stderr)
        return os.EX_CONFIG
    except (Held, Orphaned) as error:
        print(f"flightdeck engine: {error}", file=sys.stderr)
        return os.EX_TEMPFAIL
    except OSError as error:
        print(f"flightdeck engine: {error}", file=sys.stderr)
        return os.EX_IOERR
    return os.EX_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flightdeck engine", description="The engine; started by the supervisor.")
    parser.add_argument("--home", help="the home to act on")
    parser.add_argument("--parent", type=int, help="pid of the supervisor")
    parser.add_argument("--lock-fd", type=int, help="descriptor of the engine's lock")
    return parser


async def _run(home: Home, settings: Settings, clock: Clock) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await build(home, settings, clock).run(stop)


def build(home: Home, settings: Settings, clock: Clock) -> Engine:
    """All parts of an engine for `home`. Raises ConfigError and VenueError, each a clear line."""
    emit = Events(home, "engine", clock)
    anchor = Anchor(home)
    identity = Identity(build_id(), config_hash(settings))
    leave = LeaveReader(anchor, clock, identity)
    rest = open_rest(settings, clock)
    market_clock = market_clock_of(home, settings, clock)
    paper = PaperTrader(home, clock, market_clock, settings, rest.source, emit)
    data = MarketData(clock, emit, paper.on_trade, paper.on_book)
    data.attach(open_feed(settings, clock, data.on_event))
    path = _path(home, settings, clock, market_clock, rest, emit)
    account = Account(rest, clock, DocumentWriter(home, Home.exchange, clock, emit, ExchangeView()), "engine")
    reconciliation = DocumentWriter(home, Home.reconciliation, clock, emit, Reconciliation())
    return Engine(
        home=home,
        period=settings.engine.cycle_s,
        reconcile_every=settings.engine.reconcile_every,
        limits=limits_of(settings),
        market_clock=market_clock,
        rest=rest,
        data=data,
        catalogue=Catalogue(families_of(settings)),
        account=account,
        paper=paper,
        path=path,
        reconciler=Reconciler(path, account, reconciliation, settings.engine.request_life_s),
        last_look=LastLook(anchor, leave),
        pilot=_pilot(settings, rest),
        kill=KillResponse(
            home=home,
            clock=clock,
            anchor=anchor,
            rest=rest,
            by=f"engine {os.getpid()}",
            groups=lambda: path.groups,
            unresolved=lambda: {order.plan.client_order_id for order in path.orders.unresolved()},
            halt_paper=paper.halt,
        ),
        leave=leave,
        exchange=ExchangeWatch(clock),
        growth=Growth(clock),
        reporter=_reporter(home, clock, emit, identity, rest),
    )


def _path(
    home: Home,
    settings: Settings,
    clock: Clock,
    market_clock: MarketClock | LiveMarketClock,
    rest: KalshiRest,
    emit: Events,
) -> OrderPath:
    account = account_of(rest.source, settings.exchange.key_id)
    journal = OrderJournal.open(home, clock, account, rest.source, emit)
    return OrderPath(rest, clock, market_clock, journal, emit, timedelta(seconds=settings.engine.order_life_s))


def _pilot(settings: Settings, rest: KalshiRest) -> DemoPilot | None:
    """Real orders exist on the simulated exchange only."""
    if not settings.pilot.enabled or rest.source != "simulated":
        return None
    return DemoPilot(settings.pilot.orders)


def _reporter(home: Home, clock: Clock, emit: Events, identity: Identity, rest: KalshiRest) -> Reporter:
    beat = Heartbeat(
        pid=os.getpid(),
        start_id=start_id(os.getpid()),
        started_at=clock.now(),
        build=identity.build,
        config_hash=identity.config_hash,
        source=rest.source,
    )
    return Reporter(
        clock=clock,
        emit=emit,
        identity=beat,
        heartbeat=DocumentWriter(home, Home.heartbeat, clock, emit, beat),
        gate=DocumentWriter(home, Home.gate, clock, emit, GateReport()),
        positions=DocumentWriter(home, Home.positions, clock, emit, ShadowBook(source=rest.source)),
        cycles=JournalWriter(home, Home.cycles, emit, clock=clock),
    )
