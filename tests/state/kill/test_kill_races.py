"""K-12: kills, clears and starts at once. The kill wins, at every interleaving of their system calls."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from state import kill, sentinel
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import fold

if TYPE_CHECKING:
    from tests.state.kill.conftest import Trading

CALLS = ("lstat", "stat", "open", "rename", "unlink", "write", "pread", "fsync", "fstat", "close", "utime")


@contextmanager
def before_call(number: int, act: Callable[[], object]) -> Iterator[list[str]]:
    """Do `act` right before the `number`-th system call in this block. Yields the names of the calls made so far."""
    made: list[str] = []

    def counted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            made.append(name)
            if len(made) == number:
                patch.undo()
                act()
            return original(*arguments, **named)

        return call

    patch = pytest.MonkeyPatch()
    try:
        for name in CALLS:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        yield made
    finally:
        patch.undo()


def at_every_call(
    tmp_path: Path, prepare: Callable[[Home], object], victim: Callable[[Home], object], act: Callable[[Home], object]
) -> Iterator[tuple[str, Home]]:
    """A home for each system call of `victim` but its first, after `act` came right before that call.

    (What comes before the first call came before the victim.)
    """
    for number in range(2, 400):
        home = Home(tmp_path / str(number))
        home.create()
        prepare(home)
        with before_call(number, lambda home=home: act(home)) as made:  # type: ignore[misc]
            victim(home)
        if len(made) < number:
            assert number > 10, "too few calls to mean anything"
            return
        yield f"before call {number}, {made[number - 1]}", home


def engage(home: Home, clock: SimulatedClock) -> None:
    kill.engage(home, clock, why="race", via="test", by="racer")


def test_k12_a_kill_during_a_clear_wins_whenever_it_comes(tmp_path: Path, clock: SimulatedClock) -> None:
    def prepare(home: Home) -> None:
        sentinel.prepare(home)
        engage(home, clock)

    for when, home in at_every_call(
        tmp_path,
        prepare,
        victim=lambda home: kill.clear(home, clock, reason="race"),
        act=lambda home: engage(home, clock),
    ):
        assert sentinel.look(home).engaged, when
        assert fold(home, clock).since is not None, when


def test_k12_a_kill_that_could_not_be_journalled_wins_as_well(tmp_path: Path, clock: SimulatedClock) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def engage_in_silence(home: Home) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kill, "record", refuse)
            assert kill.engage(home, clock, why="", via="test").unsynced.startswith("not journalled: ENOSPC")

    shown: dict[str, str | None] = {}

    def prepare(home: Home) -> None:
        engage(home, clock)
        shown[home.below("")] = sentinel.look(home).kill_id

    def victim(home: Home) -> None:
        kill.clear(home, clock, reason="race", kill_id=shown[home.below("")])

    for when, home in at_every_call(tmp_path, prepare, victim, engage_in_silence):
        assert sentinel.look(home).engaged, when


def test_k12_a_touch_during_a_clear_of_the_kill_shown_wins_whenever_it_comes(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    def touch(home: Home) -> None:
        with open(home.state / sentinel.NAME, "a"):
            os.utime(home.state / sentinel.NAME)

    shown: dict[str, str | None] = {}

    def prepare(home: Home) -> None:
        engage(home, clock)
        os.utime(home.state / sentinel.NAME, ns=(0, 0))  # long ago, by the kernel's coarse clock
        shown[home.below("")] = sentinel.look(home).kill_id

    def victim(home: Home) -> None:
        kill.clear(home, clock, reason="race", kill_id=shown[home.below("")])

    for when, home in at_every_call(tmp_path, prepare, victim, touch):
        assert sentinel.look(home).engaged, when


@pytest.mark.parametrize("already", [False, True])
def test_k12_a_clear_during_a_kill_loses_until_the_kill_has_looked_a_last_time(
    tmp_path: Path, clock: SimulatedClock, already: bool
) -> None:
    def prepare(home: Home) -> None:
        if already:
            engage(home, clock)

    alone = Home(tmp_path / "alone")
    alone.create()
    prepare(alone)
    with before_call(0, lambda: None) as made:
        engage(alone, clock)
    last_look = len(made) - made[::-1].index("stat")

    lost = [
        sentinel.look(home).engaged
        for _, home in at_every_call(
            tmp_path,
            prepare,
            victim=lambda home: engage(home, clock),
            act=lambda home: kill.clear(home, clock, reason="race"),
        )
    ]
    assert last_look > 20
    assert all(lost[: last_look - 1])


def test_k12_a_kill_during_a_start_wins_whenever_it_comes(trading: Trading, tmp_path: Path) -> None:
    clock = trading.clock
    trading.supervise()
    supervisor = trading.home.path(Home.supervisor).read_bytes()
    told: list[str] = []

    def start(home: Home) -> None:
        told[:] = kill.start(home, clock, wait_after_cancel_s=0.0) or ["armed"]

    refused = 0
    for when, home in at_every_call(
        tmp_path / "races",
        prepare=lambda home: home.path(Home.supervisor).write_bytes(supervisor),
        victim=start,
        act=lambda home: engage(home, clock),
    ):
        assert sentinel.look(home).engaged, when
        assert home.path(Home.armed).exists() is (told == ["armed"]), when  # else it came after the start's last look
        refused += told == ["a kill came meanwhile; it stands"]
    assert refused > 10


def test_k12_two_kills_at_every_interleaving_are_one(tmp_path: Path, clock: SimulatedClock) -> None:
    for when, home in at_every_call(
        tmp_path,
        prepare=sentinel.prepare,
        victim=lambda home: engage(home, clock),
        act=lambda home: engage(home, clock),
    ):
        body = home.path(Home.kills).read_text()
        assert (body.count('"engaged"'), body.count('"again"')) == (1, 1), when
        assert sorted(name for name in os.listdir(home.state) if "kill" in name) == [sentinel.NAME], when


def test_k12_two_clears_at_every_interleaving_clear_once_and_hit_no_later_kill(
    tmp_path: Path, clock: SimulatedClock
) -> None:
    for when, home in at_every_call(
        tmp_path,
        prepare=lambda home: engage(home, clock),
        victim=lambda home: kill.clear(home, clock, reason="first"),
        act=lambda home: kill.clear(home, clock, reason="second"),
    ):
        assert not sentinel.look(home).engaged, when
        assert kill.engage(home, clock, why="", via="test").already is False, when
        assert sentinel.look(home).engaged, when


def test_k12_a_kill_between_two_clears_wins_whenever_it_comes(tmp_path: Path, clock: SimulatedClock) -> None:
    def clear_and_kill(home: Home) -> None:
        kill.clear(home, clock, reason="second")
        engage(home, clock)

    for when, home in at_every_call(
        tmp_path,
        prepare=lambda home: engage(home, clock),
        victim=lambda home: kill.clear(home, clock, reason="first"),
        act=clear_and_kill,
    ):
        assert sentinel.look(home).engaged, when


class Switch(RuleBasedStateMachine):
    """Any acts in any order: the switch is on exactly from a kill to a clear that said so, and only a start arms."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.home = Home(self.folder.name)
        self.home.create()
        self.clock = SimulatedClock(datetime(2026, 11, 17, 19, 0, tzinfo=UTC))
        self.on = False
        self.armed = False

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule()
    def kill(self) -> None:
        already = kill.engage(self.home, self.clock, why="drill", via="test").already
        assert already is self.on
        self.on = True

    @rule()
    def touch(self) -> None:
        (self.home.state / sentinel.NAME).touch()
        self.on = True

    @rule()
    def prepare(self) -> None:
        sentinel.prepare(self.home)

    @rule()
    def clear(self) -> None:
        assert (kill.clear(self.home, self.clock, reason="drill") == []) is self.on
        self.armed = self.armed and not self.on
        self.on = False

    @rule()
    def clear_another(self) -> None:
        assert kill.clear(self.home, self.clock, reason="drill", kill_id="1-2") != []

    @rule()
    def supervise(self) -> None:
        self.home.path(Home.supervisor).write_text(
            f'{{"boot_id":"{self.clock.boot}","seq":{self.clock.boot_ns},"start_id":"1-1","build":"b","config_hash":"c"}}'
        )

    @rule()
    def start(self) -> None:
        supervised = self.home.path(Home.supervisor).exists()
        started = kill.start(self.home, self.clock, wait_after_cancel_s=0.0) == []
        assert started is (supervised and not self.on)
        self.armed = self.armed or started

    @precondition(lambda self: self.on)
    @rule()
    def see(self) -> None:
        kill.observe(self.home, self.clock, by="engine")
        with sentinel.Anchor(self.home) as anchor:
            assert kill.disarm(anchor, self.clock, by="engine", why="killed") is self.armed
        self.armed = False

    @invariant()
    def what_is_seen_is_what_was_done(self) -> None:
        state = fold(self.home, self.clock)
        assert (state.engaged, state.level) == (self.on, "HALT" if self.on else "RUN")
        assert self.home.path(Home.armed).exists() is self.armed
        assert not [name for name in os.listdir(self.home.state) if "cleared" in name]


