"""Literal snapshots of a home in each state, and homes on disk in which documents are written by hand."""

from __future__ import annotations

import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.picture import NOON, healthy
from console.snapshot import EngineState, Leave, Shown, Snapshot, Trends
from state.clock import SimulatedClock, stamp
from state.document import Outcome
from state.home import Document, Home
from state.kill_journal import KillState, RungSeen
from state.models import DocumentModel
from state.models.gate import GateLine

ROOT = Path(__file__).parents[2]
DRAWN = ("heartbeat", "gate", "positions", "exchange", "reconciliation", "supervisor", "permit", "armed")
BOOT = SimulatedClock(NOON).boot_id()


def empty() -> Snapshot:
    """A home in which nothing was ever written, and no kill is on."""
    well = healthy()
    missing = {name: Shown(getattr(well, name).entry, Outcome.MISSING, reason="missing") for name in DRAWN}
    return replace(
        well, engine=EngineState.DOWN, leave=Leave(False, "none given"), happenings=(), trends=Trends(), **missing
    )


def stale() -> Snapshot:
    """The engine hangs: all that it writes is 40 s old."""
    well = healthy()
    old = {
        name: replace(getattr(well, name), outcome=Outcome.STALE, age_s=41.0, reason="41.0 s old, stale after 15 s")
        for name in ("heartbeat", "gate", "positions", "exchange", "reconciliation", "permit")
    }
    return replace(well, engine=EngineState.STALE, leave=Leave(False, "ran out 26 s ago", 41.0, 15.0), **old)


def corrupt() -> Snapshot:
    """Every document of the engine is torn; the last good values are a few seconds old."""
    well = healthy()
    torn = {
        name: replace(
            getattr(well, name), outcome=Outcome.CORRUPT, age_s=6.0, size=812, reason=f"torn or not JSON: {why}"
        )
        for name, why in (
            ("heartbeat", "EOF while parsing a string (812 bytes)"),
            ("gate", "expected value (812 bytes)"),
            ("positions", "EOF while parsing a list (812 bytes)"),
            ("exchange", "key must be a string (812 bytes)"),
            ("reconciliation", "expected value (812 bytes)"),
        )
    }
    return replace(well, engine=EngineState.STALE, **torn)


def killing() -> Snapshot:
    """Killed 260 ms ago: cancels are sent, three orders still rest."""
    at = NOON
    rungs = (
        ("sentinel_durable", 4, "mara on pts/2"),
        ("engine_denied", 6, "engine 4121"),
        ("cancel_sent", 13, "engine 4121"),
    )
    seen = tuple(RungSeen(name, stamp(at + timedelta(milliseconds=after)), by) for name, after, by in rungs)
    kill = KillState(
        True, "on", "1234-99", "fat finger in config", "mara on pts/2 from 10.8.0.4", stamp(at), seen, left=3
    )
    well = healthy(at)
    first = GateLine(name="kill switch", open=False, value="engaged", age_s=0.0, reason="fat finger in config")
    gates = (first, *well.gate.value.gates[1:])
    shut = well.gate.value.model_copy(
        update={"open": False, "level": "HALT", "paper_level": "HALT", "gates": gates, "reasons": ("kill: engaged",)}
    )
    none = replace(well.permit, outcome=Outcome.MISSING, value=None, age_s=None)
    return replace(
        well,
        at=at + timedelta(milliseconds=260),
        kill=kill,
        gate=replace(well.gate, value=shut),
        permit=none,
        armed=replace(well.armed, outcome=Outcome.MISSING, value=None, age_s=None),
        leave=Leave(False, "none given"),
    )


def killed() -> Snapshot:
    """Killed, and the exchange said twice that nothing rests."""
    begun = killing()
    more = tuple(
        RungSeen(name, stamp(NOON + timedelta(milliseconds=after)), "engine 4121")
        for name, after in (("verified_1", 61), ("verified_2", 140))
    )
    none = replace(begun.exchange, value=begun.exchange.value.model_copy(update={"resting": ()}))
    return replace(begun, kill=replace(begun.kill, rungs=begun.kill.rungs + more, left=0), exchange=none)


