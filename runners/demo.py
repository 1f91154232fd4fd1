"""`flightdeck demo`: a simulated exchange, the supervisor with its engine, and the console, up and down as one."""

from __future__ import annotations

import argparse
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from runners.demo_home import DemoHomeError, prepare_home, set_market_clock, write_config
from runners.demo_report import DemoReport
from runners.demo_terminal import Terminal
from state import arguments, kill
from state.clock import NANOS, Clock, SystemClock
from state.document import DocumentWriter, read
from state.events import Events, EventType
from state.home import Home, HomeError, user_state_folder
from state.kill_journal import fold
from state.lock import Held, Lock
from state.models.market_clock import MarketClockSetting
from state.models.supervisor import SupervisorState
from state.process import own_command

USAGE = 2
READY_S = 20.0
WAIT_AFTER_CANCEL_S = 1.0
"""The simulated exchange is told to let its cancel-all hold as long, and the home to wait as long."""
STOP_S = 8.0
"""For stopping all of it, so that a headless run of N seconds fits into N + 10 s."""
TICK_S = 0.2
PROGRESS_S = 5.0


def main(argv: list[str]) -> int:
    """Run the demo until its console is quit, a signal comes, or its seconds are over."""
    options = _parser().parse_args(argv)
    if not options.headless and not sys.stdout.isatty():
        print("flightdeck demo: no terminal here; use: flightdeck demo --headless --seconds N", file=sys.stderr)
        return USAGE
    clock = SystemClock()
    try:
        home = _locate(options.home)
        print(f"export FLIGHTDECK_HOME={shlex.quote(str(home.root))}", flush=True)
        prepare_home(home, clock)
        return _hold(home, clock, options)
    except (HomeError, DemoHomeError) as error:
        print(f"flightdeck demo: {error}", file=sys.stderr)
        return os.EX_CONFIG
    except OSError as error:
        print(f"flightdeck demo: {error}", file=sys.stderr)
        return os.EX_IOERR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flightdeck demo", description="Everything, simulated, in one command.")
    parser.add_argument("--home", help="folder of the demo (default: flightdeck-demo in the user's state folder)")
    parser.add_argument("--headless", action="store_true", help="without the console")
    parser.add_argument(
        "--seconds", type=arguments.seconds, default=60.0, help="length of a headless run (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the simulated market (default %(default)s)")
    parser.add_argument(
        "--speed", type=arguments.speed, default=1.0, help="market seconds in a second (default %(default)s)"
    )
    return parser


def _locate(flag: str | None) -> Home:
    return Home.locate(flag or os.environ.get("FLIGHTDECK_HOME") or user_state_folder() / "flightdeck-demo")


def _hold(home: Home, clock: Clock, options: argparse.Namespace) -> int:
    emit = Events(home, "demo", clock)
    lock = Lock(home, "demo", clock)
    supervisor = Lock(home, "supervisor", clock)
    try:
        lock.acquire()
        supervisor.acquire()  # nobody else may run an engine here; ours takes it over in a moment
    except Held as held:
        emit(EventType.ALREADY_RUNNING, str(held), severity="warning")
        print(f"flightdeck demo: {held}", file=sys.stderr)
        return os.EX_TEMPFAIL
    supervisor.release()
    with Demo(home, clock, emit) as demo:
        return demo.run(options)


