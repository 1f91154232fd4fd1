"""`flightdeck exchange`: the simulated exchange as a process of its own on loopback."""

from __future__ import annotations

import argparse
import errno
import json
import signal
import socket
import sys
from pathlib import Path

from engine.venues.simulated.admin import admin
from engine.venues.simulated.auth import Doorkeeper
from engine.venues.simulated.budgets import Tier
from engine.venues.simulated.clock_skew import ShownClock
from engine.venues.simulated.credentials import KeyType, issue, issue_admin
from engine.venues.simulated.dating import Dated
from engine.venues.simulated.exchange import Exchange
from engine.venues.simulated.faults import Fault, FaultError, FaultName, Faults
from engine.venues.simulated.fee_plans import FeePlanError, PlannedFees, plan
from engine.venues.simulated.instants import DAY, to_datetime
from engine.venues.simulated.lifecycle import Lifecycle
from engine.venues.simulated.market_clock import START, ClockFileError, read_clock, recent_start, started_clock
from engine.venues.simulated.population import Population
from engine.venues.simulated.recordings import Recording, RecordingError, read
from engine.venues.simulated.replay import Replay
from engine.venues.simulated.rest.frame import House
from engine.venues.simulated.revising import Revising
from engine.venues.simulated.server import Pace, Port, application, serve
from engine.venues.simulated.stream import Stream
from engine.venues.simulated.trading import Trading
from state import arguments
from state.clock import MarketClock, SystemClock
from state.process import Orphaned, die_with_parent

OK, UNAVAILABLE, IO_ERROR, CONFIG_ERROR = 0, 69, 74, 78
OPENING_BALANCE = 10_000 * 1_000_000


def main(argv: list[str]) -> int:
    """Run the exchange until SIGTERM or SIGINT."""
    options = _parser().parse_args(argv)
    try:
        if options.parent is not None:
            die_with_parent(options.parent, signal.SIGTERM)
        recording = None if options.replay is None else read(options.replay)
        clock = _clock(options, recording)
        listener = _listen(options.port)
        admin_listener = None if options.admin_port is None else _listen(options.admin_port)
    except Orphaned as error:
        return _fail(UNAVAILABLE, str(error))
    except (ClockFileError, RecordingError) as error:
        return _fail(CONFIG_ERROR, str(error))
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be bound: {error.strerror}"
        wanted = " and ".join(str(each) for each in (options.port, options.admin_port) if each is not None)
        return _fail(UNAVAILABLE, f"port {wanted} on 127.0.0.1 {reason}; choose another with --port")
    with listener:
        return _run(options, clock, recording, listener, admin_listener)


def _run(
    options: argparse.Namespace,
    clock: MarketClock,
    recording: Recording | None,
    listener: socket.socket,
    admin_listener: socket.socket | None,
) -> int:
    system, faults = SystemClock(), Faults(options.seed)
    shown = ShownClock(system, faults)
    exchange = Exchange(recent_start(clock))
    trading = Trading(exchange, system.boottime_ns, options.cancel_all_holds)
    if recording is None:
        lifecycle = _populate(options, trading, clock.speed, faults)
    else:
        replay = Replay(recording, exchange)
        lifecycle = Lifecycle(exchange, trading, options.seed, replay.open, faults)
        replay.start(lifecycle)
        print(f"replay {json.dumps(replay.summary())}", file=sys.stderr, flush=True)
    exchange.advance(exchange.now)
    try:
        for each in options.fee_change:
            plan(exchange, each)
    except FeePlanError as error:
        return _fail(CONFIG_ERROR, str(error))
    doorkeeper = Doorkeeper(shown.now, faults)
    port = listener.getsockname()[1]
    try:
        key = issue(options.credentials, port, options.key_type)
        if admin_listener is not None:
            address = issue_admin(options.credentials, admin_listener.getsockname()[1])
            print(f"exchange admin {address}", file=sys.stderr, flush=True)
    except OSError as error:
        return _fail(IO_ERROR, f"credentials cannot be written to {options.credentials}: {error.strerror}")
    doorkeeper.admit(key, exchange.open_account(OPENING_BALANCE))
    pace = Pace(exchange, clock)
    house = House(
        exchange,
        trading,
        doorkeeper,
        pace.catch_up,
        options.weekly_pause,
        faults,
        options.tier,
        options.history_after * DAY,
    )
    stream = Stream(exchange, doorkeeper, pace.catch_up, lambda: round(shown.now().timestamp() * 1_000), faults)
    faults.listen(lambda: _pause(trading, faults))
    faults.replace(options.fault)
    serve(
        Port(Dated(application(house, stream), shown), listener),
        pace,
        lambda: print(f"exchange ready http://127.0.0.1:{port}", flush=True),
        None if admin_listener is None else Port(admin(faults, Revising(exchange, lifecycle)), admin_listener),
    )
    return OK


