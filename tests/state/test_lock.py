"""One instance: held by the open description, named inside, free when the last holder is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from state.clock import SimulatedClock
from state.home import Home
from state.lock import Held, Lock, holder, live_homes, start_id

pytestmark = pytest.mark.process

HOLD = """
import sys
from pathlib import Path
from state.clock import SystemClock
from state.home import Home
from state.lock import Lock
lock = Lock(Home(Path(sys.argv[1])), "engine", SystemClock())
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""
ADOPT = """
import sys
from state.lock import Lock
lock = Lock.adopt(int(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a script and waits for its first line."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def test_a_second_instance_is_refused_and_told_who_holds_it(home: Home, clock: SimulatedClock, start: Start) -> None:
    process = start(HOLD, str(home.root))
    with pytest.raises(Held) as refused:
        Lock(home, "engine", clock).acquire()
    assert refused.value.holder.pid == process.pid
    assert refused.value.holder.start_id == start_id(process.pid)
    assert str(refused.value).startswith(f"engine is already running here: pid {process.pid} on ")
    assert holder(home, "engine") == refused.value.holder
    assert home.root in live_homes("engine")


def test_a_killed_holder_leaves_the_lock_free(home: Home, clock: SimulatedClock, start: Start) -> None:
    process = start(HOLD, str(home.root))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert holder(home, "engine") is None
    assert home.root not in live_homes("engine")
    with Lock(home, "engine", clock):
        assert json.loads((home.state / "engine.lock").read_text())["pid"] == os.getpid()


def test_a_child_that_inherits_the_descriptor_keeps_the_lock_when_its_parent_lets_go(
    home: Home, clock: SimulatedClock, start: Start
) -> None:
    lock = Lock(home, "engine", clock)
    lock.acquire()
    child = start(ADOPT, str(lock.fileno()), pass_fds=(lock.fileno(),))
    lock.release()
    found = holder(home, "engine")
    assert found is not None
    assert found.pid == child.pid
    with pytest.raises(Held):
        Lock(home, "engine", clock).acquire()
    child.kill()
    child.wait()
    assert holder(home, "engine") is None


def test_names_are_locks_of_their_own(home: Home, clock: SimulatedClock) -> None:
    with Lock(home, "engine", clock), Lock(home, "supervisor", clock):
        assert holder(home, "engine") is not None
        assert holder(home, "console") is None


def test_a_lock_on_a_deleted_file_excludes_nobody_so_the_new_file_is_locked(home: Home, clock: SimulatedClock) -> None:
    first = Lock(home, "engine", clock)
    first.acquire()
    (home.state / "engine.lock").unlink()
    with Lock(home, "engine", clock):
        assert holder(home, "engine") is not None
    first.release()


@pytest.mark.parametrize("taken_away", [Path.unlink, lambda path: path.rename(path.with_name("aside"))])
def test_who_holds_a_lock_can_tell_that_its_file_is_no_longer_the_one_others_find(
    home: Home, clock: SimulatedClock, taken_away: Callable[[Path], object]
) -> None:
    folder = os.open(home.state, os.O_RDONLY | os.O_DIRECTORY)
    with Lock(home, "engine", clock) as lock:
        assert lock.stands(folder)
        taken_away(home.state / "engine.lock")
        assert not lock.stands(folder)
        with Lock(home, "engine", clock):
            assert not lock.stands(folder)
    os.close(folder)


def test_a_lock_in_a_home_that_moved_stands_in_its_folder_still(home: Home, clock: SimulatedClock) -> None:
    folder = os.open(home.state, os.O_RDONLY | os.O_DIRECTORY)
    with Lock(home, "engine", clock) as lock:
        home.state.rename(home.root / "elsewhere")
        assert lock.stands(folder)
    os.close(folder)


@pytest.mark.parametrize("inside", [b"", b"{", b"[]", b'{"pid":"x"}', b"\xff\xfe"])
def test_a_holder_that_cannot_be_read_is_still_a_holder(inside: bytes, home: Home, clock: SimulatedClock) -> None:
    with Lock(home, "engine", clock):
        (home.state / "engine.lock").write_bytes(inside)
        found = holder(home, "engine")
        assert found is not None
        assert found.pid == 0
        assert str(found) == "a process not yet named"


def test_a_link_in_place_of_the_lock_is_not_followed(home: Home, clock: SimulatedClock, tmp_path: Path) -> None:
    (home.state / "engine.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        Lock(home, "engine", clock).acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_is_not_held_has_no_descriptor(home: Home, clock: SimulatedClock) -> None:
    with pytest.raises(ValueError, match="not held"):
        Lock(home, "engine", clock).fileno()


def test_the_identity_of_a_process_tells_it_from_a_later_one_of_the_same_number() -> None:
    pid, started = start_id(os.getpid()).split("-")
    assert (int(pid), int(started) > 0) == (os.getpid(), True)
    with pytest.raises(ProcessLookupError):
        start_id(2**22 + 1)


def test_a_pipe_in_the_place_of_a_lock_is_named_and_never_waited_for(home: Home, clock: SimulatedClock) -> None:
    os.mkfifo(home.state / "engine.lock")
    with pytest.raises(OSError, match="is not a regular file"):
        holder(home, "engine")
    with pytest.raises(OSError, match="is not a regular file"):
        Lock(home, "engine", clock).acquire()
