"""`flightdeck drill`: the kill through each of its paths, on a simulated desk, timed rung by rung and journalled."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from engine.connection import open_rest
from engine.venues.kalshi.errors import VenueError
from engine.venues.kalshi.portfolio import OrderStatus
from runners.demo_home import DemoHomeError, prepare_home
from state import kill
from state.clock import Clock, SystemClock
from state.config import ConfigError, load
from state.document import read
from state.events import Events, EventType
from state.home import Home, HomeError, user_state_folder
from state.kill_journal import RUNGS, fold
from state.kill_record import since, size
from state.lock import holder
from state.models.gate import GateReport
from state.models.supervisor import SupervisorState
from state.process import own_command, tied_command

WITHIN_S = 30.0
"""For each step; a desk that takes longer has failed its drill."""
LOOK_S = 0.02
STOP_S = 15.0


class DrillError(Exception):
    """What did not happen in time, and where to look."""


@dataclass(slots=True)
class Desk:
    """One demo in the home of the drill, trading."""

    home: Home
    clock: Clock
    demo: subprocess.Popen[bytes]

    def supervisor(self) -> SupervisorState:
        """What the supervisor says of itself and its engine."""
        return read(self.home, Home.supervisor, SupervisorState, self.clock).value or SupervisorState()

    def resting(self) -> int | None:
        """Orders of ours that rest, as the exchange itself tells; None while it does not."""
        try:
            return asyncio.run(self._ask())
        except (VenueError, ConfigError, OSError):
            return None  # not up yet, or not configured yet

    async def _ask(self) -> int:
        async with open_rest(load(self.home), self.clock) as rest:
            return len(await rest.orders(status=OrderStatus.RESTING, attempts=1))

    def trades(self) -> bool:
        """Whether its gate is open and orders rest. Raises DrillError when the demo has ended."""
        if self.demo.poll() is not None:
            raise DrillError(f"the demo ended with exit {self.demo.returncode}; see {self.home.root}/logs")
        gate = read(self.home, Home.gate, GateReport, self.clock)
        return gate.good and gate.value is not None and gate.value.open and bool(self.resting())

    def command(self, *words: str) -> None:
        """Run a command of ours on this home."""
        argv = own_command(*words, "--home", str(self.home.root))
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False, timeout=WITHIN_S)

    def wait(self, what: str, look: Callable[[], object]) -> None:
        """Look again until it is so. Raises DrillError."""
        deadline = time.monotonic() + WITHIN_S
        while not look():
            if time.monotonic() >= deadline:
                raise DrillError(f"not within {WITHIN_S:.0f} s: {what}")
            time.sleep(LOOK_S)


@contextmanager
def desk(home: Home, clock: Clock) -> Iterator[Desk]:
    """A demo that trades, and is ended in good order. It dies with this process. Raises DrillError."""
    argv = tied_command("demo", "--headless", "--seconds", "3600", "--home", str(home.root))
    demo = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        up = Desk(home, clock, demo)
        up.wait("the demo trades", up.trades)
        yield up
    finally:
        demo.terminate()
        try:
            demo.wait(STOP_S)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()


def touch(desk: Desk) -> None:
    os.close(os.open(desk.home.below("state/kill_switch"), os.O_WRONLY | os.O_CREAT, 0o640))


def kill_on(desk: Desk) -> None:
    desk.command("kill", "on", "--why", "drill")


def stop_supervisor(desk: Desk) -> None:
    os.kill(desk.supervisor().pid, signal.SIGTERM)


def stop_engine(desk: Desk) -> None:
    os.kill(desk.supervisor().engine_pid or 0, signal.SIGSTOP)


def end_both(desk: Desk) -> None:
    told = desk.supervisor()
    os.kill(told.pid, signal.SIGKILL)
    desk.wait("the engine ends with its supervisor", lambda: holder(desk.home, "engine") is None)


def kill_and_cancel(desk: Desk) -> None:
    desk.command("kill", "on", "--cancel", "--why", "drill")


def nothing(_: Desk) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Way:
    """One path of the kill: what breaks first, the act that is timed, and the rungs that it must reach."""

    name: str
    act: Callable[[Desk], None]
    before: Callable[[Desk], None] = nothing
    rungs: tuple[str, ...] = RUNGS


WAYS = (
    Way("touch", touch),
    Way("kill on", kill_on),
    # a commanded stop places no sentinel: it withdraws the permit, ends the engine, cancels and verifies
    Way("supervisor SIGTERM", stop_supervisor, rungs=RUNGS[2:]),
    Way("engine SIGSTOP, kill on", kill_on, before=stop_engine),
    Way("both dead, kill on --cancel", kill_and_cancel, before=end_both),
)
"""`K` in the console is `kill on` from another process; the tests press it."""


@dataclass(slots=True)
class Outcome:
    """Milliseconds from the act to each rung that was reached, and what was not as it must be."""

    way: str
    rungs: dict[str, float] = field(default_factory=dict)
    wrong: str = ""


def drill(way: Way, home: Home, clock: Clock) -> Outcome:
    """Walk one path on a desk of its own, and clear up behind it."""
    outcome = Outcome(way.name)
    try:
        with desk(home, clock) as up:
            way.before(up)
            mark, began = size(home), clock.boottime_ns()

            def reached() -> dict[str, float]:
                rungs: dict[str, float] = {}
                for event in since(home, mark):
                    if event.get("rung") in RUNGS:
                        rungs.setdefault(event["rung"], (event["seq"] - began) / 1e6)
                return rungs

            try:
                way.act(up)
                up.wait("every rung", lambda: set(way.rungs) <= reached().keys())
            finally:
                outcome.rungs = reached()
            _verify(up, way, outcome)
            _clear(home, clock)
    except (DrillError, OSError, subprocess.TimeoutExpired) as error:
        outcome.wrong = str(error)
    return outcome


def _verify(desk: Desk, way: Way, outcome: Outcome) -> None:
    """What the rungs say, asked of the exchange and of the files. Raises DrillError."""
    left = desk.resting()
    if left != 0:
        raise DrillError("the exchange does not answer" if left is None else f"{left} orders rest at the exchange")
    for entry in (Home.armed, Home.permit):
        if os.path.lexists(desk.home.path(entry)):
            raise DrillError(f"{entry.path} is still there")


def _clear(home: Home, clock: Clock) -> None:
    """Take the drill's own kill back. Raises DrillError, OSError."""
    state = fold(home, clock)
    refusals = kill.clear(home, clock, reason="drill", kill_id=state.kill_id) if state.engaged else []
    if refusals:
        raise DrillError(f"the kill cannot be cleared: {'; '.join(refusals)}")