def _pause(trading: Trading, faults: Faults) -> None:
    trading.pause_trading("fault", paused=faults.stands(FaultName.TRADING_PAUSE) is not None)
    trading.pause_exchange("fault", paused=faults.stands(FaultName.EXCHANGE_PAUSE) is not None)


def _populate(options: argparse.Namespace, trading: Trading, speed: float, faults: Faults) -> Lifecycle:
    exchange = trading.exchange
    lifecycle = Lifecycle(exchange, trading, options.seed, lambda market: population.enter(market), faults)
    population = Population(exchange, trading, lifecycle.paths, options.seed, speed)
    lifecycle.start()
    if options.weekly_pause:
        lifecycle.pause_weekly()
    return lifecycle


def _clock(options: argparse.Namespace, recording: Recording | None) -> MarketClock:
    if options.market_clock is not None:
        return read_clock(options.market_clock, SystemClock())
    start = START if recording is None else to_datetime(recording.start)
    return started_clock(SystemClock(), options.speed, start)


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's delay (40 ms an answer) off only for sockets that say they are TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flightdeck exchange", description=__doc__)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--port", type=arguments.port, default=0, help="port on 127.0.0.1; 0 (default) takes a free one"
    )
    parser.add_argument("--credentials", type=Path, required=True, metavar="DIR", help="where the account's key goes")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same book events while no client trades")
    parser.add_argument(
        "--speed", type=arguments.speed, default=1.0, help="market seconds in a second, of a clock of our own"
    )
    parser.add_argument("--market-clock", type=Path, metavar="FILE", help="follow this clock document")
    parser.add_argument("--weekly-pause", action="store_true", help="pause trading Thursdays 03:00-05:00 ET")
    parser.add_argument(
        "--cancel-all-holds",
        type=arguments.seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long a cancel-all catches new orders",
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="serve a recording instead")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="do something wrong: NAME=VALUE[,where=GLOB][,chance=P][,count=N]; docs/exchange.md has the table",
    )
    parser.add_argument(
        "--admin-port",
        type=arguments.port,
        metavar="PORT",
        help="set and lift faults here while it runs; 0 takes a free port",
    )
    parser.add_argument(
        "--tier",
        type=Tier,
        choices=tuple(Tier),
        default=Tier.UNLIMITED,
        help="usage tier whose rate limits are enforced; unlimited (default) enforces none",
    )
    parser.add_argument(
        "--key-type", type=KeyType, choices=tuple(KeyType), default=KeyType.RSA, help="of the account's key"
    )
    parser.add_argument(
        "--history-after", type=int, default=90, metavar="DAYS", help="market days until data is historical"
    )
    parser.add_argument(
        "--fee-change",
        type=PlannedFees.parse,
        action="append",
        default=[],
        metavar="TICKER=TYPE:MULTIPLIER@SECONDS",
        help="change the fees of a series or an event after so many market seconds",
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process ends")
    return parser


def _fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _fail(code: int, reason: str) -> int:
    print(f"flightdeck exchange: {reason}", file=sys.stderr)
    return code