STATES: dict[str, Callable[[], Snapshot]] = {
    "healthy": healthy,
    "empty": empty,
    "stale": stale,
    "corrupt": corrupt,
    "killing": killing,
    "killed": killed,
}


@pytest.fixture(params=list(STATES))
def any_state(request: pytest.FixtureRequest) -> Snapshot:
    """Each literal snapshot in turn."""
    return STATES[request.param]()


@pytest.fixture
def states() -> dict[str, Callable[[], Snapshot]]:
    """Makers of literal snapshots by name of the state."""
    return STATES


@pytest.fixture
def clock() -> SimulatedClock:
    """A clock at noon of the pictures."""
    return SimulatedClock(NOON)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with its folders, and nothing in them."""
    made = Home(tmp_path / "home")
    made.create()
    return made


WriteDocument = Callable[..., None]


@pytest.fixture
def write(home: Home, clock: SimulatedClock) -> WriteDocument:
    """Writes a document as its writer would, `age_s` seconds ago by the clock of the test, its file included."""

    def write_document(entry: Document, value: DocumentModel, age_s: float = 0.0, **more: Any) -> None:
        written_at = clock.now() - timedelta(seconds=age_s)
        envelope = {
            "boot_id": clock.boot_id(),
            "seq": clock.boottime_ns() - round(age_s * 1e9),
            "written_at": stamp(written_at),
        }
        body = {**json.loads(value.model_dump_json()), **envelope, **more}
        new = home.path(entry).with_name(".new")
        new.write_text(json.dumps(body), encoding="utf-8")
        second = int(written_at.timestamp()) - 1  # at rest already: no clock of this machine decides what is read again
        os.utime(new, (second, second))
        new.replace(home.path(entry))

    return write_document


class Terminal:
    """A real pseudo-terminal with a child on it: what it writes, byte for byte."""

    def __init__(self, argv: list[str], size: tuple[int, int], env: dict[str, str], controlling: bool) -> None:
        columns, rows = size
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.child = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
            preexec_fn=_own_terminal if controlling else None,
        )
        os.close(slave)
        self.written = b""

    def read(self, seconds: float, until: Callable[[bytes], bool] = lambda _: False) -> bytes:
        """What it writes within `seconds`, or until `until` holds for all that was written since the call."""
        got = b""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0 and not until(got):
            if select.select([self.master], [], [], min(rest, 0.05))[0]:
                try:
                    got += os.read(self.master, 65536)
                except OSError:
                    break
        self.written += got
        return got

    def wait_for(self, text: str, seconds: float = 15.0) -> bytes:
        """Read until `text` has been written; fails when it is not."""
        got = self.read(seconds, lambda so_far: text.encode() in so_far)
        assert text.encode() in got, got[-2000:]
        return got

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def hang_up(self) -> None:
        """The terminal goes away."""
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        """End the child that this started, and the terminal."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        if self.master >= 0:
            os.close(self.master)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(home: Home) -> Iterator[Callable[..., Terminal]]:
    """Starts the console of `home` on a pseudo-terminal; further arguments go to the console."""
    opened: list[Terminal] = []

    def start(
        *arguments: str, size: tuple[int, int] = (120, 40), argv: list[str] | None = None, controlling: bool = True
    ) -> Terminal:
        unset = ("COLORTERM", "NO_COLOR", "TEXTUAL", "FLIGHTDECK")
        env = {key: value for key, value in os.environ.items() if not key.startswith(unset)}
        env |= {"TERM": "xterm-256color", "XDG_CONFIG_HOME": str(home.root / "none"), "PYTHONPATH": str(ROOT)}
        command = argv or [sys.executable, "-m", "flightdeck", "--home", str(home.root), *arguments]
        opened.append(Terminal(command, size, env, controlling))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
