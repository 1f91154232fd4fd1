"""K-18: every Python here, from 3.11 on, gives the same verdicts on the same doubts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[3]
VERDICTS = """
import errno, json, os, socket, sys
from datetime import datetime, timezone
from state import kill, permit, sentinel
from state.clock import SimulatedClock
from state.home import Home
from state.kill_journal import fold
told = []
clock = SimulatedClock(datetime(2026, 11, 17, 19, tzinfo=timezone.utc))
def home(name):
    made = Home(sys.argv[1] + "/" + name)
    made.create()
    return made
def tell(what, *found): told.append([what, *(str(each).replace(sys.argv[1], "") for each in found)])
def bind(path):
    os.chdir(os.path.dirname(path))
    socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
forms = {"nothing": lambda path: None, "file": lambda path: open(path, "w").close(), "folder": os.mkdir,
         "fifo": os.mkfifo, "link": lambda path: os.symlink("nowhere", path), "socket": bind}
for name, make in forms.items():
    here = home(name)
    make(here.below("state/kill_switch"))
    look = sentinel.look(here)
    tell(name, look.engaged, look.reason, fold(here, clock).level)
tell("no home", sentinel.look(Home(sys.argv[1] + "/no home")).reason)
real = os.stat
for error in [OSError(number, os.strerror(number)) for number in sorted(errno.errorcode) if number != errno.ENOENT] + [
        FileNotFoundError(errno.ENOENT, "gone"), MemoryError(), RecursionError(), ValueError("embedded null byte")]:
    def refuse(*_, **__): raise error
    with sentinel.Anchor(here) as anchor:
        os.stat = refuse
        look, leave = anchor.look(), permit.LeaveReader(anchor, clock, permit.Identity("b", "c")).look()
        os.stat = real
    tell(repr(error), look.engaged, look.reason, leave)
acts = home("acts")
supervisor = {"boot_id": clock.boot_id(), "seq": clock.boottime_ns()}
supervisor |= {"start_id": "1-2", "build": "b", "config_hash": "c"}
def start(): return kill.start(acts, clock, wait_after_cancel_s=0, by="ann")
def leave():
    with sentinel.Anchor(acts) as anchor:
        seen = permit.LeaveReader(anchor, clock, permit.Identity("b", "c")).look()
    return seen.armed, seen.armed_reason, seen.permit_reason
tell("start", start(), leave())
with open(acts.path(Home.supervisor), "w") as file: json.dump(supervisor, file)
tell("start", start(), leave())
tell("torn", [os.truncate(acts.path(Home.armed), size) or leave() for size in range(40, -1, -1)])
tell("start", start(), leave())
tell("kill", kill.engage(acts, clock, why="drill", via="test", by="ann").unsynced, start(), leave())
tell("clear", kill.clear(acts, clock, reason="over", by="ann"), sentinel.look(acts).engaged, leave())
print(json.dumps(told))
"""


def pythons() -> dict[str, str]:
    """By version, the Pythons on the PATH and those that pyenv or uv keep; this one first."""
    named = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    home = Path("~").expanduser()
    kept = [*home.glob(".pyenv/versions/3.*/bin/python3"), *home.glob(".local/share/uv/python/cpython-3.*/bin/python3")]
    found = {sys.version.split()[0]: sys.executable}
    for each in [*filter(None, named), *map(os.fspath, kept)]:
        done = subprocess.run([each, "-V"], capture_output=True, text=True, timeout=20)
        version = re.fullmatch(r"Python (3\.(\d+)\.\S+)\s*", done.stdout)
        if done.returncode == 0 and version and int(version[2]) >= 11:
            found.setdefault(version[1], each)
    return found


PYTHONS = pythons()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return verdicts(sys.executable, tmp_path_factory.mktemp("here"))


def verdicts(python: str, folder: Path) -> Any:
    environ = {"PYTHONPATH": os.fspath(PROJECT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    argv = [python, "-c", VERDICTS, os.fspath(folder)]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", PYTHONS)
def test_k18_every_python_gives_the_same_verdicts(version: str, expected: Any, tmp_path: Path) -> None:
    found = verdicts(PYTHONS[version], tmp_path)
    assert found == expected
    assert len(found) > 100


def test_k18_every_doubt_is_a_kill(expected: Any) -> None:
    doubts = [each for each in expected if "Error" in each[0]]
    assert len(doubts) > 100
    assert all(engaged == "True" for _, engaged, *_ in doubts)
