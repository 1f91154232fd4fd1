"""Full disks and writers killed in the middle, with real processes and real limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from state.home import Home
from state.journal import Follower, JournalWriter, last_lines, read_all

pytestmark = pytest.mark.process

APPEND_FOR_EVER = """
import sys
from pathlib import Path
from state.home import Home
from state.journal import JournalWriter
journal = JournalWriter(Home(Path(sys.argv[1])), getattr(Home, sys.argv[2]))
number = int(sys.argv[3])
print("appending", flush=True)
while True:
    journal.append({"n": number, "wide": "x" * 60_000})
    number += 1
"""
ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from state.clock import SystemClock
from state.document import DocumentWriter, read
from state.events import Events
from state.home import Home
from state.journal import JournalWriter, read_all
from state.models.gate import GateReport

home, clock = Home(Path(sys.argv[1])), SystemClock()
writer = DocumentWriter(home, Home.gate, clock, Events(home, "test", clock), GateReport())
writer.heal()
writer.write(GateReport(reasons=("before",)))
journal = JournalWriter(home, Home.cycles)
journal.append({"n": 0})
if sys.argv[2] == "limit":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
refused = 0
for attempt in (lambda: writer.write(GateReport(reasons=("x" * 100_000,))),
                lambda: [journal.append({"n": n, "wide": "y" * 250}) for n in range(1, 1_000)]):
    try:
        attempt()
    except OSError as error:
        refused += 1
        print(error.strerror)
assert refused == 2
assert read(home, Home.gate, GateReport, clock).value.reasons == ("before",)
assert all(line.endswith(b"}") for line in read_all(home.path(Home.cycles)))
assert home.path(Home.cycles).read_bytes().endswith(b"\\n")
assert not list(home.state.glob("*.tmp")) and not list(home.state.glob(".*.tmp"))
home.path(Home.cycles).unlink()
writer.write(GateReport(reasons=("after",)))
assert read(home, Home.gate, GateReport, clock).value.reasons == ("after",)
"""


@pytest.mark.parametrize("entry", ["cycles", "events"])
def test_an_appender_killed_flat_out_leaves_a_journal_that_goes_on(entry: str, home: Home) -> None:
    """Ten kills: the follower sees every whole line once, and nothing that is not a whole line is taken for one."""
    path = home.path(getattr(Home, entry))
    follower = Follower(path, 0)
    found: list[bytes] = []
    number = 0
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", APPEND_FOR_EVER, str(home.root), entry, str(number)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        before = len(found)
        while len(found) < before + 3:
            found += follower.poll().lines
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        number = max(_numbers(list(read_all(path)))) + 1
    JournalWriter(home, getattr(Home, entry)).append({"n": number})
    while (batch := follower.poll()).lines:
        found += batch.lines
    assert _numbers(found) == _numbers(list(read_all(path))) == list(range(number + 1))
    assert json.loads(last_lines(path, 1)[0]) == {"n": number}


def _numbers(lines: list[bytes]) -> list[int]:
    """The numbers of the lines that are whole; a shared journal keeps torn ones as lines of their own."""
    found = []
    for line in lines:
        try:
            found.append(json.loads(line)["n"])
        except ValueError:
            assert not line.endswith(b'"}')
    return found


def test_a_file_size_limit_costs_the_new_line_and_nothing_else(home: Home) -> None:
    assert "File too large" in _run(home.root, "limit")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_costs_the_new_line_and_nothing_else(tmp_path: Path) -> None:
    mounted = tmp_path / "small"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(mounted)], capture_output=True)
    if made.returncode != 0:
        pytest.skip(f"mount is not permitted here: {made.stderr.decode().strip()}")
    try:
        home = Home(mounted / "home")
        home.create()
        assert "No space left" in _run(home.root, "tmpfs")
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def _run(root: Path, how: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(root), how], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
