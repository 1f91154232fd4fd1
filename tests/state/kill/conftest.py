from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from state import permit
from state.clock import SimulatedClock, stamp
from state.home import Home
from state.kill_journal import record
from state.sentinel import Anchor

PROJECT = Path(__file__).parents[3]
IDENTITY = permit.Identity("build-1", "config-1")
SUPERVISOR = "4242-777"


class Trading:
    """Everything a send depends on, in one home, and the engine's eyes on it."""

    def __init__(self, home: Home, clock: SimulatedClock, anchor: Anchor) -> None:
        self.home = home
        self.clock = clock
        self.anchor = anchor
        self.armed = home.path(Home.armed)
        self.permit = home.path(Home.permit)

    def reader(self, identity: permit.Identity = IDENTITY) -> permit.LeaveReader:
        return permit.LeaveReader(self.anchor, self.clock, identity)

    def arm(self, **changes: object) -> None:
        permit.write_sealed(self.anchor, permit.ARMED, {**self._fields(), **changes}, durable=False)

    def permits(self, **changes: object) -> None:
        fields = {
            **self._fields(),
            "life_s": 15.0,
            "mode": "simulated",
            "written_at": stamp(self.clock.now()),
            **changes,
        }
        permit.write_sealed(self.anchor, permit.PERMIT, fields, durable=False)

    def _fields(self) -> dict[str, object]:
        return {
            "boot_id": self.clock.boot_id(),
            "seq": self.clock.boottime_ns(),
            "arming_id": "arming-1",
            "by": "ann",
            "supervisor": SUPERVISOR,
            "build": IDENTITY.build,
            "config_hash": IDENTITY.config_hash,
        }

    def supervise(self, **changes: object) -> None:
        """A supervisor.json as a running supervisor keeps it."""
        told = {**self._fields(), "start_id": SUPERVISOR, **changes}
        self.home.path(Home.supervisor).write_text(json.dumps(told))

    def verify(self, left: int | None = 0) -> None:
        """The engine's word that nothing rests any more, about the kill that stands."""
        kill_id = self.anchor.look().kill_id
        record(self.home, self.clock, "rung", kill_id=kill_id, rung="verified_2", by="engine", left=left)

    def acts(self) -> list[str]:
        """Every act in the journal, in order."""
        try:
            lines = self.home.path(Home.kills).read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line)["act"] for line in lines]


@pytest.fixture
def anchor(home: Home) -> Iterator[Anchor]:
    with Anchor(home) as made:
        yield made


@pytest.fixture
def trading(home: Home, clock: SimulatedClock, anchor: Anchor) -> Trading:
    """A started home with a fresh permit."""
    made = Trading(home, clock, anchor)
    made.arm()
    made.permits()
    assert made.reader().look().granted
    return made


@pytest.fixture
def child() -> Callable[..., Any]:
    """Runs code in a Python of its own, with this project on its path; returns the JSON it printed last."""

    def run(code: str, *arguments: str, prefix: tuple[str, ...] = ()) -> Any:
        environ = {**os.environ, "PYTHONPATH": os.fspath(PROJECT)}
        argv = [*prefix, sys.executable, "-c", code, *arguments]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def _works(*argv: str) -> bool:
    return shutil.which(argv[0]) is not None and subprocess.run(argv, capture_output=True, timeout=20).returncode == 0


@pytest.fixture(scope="session")
def private_mounts() -> tuple[str, ...]:
    """Command prefix under which a child may mount what it likes and nobody else sees it."""
    probe = ("sh", "-c", "mount -t tmpfs none /mnt")
    for prefix in (("unshare", "-m"), ("unshare", "-Urm")):
        if _works(*prefix, *probe):
            return prefix
    pytest.skip("no private mounts here (unshare -m)")


@pytest.fixture(scope="session")
def strace() -> str:
    """strace that may inject faults."""
    if not _works("strace", "-f", "-qq", "-e", "trace=getcwd", "-e", "inject=getcwd:error=EIO", "true"):
        pytest.skip("no strace, or it may not trace (ptrace)")
    return "strace"


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`flightdeck kill …` as a stranger runs it, with no configuration but ours."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FLIGHTDECK", "XDG_"))}
    environ |= {"HOME": os.fspath(tmp_path / "user"), "PYTHONPATH": os.fspath(PROJECT)}

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-P", "-m", "flightdeck", "kill", *arguments]
        options = {"env": environ, "stdin": subprocess.DEVNULL, "capture_output": True, "cwd": tmp_path, **options}
        return subprocess.run(argv, text=True, timeout=60, **options)

    return run
