"""Importing is free: it starts nothing, opens nothing, creates nothing; and headless commands never meet Textual."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parent.parent

IMPORT_EVERYTHING = """
import _thread, os, pkgutil, sys, threading
from importlib import import_module

ACTS = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod", "os.chown",
    "subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn",
    "socket.__new__", "socket.bind", "socket.connect", "_thread.start_new_thread", "os.putenv", "os.unsetenv",
    "tempfile.mkstemp", "tempfile.mkdtemp", "os.kill", "os.killpg", "fcntl.flock",
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
seen = []

def note(event, arguments):
    if event in ACTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
        seen.append(f"{importing}: {event} {arguments}")

def broken(name):
    raise

def note_thread(*arguments):
    seen.append(f"{importing}: a thread {arguments}")
    return start_thread(*arguments)

start_thread = _thread.start_new_thread
_thread.start_new_thread = threading._start_new_thread = note_thread

importing = "nothing"
environment = dict(os.environ)
descriptors = set(os.listdir("/proc/self/fd"))
sys.addaudithook(note)
count = 0
for package in ("flightdeck", "console", "engine", "runners", "state", "ops"):
    importing = package
    module = import_module(package)
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), package + ".", onerror=broken):
        importing = found.name
        import_module(found.name)
        count += 1
assert count > 50, count
assert not seen, seen
assert threading.active_count() == 1, threading.enumerate()
assert dict(os.environ) == environment
assert set(os.listdir("/proc/self/fd")) == descriptors, os.listdir("/proc/self/fd")
assert not os.listdir("."), os.listdir(".")
"""
NO_TEXTUAL = """
import pkgutil, sys
from importlib import import_module
for name in {names!r}:
    module = import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), name + "."):
        import_module(found.name)
met = sorted(name for name in sys.modules if name.split(".")[0] == "textual")
assert not met, met[:3]
"""
RUN = """
import sys
import flightdeck
code = flightdeck.main({argv!r})
met = sorted(name for name in sys.modules if name.split(".")[0] == "textual")
assert not met, met[:3]
assert code in {codes!r}, code
"""


def python(script: str, folder: Path) -> None:
    """Run a script in a bare process: an empty folder of its own, no environment but a path and a home."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-B", "-P", "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_importing_every_module_starts_opens_and_creates_nothing(tmp_path: Path) -> None:
    python(IMPORT_EVERYTHING, tmp_path)


@pytest.mark.parametrize("room", ["state", "engine", "runners", "ops", "console.status", "console.logs", "flightdeck"])
def test_headless_rooms_never_import_textual(room: str, tmp_path: Path) -> None:
    python(NO_TEXTUAL.format(names=(room,)), tmp_path)


@pytest.mark.parametrize(
    ("argv", "codes"),
    [
        (["kill", "status", "--home", "home"], (0, 1, 74)),
        (["kill", "on", "--home", "home", "--why", "a test"], (0, 69)),
        (["status", "--home", "home"], (0, 1, 69)),
        (["status", "--json", "--home", "home"], (0, 1, 69)),
        (["files", "--home", "home"], (0,)),
        (["schema", "--out", "schemas"], (0,)),
        (["config", "explain", "--home", "home"], (0,)),
        (["--help"], (0,)),
    ],
)
def test_headless_commands_never_import_textual(argv: list[str], codes: tuple[int, ...], tmp_path: Path) -> None:
    python(RUN.format(argv=argv, codes=codes), tmp_path)