TestSwitch = Switch.TestCase
TestSwitch.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize("killers", [2, 5])
def test_k12_threads_that_kill_at_once_kill_once(tmp_path: Path, clock: SimulatedClock, killers: int) -> None:
    for number in range(40):
        home = Home(tmp_path / str(number))
        home.create()
        if number % 2:
            sentinel.prepare(home)
        barrier = threading.Barrier(killers)
        already: list[bool] = []

        def act(home: Home = home, barrier: threading.Barrier = barrier, already: list[bool] = already) -> None:
            barrier.wait()
            already.append(kill.engage(home, clock, why="", via="test").already)

        threads = [threading.Thread(target=act) for _ in range(killers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(already) == [False] + [True] * (killers - 1)
        assert sentinel.look(home).engaged


RACER = """
import sys
from state import kill
from state.clock import SystemClock
from state.home import Home
clock = SystemClock()
for line in sys.stdin:
    act, root = line.split()
    home = Home(root)
    if act == "kill": told = kill.engage(home, clock, why="race", via="test").already
    else: told = kill.clear(home, clock, reason="race")
    print(act, told, flush=True)
"""


@pytest.mark.process
def test_k12_of_processes_that_kill_and_clear_at_once_the_kill_wins(tmp_path: Path, clock: SimulatedClock) -> None:
    """Unless the clear came after the kill altogether: then the kill met the first one, and the clear knew of it."""
    environ = {**os.environ, "PYTHONPATH": os.fspath(Path(__file__).parents[3])}
    argv = [sys.executable, "-c", RACER]
    racers = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True) for _ in range(2)
    ]
    try:
        for number in range(200):
            home = Home(tmp_path / str(number))
            home.create()
            kill.engage(home, clock, why="first", via="test")
            for racer, act in zip(racers, ("kill", "clear")[:: 1 if number % 2 else -1], strict=True):
                assert racer.stdin is not None
                racer.stdin.write(f"{act} {home.root}\n")
                racer.stdin.flush()
            told = [racer.stdout.readline() for racer in racers if racer.stdout is not None]
            assert all(told)
            later = "kill False\n" in told or "clear ['a kill came meanwhile; it stands']\n" in told
            assert sentinel.look(home).engaged or not later, told
    finally:
        for racer in racers:
            racer.communicate()