def table(outcomes: list[Outcome]) -> str:
    """Milliseconds after the act, one row a path."""
    head = f"{'milliseconds after the act':<30}" + "".join(f"{name:>18}" for name in RUNGS)
    rows = [head]
    for outcome in outcomes:
        cells = (f"{outcome.rungs[name]:.1f}" if name in outcome.rungs else "-" for name in RUNGS)
        rows.append(f"{outcome.way:<30}" + "".join(f"{cell:>18}" for cell in cells))
        rows += [f"  NOT VERIFIED: {outcome.wrong}"] if outcome.wrong else []
    return "\n".join(rows)


def main(argv: list[str]) -> int:
    """Drill every path. 0 when each was verified, 1 when one was not."""
    parser = argparse.ArgumentParser(prog="flightdeck drill", description="The kill through each path, timed.")
    parser.add_argument("--home", help="a demo's home (default: flightdeck-drill in the user's state folder)")
    options = parser.parse_args(argv)
    clock = SystemClock()
    try:
        home = Home.locate(user_state_folder() / "flightdeck-drill" if options.home is None else options.home)
        prepare_home(home, clock)
        busy = holder(home, "demo") or holder(home, "supervisor")
    except (HomeError, DemoHomeError) as error:
        return _fail(os.EX_CONFIG, str(error))
    except OSError as error:
        return _fail(os.EX_IOERR, str(error))
    if busy is not None:
        return _fail(os.EX_TEMPFAIL, f"{home.root} is in use by {busy}; end it, or name another --home")
    if fold(home, clock).engaged:
        return _fail(1, f"a kill stands in {home.root}; a drill takes no kill back but its own: clear it first")
    signal.signal(signal.SIGTERM, _stop)
    return _run(home, clock)


def _run(home: Home, clock: Clock) -> int:
    emit = Events(home, "drill", clock)
    outcomes = []
    for way in WAYS:
        outcome = drill(way, home, clock)
        outcomes.append(outcome)
        told = {f"{name}_ms": round(ms, 1) for name, ms in outcome.rungs.items()}
        emit(
            EventType.DRILL,
            f"{way.name}: {outcome.wrong or 'verified'}",
            severity="error" if outcome.wrong else "info",
            **told,
        )
        print(f"{way.name}: {outcome.wrong or 'verified'}", file=sys.stderr, flush=True)
    print(table(outcomes))
    return os.EX_OK if all(not outcome.wrong for outcome in outcomes) else 1


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt  # the demo is ended on the way out


def _fail(code: int, reason: str) -> int:
    print(f"flightdeck drill: {reason}", file=sys.stderr)
    return code