@dataclass(slots=True)
class Demo:
    """The processes of one demo. Leaving the context ends them all; a kill -9 of this one ends them too (PDEATHSIG)."""

    home: Home
    clock: Clock
    emit: Events
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _market_clock: DocumentWriter[MarketClockSetting] | None = None
    _asked_to_stop: bool = False
    _came_up: bool = False
    _armed: bool = False

    def __enter__(self) -> Demo:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()

    def _end_all(self) -> None:
        deadline = time.monotonic() + STOP_S
        for name in ("console", "supervisor", "exchange"):  # the supervisor's last act is to cancel at the exchange
            self._end(name, deadline)

    def run(self, options: argparse.Namespace) -> int:
        """Start everything, arm the home, then wait; the exit code of the demo."""
        began = time.monotonic()
        self._market_clock = set_market_clock(self.home, self.clock, self.emit, options.speed)
        if not self._start_exchange(options):
            return os.EX_UNAVAILABLE
        write_config(self.home)
        self._start("supervisor", own_command("up", *self._ours()), log="logs/supervisor.log")
        if options.headless:
            return self._wait_headless(began + options.seconds)
        return self._wait_console()

    def _ours(self) -> list[str]:
        return ["--home", str(self.home.root), "--parent", str(os.getpid())]

    def _start_exchange(self, options: argparse.Namespace) -> bool:
        argv = own_command("exchange", "--port", "0", "--credentials", str(self.home.root / "credentials"))
        argv += ["--seed", str(options.seed), "--market-clock", str(self.home.path(Home.market_clock))]
        argv += ["--tier", "basic", "--cancel-all-holds", str(WAIT_AFTER_CANCEL_S), "--parent", str(os.getpid())]
        exchange = self._start("exchange", argv, log="logs/exchange.log", stdout=subprocess.PIPE)
        assert exchange.stdout is not None
        readable, _, _ = select.select([exchange.stdout], [], [], READY_S)
        line = exchange.stdout.readline() if readable else b""
        if line.startswith(b"exchange ready "):
            return True
        print(f"flightdeck demo: the exchange did not start; see {self.home.root}/logs/exchange.log", file=sys.stderr)
        return False

    def _start(self, name: str, argv: list[str], *, log: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """In a session of its own: a Ctrl-C or a lost terminal is for the demo, which ends its processes in order."""
        with Path(self.home.root / log).open("ab") as file:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=stdout or file, stderr=file, start_new_session=True
            )
        self._children[name] = child
        return child

    def _wait_console(self) -> int:
        terminal = Terminal(source=0, screen=1)
        console = subprocess.Popen(own_command("console", *self._ours()))
        self._children["console"] = console
        pidfd = os.pidfd_open(console.pid)
        while console.poll() is None and not self._asked_to_stop:
            if not self._tend():
                self._end("console", time.monotonic() + STOP_S)
                return self._not_up()
            select.select([pidfd], [], [], TICK_S)
        os.close(pidfd)
        if self._asked_to_stop:
            return os.EX_OK
        code = console.wait()
        if code < 0:  # killed: it could not tidy up behind itself
            terminal.restore()
            print(f"flightdeck demo: the console was ended by signal {-code}", file=sys.stderr)
            return 128 - code
        return code

    def _wait_headless(self, until: float) -> int:
        told, report = time.monotonic(), DemoReport(self.home, self.clock)
        while time.monotonic() < until and not self._asked_to_stop:
            if not self._tend():
                return self._not_up()
            if time.monotonic() - told >= PROGRESS_S:
                told = time.monotonic()
                print(report.progress_line(), flush=True)
            time.sleep(TICK_S)
        self._end_all()  # the last fills belong to the sum
        text, worked = report.summary()
        print(text, flush=True)
        return os.EX_OK if worked else 1

    def _tend(self) -> bool:
        """Arm once, keep the market clock whole. False: the supervisor ended before it had come up.

        One that ends later leaves the exchange to whoever wants to cancel at it.
        """
        supervisor = self._children["supervisor"]
        ended = supervisor.poll() is not None
        found = read(self.home, Home.supervisor, SupervisorState, self.clock)
        ours = found.good and found.value is not None and found.value.pid == supervisor.pid
        self._came_up = self._came_up or ours
        if ours and not self._armed:
            self._armed = self._arm()
        try:
            if self._market_clock is not None:
                self._market_clock.heal()
        except OSError as error:
            self.emit(EventType.WRITE_FAILED, f"{Home.market_clock.path}: {error}", severity="error")
        return self._came_up or not ended

    def _not_up(self) -> int:
        log = f"{self.home.root}/logs/supervisor.log"
        print(f"flightdeck demo: the supervisor did not start; see {log}", file=sys.stderr)
        return os.EX_UNAVAILABLE

    def _arm(self) -> bool:
        """Start trading in our own simulated home; whether that is done with.

        Under a kill it is: whoever clears it has to start as well.
        """
        state = fold(self.home, self.clock)
        if state.engaged:
            return True
        if state.last_cancel_ns is None:
            return False
        if (self.clock.boottime_ns() - state.last_cancel_ns) / NANOS < WAIT_AFTER_CANCEL_S:
            return False
        return not kill.start(self.home, self.clock, wait_after_cancel_s=WAIT_AFTER_CANCEL_S, by="demo")

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def _end(self, name: str, deadline: float) -> None:
        """SIGTERM, wait, SIGKILL at the deadline (monotonic)."""
        child = self._children.get(name)
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
